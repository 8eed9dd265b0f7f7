from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipelines.sources.events import STEP, instant_text, step_of
from pipelines.sources.streams import DAMAGES, Event, Faults, Stream, stream_of

FAULTS = Faults(redelivered=5, resent=4, damages=DAMAGES)
ONE_DAY = timedelta(days=1)


def events(start: datetime, days: int) -> list[Event]:
    """An event every ten minutes; each twentieth arrives a step late, each fiftieth two."""
    found = []
    for number in range(days * 24 * 6):
        at = start + timedelta(minutes=10 * number + 3)
        late = 2 if number % 50 == 7 else int(number % 20 == 7)
        value = {"event_id": f"e-{number:05}", "timestamp": instant_text(at), "what": "something"}
        found.append(Event(at, f"u-{number % 9}", value, late))
    return found


@pytest.fixture
def stream(start: datetime, days: list[datetime]) -> Stream:
    return stream_of("clicks", events(start, 2), FAULTS, days[:2], 1)


def readable(line: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return document


def sound(stream: Stream) -> list[dict[str, Any]]:
    """Every record with an object that has an id and a time of the days."""
    documents = [readable(delivery.line) for delivery in stream.deliveries]
    values = [(document, document["value"]) for document in documents if document is not None]
    return [
        document
        for document, value in values
        if isinstance(value, dict) and "event_id" in value and str(value.get("timestamp", "")).startswith("2017-")
    ]


def test_every_event_is_delivered_and_some_come_again_in_either_way(stream: Stream) -> None:
    documents = sound(stream)
    offsets = {document["offset"]: document["value"]["event_id"] for document in documents}
    ids = Counter(offsets.values())
    assert ids.keys() == {event.value["event_id"] for event in stream.events}
    assert sum(count - 1 for count in ids.values()) == len(stream.records) - len(stream.events) == 2 * FAULTS.resent
    assert len(documents) - len(offsets) == stream.redelivered == 2 * FAULTS.redelivered


def test_a_day_has_one_broken_record_of_each_kind(stream: Stream) -> None:
    broken = len(stream.deliveries) - len(sound(stream))
    assert broken == stream.malformed == 2 * len(DAMAGES)
    documents = [readable(delivery.line) for delivery in stream.deliveries]
    assert documents.count(None) == 2
    values = [document["value"] for document in documents if document is not None]
    assert sum(isinstance(value, str) for value in values) == 2
    objects = [value for value in values if isinstance(value, dict)]
    assert sum("event_id" not in value for value in objects) == 2
    assert sum("timestamp" not in value for value in objects) == 2
    assert sum(str(value.get("timestamp", "")).startswith("2027-") for value in objects) == 2


def test_offsets_increase_in_the_order_of_first_delivery(stream: Stream) -> None:
    offsets = [document["offset"] for line in stream.deliveries if (document := readable(line.line)) is not None]
    first = list(dict.fromkeys(offsets))
    assert first == sorted(first)
    assert stream.deliveries == tuple(sorted(stream.deliveries, key=lambda delivery: delivery.due))


def test_an_event_arrives_as_many_steps_late_as_it_says(stream: Stream, start: datetime) -> None:
    late = 0
    for event, due in stream.records[: len(stream.events)]:
        assert (step_of(due, start) - step_of(event.at, start)) / STEP == event.late
        late += event.late > 0
    assert late > 10


def test_what_is_redelivered_comes_in_the_next_step(stream: Stream, start: datetime) -> None:
    seen: dict[str, datetime] = {}
    again = 0
    for delivery in stream.deliveries:
        if delivery.line in seen:
            again += 1
            assert step_of(delivery.due, start) == step_of(seen[delivery.line], start) + STEP
        seen.setdefault(delivery.line, delivery.due)
    assert again == stream.redelivered


def test_what_comes_again_comes_on_its_day(stream: Stream, days: list[datetime]) -> None:
    seen: dict[str, datetime] = {}
    again = 0
    for delivery in stream.deliveries:
        document = readable(delivery.line)
        value = document["value"] if document is not None else None
        if isinstance(value, dict) and "event_id" in value:
            first = seen.setdefault(value["event_id"], delivery.due)
            again += first != delivery.due
            assert (delivery.due >= days[1]) == (first >= days[1])
    assert again >= 2 * (FAULTS.redelivered + FAULTS.resent)


def test_a_longer_window_begins_with_the_same_lines(start: datetime, days: list[datetime]) -> None:
    short = stream_of("clicks", events(start, 3), FAULTS, days[:2], 1)
    longer = stream_of("clicks", events(start, 3), FAULTS, days[:3], 1)
    assert [one for one in longer.deliveries if one.due < days[2]] == [one for one in short.deliveries if one.due < days[2]]


def test_another_seed_harms_others(start: datetime, days: list[datetime], stream: Stream) -> None:
    assert stream_of("clicks", events(start, 2), FAULTS, days[:2], 2).deliveries != stream.deliveries


def test_a_day_without_events_has_no_faults(days: list[datetime]) -> None:
    stream = stream_of("clicks", [], FAULTS, days[:2], 1)
    assert (stream.deliveries, stream.malformed, stream.redelivered) == ((), 0, 0)
