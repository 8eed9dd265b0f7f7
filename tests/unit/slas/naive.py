"""Service levels judged the slow way: slice by slice, fact by fact, as the definitions are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from controlplane.slas.model import Maintenance
from controlplane.slas.status import Fact

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def watermark_at(facts: Sequence[Fact], moment: datetime) -> datetime | None:
    """Return the watermark of the last fact recorded by then that knows one, never one from its future."""
    found = None
    for fact in sorted(facts, key=lambda fact: fact.at):
        if fact.at <= moment and fact.watermark is not None:
            found = min(fact.watermark, fact.at)
    return found


def is_known(facts: Sequence[Fact], moment: datetime) -> bool:
    published = any(fact.state == "published" and fact.at <= moment for fact in facts)
    return published and watermark_at(facts, moment) is not None


def lag_at(facts: Sequence[Fact], moment: datetime) -> timedelta | None:
    mark = watermark_at(facts, moment)
    return moment - mark if mark is not None and is_known(facts, moment) else None


def slice_ends(after: datetime, until: datetime, length: timedelta) -> Iterator[datetime]:
    end = EPOCH + ((after - EPOCH) // length + 1) * length
    while end <= until:
        yield end
        end += length


def counts(
    facts: Sequence[Fact],
    maintenance: Sequence[Maintenance],
    after: datetime,
    until: datetime,
    within: timedelta,
    length: timedelta,
) -> tuple[int, int]:
    """Return lost and counted slices that end after one moment and not after another."""
    lost = counted = 0
    for end in slice_ends(after, until, length):
        if any(entry.starts < end <= entry.ends for entry in maintenance):
            continue
        lag = lag_at(facts, end)
        if lag is not None:
            counted += 1
            lost += lag > within
    return lost, counted


def local_days(at: datetime, window: timedelta, zone: ZoneInfo) -> list[tuple[date, datetime, datetime]]:
    """Return local days of the window with the moments after and until which their slices end."""
    found: dict[date, tuple[datetime, datetime]] = {}
    day = (at - window).astimezone(zone).date()
    while day <= at.astimezone(zone).date():
        begins = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
        following = day + timedelta(days=1)
        ends = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
        found[day] = (max(begins, at - window), min(ends, at))
        day = following
    return [(day, after, until) for day, (after, until) in found.items() if after < until or until == at][-30:]


def rows(
    facts: Sequence[Fact], roots: Sequence[str], members: Sequence[str], after: datetime, until: datetime
) -> tuple[int, int]:
    """Return the rows expected and missing in a window, as completeness counts them."""
    expected = missing = 0
    for member in members:
        judged = [fact for fact in sorted(facts, key=lambda fact: fact.at) if fact.dataset == member and fact.at <= until]
        judged = [fact for fact in judged if fact.state in {"published", "held"}]
        if not judged:
            continue
        newest = judged[-1]
        held = newest.offered - newest.duplicates if newest.state == "held" else 0
        missing += held
        if member in roots:
            expected += held
            inside = [fact for fact in judged if after < fact.at and fact.state == "published"]
            expected += sum(fact.offered - fact.duplicates for fact in inside)
            missing += sum(fact.dead_lettered for fact in inside)
    return expected, min(missing, expected)
