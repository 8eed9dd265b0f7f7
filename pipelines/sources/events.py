"""Changes of the shop's database, before they become change events: tables, row changes and transactions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

STEP = timedelta(hours=4)
"""How often the sources deliver in the demo; late and redelivered records arrive one step later."""

_EPOCH = "1970-01-01T00:00:00.000Z"

TABLES: Mapping[str, Mapping[str, object]] = {
    "customers": {
        "customer_id": 0, "full_name": None, "email": None, "phone": None, "birth_date": None, "street": None, "postcode": None,
        "region": None, "created_at": _EPOCH, "updated_at": _EPOCH,
    },
    "products": {
        "product_id": 0, "manufacturer_id": None, "department": None, "brand": None, "product_category": None,
        "product_type": None, "package_size": None, "updated_at": _EPOCH,
    },
    "orders": {
        "order_id": 0, "customer_id": 0, "store_id": 0, "status": "", "amount": "0.00", "created_at": _EPOCH,
        "updated_at": _EPOCH,
    },
    "order_items": {
        "order_id": 0, "line_number": 0, "product_id": 0, "quantity": 0, "sales_value": "0.00", "retail_disc": "0.00",
        "coupon_disc": "0.00", "coupon_match_disc": "0.00", "updated_at": _EPOCH,
    },
    "inventory": {"warehouse_id": 0, "product_id": 0, "quantity": 0, "updated_at": _EPOCH},
    "promotions": {
        "promotion_id": 0, "product_id": 0, "store_id": 0, "week": 0, "display_location": "", "mailer_location": "",
        "updated_at": _EPOCH,
    },
}  # fmt: skip
"""Columns of each table in order, with what Debezium fills in for them in the ``before`` of a delete.

Under PostgreSQL's default replica identity a delete knows the key alone: a column that may be NULL comes as null, a NOT NULL
column as the empty value of its type.
"""

KEYS: Mapping[str, tuple[str, ...]] = {
    "customers": ("customer_id",),
    "products": ("product_id",),
    "orders": ("order_id",),
    "order_items": ("order_id", "line_number"),
    "inventory": ("warehouse_id", "product_id"),
    "promotions": ("promotion_id",),
}
"""Primary key of each table."""

TOPICS: Mapping[str, str] = {table: f"cdc.public.{table}" for table in TABLES}
"""Topic, and so folder of the landing zone, of each table."""


@dataclass(frozen=True)
class RowChange:
    """One row inserted (``c``), updated (``u``), deleted (``d``) or read by the snapshot (``r``).

    Attributes:
        row: the row after the change, every column of the table; for a delete only the key is looked at.
        extra: columns that the table has got beside those of ``TABLES``; they stand at the end of the row.
    """

    table: str
    op: str
    row: Mapping[str, object]
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def key(self) -> Mapping[str, object]:
        """The primary key of the row."""
        return {name: self.row[name] for name in KEYS[self.table]}


@dataclass(frozen=True)
class Transaction:
    """Row changes that became visible together.

    Attributes:
        committed: commit time, UTC, whole milliseconds.
        name: unique; decides between transactions of one commit time.
    """

    committed: datetime
    name: str
    changes: tuple[RowChange, ...]


def seeded(seed: int | str, purpose: str) -> Random:
    """Return a generator of its own for one purpose, so that no draw depends on how many were made elsewhere."""
    return Random(f"{seed}:{purpose}")


def commit(at: datetime, name: str, changes: tuple[RowChange, ...], rng: Random) -> Transaction:
    """Return the transaction whose statements ran at ``at``: it commits 5 to 120 milliseconds later."""
    return Transaction(committed=at + timedelta(milliseconds=rng.randint(5, 120)), name=name, changes=changes)


def instant_text(at: datetime) -> str:
    """Return an instant as Debezium writes a ``timestamptz``: ISO-8601 in UTC with zone and milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def seconds(rng: Random, low: timedelta, high: timedelta) -> timedelta:
    """Return a random duration of whole seconds between two others, both included."""
    return timedelta(seconds=rng.randint(int(low.total_seconds()), int(high.total_seconds())))


def step_of(at: datetime, start: datetime) -> datetime:
    """Return the step that delivers what is due ``at``: the first boundary that is not before it, counted from ``start``."""
    return start - STEP * ((start - at) // STEP)
