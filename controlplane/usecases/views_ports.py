"""Port of what pages read: stored answers, paged and filtered, never computed anew. Adapter: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from controlplane.gate.model import Balance, KeptKind, KeptStatus
from controlplane.usecases.ports import StoredResult


@dataclass(frozen=True)
class DatasetState:
    """What the store says of one dataset without asking the catalog.

    Attributes:
        state: how its newest batch ended: ``published``, ``held``, ``failed`` or ``nothing_new`` (after a failed one).
        rows: that readers see; None when not known.
        judged_run_id: the newest run whose checks were judged; passed .. no_evidence: results of each outcome in it.
    """

    dataset: str
    run_id: str
    state: str
    clock: datetime
    reason: str | None
    published_run_id: str | None
    published_snapshot_id: int | None
    published_at: datetime | None
    rows: int | None
    judged_run_id: str | None
    passed: int
    failed: int
    errored: int
    no_evidence: int


@dataclass(frozen=True)
class RunLine:
    """One run in one line.

    Attributes:
        clock: the plane's clock when it was planned; started_wall, ended_wall: wall time.
        seconds: how long it took; None where that was not recorded.
    """

    run_id: str
    dataset: str
    pipeline: str | None
    state: str
    clock: datetime
    snapshot_id: int | None
    balance: Balance | None
    reason: str | None
    seconds: float | None
    started_wall: datetime
    ended_wall: datetime | None


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; what is None or empty does not matter.

    Attributes:
        since: inclusive, until: exclusive, on the plane's clock.
        after: place of the last run already seen (``clock``, ``run_id``); the page begins behind it.
    """

    dataset: str | None = None
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True)
class PastResult:
    """What a check said once.

    Attributes:
        run_id: None for a check of published data.
    """

    check_id: str
    segment: str | None
    outcome: str
    value: Decimal | None
    unit: str
    at: datetime
    run_id: str | None
    rows_failed: int | None = None
    rows_total: int | None = None
    stage: str = ""


@dataclass(frozen=True)
class KeptCount:
    """How many rows are kept beside one table, open or marked for retry."""

    quarantined: int = 0
    waiting: int = 0
    dead_letters: int = 0


@dataclass(frozen=True)
class KeptGroup:
    """Rows of one dataset that are kept for the same reasons.

    Attributes:
        retrying: how many of them enter the next run again.
        first, last: when the oldest and the newest was first seen.
    """

    dataset: str
    kind: KeptKind
    reasons: tuple[str, ...]
    rows: int
    retrying: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class LetterGroup:
    """Messages of one dataset that could not be read for the same reason; ``source``: one of the files they are in."""

    dataset: str
    reason: str
    messages: int
    source: str
    first: datetime
    last: datetime


@dataclass(frozen=True)
class KeptLine:
    """A kept row as people may see it: masked columns only.

    Attributes:
        masked: column to value; None where housekeeping has removed the content.
        times: how often a run has kept it.
    """

    dataset: str
    row_id: str
    kind: KeptKind
    status: KeptStatus
    reasons: tuple[str, ...]
    since: datetime
    run_id: str
    masked: Mapping[str, object] | None
    times: int = 1


@dataclass(frozen=True)
class KeptFilter:
    """Which kept rows are wanted; what is None does not matter.

    Attributes:
        check_id: rows that this check is a reason for.
        reasons: rows with exactly these reasons.
        staged_by: rows that this held run would set aside are wanted too.
        after: place of the last row already seen (``since``, ``row_id``, ``run_id``).
    """

    dataset: str
    kind: KeptKind | None = None
    check_id: str | None = None
    reasons: tuple[str, ...] | None = None
    staged_by: str | None = None
    after: tuple[datetime, str, str] | None = None


class Views(Protocol):
    """What pages read of the store. Raises ``StoreUnavailableError``.

    Datasets are named as in contracts (``silver.orders``), within the project's namespace.
    """

    def states(self, names: Collection[str] | None = None) -> Mapping[str, DatasetState]:
        """Return the state of datasets (None: of all); one that never had a batch is not among them."""
        ...

    def runs(self, wanted: RunFilter, limit: int = 50) -> Sequence[RunLine]:
        """Return runs, newest first by the plane's clock."""
        ...

    def run(self, run_id: str) -> RunLine | None:
        """Return one run, None when there is none."""
        ...

    def held(self, names: Collection[str] | None = None) -> Sequence[RunLine]:
        """Return batches that wait for a person, newest first."""
        ...

    def results(self, run_ids: Collection[str], *, all_passed: bool = True) -> Mapping[str, Sequence[StoredResult]]:
        """Return the results of runs in the order they were recorded; without ``all_passed`` only those that did not pass."""
        ...

    def recent(self, dataset: str, newest: int = 20) -> Sequence[PastResult]:
        """Return what every check said in a dataset's newest judged runs, oldest first."""
        ...

    def history(self, dataset: str, check_id: str, limit: int = 60, until: datetime | None = None) -> Sequence[PastResult]:
        """Return what one check said last (up to a moment), in runs and on published data, oldest first."""
        ...

    def kept(self, names: Collection[str] | None = None) -> Mapping[str, KeptCount]:
        """Return how many rows are kept beside tables; a dataset without any is not among them."""
        ...

    def groups(self, dataset: str | None = None) -> Sequence[KeptGroup]:
        """Return quarantined and waiting rows by dataset and reasons, most rows first."""
        ...

    def letters(self, dataset: str | None = None, limit: int = 50) -> Sequence[LetterGroup]:
        """Return open dead letters by dataset and reason, most messages first."""
        ...

    def rows(self, wanted: KeptFilter, limit: int = 50) -> Sequence[KeptLine]:
        """Return kept rows that are open or marked for retry, oldest first, masked."""
        ...

    def sample(self, wanted: KeptFilter, limit: int = 8) -> Sequence[KeptLine]:
        """Return some such rows, masked, whichever are found first."""
        ...

    def count(self, wanted: KeptFilter, most: int = 1000) -> int:
        """Return how many such rows there are; ``most`` where there are more."""
        ...

    def row_ids(self, wanted: KeptFilter) -> Sequence[str]:
        """Return the ids of all such rows."""
        ...
