"""When the demo runs what: everything every four hours, and what a fault touches at the pace of production around it.

In production ingestion runs every five minutes and everything else every hour; a fortnight of that is more than a demo can
wait for. So only the hours in which something breaks, and until it is mended, are replayed at that pace, for the topics
concerned and what they feed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.demo.lineage import Job, downstream, ingesting
from pipelines.faults import Fault

FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)

_LOOKED_AT = {
    "outage": (timedelta(), timedelta()),
    "bad deploy": (timedelta(minutes=-10), timedelta(hours=1)),
    "schema drift": (timedelta(), timedelta(minutes=40)),
}
"""How long before a fault begins and after it has ended the pace is that of production."""

_AT_ONCE = {"bad deploy": ("orders",)}
"""Pipelines that run with every ingestion, because the fault is seen there."""


@dataclass(frozen=True)
class Tick:
    """A moment of the replay.

    Attributes:
        pipelines: that run at it, in the order of lineage.
        topics: that deliver at it; None for all of them.
    """

    at: datetime
    pipelines: tuple[str, ...]
    topics: frozenset[str] | None = None


def schedule(steps: Sequence[datetime], faults: Sequence[Fault], jobs: Sequence[Job]) -> tuple[Tick, ...]:
    """Return the ticks of a replay in order; no moment stands twice, and at a step everything runs.

    Args:
        steps: at which the sources deliver.
        faults: around which the pace is that of production.
        jobs: the pipelines in the order of lineage.
    """
    end = steps[-1]
    due: dict[datetime, set[str]] = {step: {job.name for job in jobs} for step in steps}
    delivering: dict[datetime, set[str]] = {}
    for fault in faults:
        concerned = ingesting(jobs, fault.topics)
        for at in _moments(fault):
            if at < end:
                hourly = downstream(jobs, concerned) if (at - steps[0]) % HOUR == timedelta() else ()
                due.setdefault(at, set()).update(concerned, _AT_ONCE.get(fault.name, ()), hourly)
                delivering.setdefault(at, set()).update(fault.topics)
    order = [job.name for job in jobs]
    return tuple(
        Tick(
            at,
            tuple(name for name in order if name in due[at]),
            None if at in set(steps) else frozenset(delivering[at]),
        )
        for at in sorted(due)
    )


def _moments(fault: Fault) -> Iterator[datetime]:
    before, after = _LOOKED_AT[fault.name]
    at = fault.starts + before
    while at <= fault.ends + after:
        yield at
        at += FIVE_MINUTES
