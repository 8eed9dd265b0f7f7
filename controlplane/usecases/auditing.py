"""Audit (step 5): what is judged of a written snapshot, and of a published one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from checks.judging import judge
from checks.model import Check, CheckKind, CheckResult, Facts
from checks.ports import Subject
from checks.sql.needs import columns_here
from controlplane.gate.deciding import Lack, Verdict
from controlplane.gate.model import Run
from controlplane.kernel.identity import SnapshotId
from controlplane.kernel.outcome import Outcome, Stage
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.table import Snapshot
from controlplane.usecases.compiling.checks import CLEAR
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.references import register_parents

AUDITED = "audited"


def gather_facts(
    ports: Ports, governed: Governed, clock: datetime, snapshot: Snapshot | None = None, *, batch_rows: int = 0
) -> Facts:
    """Return what checks of a dataset may need beside its rows, as of a time of the plane's clock.

    Args:
        batch_rows: rows of a batch under audit, which is not recorded yet, so that it counts among today's.
    """
    counted = any(check.kind is CheckKind.VOLUME_CHANGE for check in governed.checks)
    zone = ZoneInfo(ports.time_zone)
    days = dict(ports.records.daily_rows(governed.id, clock, zone)) if counted else {}
    if batch_rows:
        today = clock.astimezone(zone).date().isoformat()
        days[today] = days.get(today, 0) + batch_rows
    return Facts(
        now=clock,
        heartbeat=_heartbeat(ports, governed, clock),
        daily_rows=days,
        schema=snapshot.schema if snapshot else None,
        expected_schema=ports.writer.expected_schema(governed.id) if snapshot else None,
        time_zone=ports.time_zone,
        warmup=governed.spec.warmup,
        lateness=governed.spec.lateness,
        drift=timedelta(seconds=ports.drift),
    )


def _heartbeat(ports: Ports, governed: Governed, clock: datetime) -> datetime | None:
    """Return until when everything is known to be delivered: the oldest watermark of the topics a dataset is made from.

    A resumed run keeps its clock, and a watermark that came since must not look like one from the future to it.
    """
    marks = [ports.landing.watermark(topic) for topic in ports.platform.topics(governed.name)]
    known = [mark for mark in marks if mark is not None]
    if not known or len(known) < len(marks):
        return None
    oldest = min(known)
    possible = oldest <= ports.clock.now() + timedelta(seconds=ports.drift)
    return min(oldest, clock) if possible else oldest


def audit(
    ports: Ports, governed: Governed, run: Run, snapshot_id: SnapshotId, session: SqlSession, *, batch_rows: int
) -> Sequence[CheckResult]:
    """Judge exactly this snapshot: schema by field id, table-scope checks, masked formats, and the leak scan.

    The session holds the batch's clear values of masked fields where there are any (relation ``clear_values``).

    Args:
        batch_rows: rows the batch publishes.
    """
    interval = governed.spec.write_mode.interval_fields
    checks = [
        check
        for check in governed.checks
        if not check.screening_only and (not check.row_scope or any(field in interval for field in check.fields))
    ]
    return measure(ports, governed, snapshot_id, checks, session, run=run, batch_rows=batch_rows)


def measure(  # noqa: PLR0913 (one question, asked of an audit and of an observation alike)
    ports: Ports,
    governed: Governed,
    snapshot_id: SnapshotId,
    checks: Sequence[Check],
    session: SqlSession,
    *,
    run: Run | None = None,
    batch_rows: int = 0,
) -> Sequence[CheckResult]:
    """Measure and judge checks on one snapshot; with a run as its audit (pinned parents and clock), without as observation."""
    snapshot = ports.reader.snapshot(governed.id, snapshot_id)
    clock = run.clock if run is not None else ports.clock.now()
    facts = gather_facts(ports, governed, clock, snapshot, batch_rows=batch_rows)
    columns = {column.name: column.type for column in snapshot.schema.fields}
    wanted = _columns(checks, columns)
    session.register(AUDITED, ports.reader.rows(governed.id, snapshot_id, columns=wanted).read_all())
    parents = dict(register_parents(ports, governed, run, checks, session))
    if run is not None:
        parents[CLEAR] = CLEAR
    subject = Subject(session, AUDITED, {name: columns[name] for name in wanted}, facts, parents)
    stage = Stage.AUDIT if run is not None else Stage.OBSERVE
    by_id = {check.id: check for check in checks}
    return [
        judge(by_id[measurement.check_id], measurement, stage=stage, facts=facts)
        for measurement in ports.engine.measure(checks, subject)
    ]


def _columns(checks: Sequence[Check], known: dict[str, str]) -> list[str]:
    """Return the columns to read: those the checks name; all of them where that cannot be told."""
    named: set[str] = set()
    for check in checks:
        needed = columns_here(check)
        if needed is None:
            return list(known)
        named |= needed
    return [name for name in known if name.lower() in named] or list(known)[:1]


def verdicts(results: Sequence[CheckResult]) -> Sequence[Verdict]:
    """Return check results as the gate's decision reads them."""
    return [
        Verdict(result.check.id, result.outcome, result.check.severity, result.check.blocking, result.reason, _lack(result))
        for result in results
    ]


def _lack(result: CheckResult) -> Lack | None:
    if result.outcome is not Outcome.NO_EVIDENCE:
        return None
    measured = result.measurement
    if measured.history_points is not None:
        return Lack.WARMING_UP
    if measured.rows_total == 0:
        return Lack.NO_ROWS
    if measured.rows_total is not None and measured.rows_total < result.check.min_rows:
        return Lack.TOO_FEW_ROWS
    return Lack.EVIDENCE_MISSING
