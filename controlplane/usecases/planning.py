"""Plan (step 1): pin everything a run's answer depends on, or find that there is nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from checks.model import CheckKind
from controlplane.contracts.model import Mode
from controlplane.gate import properties
from controlplane.gate.model import InputPin, InputRole, KeptKind, KeptRow, KeptStatus, Run, RunPlan, RunState
from controlplane.gate.properties import Consumed
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.table import Snapshot
from controlplane.usecases.backfilling import Span
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.facts import fact_of, known_until, note_watermark
from controlplane.usecases.model import Pipeline, Ports
from controlplane.usecases.ports import RunRecord


@dataclass(frozen=True)
class Planned:
    """A run to carry out, and what was found while planning it.

    Attributes:
        published: the run's snapshot is on main already (it died between publishing and recording).
        reentering: kept rows that enter this run again.
        consumed: what the published rows were made from before this run.
    """

    run: Run
    published: bool = False
    reentering: tuple[KeptRow, ...] = ()


def plan_pipeline(ports: Ports, governed: Governed, pipeline: Pipeline, backfill: Span | None = None) -> Planned:
    """Return the run that brings a dataset up to date with its inputs, resumed or new, or one that ended ``nothing_new``.

    Args:
        backfill: event time to read once more, whatever is new; an open run goes on as it was planned.

    Raises:
        ConfigurationError: the table cannot be brought to the contract, or an input is unknown.
        CatalogUnavailableError: the catalog does not answer.
    """
    ancestry = _ancestry(ports, governed)
    reentering = _reentering(ports, governed, pipeline)
    resumed = _resumable(ports, governed, ancestry, pipeline.sql_sha256)
    if resumed is not None:
        again = tuple(row for row in reentering if row.row_id in resumed.run.plan.reentering)
        return Planned(resumed.run, resumed.published, again)
    before = properties.consumed(ancestry)
    watermark = known_until(ports, pipeline)
    inputs = _landing_pins(ports, governed, pipeline) if pipeline.topic else _snapshot_pins(ports, governed, pipeline, before)
    due = _due(ports, governed, inputs, before, pipeline, reentering)
    plan = _plan(ports, governed, ancestry[0], inputs, pipeline.sql_sha256, reentering if due else ())
    plan = replace(plan, backfill=backfill, watermark=watermark)
    run = ports.journal.plan(plan, clock=ports.clock.now(), pipeline=pipeline.name)
    if run.state is RunState.PLANNED and not backfill and not _has_work(governed, inputs, before, plan, due=due):
        run = ports.journal.advance(run, RunState.NOTHING_NEW)
    if run.state is RunState.NOTHING_NEW:
        note_watermark(ports, replace(run, plan=plan))
    return Planned(run, reentering=tuple(reentering) if due else ())


def plan_batch(ports: Ports, governed: Governed, *, key: str, sha256: str, inputs: Sequence[str], job: str) -> Planned:
    """Return the run that writes rows the caller hands over; a batch that was published under the same key is that run.

    Args:
        key: names the batch, so that handing it over again changes nothing.
        sha256: of the rows.
        inputs: datasets the rows were made from, pinned for lineage and reconciliation.
    """
    ancestry = _ancestry(ports, governed)
    sql_sha256 = f"batch:{key}:{sha256}"
    resumed = _resumable(ports, governed, ancestry, sql_sha256)
    if resumed is not None:
        return resumed
    done = ports.journal.published_batch(governed.id, key)
    if done is not None:
        return Planned(done, published=True)
    pins = [InputPin(InputRole.BATCH, key, sha256=sha256)]
    for name in [*inputs, *_parents(governed)]:
        head = ports.reader.head(DatasetId(governed.id.namespace, name))
        if head is not None and name not in {pin.name for pin in pins}:
            pins.append(InputPin(InputRole.REFERENCE, name, upto=head.snapshot_id))
    plan = _plan(ports, governed, ancestry[0], tuple(pins), sql_sha256, ())
    return Planned(ports.journal.plan(plan, clock=ports.clock.now(), pipeline=job))


def _ancestry(ports: Ports, governed: Governed) -> Sequence[Snapshot]:
    """Make sure the table is there and looks like its contract; return main's head and its ancestors, newest first."""
    head = ports.writer.ensure(governed.id, governed.definition, {properties.PUBLISHED_AT: ports.clock.now().isoformat()})
    return ports.reader.lineage_of(governed.id, head)


def _resumable(ports: Ports, governed: Governed, ancestry: Sequence[Snapshot], sql_sha256: str) -> Planned | None:
    """Return the dataset's open run if it can go on with its own pins, else supersede it and clean up after it."""
    run = ports.journal.open_run(governed.id)
    if run is None:
        return None
    wanted = (governed.contract.sha256, sql_sha256, governed.policy_sha256, str(_epoch(ports, governed)))
    written = next((snapshot for snapshot in ancestry if properties.wrote(snapshot, run.run_id)), None)
    if properties.versions(run.plan) == wanted:
        if written is not None:
            return Planned(run, published=True)
        if run.plan.base == ancestry[0].snapshot_id:
            return Planned(run)
    if written is not None:
        _settle(ports, run, written)
    else:
        supersede(ports, run, "its table, contract or SQL changed before it was published")
    return None


