"""Facts of one dataset as columns, so that months of them are judged in one step; times are microseconds since 1970 in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from controlplane.slas.status import Fact

Numbers: TypeAlias = NDArray[np.int64]

STATES = ("published", "held", "nothing_new", "failed")
"""How a run can have ended; ``History.state`` holds positions in it."""

PUBLISHED, HELD = 0, 1
UNKNOWN = int(np.iinfo(np.int64).min)
"""Stands for a watermark that is not known."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, eq=False)
class History:
    """Facts of one dataset, by time; of the same moment, the later recorded one comes last.

    Attributes:
        at: when each fact was recorded; state: position in ``STATES``; watermark: ``UNKNOWN`` where no source says.
        offered .. wrong: rows, as in ``Fact``.
    """

    at: Numbers
    state: Numbers
    watermark: Numbers
    offered: Numbers
    duplicates: Numbers
    dead_lettered: Numbers
    waiting: Numbers
    published: Numbers
    wrong: Numbers

    def until(self, moment: int) -> History:
        """Return what was known at a moment: the facts recorded by then."""
        known = int(np.searchsorted(self.at, moment, side="right"))
        if known == len(self.at):
            return self
        return History(*(getattr(self, name)[:known] for name in COLUMNS))

    def __len__(self) -> int:
        return len(self.at)


COLUMNS = tuple(field.name for field in fields(History))


def history_of(facts: Iterable[Fact]) -> History:
    """Return facts of one dataset as columns, in order of their times."""
    ordered: Sequence[Fact] = sorted(facts, key=lambda fact: fact.at)
    columns = {
        "at": [micros(fact.at) for fact in ordered],
        "state": [STATES.index(fact.state) for fact in ordered],
        "watermark": [UNKNOWN if fact.watermark is None else micros(fact.watermark) for fact in ordered],
    }
    for name in COLUMNS[3:]:
        columns[name] = [getattr(fact, name) for fact in ordered]
    return History(**{name: np.array(columns[name], dtype=np.int64) for name in COLUMNS})


EMPTY = history_of(())


def micros(moment: datetime) -> int:
    """Return a timezone-aware moment as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def span(duration: timedelta) -> int:
    """Return a duration in microseconds, exactly."""
    return duration // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """Return the moment of microseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=int(microseconds))
