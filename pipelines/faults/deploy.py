"""A bad deploy of the shop: orders that are placed while it is live carry negative amounts, until a fix corrects them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from pipelines.faults.redelivery import delivered_anew
from pipelines.sources import Window
from pipelines.sources.envelope import ChangeEvent
from pipelines.sources.events import RowChange, instant_text

_REPAIR = timedelta(milliseconds=40)
_REPAIR_TRANSACTION = 9_000_001


def with_negative_amounts(window: Window, starts: datetime, rolled_back: datetime, fixed: datetime) -> Window:
    """Return the window in which orders placed from ``starts`` to ``rolled_back`` have negative amounts until ``fixed``.

    Every event of such an order up to the fix shows the wrong amount. The fix is one transaction with an update of each order,
    in which nothing but the amount and the time of the change differs from the state before; later events are right.
    """
    feed = window.feeds["orders"]
    placed = {
        event.change.row["order_id"]
        for event in feed.events
        if event.change.op == "c" and starts <= event.committed < rolled_back and Decimal(str(event.change.row["amount"])) > 0
    }
    at = fixed + _REPAIR
    before = [event for event in feed.events if event.committed < at]
    wrong = [_negated(event) if event.change.row["order_id"] in placed else event for event in before]
    lsn = max(event.lsn for one in window.feeds.values() for event in one.events if event.committed < at)
    latest = {event.change.row["order_id"]: event for event in before if event.change.row["order_id"] in placed}
    repairs = list(_repairs(latest, at, lsn))
    events = [*wrong, *repairs, *feed.events[len(before) :]]
    return replace(window, feeds={**window.feeds, "orders": delivered_anew(feed, events, window.start)})


def _negated(event: ChangeEvent) -> ChangeEvent:
    row = {**event.change.row, "amount": f"-{event.change.row['amount']}"}
    return replace(event, change=replace(event.change, row=row))


def _repairs(latest: Mapping[object, ChangeEvent], at: datetime, lsn: int) -> Iterator[ChangeEvent]:
    living = [event for event in latest.values() if event.change.op != "d"]
    for number, event in enumerate(living, start=1):
        row = {**event.change.row, "updated_at": instant_text(at)}
        yield ChangeEvent(RowChange("orders", "u", row), at, lsn + number, _REPAIR_TRANSACTION)
