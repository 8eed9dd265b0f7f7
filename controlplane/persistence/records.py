"""What was found and done: a run's end in one transaction, and checks of published data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, and_, delete, select, update
from sqlalchemy.engine import Connection

from checks.history import LOOK_BACK
from checks.model import CheckResult
from controlplane.gate.model import Run, RunState
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.ports import Clock
from controlplane.persistence.audit_log import note
from controlplane.persistence.database import Database, insert_many, known_dataset, own_dataset
from controlplane.persistence.dataset_states import note_state
from controlplane.persistence.dead_letters import forget_dead_letters, publish_dead_letters
from controlplane.persistence.facts import note_fact
from controlplane.persistence.journal import balance_values, stored_run, unknown_run
from controlplane.persistence.kept_files import KeptFiles, json_text
from controlplane.persistence.kept_rows import discard_kept_rows, forget_kept_rows, publish_kept_rows
from controlplane.persistence.outbox import queue
from controlplane.persistence.tables import audit_log, measurements, runs
from controlplane.usecases.ports import AuditEntry, RunRecord, StoredResult
from controlplane.usecases.report import stored


class StoredRecords:
    """Ends of runs and check results in the store (``usecases.ports.Records``)."""

    def __init__(self, database: Database, files: KeptFiles, wall: Clock) -> None:
        """Take the database, the files of kept rows and the wall clock."""
        self._database = database
        self._files = files
        self._wall = wall

    def record(self, entry: RunRecord) -> Run:
        """Store a run's end in one transaction and return the run; see the port for what that includes.

        Raises:
            UnableToEvaluateError: the run was never planned.
        """
        run, state = entry.run, entry.state
        with self._database.writing() as connection:
            number = own_dataset(connection, run.plan.dataset)
            before = stored_run(connection, run.run_id)
            if before is None:
                raise unknown_run(run)
            ended = _ended(before, entry)
            self._end(connection, ended, entry)
            if entry.results is not None:
                self._measured(connection, number, ended, entry.results)
            note_state(connection, number, ended, entry)
            if entry.fact is not None:
                note_fact(connection, number, entry.fact)
            if state is RunState.PUBLISHED:
                publish_kept_rows(connection, number, ended, entry.superseded_rows)
                publish_dead_letters(connection, number, ended)
            elif state is not RunState.HELD:
                forget_kept_rows(connection, run.run_id)
                forget_dead_letters(connection, run.run_id)
            queue(connection, entry.messages, self._wall.now())
            note(connection, run.run_id, entry.audit)
        if state not in {RunState.PUBLISHED, RunState.HELD}:
            self._files.remove_unused_of_run(run.run_id)
        return ended

    def _end(self, connection: Connection, ended: Run, entry: RunRecord) -> None:
        values = {
            "state": ended.state.value,
            "snapshot_id": ended.snapshot_id,
            "reason": ended.reason,
            "bytes_read": entry.bytes_read,
            "bytes_written": entry.bytes_written,
            "seconds": entry.seconds,
            "details": json_text(dict(entry.details)) if entry.details else None,
            "ended_wall": self._wall.now(),
            **balance_values(ended.balance),
        }
        connection.execute(update(runs).where(runs.c.run_id == str(ended.run_id)).values(values))

    def _measured(self, connection: Connection, number: int, run: Run, results: Sequence[CheckResult]) -> None:
        connection.execute(delete(measurements).where(measurements.c.run_id == str(run.run_id)))
        common = {"run_id": str(run.run_id), "dataset_id": number, "snapshot_id": run.snapshot_id, "at": run.clock}
        rows = [_measurement_row(result, ordinal, common) for ordinal, result in enumerate(results)]
        if rows:
            insert_many(connection, measurements, rows)

    def results(self, run_id: RunId) -> Sequence[StoredResult]:
        """Return a run's results in the order they were recorded."""
        query = select(measurements).where(measurements.c.run_id == str(run_id)).order_by(measurements.c.ordinal)
        with self._database.reading() as connection:
            return [result_of(row) for row in connection.execute(query)]

    def observed(self, dataset: DatasetId, snapshot_id: SnapshotId, results: Sequence[CheckResult], at: datetime) -> None:
        """Store results of checks on published data (no run); the same checks at the same moment replace each other."""
        with self._database.writing() as connection:
            number = own_dataset(connection, dataset)
            common = {"run_id": None, "dataset_id": number, "snapshot_id": snapshot_id, "at": at}
            rows = [_measurement_row(result, ordinal, common) for ordinal, result in enumerate(results)]
            if not rows:
                return
            same = and_(
                measurements.c.run_id.is_(None),
                measurements.c.dataset_id == number,
                measurements.c.snapshot_id == snapshot_id,
                measurements.c.at == at,
                measurements.c.check_id.in_({row["check_id"] for row in rows}),
            )
            connection.execute(delete(measurements).where(same))
            insert_many(connection, measurements, rows)

    def discard(self, dataset: DatasetId, row_ids: Collection[str], entry: AuditEntry) -> int:
        """Close quarantined rows for good and write the audit entry, in one transaction; see the port."""
        with self._database.writing() as connection:
            found = discard_kept_rows(connection, own_dataset(connection, dataset), row_ids)
            if found == len(set(row_ids)):
                connection.execute(audit_log.insert().values(asdict(entry)))
        return found

    def daily_rows(self, dataset: DatasetId, until: datetime, zone: tzinfo) -> Mapping[str, int]:
        """Return rows published per local day (ISO date), each day only up to the time of day of ``until``.

        A day with published runs counts 0 when none of them was that early; a day without any is left out, and so is what
        lies before the time that checks look back to.
        """
        query = select(runs.c.clock, runs.c.passed).where(
            runs.c.state == RunState.PUBLISHED.value,
            runs.c.clock.between(until - LOOK_BACK - timedelta(days=1), until),
            runs.c.passed.is_not(None),
        )
        latest = until.astimezone(zone).time()
        days: dict[str, int] = defaultdict(int)
        with self._database.reading() as connection:
            number = known_dataset(connection, dataset)
            rows = connection.execute(query.where(runs.c.dataset_id == number).order_by(runs.c.clock))
            for clock, passed in rows.tuples():
                local = clock.astimezone(zone)
                days[local.date().isoformat()] += int(passed or 0) if local.time() <= latest else 0
        return dict(days)


