"""Held batches: list them, and release one under a name and a reason that stay in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from checks.model import CheckKind
from controlplane.gate.model import Run, RunState
from controlplane.gate.properties import write_properties
from controlplane.kernel.errors import ConfigurationError, HeldError, LostRaceError
from controlplane.kernel.identity import RunId, SnapshotId
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.auditing import measure
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.delivering import deliver_here
from controlplane.usecases.facts import fact_of, wrong_rows
from controlplane.usecases.govern_run import LEASE
from controlplane.usecases.holding import batch_key
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import AuditEntry, RunRecord
from controlplane.usecases.recording import lineage_message
from lineage.model import EventType


def held_runs(ports: Ports, name: str | None = None) -> Sequence[Run]:
    """Return the batches the gate holds, newest first, of one dataset or of all."""
    dataset = ports.platform.governed(name).id if name else None
    return ports.journal.runs(dataset, state=RunState.HELD)


def release(ports: Ports, run_id: RunId, reason: str, *, by: str | None = None) -> Run:
    """Publish exactly the snapshot that was audited and held; rows it set aside stay aside.

    Args:
        by: who releases it, for the audit log; the plane's own actor when None.

    Raises:
        ConfigurationError: no reason is given, the run is not held, or a newer batch has taken its place.
        LeaseTakenError: the dataset is being written.
        HeldError: the table has moved, and on its new rows the batch breaks a check that nobody has accepted yet.
    """
    run = ports.journal.find(run_id)
    if run is None or run.state is not RunState.HELD or run.snapshot_id is None:
        found = f"is {run.state.value}" if run else "is unknown"
        message = f"run {run_id} {found}, so there is nothing to release; `controlplane hold list` shows what is held"
        raise ConfigurationError(message)
    if not reason.strip():
        message = "a release needs a --reason: it is kept in the audit log with your name"
        raise ConfigurationError(message)
    actor = by or ports.actor
    governed = ports.platform.governed(run.plan.dataset.name)
    with ports.leases.hold(governed.id, LEASE):
        snapshot = run.snapshot_id
        try:
            ports.writer.publish(governed.id, run_id, snapshot)
        except LostRaceError as error:
            if batch_key(run) is None:
                message = f"{governed.name} has moved on since run {run_id} was held; run its pipeline again instead"
                raise ConfigurationError(message) from error
            snapshot = ports.writer.rebase(governed.id, run_id, snapshot, write_properties(run.plan, run.clock))
            _nothing_new_fails(ports, governed, run, snapshot)
            ports.writer.publish(governed.id, run_id, snapshot)
        pipeline = ports.platform.making(governed.name)
        wrong = wrong_rows(governed, ports.records.results(run_id))
        released = ports.records.record(
            RunRecord(
                run=run,
                state=RunState.PUBLISHED,
                results=None,
                balance=run.balance,
                snapshot_id=snapshot,
                reason=f"released by {actor}: {reason} (was held: {run.reason})",
                messages=[lineage_message(ports, governed, pipeline, run, EventType.COMPLETE, snapshot_id=snapshot)],
                audit=[
                    AuditEntry(
                        at_wall=datetime.now(UTC),
                        clock=ports.clock.now(),
                        actor=actor,
                        verb="hold.release",
                        subject=str(run_id),
                        reason=reason,
                        before=RunState.HELD.value,
                        after=RunState.PUBLISHED.value,
                    )
                ],
                rows=ports.reader.snapshot(governed.id, snapshot).row_count,
                fact=fact_of(ports, run, RunState.PUBLISHED, run.balance, wrong=wrong),
            )
        )
        deliver_here(ports)
        return released


def _nothing_new_fails(ports: Ports, governed: Governed, run: Run, snapshot_id: SnapshotId) -> None:
    """Judge a re-applied batch again at table scope: what was accepted is what failed when it was held, nothing else."""
    checks = [
        check
        for check in governed.checks
        if check.blocking and not check.row_scope and not check.screening_only and check.kind is not CheckKind.LEAK
    ]
    with ports.runners["duckdb"].session() as session:
        results = measure(ports, governed, snapshot_id, checks, session)
    ports.records.observed(governed.id, snapshot_id, results, ports.clock.now())
    accepted = {result.check_id for result in ports.records.results(run.run_id) if result.outcome == Outcome.FAILED}
    fresh = [result for result in results if result.outcome is Outcome.FAILED and result.check.id not in accepted]
    if fresh:
        sentences = "; ".join(f"{result.check.id}: {result.reason}" for result in fresh)
        message = f"{governed.name} has changed since run {run.run_id} was held, and the batch now also breaks {sentences}"
        raise HeldError(message)
