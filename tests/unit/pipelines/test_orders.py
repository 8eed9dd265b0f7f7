from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from pipelines.sources.events import Transaction
from pipelines.sources.journey import Journey
from pipelines.sources.orders import DELETED_PER_DAY, deleted_orders, order_transactions

SEED = 7
LIVES = {
    ("placed", "paid", "shipped", "delivered"),
    ("placed", "cancelled"),
}


def by_order(transactions: list[Transaction]) -> dict[object, list[Transaction]]:
    orders: dict[object, list[Transaction]] = defaultdict(list)
    for transaction in sorted(transactions, key=lambda one: one.committed):
        orders[transaction.changes[0].row["order_id"]].append(transaction)
    return orders


def test_every_order_lives_one_of_the_known_lives(journey: Journey) -> None:
    orders = by_order(list(order_transactions(journey.baskets, (), SEED)))
    assert len(orders) == len(journey.baskets)
    lives = Counter(tuple(str(one.changes[0].row["status"]) for one in transactions) for transactions in orders.values())
    assert lives.keys() == LIVES
    assert 0.005 < lives["placed", "cancelled"] / len(orders) < 0.05


def test_an_order_is_placed_with_all_of_its_lines_and_costs_their_sum(journey: Journey) -> None:
    baskets = {basket.basket_id: basket for basket in journey.baskets}
    for order_id, transactions in by_order(list(order_transactions(journey.baskets, (), SEED))).items():
        order, *lines = transactions[0].changes
        basket = baskets[int(str(order_id))]
        assert order.table == "orders"
        assert [line.row["line_number"] for line in lines] == [one.line_number for one in basket.lines]
        assert Decimal(str(order.row["amount"])) == sum(Decimal(str(line.row["sales_value"])) for line in lines)
        assert timedelta() < transactions[0].committed - basket.at < timedelta(seconds=1)


def test_money_is_text_with_two_decimals(journey: Journey) -> None:
    transaction = next(iter(order_transactions(journey.baskets, (), SEED)))
    assert transaction.changes[0].row["amount"] == "4.49"
    assert transaction.changes[1].row["sales_value"] == "2.50"


def test_a_deleted_order_goes_with_its_lines_a_step_after_it_was_placed(journey: Journey, days: list[datetime]) -> None:
    deleted = deleted_orders(journey.baskets, (), days, SEED)
    orders = by_order(list(order_transactions(journey.baskets, deleted, SEED)))
    for order_id in deleted:
        placed, cancelled, removed = orders[order_id]
        assert [change.op for change in cancelled.changes] == ["u"]
        assert {change.op for change in removed.changes} == {"d"}
        assert removed.changes[-1].table == "orders"
        assert len(removed.changes) == len(placed.changes)
        assert removed.committed - placed.committed > timedelta(hours=4)
        assert removed.committed.date() == placed.committed.date()


def test_deleted_orders_are_few_sound_and_of_nobody_who_is_spared(journey: Journey, days: list[datetime]) -> None:
    baskets = {basket.basket_id: basket for basket in journey.baskets}
    spared = {basket.household_id for basket in journey.baskets[::2]}
    deleted = [baskets[one] for one in deleted_orders(journey.baskets, spared, days, SEED)]
    assert len(deleted) == DELETED_PER_DAY * len(days)
    assert all(basket.is_sound and basket.household_id not in spared for basket in deleted)


def test_the_deleted_of_a_day_do_not_depend_on_later_days(journey: Journey, days: list[datetime]) -> None:
    assert deleted_orders(journey.baskets, (), days[:3], SEED) <= deleted_orders(journey.baskets, (), days, SEED)
