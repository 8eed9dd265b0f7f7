"""A shop on a bad day, for pages: every kind of row set aside, a batch held, a dead letter, a run that failed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import controlplane
from controlplane.kernel.errors import ControlPlaneError
from tests.integration.shop import Feed, later, make_shop, open_shop

MISTYPED = "Customer6-at-example.org"
CLEAR = (MISTYPED, "Customer Number6", "6 Long Street", "+1 555 010 0006", "1980-05-17")
"""What the source sent about a quarantined customer: no page may show any of it."""

PIPELINES = ("cdc_customers", "cdc_orders", "customers", "orders")


def make_busy_shop(folder: Path) -> Path:
    """Make a shop whose last batch of orders is held, with rows in quarantine, rows waiting and a dead letter."""
    make_shop(folder)
    feed = Feed(folder)
    for number in range(1, 6):
        feed.customer("c", number)
    feed.customer("c", 6, email=MISTYPED)
    for number in range(1, 41):
        feed.order("c", number, 1 + number % 5)
    feed.order("c", 41, 99)
    feed.raw("orders", "this is no change event")
    feed.flush()
    _run(folder, 0)
    for number in range(42, 52):
        feed.order("c", number, 1 + number % 5, at=later(1))
    feed.customer("c", 7, at=later(1), email="nobody")
    feed.flush(later(1))
    _run(folder, 1)
    for number in range(52, 60):
        feed.order("c", number, 1 + number % 5, at=later(2))
    feed.order("u", 1, 2, at=later(2), status="teleported")
    feed.order("u", 2, 3, at=later(2), status="teleported")
    feed.flush(later(2))
    _run(folder, 2)
    _fail(folder, 2)
    return folder


def _run(folder: Path, hours: float) -> None:
    with open_shop(folder, later(hours)) as plane:
        for pipeline in PIPELINES:
            plane.run(pipeline)


def _fail(folder: Path, hours: float) -> None:
    """Let a run fail: its SELECT asks for a column that nobody has."""
    (folder / "pipelines/gold/dim_date.sql").write_text("SELECT no_such_column AS day FROM silver.orders", encoding="utf-8")
    with open_shop(folder, later(hours)) as plane, suppress(ControlPlaneError):
        plane.run("dim_date")


def open_busy_shop(folder: Path) -> controlplane.Plane:
    """Open its plane half an hour after the last batch."""
    return open_shop(folder, later(2.5))
