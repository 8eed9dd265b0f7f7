"""What the side of every page shows: counts beside the entries, and whether the watcher watches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from controlplane.kernel.ports import Clock
from controlplane.usecases.facade import Plane
from controlplane.usecases.health import Health, health

_KEPT_FOR = timedelta(seconds=5)


@dataclass(frozen=True)
class Counts:
    """How many of each there are.

    Attributes:
        alerts: open ones; urgent: of these, P1.
        quarantined: rows in quarantine, of all datasets.
    """

    datasets: int
    checks: int
    quarantined: int
    alerts: int
    urgent: int


class Navigation:
    """Counts and health of one plane, shared by all requests; an answer is kept for five seconds."""

    def __init__(self, plane: Plane, wall: Clock) -> None:
        """Take the plane and the wall clock."""
        self._plane = plane
        self._wall = wall
        self._lock = Lock()
        self._read_at: datetime | None = None
        self._answer: tuple[Counts, Health] | None = None

    def read(self, now: datetime) -> tuple[Counts, Health]:
        """Return counts and health, not older than five seconds. Raises ``StoreUnavailableError``."""
        with self._lock:
            fresh = self._read_at is not None and now - self._read_at < _KEPT_FOR
            if self._answer is None or not fresh:
                self._answer, self._read_at = self._look(), now
            return self._answer

    def forget(self) -> None:
        """Let the next page read anew, after something was changed here."""
        with self._lock:
            self._answer = None

    def _look(self) -> tuple[Counts, Health]:
        ports = self._plane.ports
        found = health(ports, self._wall)
        kept = ports.views.kept().values()
        governed = ports.platform.datasets.values()
        return Counts(
            datasets=len(governed),
            checks=sum(len(entry.checks) for entry in governed),
            quarantined=sum(count.quarantined for count in kept),
            alerts=sum(found.alerts.values()),
            urgent=found.alerts.get("P1", 0),
        ), found
