"""Screen and mask (steps 2 and 3): every row meets every row-scope rule in clear, then nothing in clear goes further."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256

import pyarrow as pa

from checks.judging import judge
from checks.measuring import read_drift
from checks.model import Check, CheckKind, CheckResult, Facts, Measurement
from checks.planning import failing_predicate
from checks.sql.drifting import names_query
from controlplane.contracts.model import Mode
from controlplane.gate import casting, screening
from controlplane.gate.casting import Cast
from controlplane.gate.model import KeptKind, KeptRow, Run
from controlplane.gate.screening import DELETED, FATE, REENTERED, ROW, SINCE, Count, Rule
from controlplane.kernel.errors import ConfigurationError, QueryFailedError
from controlplane.kernel.outcome import Evidence, Outcome, Stage
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.sql import identifier
from controlplane.usecases.compiling.checks import CLEAR
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.references import register_parents
from controlplane.usecases.transforming import RAW
from pii_policies.masking import mask_query
from pii_policies.model import Technique
from pii_policies.sealing import seal

BATCH, FLAGGED, MASKED = "batch", "flagged", "masked"


@dataclass(frozen=True)
class Screened:
    """A batch after screening and masking.

    Attributes:
        masked: all rows, masked; with their fate and flags where any row leaves the batch.
        extras: columns beside the contract's that order or date the events.
        kept: rows that leave the batch (quarantined or waiting).
        leavers: originals of those rows, by row id, for ingestion's dead letters.
    """

    masked: pa.Table
    totals: Mapping[str, int]
    results: tuple[CheckResult, ...]
    kept: tuple[KeptRow, ...]
    leavers: Mapping[str, Mapping[str, object]]
    extras: tuple[str, ...]


def screen(ports: Ports, governed: Governed, run: Run, raw: pa.Table, facts: Facts, session: SqlSession) -> Screened:
    """Cast, judge and mask a batch.

    Raises:
        ConfigurationError: the batch lacks a column that its contract or write mode needs.
    """
    session.register(RAW, raw)
    extras = _extras(governed, raw)
    casts = casting.plan_casts(raw.schema, list(governed.clear_columns.items()))
    typed = screening.typed_query(RAW, casts, extras, governed.spec.write_mode.delete_when)
    checks = [check for check in governed.checks if check.row_scope]
    rules, broken = _rules(ports, governed, run, checks, casts, session)
    columns = [*governed.clear_columns.items(), *((name, "string") for name in extras), (ROW, "long"), (DELETED, "boolean")]
    wanted = [*(name for name, _ in columns), SINCE, REENTERED]
    try:
        flagged = session.query(_flagging(governed, run, typed, wanted, rules))
    except QueryFailedError:  # one rule's SQL cannot be bound to the batch or fails on some row: it costs only itself
        rules, broken = _working(rules, broken, typed, session)
        flagged = session.query(_flagging(governed, run, typed, wanted, rules))
    totals, counts = screening.count_flags(flagged, rules, sets_aside=governed.sets_aside)
    if totals[screening.QUARANTINED]:
        counts = _without_corrected(governed, flagged, rules, counts, session)
    leaving = totals[screening.QUARANTINED] + totals[screening.WAITING]
    if leaving:
        flags = (name for name in flagged.schema.names if screening.is_flag(name))
        columns += [(SINCE, "timestamptz"), (FATE, "string"), *((name, "boolean") for name in flags)]
    batch = flagged.select([name for name, _ in columns])
    if governed.masks or leaving or any(check.kind is CheckKind.SCHEMA_DRIFT for check in checks):
        session.register(BATCH, batch)
    masked = _masked(ports, governed, columns, batch, session)
    if leaving:
        session.register(MASKED, masked)
    kept, leavers = _kept_rows(ports, governed, run, rules, session) if leaving else ((), {})
    results = tuple(
        _drifted(check, counts[check.id], facts, session)
        if check.kind is CheckKind.SCHEMA_DRIFT and check.id in counts
        else _result(check, counts.get(check.id), broken.get(check.id), facts, raw, governed)
        for check in checks
        if check.id in counts or check.id in broken
    )
    return Screened(masked, totals, results, kept, leavers, extras)


def _without_corrected(
    governed: Governed, flagged: pa.Table, rules: Sequence[Rule], counts: Mapping[str, Count], session: SqlSession
) -> Mapping[str, Count]:
    """Leave rows out of account that break a rule and are replaced by a newer passing row of the same batch.

    Only where the latest row of a key is all that a table keeps: nobody would have seen such a row, had it been sound.
    """
    mode = governed.spec.write_mode
    hard = any(rule.blocking and not rule.parental and rule.predicate != screening.NEVER for rule in rules)
    if mode.mode is not Mode.MERGE or not mode.order_by or not hard:
        return counts
    session.register(FLAGGED, flagged)
    corrected = session.query(screening.corrected_query(FLAGGED, rules, mode.keys, mode.order_by))
    return screening.without_corrected(counts, corrected, rules)


def _drifted(check: Check, count: Count, facts: Facts, session: SqlSession) -> CheckResult:
    """Judge columns of a payload that nobody agreed on: their number, not that of the rows, and no row leaves for them."""
    unknown = session.query(names_query(check, BATCH)).to_pylist() if count.failed else []
    measured = replace(read_drift(check, count.total, count.failed, unknown), evidence=Evidence.SCREENING)
    return judge(check, measured, stage=Stage.SCREEN, facts=facts)


def _extras(governed: Governed, raw: pa.Table) -> tuple[str, ...]:
    """Return the columns beside the contract's that the write mode needs; refuse a batch that lacks one it must have."""
    mode = governed.spec.write_mode
    needed = [field.name for field in governed.spec.fields if field.required and field.name in governed.clear_columns]
    needed += [*mode.keys, *mode.order_by, *([mode.effective_at] if mode.effective_at else [])]
    missing = [name for name in dict.fromkeys(needed) if name not in raw.schema.names]
    if missing:
        message = (
            f"the rows for {governed.name} have no column {', '.join(missing)}, which its contract needs "
            f"({governed.spec.place}); they have {', '.join(name for name in raw.schema.names if not name.startswith('__'))}"
        )
        raise ConfigurationError(message)
    wanted = [*mode.order_by, *([mode.effective_at] if mode.effective_at else [])]
    return tuple(name for name in dict.fromkeys(wanted) if name not in governed.clear_columns)


