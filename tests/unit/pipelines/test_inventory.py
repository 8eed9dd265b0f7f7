from __future__ import annotations

from collections import Counter
from datetime import datetime

from pipelines.sources.inventory import WAREHOUSES, inventory_snapshot, inventory_transactions, stocked_products, warehouse_of
from pipelines.sources.journey import Journey
from tests.unit.pipelines.conftest import basket, line

SEED = 7


def test_a_quantity_never_falls_below_nothing(journey: Journey) -> None:
    quantities = [change.row["quantity"] for one in inventory_transactions(journey.baskets, SEED) for change in one.changes]
    assert quantities
    assert min(int(str(quantity)) for quantity in quantities) >= 0


def test_stock_falls_by_what_the_orders_take_and_rises_by_restocking_alone(journey: Journey, start: datetime) -> None:
    stock = {(row["warehouse_id"], row["product_id"]): row["quantity"] for row in _rows(journey, start)}
    taken: Counter[tuple[object, object]] = Counter()
    restocked = 0
    for change in (c for one in inventory_transactions(journey.baskets, SEED) for c in one.changes):
        place = (change.row["warehouse_id"], change.row["product_id"])
        fallen = int(str(stock[place])) - int(str(change.row["quantity"]))
        stock[place] = change.row["quantity"]
        if fallen < 0:
            restocked += 1
        else:
            taken[place] += fallen
    sold: Counter[tuple[object, object]] = Counter()
    for one in journey.baskets:
        for sound in (item for item in one.lines if item.is_sound):
            sold[warehouse_of(one.store_id), sound.product_id] += sound.quantity
    assert taken == sold
    assert restocked > 0


def _rows(journey: Journey, start: datetime) -> list[dict[str, object]]:
    return [dict(change.row) for change in inventory_snapshot(journey.baskets, start, SEED)]


def test_every_warehouse_keeps_every_stocked_product(journey: Journey, start: datetime) -> None:
    products = stocked_products(journey.baskets)
    assert [(row["warehouse_id"], row["product_id"]) for row in _rows(journey, start)] == [
        (warehouse, product) for warehouse in WAREHOUSES for product in products
    ]


def test_what_is_sold_by_volume_or_unknown_is_not_kept(start: datetime) -> None:
    fuel = basket(1, 1, start)
    lines = (line(1, product=5), line(2, product=6, quantity=9000), line(3, product=7, known=False))
    assert stocked_products([type(fuel)(1, 1, 300, start, lines)]) == [5]