def _ended(before: Run, entry: RunRecord) -> Run:
    """Return the run as it is after the record: what the record leaves open stays, but an old state's reason does not."""
    return replace(
        before,
        state=entry.state,
        balance=entry.balance or before.balance,
        snapshot_id=before.snapshot_id if entry.snapshot_id is None else entry.snapshot_id,
        reason=before.reason if entry.reason is None and before.state is entry.state else entry.reason,
    )


def _measurement_row(result: CheckResult, ordinal: int, common: Mapping[str, object]) -> dict[str, Any]:
    row = {**vars(stored(result)), **common, "ordinal": ordinal}
    row["value"] = None if row["value"] is None else str(row["value"])
    row["threshold"] = json.dumps(row["threshold"])
    definition = json.dumps(vars(result.check), sort_keys=True, default=repr)
    return {**row, "check_sha256": sha256(definition.encode()).hexdigest()}


def result_of(row: Row[Any]) -> StoredResult:
    """Return the result of a row of ``measurements``."""
    return StoredResult(
        check_id=row.check_id,
        kind=row.kind,
        stage=row.stage,
        segment=row.segment,
        field=row.field,
        dimension=row.dimension,
        severity=row.severity,
        outcome=row.outcome,
        value=None if row.value is None else Decimal(row.value),
        unit=row.unit,
        rows_total=row.rows_total,
        rows_failed=row.rows_failed,
        quarantined=row.quarantined,
        threshold=json.loads(row.threshold),
        evidence=row.evidence,
        reason=row.reason,
    )