def _rules(
    ports: Ports, governed: Governed, run: Run, checks: Sequence[Check], casts: Sequence[Cast], session: SqlSession
) -> tuple[Sequence[Rule], Mapping[str, str]]:
    """Return the rules to flag rows by, and for each check that cannot be evaluated the reason why."""
    parents = register_parents(ports, governed, run, checks, session)
    fails = {cast.field: cast.fails for cast in casts}
    rules, broken = [], {}
    for check in checks:
        if any(field not in governed.clear_columns for field in check.fields):
            continue  # an interval column: the gate computes it, the audit judges it
        if check.kind is CheckKind.CAST:
            flagged = fails[check.fields[0]] is not None
            predicate: str | None = identifier(screening.cast_flag(check.fields[0])) if flagged else screening.NEVER
        else:
            try:
                predicate = failing_predicate(check, governed.clear_columns, parents)
            except ConfigurationError as error:
                broken[check.id] = str(error)
                continue
        if predicate is None:
            broken[check.id] = f"{check.arguments.get('to')} is not available to compare with"
            continue
        leaves = check.blocking and check.kind is not CheckKind.SCHEMA_DRIFT
        rules.append(Rule(check.id, predicate, check.where, check.kind is CheckKind.REFERENCE, leaves))
    return rules, broken


def _working(
    rules: Sequence[Rule], broken: Mapping[str, str], typed: str, session: SqlSession
) -> tuple[Sequence[Rule], Mapping[str, str]]:
    """Try rules one by one; return those that work, and the reasons of those that do not."""
    problems = {rule.check_id: _problem(rule, typed, session) for rule in rules}
    failing = {check_id: problem for check_id, problem in problems.items() if problem is not None}
    return [rule for rule in rules if rule.check_id not in failing], {**broken, **failing}


def _problem(rule: Rule, typed: str, session: SqlSession) -> str | None:
    where = f" AND ({rule.where})" if rule.where else ""
    try:
        session.query(f"SELECT count(({rule.predicate}){where}) FROM ({typed})")
    except QueryFailedError as error:
        return str(error)
    return None


def _flagging(governed: Governed, run: Run, typed: str, columns: Sequence[str], rules: Sequence[Rule]) -> str:
    return screening.flagged_query(
        typed, columns, rules, now=run.clock, lateness=governed.spec.lateness, sets_aside=governed.sets_aside
    )


def _masked(
    ports: Ports, governed: Governed, columns: Sequence[tuple[str, str]], batch: pa.Table, session: SqlSession
) -> pa.Table:
    """Return the batch with masked fields masked; register the distinct clear values of tokens for the leak scan."""
    if not governed.masks:
        return batch
    query = mask_query(BATCH, columns, governed.masks, ports.tokens.master())
    texts = [
        f"SELECT CAST({identifier(rule.field)} AS VARCHAR) AS value FROM {BATCH} WHERE {identifier(rule.field)} IS NOT NULL"
        for rule in governed.masks
        if rule.technique is Technique.TOKEN
    ]
    if texts:
        session.register(CLEAR, session.query(f"SELECT DISTINCT value FROM ({' UNION ALL '.join(texts)})"))
    return session.query(query.sql, query.parameters)


