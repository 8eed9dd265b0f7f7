"""Check what is published, or a file or table that nobody governs, without changing anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from uuid import UUID

import pyarrow as pa

from checks.judging import judge
from checks.model import Check, CheckKind, CheckResult, Facts, Measurement
from checks.ports import CheckEngine, Subject
from controlplane.gate import casting, screening
from controlplane.gate.properties import RUN_ID
from controlplane.kernel.errors import UnableToEvaluateError
from controlplane.kernel.identity import RunId, SnapshotId
from controlplane.kernel.outcome import Evidence, Stage
from controlplane.kernel.ports import Clock, SqlRunner
from controlplane.kernel.sql import identifier
from controlplane.kernel.table import Snapshot
from controlplane.usecases.auditing import measure
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.report import CheckReport, stored

_BATCH_ONLY = frozenset({CheckKind.CAST, CheckKind.LEAK})


def check_dataset(
    ports: Ports, name: str, snapshot_id: SnapshotId | None = None, only: Collection[str] | None = None
) -> CheckReport:
    """Return what all checks of a dataset say of what readers see (or of another of its snapshots), and store it.

    Checks on values that are masked now cannot be judged again: what screening said of the newest batch is shown instead.

    Args:
        only: ids of the checks to judge; None for all.

    Raises:
        DatasetUnknownError: no contract describes the dataset.
        UnableToEvaluateError: nothing was published yet.
        SnapshotExpiredError: the snapshot is not there (any more).
    """
    governed = ports.platform.governed(name)
    snapshot = ports.reader.head(governed.id) if snapshot_id is None else ports.reader.snapshot(governed.id, snapshot_id)
    if snapshot is None:
        message = f"{name} has no published snapshot yet; run its pipeline first"
        raise UnableToEvaluateError(message)
    wanted = [check for check in governed.checks if only is None or check.id in only]
    checks = [check for check in wanted if not check.screening_only and check.kind not in _BATCH_ONLY]
    with ports.runners["duckdb"].session() as session:
        results = measure(ports, governed, snapshot.snapshot_id, checks, session)
    ports.records.observed(governed.id, snapshot.snapshot_id, results, ports.clock.now())
    screened = _screened(ports, governed, snapshot) if only is None else ()
    return CheckReport(name, snapshot.snapshot_id, snapshot.row_count, _evidence(snapshot), (*map(stored, results), *screened))


def _screened(ports: Ports, governed: Governed, snapshot: Snapshot) -> tuple[StoredResult, ...]:
    ids = {check.id for check in governed.checks if check.screening_only}
    for ancestor in ports.reader.lineage_of(governed.id, snapshot.snapshot_id):
        if RUN_ID in ancestor.properties:
            results = ports.records.results(RunId(UUID(ancestor.properties[RUN_ID])))
            if results:
                return tuple(result for result in results if result.check_id in ids)
    return ()


def _evidence(snapshot: Snapshot) -> Mapping[str, int]:
    files = snapshot.files
    return {
        "files_total": len(files),
        "files_read": len(files),
        "bytes_read": sum(file.size_bytes for file in files),
        "rows_read": sum(file.record_count for file in files),
    }


def check_rows(  # noqa: PLR0913 (everything it needs, as it belongs to no project)
    governed: Governed, rows: pa.Table, *, runner: SqlRunner, engine: CheckEngine, clock: Clock, evidence: Mapping[str, int],
    snapshot_id: SnapshotId | None = None,
) -> CheckReport:  # fmt: skip
    """Return what a contract says of rows that come from a file or a table outside any project.

    Rows are cast to the contract's types first, by the gate's own rules; a value that does not cast is a failing check of its
    own, and is null for the others. Checks that need another dataset are ``errored``: there is none to compare with.
    """
    facts = Facts(now=clock.now(), warmup=governed.spec.warmup, lateness=governed.spec.lateness)
    published = {name: kind for name, kind in governed.columns.items() if name in rows.schema.names}
    casts = casting.plan_casts(rows.schema, list(published.items()))
    with runner.session() as session:
        session.register("given", rows)
        flags = [f"{cast.fails} AS {identifier(screening.cast_flag(cast.field))}" for cast in casts if cast.fails]
        typed = [f"{cast.value} AS {identifier(cast.field)}" for cast in casts]
        session.register("typed", session.query(f"SELECT {', '.join([*typed, *flags]) or '1 AS one'} FROM given"))
        results: list[CheckResult] = [_columns_result(governed, rows, facts)]
        casting_checks = [check for check in governed.checks if check.kind is CheckKind.CAST and check.fields[0] in published]
        flagged = {cast.field for cast in casts if cast.fails}
        counts = _count_casts(session.query(_cast_counts(casting_checks, flagged)), casting_checks)
        results += [
            judge(check, measurement, stage=Stage.OBSERVE, facts=facts)
            for check, measurement in zip(casting_checks, counts, strict=True)
        ]
        left_out = {*_BATCH_ONLY, CheckKind.SCHEMA}
        checks = [check for check in governed.checks if check.kind not in left_out and not check.screening_only]
        by_id = {check.id: check for check in checks}
        subject = Subject(session, "typed", published, facts)
        measured = engine.measure(checks, subject)
        results += [judge(by_id[item.check_id], item, stage=Stage.OBSERVE, facts=facts) for item in measured]
    return CheckReport(governed.name, snapshot_id, rows.num_rows, evidence, tuple(map(stored, results)))


def _columns_result(governed: Governed, rows: pa.Table, facts: Facts) -> CheckResult:
    """Judge the columns of a file by name: files carry no field ids, and what does not cast is counted apart."""
    check = next(check for check in governed.checks if check.kind is CheckKind.SCHEMA)
    missing = [name for name in governed.columns if name not in rows.schema.names]
    detail = {"missing": ", ".join(missing)} if missing else {}
    measurement = Measurement(check.id, Decimal(len(missing)), evidence=Evidence.METADATA, detail=detail)
    return judge(check, measurement, stage=Stage.OBSERVE, facts=facts)


def _cast_counts(checks: list[Check], flagged: set[str]) -> str:
    parts = [
        f"count(*) FILTER ({identifier(screening.cast_flag(check.fields[0]))})" if check.fields[0] in flagged else "0"
        for check in checks
    ]
    named = [f"{part} AS failed_{index}" for index, part in enumerate(parts)]
    return f"SELECT {', '.join(['count(*) AS total', *named])} FROM typed"


def _count_casts(counted: pa.Table, checks: list[Check]) -> list[Measurement]:
    row = counted.to_pylist()[0]
    return [
        Measurement(
            check.id,
            Decimal(int(row[f"failed_{index}"])),
            rows_total=int(row["total"]),
            rows_failed=int(row[f"failed_{index}"]),
        )
        for index, check in enumerate(checks)
    ]
