"""Freshness: how old data was at every moment, in closed form between facts.

At a moment m the lag is m minus the watermark of the last fact recorded by then that knows one. A time slice is lost when the
lag is greater than allowed at its end. Nothing counts before data was published and a source said how far it goes, and nothing
that ends in maintenance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from controlplane.slas.calendars import slices_before
from controlplane.slas.history import PUBLISHED, UNKNOWN, History, Numbers

_RECENT = 10
_USUAL_SHARE = 0.8
_SLACK = 1.1
_LEAST = 3
_FOREVER = int(np.iinfo(np.int64).max)
_Counter: TypeAlias = Callable[[Numbers], Numbers]


@dataclass(frozen=True, eq=False)
class Lags:
    """How far a dataset lagged behind its sources, from the moment that was known.

    Attributes:
        at: when a watermark became known; watermark: which, never after ``at``. Microseconds since 1970.
        begins: from when on slices count; None while nothing was published or no source says how far it goes.
    """

    at: Numbers
    watermark: Numbers
    begins: int | None

    def of(self, moments: Numbers) -> Numbers:
        """Return the lag at moments that are not before ``begins``, in microseconds, 0 at least."""
        place = np.searchsorted(self.at, moments, side="right") - 1
        lags: Numbers = np.maximum(moments - self.watermark[place], 0)
        return lags

    def worst(self, edges: Numbers) -> Sequence[int | None]:
        """Return the greatest lag after each edge up to the next one, in microseconds; None where none is known."""
        if self.begins is None:
            return [None] * (len(edges) - 1)
        found = np.full(len(edges) - 1, -1, dtype=np.int64)
        known = edges[1:] >= self.begins
        found[known] = self.of(edges[1:][known])
        first, last = np.searchsorted(self.at, [max(edges[0], self.begins), edges[-1]], side="right")
        peaks = self.at[first:last] - self.watermark[first - 1 : last - 1]  # just before the next fact the lag is greatest
        np.maximum.at(found, np.searchsorted(edges, self.at[first:last], side="left") - 1, peaks)
        return [None if lag < 0 else int(lag) for lag in found]

    @cached_property
    def usual_pause(self) -> int | None:
        """How long it usually takes until newer data comes, in microseconds: longer than eight of the last ten pauses.

        None while newer data came fewer than four times: too few to call anything usual.
        """
        pauses = np.sort(np.diff(self.moved[-_RECENT - 1 :]))
        if len(pauses) < _LEAST:
            return None
        return int(pauses[int(np.ceil(_USUAL_SHARE * len(pauses))) - 1] * _SLACK)

    @cached_property
    def moved(self) -> Numbers:
        """When the watermark went further than ever before."""
        if not len(self.at):
            return self.at
        furthest = np.maximum.accumulate(self.watermark)
        return self.at[np.concatenate(([True], furthest[1:] > furthest[:-1]))]


def lags_of(history: History) -> Lags:
    """Return the lags that facts tell of; of several facts of one moment the last one counts.

    A watermark from the future is taken as the moment it was recorded.
    """
    known = np.flatnonzero(history.watermark != UNKNOWN)
    is_last = np.ones(len(known), dtype=np.bool_)
    is_last[:-1] = np.diff(history.at[known]) > 0
    known = known[is_last]
    at = history.at[known]
    watermark = np.minimum(history.watermark[known], at)
    published = history.at[history.state == PUBLISHED]
    begins = max(int(published[0]), int(at[0])) if len(published) and len(at) else None
    return Lags(at, watermark, begins)


def predicted_breach(lags: Lags, within: int, now: int) -> int | None:
    """Return when the lag will exceed ``within`` unless newer data comes first; None where nothing says it will.

    While no newer data comes the lag grows as fast as time passes. That alone is no sign: between two runs it always does. It
    is one when newer data is overdue, and the next to be expected, one usual pause from now, would come too late.
    """
    usual = lags.usual_pause
    if usual is None or now - int(lags.moved[-1]) <= usual:
        return None
    breach = int(lags.watermark[-1]) + within
    return breach if now <= breach <= now + usual else None


@dataclass(frozen=True, eq=False)
class Slices:
    """The lost time slices of one objective.

    Attributes:
        first, end: stretches [first, end) in which data is too old, in order; the last one may have no end.
        begins: from when on slices count.
        length: of a slice; quiet: maintenance. All in microseconds.
    """

    first: Numbers
    end: Numbers
    begins: int
    length: int
    quiet: tuple[tuple[int, int], ...]

    @cached_property
    def _before(self) -> Numbers:
        """Lost slices of all stretches before each stretch."""
        counts = slices_before(self.end, self.length) - slices_before(self.first, self.length)
        return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)))

    def upto(self, edges: Numbers) -> tuple[Numbers, Numbers]:
        """Return how many of the slices that count are lost, and how many there are, that end not after each edge."""
        return self._awake(self._lost_before, edges), self._awake(self._begun_before, edges)

    def since(self, now: int) -> int | None:
        """Return since when data has been too old without a break; None when it is not too old now."""
        if not len(self.end) or not self.first[-1] <= now < self.end[-1]:
            return None
        apart = np.flatnonzero(self.first[1:] > self.end[:-1])
        return max(int(self.first[apart[-1] + 1 if len(apart) else 0]) - 1, self.begins)

    def _awake(self, before: _Counter, edges: Numbers) -> Numbers:
        """Return how many slices end up to each edge, those in maintenance left out."""
        moments = edges + 1
        total = before(moments)
        for begins, ends in self.quiet:
            inside = before(np.clip(moments, begins + 1, ends + 1))
            total = total - (inside - before(np.array([begins + 1])))
        return total

    def _lost_before(self, moments: Numbers) -> Numbers:
        place = np.searchsorted(self.first, moments, side="left")
        total = self._before[place]
        inside = np.flatnonzero(place)
        late = slices_before(self.end[place[inside] - 1], self.length) - slices_before(moments[inside], self.length)
        total[inside] -= np.maximum(late, 0)
        return total

    def _begun_before(self, moments: Numbers) -> Numbers:
        begun = slices_before(np.array([self.begins]), self.length)
        return slices_before(np.maximum(moments, self.begins), self.length) - begun


def slices_of(lags: Lags, within: int, length: int, quiet: tuple[tuple[int, int], ...]) -> Slices | None:
    """Return the time slices that are lost when data may be ``within`` old; None where nothing counts yet.

    Args:
        within, length: of the age allowed and of a slice, in microseconds; quiet: maintenance.
    """
    if lags.begins is None:
        return None
    first = np.maximum(np.maximum(lags.at, lags.watermark + within + 1), lags.begins)
    end = np.concatenate((lags.at[1:], [_FOREVER]))
    lost = first < end
    return Slices(first[lost], end[lost], lags.begins, length, quiet)
