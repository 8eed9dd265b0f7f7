"""A small shop: forty households, sixty products, a fortnight of baskets. No file is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.sources.journey import Basket, Journey, Line, Promotion

START = datetime(2017, 10, 9, tzinfo=UTC)
DAYS = 14
BUYERS = range(1, 121)
IDLE = range(121, 161)


def line(number: int, *, product: int, quantity: int = 1, cents: int = 250, known: bool = True) -> Line:
    zero = Decimal("0.00")
    return Line(number, product, quantity, (Decimal(cents) / 100).quantize(zero), zero, zero, zero, known_product=known)


def basket(number: int, household: int, at: datetime) -> Basket:
    lines = [line(1, product=number % 50 + 1), line(2, product=(number + 7) % 50 + 1, cents=199)]
    if number % 11 == 0:
        lines.append(line(3, product=999, quantity=0, cents=0, known=False))
    return Basket(number, household, 300 + number % 3, at, tuple(lines))


@pytest.fixture
def start() -> datetime:
    return START


@pytest.fixture
def days() -> list[datetime]:
    return [START + timedelta(days=number) for number in range(DAYS)]


@pytest.fixture
def journey() -> Journey:
    return make_journey()


@pytest.fixture(scope="session")
def small_journey() -> Journey:
    return make_journey()


def make_journey() -> Journey:
    products = tuple(
        {
            "product_id": number, "manufacturer_id": 2, "department": "GROCERY", "brand": "National",
            "product_category": "BREAD", "product_type": None, "package_size": "22 OZ",
        }
        for number in range(1, 61)
    )  # fmt: skip
    baskets = tuple(
        basket(number, BUYERS[number * 37 % len(BUYERS)], START + timedelta(minutes=number * 19 + 5))
        for number in range(1, DAYS * 24 * 60 // 19)
    )
    promotions = tuple(
        Promotion(one.lines[0].product_id, one.store_id, 42 + week, START + timedelta(weeks=week, hours=4), "0", "A")
        for week in range(2)
        for one in baskets[:30]
    )
    return Journey(products, (*BUYERS, *IDLE), {1: "25-34", 121: "65+"}, baskets, promotions)
