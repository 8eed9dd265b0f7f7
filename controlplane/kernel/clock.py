"""Where the plane gets its time from. Leases and outbox use wall time; everything judged uses the injected clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.kernel.ports import Clock


class SystemClock(Clock):
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the current instant, timezone-aware, in UTC."""
        return datetime.now(UTC)


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
