"""Delivering changed events the way they were delivered before the change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipelines.sources.delivery import Feed, deliver
from pipelines.sources.envelope import ChangeEvent


def delivered_anew(feed: Feed, events: Sequence[ChangeEvent], start: datetime) -> Feed:
    """Return the feed of changed events, in commit order: the same ones are late, and the same ones come twice.

    Events are known by their log sequence number; those of a snapshot share one and are neither late nor repeated.
    """
    late, again = {event.lsn for event in feed.late}, {event.lsn for event in feed.redelivered}
    return deliver(
        feed.table,
        events,
        [number for number, event in enumerate(events) if event.lsn in late],
        [number for number, event in enumerate(events) if event.lsn in again],
        start,
    )
