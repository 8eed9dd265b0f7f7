"""Runs on pages: the list, and what became of one batch, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.gate.model import InputPin, InputRole
from controlplane.kernel.errors import NotFoundError
from controlplane.kernel.identity import RunId
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import AuditEntry, StoredResult
from controlplane.usecases.viewing.datasets import title_of
from controlplane.usecases.viewing.statements import descriptions, rule_ids
from controlplane.usecases.views_ports import RunFilter, RunLine

_ORDER = {outcome.value: rank for rank, outcome in enumerate((Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE))}


@dataclass(frozen=True)
class RunList:
    """One page of runs, newest first; ``after``: the place the next page begins behind, None on the last page."""

    lines: tuple[RunLine, ...]
    after: tuple[datetime, str] | None


@dataclass(frozen=True)
class RunPage:
    """What became of one batch.

    Attributes:
        inputs: what it read, landing files folded to one entry a topic: (role, name, what was pinned).
        results: what its checks said, what needs a person first, each with the check's sentence.
        written: ids of the checks that a person wrote; the schema implies the others.
        audit: what people did with it, newest first.
        aside: rows it set aside, or would set aside when released.
        tier: of its dataset; None when no contract describes it any more.
    """

    line: RunLine
    inputs: tuple[tuple[str, str, str], ...]
    results: tuple[tuple[StoredResult, str], ...]
    written: frozenset[str]
    audit: tuple[AuditEntry, ...]
    aside: int
    tier: int | None


def list_runs(ports: Ports, wanted: RunFilter, *, limit: int = 50) -> RunList:
    """Return a page of runs, newest first. Raises ``DatasetUnknownError`` for a dataset without a contract."""
    if wanted.dataset is not None:
        ports.platform.governed(wanted.dataset)
    lines = ports.views.runs(wanted, limit + 1)
    last = lines[limit - 1] if len(lines) > limit else None
    return RunList(tuple(lines[:limit]), (last.clock, last.run_id) if last else None)


def run_page(ports: Ports, run_id: str) -> RunPage:
    """Return what became of a run. Raises ``NotFoundError`` when there is no such run."""
    line = ports.views.run(run_id)
    run = ports.journal.find(RunId(UUID(line.run_id))) if line else None
    if line is None or run is None:
        message = f"there is no run {run_id!r}; the list of runs shows the known ones"
        raise NotFoundError(message)
    governed = ports.platform.datasets.get(line.dataset)
    checks = {check.id: check for check in governed.checks} if governed else {}
    written = descriptions(governed.spec) if governed else {}
    results = sorted(
        ports.views.results([line.run_id]).get(line.run_id, ()),
        key=lambda result: _ORDER.get(result.outcome, len(_ORDER)),
    )
    return RunPage(
        line=line,
        inputs=tuple(_inputs(run.plan.inputs)),
        results=tuple((result, title_of(result.check_id, checks.get(result.check_id), written)) for result in results),
        written=rule_ids(governed.spec) if governed else frozenset(),
        audit=tuple(ports.audit_log.entries(line.run_id)),
        aside=line.balance.quarantined if line.balance else 0,
        tier=governed.spec.tier if governed else None,
    )


def _inputs(pins: Sequence[InputPin]) -> Sequence[tuple[str, str, str]]:
    files: dict[str, list[str]] = {}
    found = []
    for pin in pins:
        if pin.role is InputRole.LANDING:
            topic, _, name = pin.name.partition("/")
            files.setdefault(topic, []).append(name)
        elif pin.role is InputRole.BATCH:
            found.append((pin.role.value, pin.name, f"rows with digest {str(pin.sha256)[:12]}"))
        else:
            since = f"after snapshot {pin.after}, up to {pin.upto}" if pin.after is not None else f"snapshot {pin.upto}"
            found.append((pin.role.value, pin.name, since))
    landed = [(InputRole.LANDING.value, topic, _files(names)) for topic, names in sorted(files.items())]
    return [*landed, *found]


def _files(names: Sequence[str]) -> str:
    ordered = sorted(names)
    if len(ordered) == 1:
        return f"1 file, {ordered[0]}"
    return f"{len(ordered):,} files, {ordered[0]} to {ordered[-1]}"
