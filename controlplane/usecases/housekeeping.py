"""Keep house (step 9): tables stay small, and nothing that anybody still needs is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256

from controlplane.gate import properties
from controlplane.gate.model import Run, RunPlan, RunState
from controlplane.gate.properties import OPERATION, PUBLISHED_AT, REWRITE, RUN_ID
from controlplane.kernel.errors import ControlPlaneError, LostRaceError, UnableToEvaluateError
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import RunRecord

_EVERY = 10
"""Branches, unreferenced files and rows kept too long are looked for once in so many snapshots: listing files is not free."""

_MANY_OLD = 10
"""So many old snapshots are worth the commit that expires them."""


def keep_house(ports: Ports, governed: Governed, run: Run, *, thorough: bool = False) -> None:
    """Expire old snapshots, drop abandoned branches, rewrite small files, delete unreferenced ones.

    Nothing here may fail a run that has ended well: what cannot be done now is done after the next run.

    Args:
        thorough: look for everything, whether or not it was looked for lately.
    """
    if run.state is not RunState.PUBLISHED:
        return
    with suppress(ControlPlaneError):
        _rewrite(ports, governed, run)
        head = ports.reader.head(governed.id)
        ancestry = ports.reader.lineage_of(governed.id, head.snapshot_id) if head else ()
        before = run.clock - governed.spec.history
        old = sum(snapshot.published_at is None or snapshot.published_at < before for snapshot in ancestry)
        expired = _expire(ports, governed, run) if thorough or old >= _MANY_OLD else 0
        if not expired and not thorough and len(ancestry) % _EVERY:
            return
        ports.keeper.drop_branches(governed.id, keep=[kept.run_id for kept in _living(ports, governed)])
        ports.keeper.delete_unreferenced(governed.id, grace=ports.grace)
        oldest = run.clock - kept_for(ports, governed)
        ports.kept_rows.expire(governed.id, oldest)
        ports.dead_letters.expire(governed.id, oldest)


def _living(ports: Ports, governed: Governed) -> Sequence[Run]:
    """Return the runs whose branches somebody may still publish: open ones and held ones."""
    opened = ports.journal.open_run(governed.id)
    return [*([opened] if opened else []), *ports.journal.runs(governed.id, state=RunState.HELD)]


def _expire(ports: Ports, governed: Governed, run: Run) -> int:
    keep = {held.snapshot_id for held in _living(ports, governed) if held.snapshot_id is not None}
    return ports.keeper.expire(
        governed.id,
        published_before=run.clock - governed.spec.history,
        keep=keep,
        needed_from=_oldest_pin(ports, governed),
    )


def _oldest_pin(ports: Ports, governed: Governed) -> SnapshotId | None:
    """Return the oldest snapshot of a dataset that a consumer goes on from; None when no consumer has read it."""
    pins: set[SnapshotId] = set()
    for consumer in ports.platform.consumers(governed.name):
        consumer_id = DatasetId(governed.id.namespace, consumer.dataset)
        head = ports.reader.head(consumer_id)
        if head is None:
            continue
        consumed = properties.consumed(ports.reader.lineage_of(consumer_id, head.snapshot_id))
        if governed.name in consumed.snapshots:
            pins.add(consumed.snapshots[governed.name])
    if not pins:
        return None
    head = ports.reader.head(governed.id)
    ancestry = ports.reader.lineage_of(governed.id, head.snapshot_id) if head else ()
    return next((snapshot.snapshot_id for snapshot in reversed(ancestry) if snapshot.snapshot_id in pins), None)


def kept_for(ports: Ports, governed: Governed) -> timedelta:
    """Return how long rows are kept beside a table: as long as the bronze rows they came from."""
    pipeline = ports.platform.making(governed.name)
    sources = [name for name in (pipeline.inputs if pipeline else ()) if name in ports.platform.datasets]
    return max([governed.spec.history, *(ports.platform.governed(name).spec.history for name in sources)])


def _rewrite(ports: Ports, governed: Governed, run: Run) -> None:
    """Rewrite small files into fewer through the gate: on a branch, proven to hold as many rows, published by compare-and-swap.

    Raises:
        UnableToEvaluateError: the rewritten snapshot does not hold the rows of its base; it is not published.
    """
    head = ports.reader.head(governed.id)
    small = ports.keeper.small_files(governed.id, head.snapshot_id) if head else ()
    if head is None or not small:
        return
    plan = RunPlan(
        dataset=governed.id,
        base=head.snapshot_id,
        inputs=(),
        contract_sha256=governed.contract.sha256,
        sql_sha256=sha256(b"rewrite").hexdigest(),
        policy_sha256=governed.policy_sha256,
        key_epoch=run.plan.key_epoch,
    )
    rewriting = ports.journal.plan(plan, clock=run.clock, pipeline="housekeeping")
    carried = properties.carried_on(ports.reader.lineage_of(governed.id, head.snapshot_id))
    try:
        snapshot = ports.writer.open_branch(governed.id, plan.run_id, head.snapshot_id)
        if snapshot is None:
            rows = ports.reader.rows(governed.id, head.snapshot_id, files=small).read_all()
            marks = {RUN_ID: str(plan.run_id), OPERATION: REWRITE, PUBLISHED_AT: run.clock.isoformat()}
            snapshot = ports.writer.commit(governed.id, plan.run_id, rows, replaces=small, properties=carried | marks)
        _same_rows(governed, head.row_count, ports.reader.snapshot(governed.id, snapshot).row_count)
        ports.writer.publish(governed.id, plan.run_id, snapshot)
    except (LostRaceError, UnableToEvaluateError) as error:
        ports.writer.drop_branch(governed.id, plan.run_id)
        ports.records.record(RunRecord(run=rewriting, state=RunState.ABANDONED, reason=str(error)))
        return
    reason = f"rewrote {len(small)} small files"
    ports.records.record(RunRecord(run=rewriting, state=RunState.PUBLISHED, snapshot_id=snapshot, reason=reason))


def _same_rows(governed: Governed, before: int | None, after: int | None) -> None:
    if before != after:
        message = f"rewriting files of {governed.name} would turn {before} rows into {after}; it was not published"
        raise UnableToEvaluateError(message)
