"""How change events reach the landing zone: mostly in order, a few late, a few twice.

Which events are late or redelivered is drawn per day and table, so that a longer window starts with the same days.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.sources.envelope import ChangeEvent, record
from pipelines.sources.events import STEP, seeded, step_of

REDELIVERED_PER_DAY = {"customers": 3, "products": 2, "orders": 5, "order_items": 10, "inventory": 5, "promotions": 4}
"""Records a day that arrive again one step later, with the same partition and offset."""

LATE_PER_DAY = {
    ("customers", "overtaken"): 1,
    ("orders", "overtaken"): 3,
    ("orders", "before_delete"): 1,
    ("orders", "alone"): 2,
    ("order_items", "alone"): 4,
    ("inventory", "overtaken"): 3,
}
"""Records a day that arrive one step late.

``overtaken``: a newer event of the same row is delivered before; ``before_delete``: and that event is the row's delete;
``alone``: nothing newer of the row is delivered before, but rows that need it are.
"""

_ONE_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Delivery:
    """One line to be written once ``due`` has come."""

    due: datetime
    line: str


@dataclass(frozen=True)
class Feed:
    """All deliveries of one topic, in delivery order.

    Attributes:
        events: what is delivered, in commit order, each once.
        arrivals: when each of the events is delivered first.
        late: events delivered one step late; redelivered: events delivered twice; tombstones: records without a value.
        overtaken: how many of the late ones a newer event of the same row was delivered before.
    """

    table: str
    deliveries: tuple[Delivery, ...]
    events: tuple[ChangeEvent, ...]
    arrivals: tuple[datetime, ...]
    late: tuple[ChangeEvent, ...]
    redelivered: tuple[ChangeEvent, ...]
    tombstones: int
    overtaken: int


def feed_of(table: str, events: Sequence[ChangeEvent], days: Sequence[datetime], seed: int) -> Feed:
    """Return how one table's events, given in commit order, are delivered during ``days`` (their starts)."""
    start = days[0]
    late: set[int] = set()
    again: set[int] = set()
    following = _following(events)
    for number_of_day, day in enumerate(days):
        chosen = _late_of_day(table, events, following, day, f"{seed}:{number_of_day}")
        late |= chosen
        candidates = [number for number in _of_day(events, day) if number not in chosen]
        again |= _sample(candidates, REDELIVERED_PER_DAY[table], f"{seed}:{number_of_day}", f"redelivered:{table}")
    return deliver(table, events, late, again, start)


def deliver(table: str, events: Sequence[ChangeEvent], late: Collection[int], again: Collection[int], start: datetime) -> Feed:
    """Return how one table's events, given in commit order, are delivered.

    Args:
        table: whose events they are.
        events: each once, in commit order.
        late: numbers of the events that arrive one step late.
        again: numbers of the events that arrive a second time one step later.
        start: of the window, from which steps are counted.
    """
    following = _following(events)

    def due(number: int) -> datetime:
        committed = events[number].committed
        return step_of(committed, start) + _ONE_MILLISECOND if number in late else committed

    ordered = sorted(range(len(events)), key=lambda number: (due(number), number))
    deliveries: list[Delivery] = []
    tombstones = 0
    for number in ordered:
        event, offset = events[number], len(deliveries)
        deliveries.append(Delivery(due(number), record(offset, event)))
        if event.change.op == "d":
            tombstones += 1
            deliveries.append(Delivery(due(number), record(offset + 1, event, tombstone=True)))
    offsets = _offsets(ordered, events)
    repeats = [
        Delivery(step_of(events[n].committed, start) + _ONE_MILLISECOND, record(offsets[n], events[n])) for n in sorted(again)
    ]
    return Feed(
        table=table,
        deliveries=tuple(sorted([*deliveries, *repeats], key=lambda delivery: delivery.due)),
        events=tuple(events),
        arrivals=tuple(due(number) for number in range(len(events))),
        late=tuple(events[number] for number in sorted(late)),
        redelivered=tuple(events[number] for number in sorted(again)),
        tombstones=tombstones,
        overtaken=sum(number in following and due(following[number]) < due(number) for number in late),
    )


def _offsets(ordered: Iterable[int], events: Sequence[ChangeEvent]) -> dict[int, int]:
    offsets: dict[int, int] = {}
    offset = 0
    for number in ordered:
        offsets[number] = offset
        offset += 2 if events[number].change.op == "d" else 1
    return offsets


def _following(events: Sequence[ChangeEvent]) -> dict[int, int]:
    """Number of the next event of the same row, for each event that has one."""
    seen: dict[tuple[object, ...], int] = {}
    following: dict[int, int] = {}
    for number, event in enumerate(events):
        key = tuple(event.change.key.values())
        if key in seen:
            following[seen[key]] = number
        seen[key] = number
    return following


def _of_day(events: Sequence[ChangeEvent], day: datetime) -> list[int]:
    # nothing of the day's last step: what is late or repeated still arrives on the same day
    latest = day + timedelta(days=1) - STEP
    first = bisect_left(events, day, key=lambda event: event.committed)
    last = bisect_left(events, latest, lo=first, key=lambda event: event.committed)
    return [number for number in range(first, last) if events[number].snapshot == "false"]


def _late_of_day(table: str, events: Sequence[ChangeEvent], following: dict[int, int], day: datetime, seed: str) -> set[int]:
    def same_step(number: int, other: int) -> bool:
        return step_of(events[number].committed, day) == step_of(events[other].committed, day)

    def overtaken(number: int) -> bool:
        return number in following and same_step(number, following[number])

    def last_overtaken(number: int) -> bool:
        return overtaken(number) and not overtaken(following[number]) and events[number].change.op == "u"

    def before_delete(number: int) -> bool:
        return last_overtaken(number) and events[following[number]].change.op == "d"

    rules: dict[str, Callable[[int], bool]] = {
        "before_delete": before_delete,
        "overtaken": lambda number: last_overtaken(number) and not before_delete(number),
        "alone": lambda number: events[number].change.op == "c" and not overtaken(number),
    }
    chosen: set[int] = set()
    numbers = _of_day(events, day)
    for name, rule in rules.items():
        count = LATE_PER_DAY.get((table, name), 0)
        candidates = [number for number in numbers if rule(number)] if count else []
        chosen |= _sample(candidates, count, seed, f"late:{table}:{name}")
    return chosen


def _sample(candidates: Sequence[int], count: int, seed: str, purpose: str) -> set[int]:
    return set(seeded(seed, purpose).sample(candidates, min(count, len(candidates))))


def by_table(events: Iterable[ChangeEvent]) -> dict[str, list[ChangeEvent]]:
    """Return the events of each table, keeping their order."""
    tables: dict[str, list[ChangeEvent]] = defaultdict(list)
    for event in events:
        tables[event.change.table].append(event)
    return tables
