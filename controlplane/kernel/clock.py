"""Where the plane gets its time from. Leases and outbox use wall time; everything judged uses the injected clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controlplane.kernel.ports import Clock


class SystemClock(Clock):
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class ShiftedClock(Clock):
    """A clock that goes at the pace of the machine's and stays behind it: for data of another time that goes on arriving.

    Attributes:
        behind: by how much; the same in every process that works on one project.
    """

    behind: timedelta

    def now(self) -> datetime:
        """Return the current instant less ``behind``, timezone-aware, in UTC."""
        return datetime.now(UTC) - self.behind


@dataclass
class ReplayClock(Clock):
    """A clock that stands where it was set: for replays and tests.

    Attributes:
        instant: the time it shows; timezone-aware.
    """

    instant: datetime

    def now(self) -> datetime:
        """Return the instant this clock was set to."""
        return self.instant
