"""A column that appears in a table without a word, and goes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pipelines.faults.redelivery import delivered_anew
from pipelines.sources import Window
from pipelines.sources.envelope import ChangeEvent

_TIERS = ("basic", "silver", "gold")


def with_new_column(window: Window, column: str, starts: datetime, ends: datetime) -> Window:
    """Return the window in which changed customers carry a further column from ``starts`` to ``ends``."""
    feed = window.feeds["customers"]

    def drifted(event: ChangeEvent) -> ChangeEvent:
        if not starts <= event.committed < ends or event.change.op == "d":
            return event
        tier = _TIERS[int(str(event.change.row["customer_id"])) % len(_TIERS)]
        return replace(event, change=replace(event.change, extra={column: tier}))

    events = [drifted(event) for event in feed.events]
    return replace(window, feeds={**window.feeds, "customers": delivered_anew(feed, events, window.start)})
