"""Screening: every row of a batch meets every row-scope check, in clear, before anything is written.

Pure: builds the SQL that flags rows and counts the flags. A row is *passing*, *quarantined* (it breaks a rule that may
cost it its place), or *waiting* (it only misses a parent that may still come). Delete events carry no values and always pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa
from pyarrow import compute

from controlplane.gate.casting import Cast
from controlplane.kernel.sql import columns, identifier, literal

ROW = "__row"
SINCE = "__since"
REENTERED = "__reentered"
DELETED = "__deleted"
FATE = "__fate"

NEVER = "FALSE"
"""The predicate of a rule that no row of a batch can break: its column always casts, for example."""

_FLAG = "__breaks:"

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
        corrected: failing rows that do not count because a newer row of their key in the same batch passes.
    """

    total: int
    failed: int
    counted: int
    waiting: int = 0
    late: int = 0
    corrected: int = 0


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
    return f"{_FLAG}{index}"


def is_flag(column: str) -> bool:
    """Return whether a column of a flagged batch says which rows break a rule."""
    return column.startswith(_FLAG)


def judged(index: int) -> str:
    """Return the name of the column that tells the rows which the conditional rule at ``index`` looks at."""
    return f"__judged:{index}"


def flagged_query(
    typed: str, wanted: Sequence[str], rules: Sequence[Rule], *, now: datetime, lateness: timedelta, sets_aside: bool
) -> str:
    """Return the SELECT that gives each row of the typed SELECT its flags and its fate, beside the ``wanted`` columns.

    A rule that no row can break has no flag. With ``sets_aside=False`` (whole results, such as aggregates) no row may leave:
    all pass, there is no fate, and the rules' counts decide.
    """
    flags = [f"{_breaks(rule)} AS {identifier(flag(index))}" for index, rule in _breakable(rules)]
    flags += [
        f"(NOT {identifier(DELETED)} AND coalesce(({rule.where}), FALSE)) AS {identifier(judged(index))}"
        for index, rule in enumerate(rules)
        if rule.where
    ]
    conditional = [judged(index) for index, rule in enumerate(rules) if rule.where]
    names = columns([*wanted, *conditional, *(flag(index) for index, _ in _breakable(rules))])
    inner = f"SELECT {', '.join(['*', *flags])} FROM ({typed})"
    if not sets_aside:
        return f"SELECT {names} FROM ({inner})"
    hard = _any(flag(index) for index, rule in _breakable(rules) if rule.blocking and not rule.parental)
    soft = _any(flag(index) for index, rule in _breakable(rules) if rule.blocking and rule.parental)
    overdue = f"{identifier(SINCE)} <= {_instant(now - lateness)}"
    waits = f"WHEN {soft} AND {overdue} THEN {literal(QUARANTINED)} WHEN {soft} THEN {literal(WAITING)} " if soft else ""
    quarantined = f"WHEN {hard} THEN {literal(QUARANTINED)} " if hard else ""
    fate = f"CASE WHEN {identifier(DELETED)} THEN {literal(PASSING)} {quarantined}{waits}ELSE {literal(PASSING)} END"
    return f"SELECT {names}, {fate} AS {identifier(FATE)} FROM ({inner})"


def count_flags(flagged: pa.Table, rules: Sequence[Rule], *, sets_aside: bool) -> tuple[Mapping[str, int], Mapping[str, Count]]:
    """Return the batch's totals by fate and each rule's counts, from the rows of ``flagged_query``."""
    totals = {"offered": flagged.num_rows, PASSING: flagged.num_rows, QUARANTINED: 0, WAITING: 0}
    if sets_aside:
        totals |= {fate: _true(compute.equal(flagged.column(FATE), fate)) for fate in (QUARANTINED, WAITING)}
        totals[PASSING] -= totals[QUARANTINED] + totals[WAITING]
    live, counts = flagged.num_rows - _true(flagged.column(DELETED)), {}
    for index, rule in enumerate(rules):
        total = _true(flagged.column(judged(index))) if rule.where else live
        broken = None if rule.predicate == NEVER else flagged.column(flag(index))
        failed = 0 if broken is None else _true(broken)
        counts[rule.check_id] = Count(total, failed, counted=failed)
        if not failed:
            continue
        if not rule.parental:
            again = _true(compute.and_(broken, flagged.column(REENTERED)))
            counts[rule.check_id] = Count(total, failed, counted=failed - again)
        elif sets_aside:
            heals = [_true(compute.and_(broken, compute.equal(flagged.column(FATE), fate))) for fate in (WAITING, QUARANTINED)]
            counts[rule.check_id] = Count(total, failed, counted=0, waiting=heals[0], late=heals[1])
    return totals, counts


def _breakable(rules: Sequence[Rule]) -> Iterator[tuple[int, Rule]]:
    return ((index, rule) for index, rule in enumerate(rules) if rule.predicate != NEVER)


def _true(values: pa.ChunkedArray) -> int:
    return int(compute.sum(values).as_py() or 0)


def corrected_query(flagged: str, rules: Sequence[Rule], keys: Sequence[str], order: Sequence[str]) -> str:
    """Return the one-row SELECT of how many fresh failing rows of each rule a newer passing row of the same key replaces.

    Such a row breaks the rule and leaves the batch, but its mistake is mended by the batch itself; columns are
    ``corrected_<i>``. ``flagged`` is the relation that holds the rows of ``flagged_query``.
    """
    failing = [(index, identifier(flag(index))) for index, rule in _breakable(rules) if rule.blocking and not rule.parental]
    counts = [f"count_if(b.{broken} AND NOT b.{REENTERED}) AS corrected_{index}" for index, broken in failing]
    same = " AND ".join(f"g.{identifier(key)} = b.{identifier(key)}" for key in keys)
    newer = f"ROW({columns(order, 'g.')}) > ROW({columns(order, 'b.')})"
    relation = identifier(flagged)
    return (
        f"SELECT {', '.join(counts)} FROM {relation} AS b WHERE b.{FATE} = {literal(QUARANTINED)} "
        f"AND EXISTS (SELECT 1 FROM {relation} AS g WHERE g.{FATE} = {literal(PASSING)} AND {same} AND {newer})"
    )


def without_corrected(counts: Mapping[str, Count], corrected: pa.Table, rules: Sequence[Rule]) -> Mapping[str, Count]:
    """Return the counts in which rows that ``corrected_query`` found do not count towards any allowance."""
    row = corrected.to_pylist()[0]
    mended = {rule.check_id: int(row.get(f"corrected_{index}") or 0) for index, rule in enumerate(rules)}
    return {
        name: replace(count, counted=count.counted - mended[name], corrected=mended[name]) for name, count in counts.items()
    }


def reasons_of(row: Mapping[str, object], rules: Sequence[Rule]) -> tuple[str, ...]:
    """Return the ids of the blocking rules a flagged row breaks."""
    return tuple(rule.check_id for index, rule in enumerate(rules) if rule.blocking and row.get(flag(index)))


def _breaks(rule: Rule) -> str:
    judged = f" AND coalesce(({rule.where}), FALSE)" if rule.where else ""
    return f"(coalesce(({rule.predicate}), FALSE) AND NOT {identifier(DELETED)}{judged})"


def _any(flags: Iterable[str]) -> str:
    either = " OR ".join(identifier(name) for name in flags)
    return f"({either})" if either else ""


def _instant(at: datetime) -> str:
    return f"TIMESTAMPTZ {literal(at.isoformat())}"