def key_expression(governed: Governed) -> str:
    """Return the SQL text of a row's (masked) business key, as kept rows store it; NULL for a dataset without one."""
    keys = governed.spec.write_mode.keys or governed.spec.primary_key
    if not keys:
        return "NULL"
    return "concat_ws(chr(31), " + ", ".join(f"coalesce(CAST({identifier(key)} AS VARCHAR), '')" for key in keys) + ")"


def order_values(governed: Governed, row: Mapping[str, object]) -> list[object]:
    """Return a row's ordering values as plain data, comparable with those of another row of the dataset."""
    return [plain(row.get(name)) for name in governed.spec.write_mode.order_by]


def plain(value: object) -> object:
    """Return a value as JSON has it: numbers, text, true, false and null; times in ISO 8601."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _kept_rows(
    ports: Ports, governed: Governed, run: Run, rules: Sequence[Rule], session: SqlSession
) -> tuple[tuple[KeptRow, ...], Mapping[str, Mapping[str, object]]]:
    kept = session.query(
        f"SELECT *, {key_expression(governed)} AS __key FROM {MASKED} WHERE {FATE} <> '{screening.PASSING}' ORDER BY {ROW}"
    ).to_pylist()
    if not kept:
        return (), {}
    originals = session.query(
        f"SELECT r.* FROM {RAW} AS r JOIN {BATCH} AS f USING ({ROW}) WHERE f.{FATE} <> '{screening.PASSING}' ORDER BY {ROW}"
    ).to_pylist()
    secret, rows, leavers = ports.seal.master(), [], {}
    for masked, original in zip(kept, originals, strict=True):
        clear = {name: value for name, value in original.items() if not name.startswith("__")}
        row_id = _row_id(secret.derived("controlplane/row-id/v1"), governed, clear)
        shown = {name: plain(value) for name, value in masked.items() if not name.startswith("__")}
        rows.append(
            KeptRow(
                row_id=row_id,
                kind=KeptKind.WAITING if masked[FATE] == screening.WAITING else KeptKind.QUARANTINED,
                key=str(masked["__key"] or ""),
                reasons=screening.reasons_of(masked, rules),
                masked=shown | {"__order": order_values(governed, masked)},
                sealed=seal(clear, key=secret, row_id=row_id),
                since=masked[SINCE],
                run_id=run.run_id,
            )
        )
        leavers[row_id] = clear
    return tuple(rows), leavers


def _row_id(secret: bytes, governed: Governed, clear: Mapping[str, object]) -> str:
    """Return the same id for the same event of a dataset: a keyed digest, because a business key may be personal."""
    mode = governed.spec.write_mode
    names = [*(mode.keys or governed.spec.primary_key), *mode.order_by]
    if not names or any(clear.get(name) is None for name in names):
        names = sorted(clear)
    text = json.dumps([governed.name, *([name, plain(clear.get(name))] for name in names)], ensure_ascii=True)
    return hmac.new(secret, text.encode(), sha256).hexdigest()[:32]


def _result(
    check: Check, count: Count | None, problem: str | None, facts: Facts, raw: pa.Table, governed: Governed
) -> CheckResult:
    if count is None:
        return judge(check, Measurement(check.id, error=problem, evidence=Evidence.SCREENING), stage=Stage.SCREEN, facts=facts)
    leaves = governed.sets_aside and check.blocking
    measured = Measurement(
        check.id, Decimal(count.counted), rows_total=count.total, rows_failed=count.counted, evidence=Evidence.SCREENING
    )
    aside = count.counted + count.corrected if leaves else 0
    judged = judge(check, measured, stage=Stage.SCREEN, facts=facts, quarantined=aside)
    judged = replace(judged, measurement=replace(judged.measurement, rows_failed=count.failed))
    if count.waiting or count.late:
        hours = governed.spec.lateness.total_seconds() / 3600
        reason = (
            f"{count.waiting} of {count.total} rows wait for their parent in {check.arguments.get('to')} "
            f"(for up to {hours:g} h); "
            f"{count.late} waited too long and were set aside"
        )
        return replace(judged, reason=reason, quarantined=count.late)
    if count.corrected:
        reason = f"{judged.reason}; {count.corrected} of {count.total} rows were corrected by a newer row of the same batch"
        judged = replace(judged, reason=reason)
    if check.kind is CheckKind.CAST and judged.outcome is Outcome.FAILED:
        why = casting.why_refused(raw.schema, check.fields[0], str(check.arguments["type"]))
        return replace(judged, reason=f"{count.counted} of {count.total} rows have a {check.fields[0]} that {why}")
    return judged
