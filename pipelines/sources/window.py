"""A window of the shop's life, written step by step into a landing zone as its database's change feed."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipelines.sources.clicks import CLICK_FAULTS, click_events
from pipelines.sources.customers import CustomerPlan, customer_snapshot, customer_transactions, plan_customers
from pipelines.sources.delivery import Delivery, Feed, by_table, feed_of
from pipelines.sources.envelope import ChangeEvent, snapshot_marks
from pipelines.sources.events import STEP, TABLES, TOPICS, RowChange, Transaction, instant_text
from pipelines.sources.facts import SourceFacts, facts_of
from pipelines.sources.inventory import inventory_snapshot, inventory_transactions
from pipelines.sources.journey import Basket, Journey, read_journey
from pipelines.sources.orders import deleted_orders, order_transactions
from pipelines.sources.payments import PAYMENT_FAULTS, payment_events
from pipelines.sources.products import product_snapshot, product_transactions
from pipelines.sources.promotions import promotion_snapshot, promotion_transactions
from pipelines.sources.streams import Stream, stream_of

HORIZON_DAYS = 17
"""Days that are planned together: a window of fewer days is the beginning of the same story."""

MANIFEST = "_manifest.json"
_SNAPSHOT_BEFORE_START = timedelta(hours=2)
_FIRST_LSN = 436_207_616
_FIRST_TRANSACTION = 5_001
_LINES_PER_FILE = 50_000
_DEFAULT_SEED = 20_171_009
_DEFAULT_DAY = date(2017, 10, 9)


class WindowError(ValueError):
    """Raised when an instant or a folder does not fit the window; the message says what is allowed."""


@dataclass(frozen=True)
class Emission:
    """What one call of ``emit_until`` wrote.

    Attributes:
        instant: what the manifests now say.
        files: new files, by topic and name.
        rows: number of lines written, by topic; 0 where nothing was due.
    """

    instant: datetime
    files: tuple[Path, ...]
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Stall:
    """A feed that stands still: nothing is delivered after ``since`` and before ``until``.

    Attributes:
        source: table or stream.
    """

    source: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Window:
    """Days of change events, ready to be delivered.

    Attributes:
        start: first instant of the window, UTC midnight; the initial snapshot was taken two hours before.
        end: first instant after it.
        feeds: what is delivered, by table.
        canaries: customer id by role of the canary (see ``people.CANARIES``).
        facts: what the feed holds, counted.
        stalls: feeds that stand still for a while; their manifests do not move meanwhile.
        streams: events that are delivered beside the feeds, by name.
    """

    start: datetime
    end: datetime
    feeds: Mapping[str, Feed]
    canaries: Mapping[str, int]
    facts: SourceFacts
    stalls: tuple[Stall, ...] = ()
    streams: Mapping[str, Stream] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[datetime, ...]:
        """The instants at which the sources deliver: every four hours, the last one is ``end``."""
        return tuple(self.start + STEP * number for number in range(1, (self.end - self.start) // STEP + 1))

    def heartbeat(self, source: str, instant: datetime) -> datetime:
        """Return what a source's manifest says at an instant: the instant itself, or when its feed stopped."""
        stopped = [one.since for one in self.stalls if one.source == source and one.since < instant < one.until]
        return min(stopped, default=instant)

    def emit_until(self, landing_dir: Path, instant: datetime, topics: Collection[str] | None = None) -> Emission:
        """Write every record that is due by ``instant`` and not yet written, then move the manifests to it.

        What was written before is read from the manifests, so a new process goes on where another one stopped; a call that was
        interrupted writes the same files again. Files appear under their name only when they are complete. The manifest says
        that everything up to its watermark is delivered; the few planted late records break that promise, as real ones do.

        Args:
            landing_dir: gets one folder per topic.
            instant: timezone-aware, from ``start`` to ``end``.
            topics: which of them deliver; all by default.

        Raises:
            WindowError: the instant lies outside the window or has no time zone.
        """
        if instant.tzinfo is None or not self.start <= instant <= self.end:
            message = f"instant {instant} is not in the window; give an aware one from {self.start} to {self.end}"
            raise WindowError(message)
        files: list[Path] = []
        rows: dict[str, int] = {}
        for source, (topic, deliveries) in self._sources().items():
            if topics is not None and topic not in topics:
                continue
            folder = landing_dir / topic
            folder.mkdir(parents=True, exist_ok=True)
            written = watermark(folder)
            lines = _due(deliveries, written, instant)
            files.extend(_write_lines(folder, instant, lines))
            rows[topic] = len(lines)
            heartbeat = self.heartbeat(source, instant)
            if written is None or written < heartbeat:
                _replace(folder / MANIFEST, json.dumps({"watermark": instant_text(heartbeat)}) + "\n")
        return Emission(instant=instant, files=tuple(files), rows=rows)

    def _sources(self) -> Mapping[str, tuple[str, Sequence[Delivery]]]:
        """Return topic and deliveries of every table and stream."""
        tables = {table: (TOPICS[table], feed.deliveries) for table, feed in self.feeds.items()}
        return tables | {name: (stream.topic, stream.deliveries) for name, stream in self.streams.items()}