def _settle(ports: Ports, run: Run, written: Snapshot) -> None:
    """Record a run that published and died, and whose rows nobody can offer again as they were; what it staged counts."""
    reason = "published, but stopped before its checks were recorded"
    entry = RunRecord(
        run=run,
        state=RunState.PUBLISHED,
        results=None,
        balance=run.balance,
        snapshot_id=written.snapshot_id,
        reason=reason,
        rows=ports.reader.snapshot(run.plan.dataset, written.snapshot_id).row_count,
        fact=fact_of(ports, run, RunState.PUBLISHED, run.balance),
    )
    ports.records.record(entry)


def supersede(ports: Ports, run: Run, reason: str) -> None:
    """End a run that another takes the place of: forget what it staged and drop its branch."""
    ports.kept_rows.unstage(run.run_id)
    ports.writer.drop_branch(run.plan.dataset, run.run_id)
    ports.journal.advance(run, RunState.SUPERSEDED, reason=reason)


def _plan(
    ports: Ports,
    governed: Governed,
    head: Snapshot,
    inputs: tuple[InputPin, ...],
    sql_sha256: str,
    reentering: Sequence[KeptRow],
) -> RunPlan:
    return RunPlan(
        dataset=governed.id,
        base=head.snapshot_id,
        inputs=inputs,
        contract_sha256=governed.contract.sha256,
        sql_sha256=sql_sha256,
        policy_sha256=governed.policy_sha256,
        key_epoch=_epoch(ports, governed),
        reentering=tuple(sorted(row.row_id for row in reentering)),
    )


def _epoch(ports: Ports, governed: Governed) -> int:
    """Return the epoch of the token key; 0 where nothing is masked, so that such a dataset needs no key."""
    return ports.tokens.master().epoch if governed.masks else 0


def _landing_pins(ports: Ports, governed: Governed, pipeline: Pipeline) -> tuple[InputPin, ...]:
    topic = str(pipeline.topic)
    done = ports.journal.consumed_files(governed.id, topic)
    return tuple(
        InputPin(InputRole.LANDING, f"{topic}/{file.name}", sha256=file.sha256)
        for file in ports.landing.files(topic)
        if (f"{topic}/{file.name}", file.sha256) not in done
    )


def _snapshot_pins(ports: Ports, governed: Governed, pipeline: Pipeline, before: Consumed) -> tuple[InputPin, ...]:
    """Pin the head of every input, and of every parent a check needs. An input without a snapshot is not pinned."""
    roles: dict[str, InputRole] = dict(pipeline.inputs)
    for name in _parents(governed):
        roles.setdefault(name, InputRole.REFERENCE)
    pins = []
    for name, role in roles.items():
        head = ports.reader.head(DatasetId(governed.id.namespace, name))
        if head is not None:
            after = before.snapshots.get(name) if role is InputRole.NEW else None
            pins.append(InputPin(role, name, after=after, upto=head.snapshot_id))
    return tuple(pins)


def _parents(governed: Governed) -> Sequence[str]:
    """Return the datasets that checks compare with."""
    kinds = {CheckKind.REFERENCE, CheckKind.RECONCILIATION}
    named = [str(check.arguments["to"]) for check in governed.checks if check.kind in kinds and "to" in check.arguments]
    return [name for name in dict.fromkeys(named) if name != governed.name]


def _reentering(ports: Ports, governed: Governed, pipeline: Pipeline) -> Sequence[KeptRow]:
    if pipeline.topic is not None or governed.spec.write_mode.mode is Mode.OVERWRITE:
        return ()
    return ports.kept_rows.reentering(governed.id)


def _due(
    ports: Ports,
    governed: Governed,
    inputs: Sequence[InputPin],
    before: Consumed,
    pipeline: Pipeline,
    reentering: Sequence[KeptRow],
) -> bool:
    """Return whether kept rows have a reason to enter again: new rows come anyway, or their fate may have changed."""
    if not reentering:
        return False
    if _moved(inputs, before, {InputRole.NEW, InputRole.ALL, InputRole.REFERENCE}):
        return True
    if before.versions[:2] != (governed.contract.sha256, pipeline.sql_sha256):
        return True
    return any(row.status is KeptStatus.RETRYING or _overdue(row, governed, ports.clock.now()) for row in reentering)


def _overdue(row: KeptRow, governed: Governed, now: datetime) -> bool:
    return row.kind is KeptKind.WAITING and row.since <= now - governed.spec.lateness


def _has_work(governed: Governed, inputs: Sequence[InputPin], before: Consumed, plan: RunPlan, *, due: bool) -> bool:
    if any(pin.role is InputRole.LANDING for pin in inputs) or due:
        return True
    if governed.spec.write_mode.mode is not Mode.OVERWRITE:
        return _moved(inputs, before, {InputRole.NEW, InputRole.ALL})
    readable = any(pin.role is not InputRole.REFERENCE for pin in inputs)
    changed = before.versions != properties.versions(plan)
    return readable and (changed or _moved(inputs, before, {InputRole.NEW, InputRole.ALL, InputRole.REFERENCE}))


def _moved(inputs: Sequence[InputPin], before: Consumed, roles: set[InputRole]) -> bool:
    consumed: Mapping[str, SnapshotId] = before.snapshots
    return any(pin.role in roles and pin.upto != consumed.get(pin.name) for pin in inputs)
