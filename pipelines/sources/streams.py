"""How JSON events reach the landing zone: mostly in order, a few late, a few twice, a few broken.

An event is sent by a client that tries again when it hears nothing. So the same event may come a second time in two ways: as
the same Kafka record (*redelivered*, same offset), or as another record (*resent*, its own offset, the same id inside).
Which events that happens to is drawn per day, so that a longer window starts with the same days.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from pipelines.sources.delivery import Delivery
from pipelines.sources.events import STEP, instant_text, seconds, seeded, step_of

EVENT_TOPICS: Mapping[str, str] = {"clicks": "clickstream.events", "payments": "payments.status"}
"""Topic, and so folder of the landing zone, of each stream of events."""

DAMAGES = ("cut_off", "no_object", "no_id", "no_time", "odd_time", "future")
"""Ways in which a record can be broken, see ``_DAMAGE``."""

_RESENT_AFTER = (timedelta(seconds=5), timedelta(hours=3))
_ONE_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Event:
    """One event as its client sends it.

    Attributes:
        at: when it happened, UTC, whole milliseconds.
        key: of the Kafka record.
        value: with the fields ``event_id`` and ``timestamp``.
        late: how many steps after its own it arrives.
    """

    at: datetime
    key: str
    value: Mapping[str, object]
    late: int = 0


@dataclass(frozen=True)
class Faults:
    """What goes wrong in a day of a stream.

    Attributes:
        redelivered, resent: events that come a second time.
        damages: one broken record each.
    """

    redelivered: int
    resent: int
    damages: tuple[str, ...]


@dataclass(frozen=True)
class Stream:
    """All deliveries of one topic, in delivery order.

    Attributes:
        events: what is delivered, in the order it happened, each once.
        records: what can be read, with the time it is delivered first: every event, and again those that are resent.
        redelivered, malformed: number of the other lines.
    """

    topic: str
    deliveries: tuple[Delivery, ...]
    events: tuple[Event, ...]
    records: tuple[tuple[Event, datetime], ...]
    redelivered: int
    malformed: int


@dataclass(frozen=True)
class _Record:
    """One record before it has an offset; ``written`` gives its line."""

    due: datetime
    event: Event
    written: Callable[[int, Event], str]
    repeated: bool = False


def stream_of(name: str, events: Sequence[Event], faults: Faults, days: Sequence[datetime], seed: int) -> Stream:
    """Return how a stream's events are delivered during ``days`` (their starts); events of the days after are left out.

    Args:
        name: of the stream, a key of ``EVENT_TOPICS``.
        events: in any order.
        faults: planted every day, in none of its last steps, so that what is repeated arrives on the same day.
        days: starts of the days.
        seed: of the whole source.
    """
    start, end = days[0], days[-1] + timedelta(days=1)
    kept = sorted((one for one in events if one.at < end), key=lambda one: (one.at, str(one.value["event_id"])))
    again: set[int] = set()
    resent: list[_Record] = []
    damaged: list[_Record] = []
    for number, day in enumerate(days):
        rng = seeded(seed, f"stream:{name}:{number}")
        latest = day + timedelta(days=1) - STEP
        candidates = [n for n, event in enumerate(kept) if day <= event.at < latest and not event.late]
        chosen = rng.sample(candidates, min(faults.redelivered + faults.resent, len(candidates)))
        again |= set(chosen[: faults.redelivered])
        resent += [_resent(kept[n], rng) for n in chosen[faults.redelivered :]]
        damaged += [_damaged(kept[rng.choice(candidates)], damage, rng) for damage in faults.damages if candidates]
    firsts = [_Record(_arrival(event, start), event, _whole, n in again) for n, event in enumerate(kept)]
    return Stream(
        topic=EVENT_TOPICS[name],
        deliveries=_deliveries([*firsts, *resent, *damaged], start),
        events=tuple(kept),
        records=tuple((record.event, record.due) for record in [*firsts, *resent]),
        redelivered=len(again),
        malformed=len(damaged),
    )


def _deliveries(records: Sequence[_Record], start: datetime) -> tuple[Delivery, ...]:
    """Return the lines of the records, with offsets in the order of their first delivery, and the repeats a step later."""
    ordered = sorted(records, key=lambda record: record.due)
    deliveries = [Delivery(record.due, record.written(offset, record.event)) for offset, record in enumerate(ordered)]
    repeats = [
        Delivery(step_of(record.due, start) + _ONE_MILLISECOND, delivery.line)
        for record, delivery in zip(ordered, deliveries, strict=True)
        if record.repeated
    ]
    return tuple(sorted([*deliveries, *repeats], key=lambda delivery: delivery.due))


def event_id(rng: Random) -> str:
    """Return a random UUID as clients make them."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def _arrival(event: Event, start: datetime) -> datetime:
    return step_of(event.at, start) + STEP * (event.late - 1) + _ONE_MILLISECOND if event.late else event.at


def _resent(event: Event, rng: Random) -> _Record:
    return _Record(event.at + seconds(rng, *_RESENT_AFTER), event, _whole)


def _damaged(event: Event, damage: str, rng: Random) -> _Record:
    """Return a broken copy of an event, a little after it; the event itself arrives unharmed."""
    return _Record(event.at + seconds(rng, timedelta(), timedelta(minutes=30)), event, _DAMAGE[damage])


def _whole(offset: int, event: Event) -> str:
    return _line(offset, event.key, event.value)


def _line(offset: int, key: str, value: object) -> str:
    document = {"partition": 0, "offset": offset, "key": key, "value": value}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _cut_off(offset: int, event: Event) -> str:
    line = _whole(offset, event)
    return line[: len(line) * 2 // 3]


def _without(name: str) -> Callable[[int, Event], str]:
    return lambda offset, event: _line(offset, event.key, {key: text for key, text in event.value.items() if key != name})


def _timed(text: Callable[[Event], str]) -> Callable[[int, Event], str]:
    return lambda offset, event: _line(offset, event.key, {**event.value, "timestamp": text(event)})


_DAMAGE: Mapping[str, Callable[[int, Event], str]] = {
    "cut_off": _cut_off,
    "no_object": lambda offset, event: _line(offset, event.key, json.dumps(event.value)),
    "no_id": _without("event_id"),
    "no_time": _without("timestamp"),
    "odd_time": _timed(lambda event: event.at.strftime("%d.%m.%Y %H:%M")),
    "future": _timed(lambda event: instant_text(event.at + timedelta(days=3650))),
}
