"""Port for what service levels are judged by, and where every promise stands. Adapter: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controlplane.slas.history import History
from controlplane.slas.status import Fact, ObjectiveStatus, PromiseState


@dataclass(frozen=True)
class BoardFilter:
    """Which of the stored states are asked for; None asks for all."""

    consumer: str | None = None
    tier: int | None = None
    state: PromiseState | None = None
    dataset: str | None = None
    promise: str | None = None


@dataclass(frozen=True)
class Board:
    """Where promises stood when they were last judged.

    Attributes:
        rows: one page, worst first: by state, then what is due first.
        total: how many there are on all pages.
        counts: how many are in each state, whatever state was asked for.
        evaluated_at: when they were judged; None when they never were.
    """

    rows: tuple[ObjectiveStatus, ...]
    total: int
    counts: Mapping[PromiseState, int]
    evaluated_at: datetime | None


class ServiceLevelStore(Protocol):
    """Facts of a namespace's datasets, and where every promise stands. Raises ``StoreUnavailableError``."""

    def append(self, facts: Sequence[Fact]) -> None:
        """Remember facts that no run's end brings with it."""
        ...

    def facts(self, dataset: str, since: datetime, until: datetime) -> Sequence[Fact]:
        """Return a dataset's facts recorded in [since, until], by time."""
        ...

    def watermarks(self, datasets: Collection[str]) -> Mapping[str, datetime]:
        """Return the newest known watermark of each dataset; a dataset without one is left out."""
        ...

    def histories(self, datasets: Collection[str], since: datetime, until: datetime) -> Mapping[str, History]:
        """Return facts as columns: at least those recorded in [since, until], and of those before it the newest of every kind.

        Kinds are states, with a known watermark or without, so that what held when the time begins is known too. A dataset
        without facts is left out.
        """
        ...

    def keep(self, states: Sequence[ObjectiveStatus]) -> Sequence[ObjectiveStatus]:
        """Store where every promise stands in place of what was stored, in one transaction; return it as stored.

        Where the state has not changed, ``since`` stays as it was.
        """
        ...

    def board(self, wanted: BoardFilter, *, limit: int, offset: int = 0) -> Board:
        """Return a page of what was stored."""
        ...
