"""Screening: every row of a batch meets every row-scope check, in clear, before anything is written.

Pure: builds the SQL that flags rows and reads the counts back. A row is *passing*, *quarantined* (it breaks a rule that may
cost it its place), or *waiting* (it only misses a parent that may still come). Delete events carry no values and always pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from controlplane.gate.casting import Cast
from controlplane.kernel.sql import identifier, literal

ROW = "__row"
SINCE = "__since"
REENTERED = "__reentered"
DELETED = "__deleted"
FATE = "__fate"

PASSING = "passing"
QUARANTINED = "quarantined"
WAITING = "waiting"


@dataclass(frozen=True)
class Rule:
    """One row-scope check as the gate sees it.

    Attributes:
        predicate: SQL boolean over the typed columns, TRUE where the row breaks the rule.
        where: SQL condition for rows that are judged at all.
        parental: True when breaking it only means that a parent is missing, which time may heal.
        blocking: False: failing rows are counted and published all the same.
    """

    check_id: str
    predicate: str
    where: str | None = None
    parental: bool = False
    blocking: bool = True


@dataclass(frozen=True)
class Count:
    """What screening counted for one rule.

    Attributes:
        counted: failing rows that count towards the rule's allowance: neither waiting, nor overdue, nor back for another try.
        waiting: rows that only miss a parent and are young enough; late: those that no longer are.
    """

    total: int
    failed: int
    counted: int
    waiting: int = 0
    late: int = 0


def typed_query(raw: str, casts: Sequence[Cast], extras: Sequence[str], delete_when: str | None) -> str:
    """Return the SELECT that types a raw batch: contract fields, extra ordering columns, technical columns, cast flags.

    ``raw`` must have the columns ``__row``, ``__since`` and ``__reentered``.
    """
    deleted = f"coalesce(({delete_when}), FALSE)" if delete_when else "FALSE"
    parts = [f"{cast.value} AS {identifier(cast.field)}" for cast in casts]
    parts += [identifier(name) for name in extras]
    parts += [identifier(ROW), identifier(SINCE), identifier(REENTERED), f"{deleted} AS {identifier(DELETED)}"]
    parts += [f"{cast.fails} AS {identifier(cast_flag(cast.field))}" for cast in casts if cast.fails]
    return f"SELECT {', '.join(parts)} FROM {identifier(raw)}"


def cast_flag(field: str) -> str:
    """Return the name of the column that flags rows whose ``field`` does not cast."""
    return f"__cast:{field}"


def flag(index: int) -> str:
    """Return the name of the column that flags rows breaking the rule at ``index``."""
    return f"__breaks:{index}"


def flagged_query(typed: str, rules: Sequence[Rule], *, now: datetime, lateness: timedelta, sets_aside: bool) -> str:
    """Return the SELECT that gives each row of the typed SELECT its flags and its fate.

    With ``sets_aside=False`` (whole results, such as aggregates) no row may leave: all pass, and the rules' counts decide.
    """
    flags = [f"{_breaks(rule)} AS {identifier(flag(index))}" for index, rule in enumerate(rules)]
    inner = f"SELECT {', '.join(['*', *flags])} FROM ({typed})"
    if not sets_aside:
        return f"SELECT *, {literal(PASSING)} AS {FATE} FROM ({inner})"
    hard = _any(flag(index) for index, rule in enumerate(rules) if rule.blocking and not rule.parental)
    soft = _any(flag(index) for index, rule in enumerate(rules) if rule.blocking and rule.parental)
    overdue = f"{identifier(SINCE)} <= {_instant(now - lateness)}"
    fate = (
        f"CASE WHEN {identifier(DELETED)} THEN {literal(PASSING)} WHEN {hard} THEN {literal(QUARANTINED)} "
        f"WHEN {soft} AND {overdue} THEN {literal(QUARANTINED)} WHEN {soft} THEN {literal(WAITING)} ELSE {literal(PASSING)} END"
    )
    return f"SELECT *, {fate} AS {identifier(FATE)} FROM ({inner})"


def count_query(flagged: str, rules: Sequence[Rule]) -> str:
    """Return the one-row SELECT over a flagged SELECT of all counts that ``read_counts`` understands.

    Each count is asked for once: totals are shared by the rules without a condition, and only parental rules ask about fates.
    """
    parts = [
        "count(*) AS offered",
        f"count_if(NOT {DELETED}) AS total",
        *(f"count_if({FATE} = {literal(fate)}) AS {fate}" for fate in (PASSING, QUARANTINED, WAITING)),
    ]
    for index, rule in enumerate(rules):
        broken = identifier(flag(index))
        parts.append(f"count_if({broken}) AS failed_{index}")
        if rule.where:
            parts.append(f"count_if(NOT {DELETED} AND coalesce(({rule.where}), FALSE)) AS total_{index}")
        if rule.parental:
            parts.append(f"count_if({broken} AND {FATE} = {literal(WAITING)}) AS waiting_{index}")
            parts.append(f"count_if({broken} AND {FATE} = {literal(QUARANTINED)}) AS late_{index}")
        else:
            parts.append(f"count_if({broken} AND {REENTERED}) AS again_{index}")
    return f"SELECT {', '.join(parts)} FROM ({flagged})"


def read_counts(counted: pa.Table, rules: Sequence[Rule], *, sets_aside: bool) -> tuple[Mapping[str, int], Mapping[str, Count]]:
    """Return the batch's totals by fate and each rule's counts, from the row of ``count_query``."""
    row = {name: int(value or 0) for name, value in counted.to_pylist()[0].items()}
    totals = {name: row[name] for name in ("offered", PASSING, QUARANTINED, WAITING)}
    counts = {}
    for index, rule in enumerate(rules):
        failed = row[f"failed_{index}"]
        heals = rule.parental and sets_aside
        counts[rule.check_id] = Count(
            total=row.get(f"total_{index}", row["total"]),
            failed=failed,
            counted=0 if heals else failed - row.get(f"again_{index}", 0),
            waiting=row[f"waiting_{index}"] if heals else 0,
            late=row[f"late_{index}"] if heals else 0,
        )
    return totals, counts


def reasons_of(row: Mapping[str, object], rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the ids of the blocking rules a flagged row breaks."""
    return tuple(rule.check_id for index, rule in enumerate(rules) if rule.blocking and row[flag(index)])


def _breaks(rule: Rule) -> str:
    judged = f" AND coalesce(({rule.where}), FALSE)" if rule.where else ""
    return f"(coalesce(({rule.predicate}), FALSE) AND NOT {identifier(DELETED)}{judged})"


def _any(flags: Iterable[str]) -> str:
    return "(" + (" OR ".join(identifier(name) for name in flags) or "FALSE") + ")"


def _instant(at: datetime) -> str:
    return f"TIMESTAMPTZ {literal(at.isoformat())}"
