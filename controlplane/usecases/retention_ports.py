"""How long the store remembers, and what forgets. Adapter: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from controlplane.kernel.identity import RunId


@dataclass(frozen=True)
class Retention:
    """How long the store keeps what nothing names any more.

    Attributes:
        runs: ended runs; results: what checks found; both from the end of the run, in wall time.
        facts: what service levels are computed from; alerts: resolved ones; both on the plane's clock.
        messages: delivered ones; slots: ended ones; both in wall time.
    """

    runs: timedelta = timedelta(days=90)
    results: timedelta = timedelta(days=90)
    facts: timedelta = timedelta(days=400)
    messages: timedelta = timedelta(days=30)
    slots: timedelta = timedelta(days=7)
    alerts: timedelta = timedelta(days=400)


class Pruner(Protocol):
    """Forgets what is older than its retention, in short transactions. Raises ``StoreUnavailableError``."""

    def prune(self, retention: Retention, *, wall: datetime, clock: datetime, keep: Collection[RunId]) -> Mapping[str, int]:
        """Delete old rows and return how many went, by table.

        Never: open or held runs, runs that read landing files or wrote a named batch (they say what was consumed), runs that
        a live kept row, an open alert, a dataset's present state or ``keep`` names; the newest slot of a job; of the old
        facts of a dataset the newest of every kind; messages that wait.

        Args:
            wall: now, in wall time; clock: now, on the plane's clock.
            keep: runs that snapshots name.
        """
        ...

    def sizes(self) -> Mapping[str, int]:
        """Return how many rows each table has."""
        ...
