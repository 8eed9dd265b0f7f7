"""What the store tells about the plane's own health. Adapter: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol


@dataclass(frozen=True)
class StoreVitals:
    """Counts over the store at one moment.

    Attributes:
        runs: by state, planned since the asked time.
        checks: by outcome, of every dataset's newest judged run.
        alerts: open ones by priority; objectives: by state.
        waiting: messages not delivered yet; oldest_waiting: when the oldest of them was queued (wall time).
        slowest_delivery: from queued to delivered, among messages delivered since the asked time.
        evaluated_at: newest evaluation of objectives, on the plane's clock.
    """

    runs: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, int] = field(default_factory=dict)
    alerts: Mapping[str, int] = field(default_factory=dict)
    objectives: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0
    oldest_waiting: datetime | None = None
    slowest_delivery: timedelta | None = None
    evaluated_at: datetime | None = None


class Vitals(Protocol):
    """Reads the store's vital signs. Raises ``StoreUnavailableError``."""

    def read(self, *, runs_since: datetime, delivered_since: datetime) -> StoreVitals:
        """Return the counts; both times are wall time."""
        ...
