"""Stock of what sells best, in three warehouses: booked by the real order lines, restocked when it runs low; all synthetic.

Each store is served by one warehouse. An order's lines are booked seconds after it was placed; where that would leave too
little, the supplier's delivery is booked first, so that a quantity never falls below nothing. Goods of cancelled orders are
not put back: the next stocktaking is outside the story.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from pipelines.sources.events import RowChange, Transaction, commit, instant_text, seconds, seeded
from pipelines.sources.journey import Basket

WAREHOUSES = (1, 2, 3)
STOCKED_PRODUCTS = 800
"""So many products are kept in stock: those with the most lines; the others come straight from their makers."""

_LARGEST_PIECES = 50
"""A line of more pieces than this is sold by volume (fuel counts in small units); such a product has no stock of pieces."""

_LOW = 3
_FULL = (8, 32)
_BOOKED_WITHIN = (timedelta(seconds=2), timedelta(seconds=40))

Stock = dict[tuple[int, int], int]


def warehouse_of(store_id: int) -> int:
    """Return the warehouse that serves a store."""
    return WAREHOUSES[store_id % len(WAREHOUSES)]


def stocked_products(baskets: Sequence[Basket]) -> list[int]:
    """Return the ids of the products that are kept in stock, ascending: those with the most sound lines of the horizon."""
    lines: Counter[int] = Counter()
    by_volume = set()
    for line in (line for basket in baskets for line in basket.lines if line.is_sound):
        lines[line.product_id] += 1
        if line.quantity > _LARGEST_PIECES:
            by_volume.add(line.product_id)
    ranked = sorted((product for product in lines if product not in by_volume), key=lambda product: (-lines[product], product))
    return sorted(ranked[:STOCKED_PRODUCTS])


def inventory_snapshot(baskets: Sequence[Basket], start: datetime, seed: int) -> Iterator[RowChange]:
    """Yield the stock before the window, as the initial snapshot reads it (``r``)."""
    counted = instant_text(start - timedelta(days=2))
    for (warehouse, product), quantity in _first_stock(baskets, seed).items():
        yield RowChange("inventory", "r", _row(warehouse, product, quantity, counted))


def inventory_transactions(baskets: Sequence[Basket], seed: int) -> Iterator[Transaction]:
    """Yield every booking of the horizon's orders; a product that runs low is restocked in the same transaction.

    Bookings of one warehouse follow each other in the order in which they are made, whatever the orders' times.
    """
    stock = _first_stock(baskets, seed)
    for at, basket in sorted(((_booked_at(basket, seed), basket) for basket in baskets), key=lambda booked: booked[0]):
        pieces = _pieces(basket, stock)
        if pieces:
            rng = seeded(seed, f"stock:{basket.basket_id}:commit")
            changes = tuple(_booking(pieces, stock, at, seeded(seed, f"restock:{basket.basket_id}")))
            yield commit(at, f"stock:{basket.basket_id}", changes, rng)


def _booked_at(basket: Basket, seed: int) -> datetime:
    return basket.at + seconds(seeded(seed, f"stock:{basket.basket_id}"), *_BOOKED_WITHIN)


def _pieces(basket: Basket, stock: Stock) -> Counter[tuple[int, int]]:
    """Return how many pieces of what is kept in stock a basket takes."""
    pieces: Counter[tuple[int, int]] = Counter()
    for line in basket.lines:
        place = (warehouse_of(basket.store_id), line.product_id)
        if line.is_sound and place in stock:
            pieces[place] += line.quantity
    return pieces


def _booking(pieces: Mapping[tuple[int, int], int], stock: Stock, at: datetime, rng: Random) -> Iterator[RowChange]:
    for (warehouse, product), taken in sorted(pieces.items()):
        place = (warehouse, product)
        if stock[place] - taken < _LOW:
            stock[place] += taken + rng.randint(*_FULL)
            yield RowChange("inventory", "u", _row(warehouse, product, stock[place], instant_text(at)))
        stock[place] -= taken
        yield RowChange("inventory", "u", _row(warehouse, product, stock[place], instant_text(at)))


def _first_stock(baskets: Sequence[Basket], seed: int) -> Stock:
    places = ((warehouse, product) for warehouse in WAREHOUSES for product in stocked_products(baskets))
    return {place: seeded(seed, f"stock:{place[0]}:{place[1]}").randint(*_FULL) for place in places}


def _row(warehouse: int, product: int, quantity: int, updated: str) -> Mapping[str, object]:
    return {"warehouse_id": warehouse, "product_id": product, "quantity": quantity, "updated_at": updated}
