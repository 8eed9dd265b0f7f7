"""What consumers were promised: a promise names datasets and objectives; maintenance is excluded and shown.

Words as in OpenSLO: an indicator is measured, an objective says how often it must be good within a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase


class Indicator(StrEnum):
    """What is measured."""

    FRESHNESS = "freshness"
    COMPLETENESS = "completeness"
    ACCURACY = "accuracy"
    QUERY_TIME = "query_time"


class Basis(StrEnum):
    """What completeness is counted against: rows that landed, rows the source reports, or rows like days had before."""

    LANDED = "landed"
    SOURCE = "source"
    HISTORY = "history"


@dataclass(frozen=True)
class Objective:
    """How often an indicator must be good.

    Attributes:
        target: percent of the window (of slices, rows or queries) that must be good; greater than 0, less than 100.
        window: the rolling time that is judged.
        within: how old data may be (freshness), how long a query may take (query_time).
        slice: length of the time slices freshness is budgeted by.
        time_zone: IANA name of the calendar freshness is judged in.
        percentile: of query times, greater than 0, less than 100.
        place: ``file:line``.
    """

    id: str
    indicator: Indicator
    target: Decimal
    window: timedelta
    place: str
    within: timedelta | None = None
    slice: timedelta | None = None
    time_zone: str | None = None
    basis: Basis | None = None
    percentile: Decimal | None = None


@dataclass(frozen=True)
class Promise:
    """What one consumer was promised about some datasets.

    Attributes:
        datasets: names such as ``gold.fact_orders``; empty only where every objective is about queries.
        place: ``file:line``.
    """

    id: str
    consumer: str
    objectives: tuple[Objective, ...]
    place: str
    datasets: tuple[str, ...] = ()
    description: str | None = None


@dataclass(frozen=True)
class Maintenance:
    """A time in which nothing is judged.

    Attributes:
        starts: inclusive; ends: exclusive; both timezone-aware.
        datasets: names or patterns such as ``gold.*``.
    """

    starts: datetime
    ends: datetime
    datasets: tuple[str, ...]
    reason: str
    place: str

    def covers(self, dataset: str, at: datetime) -> bool:
        """Return whether a dataset is in maintenance at an instant."""
        return self.starts <= at < self.ends and self.concerns(dataset)

    def concerns(self, dataset: str) -> bool:
        """Return whether a dataset is one of those it is about."""
        return any(fnmatchcase(dataset, pattern) for pattern in self.datasets)


@dataclass(frozen=True)
class ServiceLevels:
    """One ``slas.yaml``.

    Attributes:
        sha256: of the file's bytes.
        warnings: what the loader accepted but a person should know.
    """

    promises: tuple[Promise, ...]
    maintenance: tuple[Maintenance, ...]
    sha256: str
    warnings: tuple[str, ...] = ()
