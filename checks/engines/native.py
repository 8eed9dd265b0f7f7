"""The native engine: every kind of check, measured by SQL, in one query per table where it can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from checks.drift import compare_schemas
from checks.history import LOOK_BACK, Change, compare, decimal
from checks.measuring import exact, heartbeat_age, read_drift, read_probe, whole
from checks.model import Check, CheckKind, Facts, Measurement
from checks.planning import MOST_SEGMENTS, SEGMENT, Scan, Target, plan_scans
from checks.ports import CheckEngine, Subject
from checks.sql.drifting import names_query, payload_of, totals_query
from checks.sql.predicates import field_of, parent_columns
from checks.sql.queries import prepare
from checks.sql.reconciling import compare_query, read_comparison
from checks.sql.times import day_counts, zone
from controlplane.kernel.errors import ConfigurationError, QueryFailedError, QueryTimedOutError
from controlplane.kernel.outcome import Evidence
from controlplane.kernel.sql import relation


class NativeEngine(CheckEngine):
    """Measures with the SQL session it is given (DuckDB's dialect).

    All ordinary checks of a relation share one SELECT, and one more for each column that checks are segmented by; ``sql``,
    ``reconciliation`` and ``volumeChange`` by a field have a query each. A shared SELECT that fails is bisected until only the
    check that breaks it is without an answer. One that runs out of time or memory is asked again without its exact distinct
    counts, and those one by one; not bisected, because most parts would run out of it again.
    """

    def measure(self, checks: Sequence[Check], subject: Subject) -> Sequence[Measurement]:
        """Return at least one measurement per check, in the order of the checks (one per segment where it has segments)."""
        facts = subject.facts
        target = Target(
            subject.relation, subject.columns, subject.references, facts.now + facts.drift, time_zone=facts.time_zone
        )
        plan = plan_scans(checks, target)
        found: dict[int, list[Measurement]] = {
            position: [Measurement(checks[position].id, error=problem)] for position, problem in plan.refused.items()
        }
        for scan in plan.scans:
            for position, measurement in _scanned(scan, subject):
                found.setdefault(position, []).append(measurement)
        for position in plan.apart:
            found[position] = [_apart(checks[position], subject, found.get(position, []))]
        return [measurement for position in range(len(checks)) for measurement in found[position]]


def _scanned(scan: Scan, subject: Subject) -> Iterator[tuple[int, Measurement]]:
    """Yield what a scan found, by the position of its check; where it fails, what its parts find."""
    try:
        rows = subject.session.query(scan.sql).to_pylist()
    except QueryFailedError as error:
        parts = scan.lighter() if isinstance(error, QueryTimedOutError) else scan.halves()
        for part in parts:
            yield from _scanned(part, subject)
        if not parts:
            yield from _all_failed(scan, _explained(scan.probes[0].check, subject, error) or str(error))
        return
    if len(rows) > MOST_SEGMENTS:
        problem = f"segmentBy {scan.segment} has more than {MOST_SEGMENTS} distinct values; choose a coarser one"
        yield from _all_failed(scan, problem)
        return
    yield from _read(scan, rows, subject.facts)


def _read(scan: Scan, rows: Sequence[Mapping[str, object]], facts: Facts) -> Iterator[tuple[int, Measurement]]:
    if not rows:  # a table without rows has no segments
        for probe in scan.probes:
            yield probe.position, Measurement(probe.check.id, rows_total=0)
    for row in rows:
        segment = None if scan.segment is None else str(row[SEGMENT] if row[SEGMENT] is not None else "(null)")
        for probe, numbers in scan.answers(row):
            try:
                yield probe.position, read_probe(probe.check, numbers, facts, segment)
            except ConfigurationError as error:
                yield probe.position, Measurement(probe.check.id, segment=segment, error=str(error))


def _all_failed(scan: Scan, problem: str) -> Iterator[tuple[int, Measurement]]:
    for probe in scan.probes:
        yield probe.position, Measurement(probe.check.id, error=problem)


def _explained(check: Check, subject: Subject, error: QueryFailedError) -> str | None:
    """Return in plain words that a parent lacks columns; an engine speaks of a table that it cannot find instead."""
    if check.kind is not CheckKind.REFERENCE or isinstance(error, QueryTimedOutError):
        return None
    parent = str(check.arguments["to"])
    try:
        known = subject.session.query(f"SELECT * FROM {relation(subject.references[parent])} LIMIT 0").schema.names
    except QueryFailedError:
        return None
    missing = sorted(parent_columns(check) - set(known))
    return f"{parent} has no column {', '.join(missing)}; it has {', '.join(known)}" if missing else None


def _apart(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    """Measure a check that no scan answers; ``scanned`` is what a scan found beside it (the row count of a sql check)."""
    failed = next((measurement for measurement in scanned if measurement.error is not None), None)
    if failed is not None:
        return failed
    try:
        return _MEASURES[check.kind](check, subject, scanned)
    except (QueryFailedError, ConfigurationError) as error:
        return Measurement(check.id, error=str(error))


def _sql(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    """One row of one column: a number, or a truth value as 1 or 0."""
    total = scanned[0].rows_total if scanned else None
    answer = subject.session.query(prepare(check, subject.relation, subject.references))
    if answer.num_rows != 1 or answer.num_columns != 1:
        error = f"the query returned {answer.num_rows} rows of {answer.num_columns} columns; it must return one number"
        return Measurement(check.id, rows_total=total, error=error)
    value = answer.column(0)[0].as_py()
    return Measurement(check.id, None if value is None else exact(value), total)


def _reconciliation(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    del scanned
    other = subject.references.get(str(check.arguments.get("to")))
    if other is None:
        return Measurement(check.id, error=f"the dataset {check.arguments.get('to')} it is compared with is not available")
    rows = subject.session.query(compare_query(check, subject.relation, other)).to_pylist()
    return read_comparison(check, rows[0])


def _volume_change(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    """Rows of the day so far against earlier days up to the same local time of day."""
    del scanned
    facts = subject.facts
    today = facts.now.astimezone(zone(facts.time_zone)).date()
    counted = bool(check.fields) or "field" in check.arguments
    days = _counted_days(check, subject) if counted else _recorded_days(facts)
    change = compare(check, days, today)
    return _changed(check, change, today, Evidence.SCAN if counted else Evidence.METADATA)


def _changed(check: Check, change: Change, today: date, evidence: Evidence) -> Measurement:
    like = f"{today:%A}" if check.arguments.get("like", "weekday") == "weekday" else "day"
    value = change.percent if check.unit == "percent" else change.rows
    detail = {"today": str(change.today), "like": like}
    if change.baseline is None:
        detail["lacks"] = "like days"
    else:
        against = check.arguments.get("against", "median")
        plural = "" if change.like_days == 1 else "s"
        detail |= {
            "baseline": str(decimal(change.baseline)),
            "against": f"{against} of {change.like_days} earlier {like}{plural}",
        }
    return Measurement(check.id, value, detail=detail, history_points=change.points, evidence=evidence)


def _recorded_days(facts: Facts) -> Mapping[date, int]:
    return {date.fromisoformat(day): rows for day, rows in facts.daily_rows.items()}


def _counted_days(check: Check, subject: Subject) -> Mapping[date, int]:
    canonical, facts = subject.columns.get(field_of(check), "unknown"), subject.facts
    sql = day_counts(check, subject.relation, canonical=canonical, now=facts.now, calendar=facts.time_zone, back=LOOK_BACK)
    return {row["day"]: whole(row["rows"]) for row in subject.session.query(sql).to_pylist()}


def _schema(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    del scanned
    expected, actual = subject.facts.expected_schema, subject.facts.schema
    if expected is None or actual is None:
        return Measurement(check.id, detail={"lacks": "schema"}, evidence=Evidence.METADATA)
    differences = compare_schemas(expected, actual)
    return Measurement(check.id, Decimal(differences.breaking), detail=differences.detail, evidence=Evidence.METADATA)


def _drift(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    """Columns nobody agreed on: in the objects of a column of the rows, or of the table itself."""
    del scanned
    if payload_of(check) is not None:
        counts = subject.session.query(totals_query(check, subject.relation)).to_pylist()[0]
        failed = whole(counts["failed"])
        unknown = subject.session.query(names_query(check, subject.relation)).to_pylist() if failed else []
        return read_drift(check, whole(counts["total"]), failed, unknown)
    expected, actual = subject.facts.expected_schema, subject.facts.schema
    if expected is None or actual is None:
        return Measurement(check.id, detail={"lacks": "schema"}, evidence=Evidence.METADATA)
    added = compare_schemas(expected, actual).found.get("added", ())
    detail = {"named": ", ".join(added)} if added else {}
    return Measurement(check.id, Decimal(len(added)), detail=detail, evidence=Evidence.METADATA)


def _heartbeat(check: Check, subject: Subject, scanned: Sequence[Measurement]) -> Measurement:
    del scanned
    return heartbeat_age(check, subject.facts)


_MEASURES: Mapping[CheckKind, Callable[[Check, Subject, Sequence[Measurement]], Measurement]] = {
    CheckKind.SQL: _sql,
    CheckKind.RECONCILIATION: _reconciliation,
    CheckKind.VOLUME_CHANGE: _volume_change,
    CheckKind.SCHEMA: _schema,
    CheckKind.SCHEMA_DRIFT: _drift,
    CheckKind.FRESHNESS: _heartbeat,
}
