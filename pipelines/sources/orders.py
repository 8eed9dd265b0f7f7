"""Real baskets as orders that live: placed, paid, shipped, delivered; some are cancelled and a few deleted.

Real: order id (the basket's), household, store, products, quantities, money and the time of the purchase. Synthetic, seeded:
everything that happens after the purchase.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from pipelines.sources.events import RowChange, Transaction, commit, instant_text, seconds, seeded
from pipelines.sources.journey import Basket

CANCELLED_SHARE = 0.02
"""Share of orders that are cancelled instead of paid."""

DELETED_PER_DAY = 2
"""Orders a day that staff delete together with their lines, hours after placing them."""

_DELETABLE_BEFORE_HOUR = 14
_DELETABLE_LINES = 10


def order_transactions(baskets: Sequence[Basket], deleted: Collection[int], seed: int) -> Iterator[Transaction]:
    """Yield every transaction of every order, in no particular order.

    Args:
        baskets: the purchases.
        deleted: ids of baskets whose orders are cancelled and then deleted instead of living normally.
        seed: of the whole source.
    """
    for basket in baskets:
        rng = seeded(seed, f"order:{basket.basket_id}")
        yield _placing(basket, rng)
        yield from _deleting(basket, rng) if basket.basket_id in deleted else _living(basket, rng)


def deleted_orders(baskets: Sequence[Basket], spared: Collection[int], days: Sequence[datetime], seed: int) -> set[int]:
    """Return the ids of the orders that are deleted later on the day they were placed.

    Small sound baskets of a day's first 14 hours, so that the deletes and what depends on them fall into the same day and no
    natural defect is deleted.

    Args:
        baskets: the purchases of the horizon.
        spared: households whose orders are not deleted.
        days: starts of the days.
        seed: of the whole source.
    """
    chosen: set[int] = set()
    for number, day in enumerate(days):
        latest = day + timedelta(hours=_DELETABLE_BEFORE_HOUR)
        candidates = [
            basket.basket_id
            for basket in baskets
            if day <= basket.at < latest
            and basket.is_sound
            and len(basket.lines) <= _DELETABLE_LINES
            and basket.household_id not in spared
        ]
        rng = seeded(seed, f"deleted-orders:{number}")
        chosen |= set(rng.sample(candidates, min(DELETED_PER_DAY, len(candidates))))
    return chosen


def _placing(basket: Basket, rng: Random) -> Transaction:
    lines = tuple(RowChange("order_items", "c", row) for row in _item_rows(basket))
    order = RowChange("orders", "c", _order_row(basket, "placed", basket.at))
    return commit(basket.at, f"order:{basket.basket_id}:placed", (order, *lines), rng)


def _living(basket: Basket, rng: Random) -> Iterator[Transaction]:
    if rng.random() < CANCELLED_SHARE:
        yield _becoming(basket, "cancelled", basket.at + seconds(rng, timedelta(minutes=10), timedelta(minutes=90)), rng)
        return
    paid = basket.at + seconds(rng, timedelta(minutes=1), timedelta(minutes=40))
    shipped = paid + seconds(rng, timedelta(hours=1), timedelta(hours=14))
    delivered = shipped + seconds(rng, timedelta(hours=20), timedelta(hours=72))
    yield _becoming(basket, "paid", paid, rng)
    yield _becoming(basket, "shipped", shipped, rng)
    yield _becoming(basket, "delivered", delivered, rng)


def _deleting(basket: Basket, rng: Random) -> Iterator[Transaction]:
    # longer than one step after the purchase: the order and its lines have been published when they go
    cancelled = basket.at + seconds(rng, timedelta(minutes=270), timedelta(minutes=300))
    deleted = cancelled + seconds(rng, timedelta(minutes=10), timedelta(minutes=25))
    yield _becoming(basket, "cancelled", cancelled, rng)
    lines = tuple(RowChange("order_items", "d", row) for row in _item_rows(basket))
    order = RowChange("orders", "d", _order_row(basket, "cancelled", deleted))
    yield commit(deleted, f"order:{basket.basket_id}:deleted", (*lines, order), rng)


def _becoming(basket: Basket, status: str, at: datetime, rng: Random) -> Transaction:
    change = RowChange("orders", "u", _order_row(basket, status, at))
    return commit(at, f"order:{basket.basket_id}:{status}", (change,), rng)


def _order_row(basket: Basket, status: str, at: datetime) -> Mapping[str, object]:
    return {
        "order_id": basket.basket_id,
        "customer_id": basket.household_id,
        "store_id": basket.store_id,
        "status": status,
        "amount": str(basket.amount),
        "created_at": instant_text(basket.at),
        "updated_at": instant_text(at),
    }


def _item_rows(basket: Basket) -> Iterator[Mapping[str, object]]:
    for line in basket.lines:
        yield {
            "order_id": basket.basket_id,
            "line_number": line.line_number,
            "product_id": line.product_id,
            "quantity": line.quantity,
            "sales_value": str(line.sales_value),
            "retail_disc": str(line.retail_disc),
            "coupon_disc": str(line.coupon_disc),
            "coupon_match_disc": str(line.coupon_match_disc),
            "updated_at": instant_text(basket.at),
        }
