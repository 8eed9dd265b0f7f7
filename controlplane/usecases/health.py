"""The plane's own health: does anybody still watch, does anything wait, and can the plane work at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import ControlPlaneError
from controlplane.kernel.ports import Clock
from controlplane.usecases.agenda import EVALUATION
from controlplane.usecases.model import Ports
from controlplane.usecases.vitals_ports import StoreVitals

PATIENCE = 3
"""So many intervals may pass without an evaluation before promises count as unwatched."""

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Health:
    """How the plane itself is. Times are wall time.

    Attributes:
        state: of the watcher: ``ok``, ``late`` (promises are not evaluated any more), ``never`` (no schedule ever ran here),
            ``unknown`` (the store does not answer).
        evaluation_interval: how often promises are to be evaluated.
        evaluated_at: newest stored evaluation on the plane's clock, whoever asked for it.
        objectives: by state; checks: by outcome, of every dataset's newest judged run; alerts: open ones by priority.
        runs: by state, of the last 24 hours.
        messages_waiting: not delivered yet; oldest_message: how long the oldest has waited.
        slowest_delivery: of the last hour; None where nothing was delivered.
        slot_lag: how long ago the moment of the most overdue scheduled job was.
        problems: what keeps the plane from working, one sentence each.
    """

    at: datetime
    state: str
    evaluation_interval: timedelta
    last_evaluation: datetime | None = None
    next_evaluation: datetime | None = None
    evaluated_at: datetime | None = None
    objectives: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, int] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)
    messages_waiting: int = 0
    oldest_message: timedelta | None = None
    slowest_delivery: timedelta | None = None
    slot_lag: timedelta = timedelta(0)
    problems: tuple[str, ...] = ()


def health(ports: Ports, wall: Clock | None = None) -> Health:
    """Return how the plane is, from the store alone; never raises, a store that does not answer is part of the answer."""
    now = (wall or SystemClock()).now()
    try:
        vitals = ports.vitals.read(runs_since=now - _DAY, delivered_since=now - _HOUR)
        last = ports.slots.last_done(EVALUATION)
        lag = ports.agenda.lag(now)
    except ControlPlaneError as error:
        return Health(now, "unknown", ports.intervals.evaluation, problems=(str(error),))
    return _health(ports, now, vitals, last, lag)


def readiness(ports: Ports) -> tuple[str, ...]:
    """Return why the plane cannot work now, one sentence each; nothing where it can.

    The store is asked (and brought to this version, or refused as a newer one's), then the catalog.
    """
    return tuple(
        problem
        for problem in (_problem(lambda: ports.slots.newest(EVALUATION)), _problem(lambda: _ask_catalog(ports)))
        if problem is not None
    )


def _problem(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except ControlPlaneError as error:
        return str(error)
    return None


def is_unwatched(ports: Ports, last: datetime | None, now: datetime) -> bool:
    """Return whether promises were evaluated by schedule once and are not any more."""
    return last is not None and now - last > PATIENCE * ports.intervals.evaluation


def _health(ports: Ports, now: datetime, vitals: StoreVitals, last: datetime | None, lag: timedelta) -> Health:
    interval = ports.intervals.evaluation
    return Health(
        at=now,
        state="never" if last is None else "late" if is_unwatched(ports, last, now) else "ok",
        evaluation_interval=interval,
        last_evaluation=last,
        next_evaluation=None if last is None else last + interval,
        evaluated_at=vitals.evaluated_at,
        objectives=vitals.objectives,
        checks=vitals.checks,
        runs=vitals.runs,
        alerts=vitals.alerts,
        messages_waiting=vitals.waiting,
        oldest_message=None if vitals.oldest_waiting is None else now - vitals.oldest_waiting,
        slowest_delivery=vitals.slowest_delivery,
        slot_lag=lag,
    )


def _ask_catalog(ports: Ports) -> None:
    for governed in ports.platform.datasets.values():
        ports.reader.head(governed.id)
        return
