"""Which minutes count: time slices, local days, and maintenance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from controlplane.slas.history import Numbers, micros
from controlplane.slas.model import Maintenance

_DAYS = 30
_DAY = timedelta(days=1)


def slices_before(moments: Numbers, length: int) -> Numbers:
    """Return how many time slices end before each moment, counted from 1970; slices begin and end at multiples of ``length``.

    Args:
        moments: microseconds since 1970.
        length: of a slice, in microseconds.
    """
    return -(-moments // length)


def quiet_times(maintenance: Iterable[Maintenance], dataset: str) -> tuple[tuple[int, int], ...]:
    """Return when a dataset is in maintenance: [begin, end) in microseconds since 1970, in order, none touching another."""
    found = sorted((micros(entry.starts), micros(entry.ends)) for entry in maintenance if entry.concerns(dataset))
    merged: list[tuple[int, int]] = []
    for begins, ends in found:
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(ends, merged[-1][1]))
        else:
            merged.append((begins, ends))
    return tuple(merged)


@dataclass(frozen=True, eq=False)
class Days:
    """The local days of a window that ends now: at most 30, the oldest first, today last.

    Attributes:
        dates: consecutive local dates.
        edges: one more than there are days: a day's slices end after its edge and not after the next one; the first edge is
            not before the window begins, the last one is now. In microseconds since 1970.
    """

    dates: tuple[date, ...]
    edges: Numbers


def days_of(at: datetime, window: timedelta, zone: ZoneInfo) -> Days:
    """Return the local days of the window that ends at ``at``."""
    begins = at - window
    today = at.astimezone(zone).date()
    dates = [today]
    while len(dates) < _DAYS and _midnight(dates[-1], zone) > begins:
        dates.append(dates[-1] - _DAY)
    dates.reverse()
    edges = [max(_midnight(day, zone), begins) for day in dates] + [at]
    return Days(tuple(dates), np.array([micros(edge) for edge in edges], dtype=np.int64))


def midnights(days: Sequence[date], zone: ZoneInfo) -> Numbers:
    """Return when local days begin, in microseconds since 1970."""
    return np.array([micros(_midnight(day, zone)) for day in days], dtype=np.int64)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def are_quiet(quiet: Sequence[tuple[int, int]], edges: Numbers) -> tuple[bool, ...]:
    """Return, for the time from each edge to the next one, whether all of it is maintenance."""
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return tuple(any(begins <= edge and following <= ends for begins, ends in quiet) for edge, following in pairs)
