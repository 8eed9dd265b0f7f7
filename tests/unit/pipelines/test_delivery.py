from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipelines.sources.delivery import LATE_PER_DAY, REDELIVERED_PER_DAY, Feed, feed_of
from pipelines.sources.envelope import ChangeEvent
from pipelines.sources.events import STEP, TABLES, RowChange, step_of

MINUTE = timedelta(minutes=1)


def orders(start: datetime, days: int) -> list[ChangeEvent]:
    """An order every ten minutes: placed, paid after five minutes, shipped after ten; each fifteenth is deleted."""
    changes: list[tuple[datetime, int, str]] = []
    for number in range(days * 24 * 6 - 6):
        at = start + 10 * MINUTE * number + 6 * MINUTE
        changes += [(at, number, "c"), (at + 5 * MINUTE, number, "u"), (at + 10 * MINUTE, number, "u")]
        if number % 15 == 0:
            changes.append((at + 15 * MINUTE, number, "d"))
    row = dict(TABLES["orders"])
    return [
        ChangeEvent(RowChange("orders", op, row | {"order_id": number}), at, 100 + lsn, lsn)
        for lsn, (at, number, op) in enumerate(sorted(changes))
    ]


def read(feed: Feed) -> list[dict[str, Any]]:
    return [json.loads(delivery.line) for delivery in feed.deliveries]


@pytest.fixture
def feed(start: datetime, days: list[datetime]) -> Feed:
    return feed_of("orders", orders(start, 2), days[:2], 1)


def test_as_many_are_late_and_redelivered_each_day_as_planned(feed: Feed, days: list[datetime]) -> None:
    late = sum(count for (table, _), count in LATE_PER_DAY.items() if table == "orders")
    for day in days[:2]:
        of_day = [event for event in feed.redelivered if day <= event.committed < day + timedelta(days=1)]
        assert len(of_day) == REDELIVERED_PER_DAY["orders"]
        assert len([event for event in feed.late if day <= event.committed < day + timedelta(days=1)]) == late


def test_every_event_is_delivered_and_repeats_keep_partition_and_offset(feed: Feed) -> None:
    documents = read(feed)
    lines = [delivery.line for delivery in feed.deliveries]
    offsets = [document["offset"] for document in documents]
    repeated = [line for number, line in enumerate(lines) if line in lines[:number]]
    assert len(set(offsets)) == len(feed.events) + feed.tombstones
    assert len(lines) - len(set(lines)) == len(repeated) == len(feed.redelivered)


def test_offsets_increase_in_the_order_of_first_delivery(feed: Feed) -> None:
    first: list[object] = []
    for document in read(feed):
        if document["offset"] not in first:
            first.append(document["offset"])
    assert first == list(range(len(first)))


def test_a_repeat_comes_in_a_later_step(feed: Feed, start: datetime) -> None:
    seen: dict[str, datetime] = {}
    for delivery in feed.deliveries:
        if delivery.line in seen:
            assert step_of(delivery.due, start) > step_of(seen[delivery.line], start)
        seen.setdefault(delivery.line, delivery.due)


def test_a_late_event_comes_exactly_one_step_after_its_commit(feed: Feed, start: datetime) -> None:
    arrivals = {event.lsn: at for event, at in zip(feed.events, feed.arrivals, strict=True)}
    late = {event.lsn for event in feed.late}
    for event in feed.events:
        steps = (step_of(arrivals[event.lsn], start) - step_of(event.committed, start)) / STEP
        assert steps == (1 if event.lsn in late else 0)


def test_overtaken_events_arrive_behind_a_newer_event_of_their_row(feed: Feed) -> None:
    overtaken = 0
    newest: dict[object, int] = {}
    for document in read(feed):
        value = document["value"]
        if value is None:
            continue
        key = json.dumps(document["key"])
        lsn = value["source"]["lsn"]
        overtaken += newest.get(key, -1) > lsn and lsn in {event.lsn for event in feed.late}
        newest[key] = max(lsn, newest.get(key, -1))
    assert overtaken == feed.overtaken == 2 * (LATE_PER_DAY["orders", "overtaken"] + LATE_PER_DAY["orders", "before_delete"])


def test_some_late_event_arrives_behind_the_delete_of_its_row(feed: Feed) -> None:
    deleted = {json.dumps(event.change.key): event for event in feed.events if event.change.op == "d"}
    behind = [event for event in feed.late if json.dumps(event.change.key) in deleted]
    assert behind
    assert all(event.lsn < deleted[json.dumps(event.change.key)].lsn for event in behind)


def test_a_tombstone_follows_each_delete_at_once(feed: Feed) -> None:
    documents = list({document["offset"]: document for document in read(feed)}.values())
    deletes = [number for number, document in enumerate(documents) if document["value"] and document["value"]["op"] == "d"]
    assert len(deletes) == feed.tombstones > 0
    for number in deletes:
        key, offset = documents[number]["key"], documents[number]["offset"]
        assert documents[number + 1] == {"partition": 0, "offset": offset + 1, "key": key, "value": None}


def test_nothing_of_a_days_last_step_is_late_or_repeated(feed: Feed, days: list[datetime]) -> None:
    for event in (*feed.late, *feed.redelivered):
        day = max(day for day in days if day <= event.committed)
        assert event.committed < day + timedelta(days=1) - STEP


def test_a_longer_window_begins_with_the_same_deliveries(start: datetime, days: list[datetime]) -> None:
    events = orders(start, 3)
    end = days[2]
    short = feed_of("orders", [event for event in events if event.committed < end], days[:2], 1)
    longer = feed_of("orders", events, days[:3], 1)
    assert list(short.deliveries) == [delivery for delivery in longer.deliveries if delivery.due < end]


def test_another_seed_chooses_others(start: datetime, days: list[datetime]) -> None:
    events = orders(start, 2)
    assert feed_of("orders", events, days[:2], 1).late != feed_of("orders", events, days[:2], 2).late
