"""Rows set aside on pages: what waits for a decision, one fix for many, and whether every row is accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controlplane.gate.model import KeptKind
from controlplane.usecases.housekeeping import kept_for
from controlplane.usecases.model import Ports
from controlplane.usecases.viewing.datasets import title_of
from controlplane.usecases.viewing.statements import descriptions
from controlplane.usecases.views_ports import (
    KeptCount,
    KeptFilter,
    KeptGroup,
    KeptLine,
    LetterGroup,
    RunFilter,
    RunLine,
)

_DECIDED = ("published", "held")


@dataclass(frozen=True)
class Reason:
    """Rows kept for the same reasons; ``titles``: what those checks ask for, in the order of ``group.reasons``."""

    group: KeptGroup
    titles: tuple[str, ...]


@dataclass(frozen=True)
class QuarantineList:
    """All that is kept beside tables.

    Attributes:
        reasons: most rows first; letters: dead letters by dataset and reason, most first.
        counts: per dataset.
    """

    reasons: tuple[Reason, ...]
    letters: tuple[LetterGroup, ...]
    counts: Mapping[str, KeptCount]

    @property
    def quarantined(self) -> int:
        """Rows that wait for a person."""
        return sum(count.quarantined for count in self.counts.values())

    @property
    def waiting(self) -> int:
        """Rows that wait for their parent."""
        return sum(count.waiting for count in self.counts.values())

    @property
    def dead_letters(self) -> int:
        """Messages that could not be read."""
        return sum(count.dead_letters for count in self.counts.values())


@dataclass(frozen=True)
class QuarantinePage:
    """What is kept beside one table.

    Attributes:
        chosen: the reason whose rows are shown; None: all rows.
        lines: one page of rows, masked, oldest first; after: the place the next page begins behind.
        total: rows that the choice has.
        columns: of the rows; masked: those of them that are masked.
        runs: newest decided batches with their balance, newest first.
        expire: how long after they were first seen rows are kept.
    """

    dataset: str
    reasons: tuple[Reason, ...]
    letters: tuple[LetterGroup, ...]
    chosen: Reason | None
    lines: tuple[KeptLine, ...]
    after: tuple[datetime, str, str] | None
    total: int
    columns: tuple[str, ...]
    masked: frozenset[str]
    runs: tuple[RunLine, ...]
    expire: timedelta

    @property
    def rows(self) -> int:
        """Quarantined rows of the dataset."""
        return sum(reason.group.rows for reason in self.reasons if reason.group.kind is KeptKind.QUARANTINED)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest row was first seen."""
        return min((reason.group.first for reason in self.reasons), default=None)


def list_quarantine(ports: Ports) -> QuarantineList:
    """Return all that is kept beside tables, by dataset and reason."""
    return QuarantineList(
        reasons=tuple(_reason(ports, group) for group in ports.views.groups()),
        letters=tuple(ports.views.letters()),
        counts=ports.views.kept(),
    )


def quarantine_page(
    ports: Ports,
    dataset: str,
    *,
    kind: KeptKind | None = None,
    reasons: Sequence[str] = (),
    after: tuple[datetime, str, str] | None = None,
    limit: int = 50,
) -> QuarantinePage:
    """Return what is kept beside a table, with a page of its rows.

    Args:
        kind: of the rows wanted; reasons: the checks they broke, exactly these; without them all rows are wanted.

    Raises:
        DatasetUnknownError: no contract describes the dataset.
    """
    governed = ports.platform.governed(dataset)
    groups = tuple(_reason(ports, group) for group in ports.views.groups(dataset))
    meant = [reason for reason in groups if reason.group.kind is kind and reason.group.reasons == tuple(reasons)]
    wanted = KeptFilter(dataset, kind=kind, reasons=tuple(reasons) or None, after=after)
    lines = ports.views.rows(wanted, limit + 1)
    last = lines[limit - 1] if len(lines) > limit else None
    runs = ports.views.runs(RunFilter(dataset, states=_DECIDED), limit=8)
    columns = dict.fromkeys(name for line in lines for name in line.masked or ())
    known = [name for name in governed.columns if name in columns]
    counted = [reason.group.rows for reason in groups if kind is None or reason.group.kind is kind]
    return QuarantinePage(
        dataset=dataset,
        reasons=groups,
        letters=tuple(ports.views.letters(dataset)),
        chosen=meant[0] if meant and reasons else None,
        lines=tuple(lines[:limit]),
        after=(last.since, last.row_id, last.run_id) if last else None,
        total=(meant[0].group.rows if meant else 0) if reasons else sum(counted),
        columns=(*known, *(name for name in columns if name not in known)),
        masked=frozenset(rule.field for rule in governed.masks),
        runs=tuple(run for run in runs if run.balance),
        expire=kept_for(ports, governed),
    )


def all_of_reason(ports: Ports, dataset: str, reasons: Sequence[str]) -> Sequence[str]:
    """Return the ids of all quarantined rows kept for exactly these reasons."""
    ports.platform.governed(dataset)
    return ports.views.row_ids(KeptFilter(dataset, kind=KeptKind.QUARANTINED, reasons=tuple(reasons)))


def _reason(ports: Ports, group: KeptGroup) -> Reason:
    governed = ports.platform.datasets.get(group.dataset)
    checks = {check.id: check for check in governed.checks} if governed else {}
    written = descriptions(governed.spec) if governed else {}
    return Reason(group, tuple(title_of(check_id, checks.get(check_id), written) for check_id in group.reasons))
