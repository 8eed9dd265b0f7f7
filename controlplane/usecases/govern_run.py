"""The way of one batch: plan, transform and screen, mask, write, audit, decide, publish, record, keep house.

Every step can be repeated: a run that died goes on with its own pins, recomputes what it had found (same pins, same answer),
writes nothing twice and publishes exactly once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from checks.model import CheckResult
from controlplane.contracts.model import Mode, OnUnknown
from controlplane.gate.deciding import decide
from controlplane.gate.model import Balance, DeadLetter, Decision, KeptKind, Run, RunState
from controlplane.gate.properties import bytes_written, write_properties, wrote
from controlplane.kernel.errors import ControlPlaneError, LeaseTakenError, LostRaceError, UnavailableError
from controlplane.kernel.logs import bound, event
from controlplane.kernel.ports import SqlSession
from controlplane.usecases.auditing import audit, gather_facts, verdicts
from controlplane.usecases.backfilling import Span, check_backfill
from controlplane.usecases.delivering import deliver_here
from controlplane.usecases.facts import fact_of, note_watermark, wrong_rows
from controlplane.usecases.holding import replace_held
from controlplane.usecases.housekeeping import keep_house
from controlplane.usecases.ingesting import dead_letter
from controlplane.usecases.planning import Planned, plan_pipeline, supersede
from controlplane.usecases.ports import RunRecord
from controlplane.usecases.raise_alerts import after_run, raise_for_stopped
from controlplane.usecases.recording import lineage_message
from controlplane.usecases.report import stored
from controlplane.usecases.screening import Screened, screen
from controlplane.usecases.transforming import Offered, transform
from controlplane.usecases.writing import Written, write
from lineage.model import EventType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from controlplane.usecases.compiling.dataset import Governed
    from controlplane.usecases.model import Pipeline, Ports

LEASE = timedelta(minutes=5)
_RESTARTS = 5


@dataclass(frozen=True)
class Task:
    """What makes a governed run: how it is planned and where its rows come from.

    Attributes:
        plan: finds or makes the run.
        offer: returns the run's rows; needs an open session.
        pipeline: None where the caller hands the rows over.
        pages_nobody: whether it is a backfill, about which nobody is told anything bad.
    """

    governed: Governed
    plan: Callable[[], Planned]
    offer: Callable[[Planned, SqlSession], Offered]
    pipeline: Pipeline | None = None
    pages_nobody: bool = False


def govern_pipeline(ports: Ports, pipeline: Pipeline, backfill: Span | None = None) -> Run:
    """Carry a pipeline's next batch all the way; return the run as it ended (``published``, ``held``, ``nothing_new`` ...).

    Args:
        backfill: [from, to) of event time to read once more, beside what is new.

    Raises:
        ConfigurationError: the dataset cannot be backfilled.
        LeaseTakenError: another process is writing the dataset.
        ControlPlaneError: what ended the run ``failed``; the run is in the journal with the reason.
    """
    governed = ports.platform.governed(pipeline.dataset)

    def plan() -> Planned:
        return plan_pipeline(ports, governed, pipeline, backfill)

    def offer(planned: Planned, session: SqlSession) -> Offered:
        return transform(ports, governed, pipeline, planned.run, planned.reentering, session)

    if backfill is not None:
        check_backfill(ports, pipeline, backfill)
    task = Task(governed, plan, offer, pipeline, pages_nobody=backfill is not None)
    run = govern(ports, task)
    return run if run.plan.backfill == backfill else govern(ports, task)  # the first one ended what had been left open


def govern(ports: Ports, task: Task) -> Run:
    """Carry one batch all the way, starting again at Plan whenever a foreign writer has won."""
    dataset = task.governed.id
    with ports.leases.hold(dataset, LEASE) as token:

        def still_ours() -> None:
            ports.leases.renew(dataset, token, LEASE)

        for attempt in range(_RESTARTS):
            started = time.monotonic()
            planned = _planned(ports, task)
            if planned.run.state is RunState.NOTHING_NEW or not planned.run.state.is_open:
                if planned.run.state is RunState.NOTHING_NEW:
                    after_run(ports, planned.run, ())
                return planned.run
            try:
                with bound(run_id=str(planned.run.run_id), dataset=dataset.name), _ending_failed(ports, task, planned.run):
                    run = _carry(ports, task, planned, started, still_ours)
                    event("run ended", state=run.state.value, seconds=round(time.monotonic() - started, 3))
            except LostRaceError as error:
                supersede(ports, planned.run, str(error))
                if attempt == _RESTARTS - 1:
                    raise
                continue
            deliver_here(ports)
            return run
    raise AssertionError


def _planned(ports: Ports, task: Task) -> Planned:
    """Plan the run; a pipeline that cannot even be planned is an alert, since no run will tell about it."""
    try:
        return task.plan()
    except (LostRaceError, LeaseTakenError):
        raise
    except ControlPlaneError as error:
        if task.pipeline is not None and not task.pages_nobody:
            raise_for_stopped(ports, task.governed.name, task.pipeline.name, str(error))
        raise


def _carry(ports: Ports, task: Task, planned: Planned, started: float, still_ours: Callable[[], None]) -> Run:
    governed, run = task.governed, planned.run
    with ports.runners["duckdb"].session() as session:
        offered = task.offer(planned, session)
        if offered.input_rows == 0 and not planned.reentering and governed.spec.write_mode.mode is not Mode.OVERWRITE:
            note_watermark(ports, run)
            run = ports.journal.advance(run, RunState.NOTHING_NEW)
            after_run(ports, run, ())
            return run
        ports.outbox.add([lineage_message(ports, governed, task.pipeline, run, EventType.START)])
        screened = screen(ports, governed, run, offered.raw, gather_facts(ports, governed, run.clock), session)
        run = ports.journal.advance(run, RunState.SCREENED)

        still_ours()
        written = _written(ports, governed, planned, screened, session)
        balance = _balance(governed, offered, screened, written)
        letters = _stage(ports, run, offered, screened, written)
        run = ports.journal.advance(run, RunState.WRITTEN, snapshot_id=written.snapshot_id, balance=balance)

        results: Sequence[CheckResult] = [
            *screened.results,
            *audit(ports, governed, run, written.snapshot_id, session, batch_rows=written.winners),
        ]
        run = ports.journal.advance(run, RunState.AUDITED)
        decision = _decide(governed, results)
        still_ours()
        if decision.state is RunState.PUBLISHED:
            written, results, decision = _publish(ports, governed, run, written, results, session)
    run = _record(ports, task, run, written, balance, results, decision, time.monotonic() - started, letters)
    after_run(ports, run, [stored(result) for result in results])
    replace_held(ports, run)
    keep_house(ports, governed, run)
    return run


def _written(ports: Ports, governed: Governed, planned: Planned, screened: Screened, session: SqlSession) -> Written:
    """Write the batch, or find what the run published before it died."""
    run = planned.run
    if planned.published and run.snapshot_id is None:
        head = ports.reader.head(governed.id)
        ancestry = ports.reader.lineage_of(governed.id, head.snapshot_id) if head else ()
        run = replace(run, snapshot_id=next(snapshot.snapshot_id for snapshot in ancestry if wrote(snapshot, run.run_id)))
    return write(ports, governed, run, screened, session, published=run.snapshot_id if planned.published else None)


def _balance(governed: Governed, offered: Offered, screened: Screened, written: Written) -> Balance:
    """Account for every row; a batch that does not balance is a defect of the gate and must not be published.

    Raises:
        AssertionError: rows are missing or counted twice.
    """
    totals, ingested = screened.totals, offered.ingested
    passing = totals["passing"]
    balance = Balance(
        offered=ingested.read if ingested else totals["offered"],
        passed=written.winners,
        superseded=passing - written.winners,
        quarantined=0 if ingested else totals["quarantined"],
        waiting=totals["waiting"],
        dead_lettered=len(ingested.letters) + totals["quarantined"] if ingested else 0,
        duplicates=offered.duplicates,
    )
    if balance.missing:
        message = f"{governed.name}: {balance.missing} of {balance.offered} rows are unaccounted for: {balance}"
        raise AssertionError(message)
    return balance


def _stage(ports: Ports, run: Run, offered: Offered, screened: Screened, written: Written) -> Sequence[DeadLetter]:
    """Keep what left the batch, invisible until the run is recorded: as dead letters for ingestion, else as kept rows."""
    if offered.ingested is None:
        ports.kept_rows.stage(run, [*screened.kept, *written.tombstones])
        return ()
    letters = list(offered.ingested.letters)
    letters += [
        dead_letter(ports, dict(screened.leavers[row.row_id]), f"breaks {', '.join(row.reasons)}")
        for row in screened.kept
        if row.kind is KeptKind.QUARANTINED
    ]
    if letters:
        ports.dead_letters.stage(run, letters)
    return letters


def _decide(governed: Governed, results: Sequence[CheckResult]) -> Decision:
    publishes_unknown = governed.spec.on_unknown is OnUnknown.PUBLISH
    return decide(verdicts(results), tier=governed.spec.tier, publishes_unknown=publishes_unknown)


def _publish(
    ports: Ports, governed: Governed, run: Run, written: Written, results: Sequence[CheckResult], session: SqlSession
) -> tuple[Written, Sequence[CheckResult], Decision]:
    """Publish exactly the audited snapshot. Where a foreign writer came first, an append is re-applied and audited again.

    Raises:
        LostRaceError: main has moved and the batch is no append, or it moved too often.
    """
    decision = _decide(governed, results)
    for _ in range(_RESTARTS):
        try:
            ports.writer.publish(governed.id, run.run_id, written.snapshot_id)
        except LostRaceError:
            if governed.spec.write_mode.mode is not Mode.APPEND:
                raise
            properties = write_properties(run.plan, run.clock)
            again = ports.writer.rebase(governed.id, run.run_id, written.snapshot_id, properties)
            written = replace(written, snapshot_id=again)
            run = ports.journal.advance(run, RunState.WRITTEN, snapshot_id=again)
            screening = [result for result in results if result.stage == "screen"]
            results = [*screening, *audit(ports, governed, run, again, session, batch_rows=written.winners)]
            run = ports.journal.advance(run, RunState.AUDITED)
            decision = _decide(governed, results)
            if decision.state is not RunState.PUBLISHED:
                return written, results, decision
        else:
            return written, results, decision
    message = f"{governed.name} kept moving under run {run.run_id}; other writers publish faster than it can be audited"
    raise LostRaceError(message)


def _record(  # noqa: PLR0913, PLR0917 (everything a run found is stored in one place, once)
    ports: Ports,
    task: Task,
    run: Run,
    written: Written,
    balance: Balance,
    results: Sequence[CheckResult],
    decision: Decision,
    seconds: float,
    letters: Sequence[DeadLetter],
) -> Run:
    published = decision.state is RunState.PUBLISHED
    snapshot = ports.reader.snapshot(task.governed.id, written.snapshot_id)
    reason = "; ".join(decision.reasons) or (f"{len(letters)} dead letters" if letters else None)
    event = lineage_message(
        ports,
        task.governed,
        task.pipeline,
        run,
        EventType.COMPLETE if published else EventType.FAIL,
        snapshot_id=written.snapshot_id if published else None,
        results=results,
        rows_written=written.rows if published else None,
        error=None if published else f"held by the gate: {reason}",
    )
    return ports.records.record(
        RunRecord(
            run=run,
            state=decision.state,
            results=results,
            balance=balance,
            snapshot_id=written.snapshot_id,
            reason=reason,
            superseded_rows=written.superseded_rows,
            messages=[event],
            seconds=seconds,
            bytes_written=bytes_written(snapshot),
            rows=snapshot.row_count if published else None,
            fact=fact_of(ports, run, decision.state, balance, wrong=wrong_rows(task.governed, results)),
        )
    )


@contextmanager
def _ending_failed(ports: Ports, task: Task, run: Run) -> Iterator[None]:
    """End the run ``failed`` with its reason when anything but a lost race stops it; the store itself may be what failed."""
    try:
        yield
    except (LostRaceError, LeaseTakenError):
        raise
    except ControlPlaneError as error:
        fail(ports, task.governed, task.pipeline, run, str(error))
        raise
    except OSError as error:
        reason = f"{task.governed.name}: {error.strerror or type(error).__name__} while the batch was carried"
        fail(ports, task.governed, task.pipeline, run, reason)
        raise UnavailableError(reason) from error
    except Exception as error:
        fail(ports, task.governed, task.pipeline, run, f"internal error ({type(error).__name__})")
        raise


def fail(ports: Ports, governed: Governed, pipeline: Pipeline | None, run: Run, reason: str) -> None:
    """End a run ``failed``; what it staged is forgotten and readers keep the last good snapshot."""
    event("run failed", run_id=str(run.run_id), dataset=governed.name, error=reason)
    with suppress(ControlPlaneError):
        fact = fact_of(ports, run, RunState.FAILED)
        events = [
            lineage_message(ports, governed, pipeline, run, EventType.START),
            lineage_message(ports, governed, pipeline, run, EventType.FAIL, error=reason),
        ]
        failed = RunRecord(run=run, state=RunState.FAILED, reason=reason, messages=events, fact=fact)
        after_run(ports, ports.records.record(failed), ())
        deliver_here(ports)
