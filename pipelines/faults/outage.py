"""Feeds that stop: what is due comes when they run again, and their manifests stand still until then."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from pipelines.sources import EVENT_TOPICS, STEP, TOPICS, Stall, Window
from pipelines.sources.delivery import Delivery
from pipelines.sources.events import step_of


def with_stopped_feeds(window: Window, topics: Collection[str], starts: datetime, ends: datetime) -> Window:
    """Return the window in which the delivery due at ``starts`` fails, and all that is due until ``ends`` comes at ``ends``.

    Args:
        window: of sources.
        topics: whose deliveries stop.
        starts: an instant at which the sources deliver; the last good delivery is the one before.
        ends: when the feeds run again.
    """
    last_good = step_of(starts - STEP, window.start)

    def moved(due: datetime) -> datetime:
        return ends if last_good < due < ends else due

    def redelivered(deliveries: tuple[Delivery, ...]) -> tuple[Delivery, ...]:
        return tuple(sorted((replace(one, due=moved(one.due)) for one in deliveries), key=lambda one: one.due))

    feeds = {
        table: replace(feed, deliveries=redelivered(feed.deliveries), arrivals=tuple(moved(at) for at in feed.arrivals))
        if TOPICS[table] in topics
        else feed
        for table, feed in window.feeds.items()
    }
    streams = {
        name: replace(
            stream,
            deliveries=redelivered(stream.deliveries),
            records=tuple((event, moved(at)) for event, at in stream.records),
        )
        if stream.topic in topics
        else stream
        for name, stream in window.streams.items()
    }
    sources = [name for name, topic in {**TOPICS, **EVENT_TOPICS}.items() if topic in topics]
    stalls = tuple(Stall(source, last_good, ends) for source in sources)
    return replace(window, feeds=feeds, streams=streams, stalls=(*window.stalls, *stalls))