def build_window(
    first_day: date = _DEFAULT_DAY,
    days: int = 2,
    *,
    shift_weeks: int = 0,
    seed: int = _DEFAULT_SEED,
    journey: Journey | None = None,
) -> Window:
    """Return the change feed of ``days`` days of the real data, the same for the same arguments on every machine.

    A longer window of the same first day begins with exactly the same records as a shorter one, up to 17 days.

    Args:
        first_day: first real day that is replayed (a UTC day of 2017).
        days: how many, at least 1.
        shift_weeks: by how many whole weeks all times are moved, so that weekdays stay true.
        seed: of everything that is synthetic.
        journey: the real facts; None reads them from the installed package.

    Raises:
        WindowError: ``days`` is less than 1.
        SourceDataMissingError: the data set is not installed or has nothing in these days.
    """
    if days < 1:
        message = f"a window of {days} days cannot be built; days is at least 1"
        raise WindowError(message)
    horizon = max(days, HORIZON_DAYS)
    real = journey if journey is not None else read_journey(first_day, horizon)
    shifted = _shifted(real, timedelta(weeks=shift_weeks))
    start = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC) + timedelta(weeks=shift_weeks)
    planned = [start + timedelta(days=number) for number in range(horizon)]
    plan = plan_customers(shifted, planned, seed)
    end = planned[days - 1] + timedelta(days=1)
    events = by_table(_events(shifted, plan, planned, end, seed))
    feeds = {table: feed_of(table, events[table], planned[:days], seed) for table in TABLES}
    clicks = click_events(shifted, plan, planned, seed)
    payments = payment_events(feeds["orders"].events, planned[:days], seed)
    streams = {
        "clicks": stream_of("clicks", clicks, CLICK_FAULTS, planned[:days], seed),
        "payments": stream_of("payments", payments, PAYMENT_FAULTS, planned[:days], seed),
    }
    facts = facts_of(feeds, streams, start)
    return Window(start=start, end=end, feeds=feeds, canaries=plan.canaries, facts=facts, streams=streams)


def watermark(folder: Path) -> datetime | None:
    """Return until when a topic's folder says everything is delivered, None before the first delivery."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        return None
    return datetime.fromisoformat(json.loads(manifest.read_text(encoding="utf-8"))["watermark"])


def _shifted(journey: Journey, by: timedelta) -> Journey:
    baskets = tuple(Basket(one.basket_id, one.household_id, one.store_id, one.at + by, one.lines) for one in journey.baskets)
    promotions = tuple(replace(one, begins=one.begins + by) for one in journey.promotions) if by else journey.promotions
    return Journey(journey.products, journey.households, journey.ages, baskets, promotions)


def _events(journey: Journey, plan: CustomerPlan, days: Sequence[datetime], end: datetime, seed: int) -> Iterable[ChangeEvent]:
    start = days[0]
    signing_up = set(plan.signing_up)
    deleted = deleted_orders(journey.baskets, signing_up, days, seed)
    snapshot = [
        *customer_snapshot(plan, start, seed),
        *product_snapshot(journey, start),
        *inventory_snapshot(journey.baskets, start, seed),
        *promotion_snapshot(journey, start),
    ]
    yield from _snapshot_events(snapshot, start - _SNAPSHOT_BEFORE_START)
    transactions = [
        *customer_transactions(plan, start, seed),
        *product_transactions(journey, days, seed),
        *order_transactions(journey.baskets, deleted, seed),
        *inventory_transactions(journey.baskets, seed),
        *promotion_transactions(journey, start, seed),
    ]
    in_window = [transaction for transaction in transactions if transaction.committed < end]
    yield from _logged(sorted(in_window, key=lambda transaction: (transaction.committed, transaction.name)))


def _snapshot_events(rows: Sequence[RowChange], at: datetime) -> Iterable[ChangeEvent]:
    marks = snapshot_marks([row.table for row in rows])
    for row, mark in zip(rows, marks, strict=True):
        yield ChangeEvent(row, at, _FIRST_LSN, _FIRST_TRANSACTION - 1, mark)


def _logged(transactions: Iterable[Transaction]) -> Iterable[ChangeEvent]:
    lsn = _FIRST_LSN
    for number, transaction in enumerate(transactions):
        for change in transaction.changes:
            lsn += 56 + 8 * len(change.row)  # a log record is longer, the more columns it has
            yield ChangeEvent(change, transaction.committed, lsn, _FIRST_TRANSACTION + number)


def _due(deliveries: Sequence[Delivery], after: datetime | None, upto: datetime) -> list[str]:
    first = 0 if after is None else bisect_right(deliveries, after, key=lambda delivery: delivery.due)
    last = bisect_right(deliveries, upto, key=lambda delivery: delivery.due)
    return [delivery.line for delivery in deliveries[first:last]]


def _write_lines(folder: Path, instant: datetime, lines: Sequence[str]) -> Iterable[Path]:
    for number, first in enumerate(range(0, len(lines), _LINES_PER_FILE)):
        chunk = lines[first : first + _LINES_PER_FILE]
        path = folder / f"{instant.astimezone(UTC):%Y%m%dT%H%M}-{number:03d}.jsonl"
        _replace(path, "".join(f"{line}\n" for line in chunk))
        yield path


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
