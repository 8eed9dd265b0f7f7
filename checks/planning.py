"""From checks to queries: everything that can be asked about a table at once is asked in one SELECT (DuckDB SQL).

A ``Scan`` is a bundle of ``Probe``s, one per check; it can be cut in halves, so that a bundle that fails can be bisected down
to the check that breaks it. Checks that need a query of their own, or none at all, are listed as ``apart``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from checks.model import Check, CheckKind
from checks.sql.aggregates import aggregate_text
from checks.sql.conditions import condition
from checks.sql.predicates import failing_predicate, field_of
from checks.sql.times import instant_text, latest_text
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import columns as column_list
from controlplane.kernel.sql import identifier, relation

__all__ = ["MOST_SEGMENTS", "SEGMENT", "Plan", "Probe", "Scan", "Target", "failing_predicate", "plan_scans"]

MOST_SEGMENTS = 1000
"""A ``segmentBy`` column with more values than this is refused: nobody reads a result per customer."""

SEGMENT = "segment"

_APART_IN_SCAN = frozenset({CheckKind.DUPLICATE_VALUES, CheckKind.REFERENCE, CheckKind.LEAK})


@dataclass(frozen=True)
class Probe:
    """What one check adds to a scan.

    Attributes:
        position: of the check in the list that was planned.
        expressions: name of a number to the aggregate expression that yields it.
    """

    position: int
    check: Check
    expressions: Mapping[str, str]


@dataclass(frozen=True)
class Scan:
    """One query about a relation for many checks; with ``segment`` it answers once per value of that column."""

    relation: str
    probes: tuple[Probe, ...]
    segment: str | None = None

    @property
    def sql(self) -> str:
        """The SELECT; the columns of probe ``i`` are named ``<i>_<name>``.

        What joins or counts distinct values stands beside the rest in a sub-query of its own, which reads its own columns only:
        in one row stream the join would carry all other columns along (measured: 0.83 against 0.95 of one query each).
        """
        named = [
            (probe, [f"{expression} AS {identifier(f'{index}_{name}')}" for name, expression in probe.expressions.items()])
            for index, probe in enumerate(self.probes)
        ]
        if self.segment is not None:
            return self._by_segment([column for _, columns in named for column in columns])
        together = [column for probe, columns in named if probe.check.kind not in _APART_IN_SCAN for column in columns]
        alone = [columns for probe, columns in named if probe.check.kind in _APART_IN_SCAN]
        selects = [f"SELECT {', '.join(columns)} FROM {relation(self.relation)}" for columns in [together, *alone] if columns]
        return selects[0] if len(selects) == 1 else f"SELECT * FROM {', '.join(f'({select})' for select in selects)}"

    def _by_segment(self, columns: Sequence[str]) -> str:
        segment = f"CAST({identifier(str(self.segment))} AS VARCHAR) AS {identifier(SEGMENT)}"
        grouped = f"SELECT {', '.join([segment, *columns])} FROM {relation(self.relation)} GROUP BY 1"
        return f"{grouped} ORDER BY 1 NULLS LAST LIMIT {MOST_SEGMENTS + 1}"

    def answers(self, row: Mapping[str, object]) -> Iterator[tuple[Probe, Mapping[str, object]]]:
        """Yield each probe with its own numbers of a result row, under their plain names."""
        for index, probe in enumerate(self.probes):
            yield probe, {name: row[f"{index}_{name}"] for name in probe.expressions}

    def halves(self) -> Sequence[Scan]:
        """Return the scan cut in two, nothing for one that cannot be: how a probe that fails is found."""
        middle = len(self.probes) // 2
        return [self._of(self.probes[:middle]), self._of(self.probes[middle:])] if middle else []

    def lighter(self) -> Sequence[Scan]:
        """Return the scan without its exact distinct counts, and each of those alone; nothing where that is no relief.

        They are what takes time and memory, so this is what to do when either runs out.
        """
        heavy = [probe for probe in self.probes if probe.check.kind is CheckKind.DUPLICATE_VALUES]
        light = tuple(probe for probe in self.probes if probe not in heavy)
        if not heavy or len(self.probes) == 1:
            return []
        return [*([self._of(light)] if light else []), *(self._of((probe,)) for probe in heavy)]

    def _of(self, probes: tuple[Probe, ...]) -> Scan:
        return Scan(self.relation, probes, self.segment)


@dataclass(frozen=True)
class Plan:
    """What to ask for a list of checks.

    Attributes:
        scans: at most one per distinct ``segment_by`` (None included).
        apart: positions of checks that are measured on their own; a ``sql`` check is also in a scan, for its row count.
        refused: position to the reason why that check cannot be asked at all.
    """

    scans: tuple[Scan, ...]
    apart: tuple[int, ...]
    refused: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """The relation checks are planned for.

    Attributes:
        columns: column name to canonical type.
        references: dataset name to the name it is registered under.
        horizon: a time after this is in the future.
        time_zone: IANA name of the project's calendar, in which a date begins.
    """

    relation: str
    columns: Mapping[str, str]
    references: Mapping[str, str]
    horizon: datetime
    time_zone: str = "UTC"


def plan_scans(checks: Sequence[Check], target: Target) -> Plan:
    """Return the fewest scans that answer all checks which can share one."""
    probes: dict[str | None, list[Probe]] = {}
    apart, refused = [], {}
    for position, check in enumerate(checks):
        try:
            _refuse_unknown_columns(check, target)
            expressions = _expressions(check, target)
        except ConfigurationError as error:
            refused[position] = str(error)
            continue
        if expressions:
            probes.setdefault(check.segment_by, []).append(Probe(position, check, expressions))
        if check.kind in _APART or not expressions:
            apart.append(position)
    scans = tuple(Scan(target.relation, tuple(group), segment) for segment, group in probes.items())
    return Plan(scans, tuple(apart), refused)


_APART = frozenset({CheckKind.SQL, CheckKind.VOLUME_CHANGE, CheckKind.RECONCILIATION, CheckKind.SCHEMA, CheckKind.SCHEMA_DRIFT})


def _refuse_unknown_columns(check: Check, target: Target) -> None:
    if check.kind is CheckKind.SCHEMA:
        return
    named = [*check.fields, *([check.segment_by] if check.segment_by else [])]
    missing = [name for name in dict.fromkeys(named) if name not in target.columns]
    if missing:
        message = f"{check.dataset} has no column {', '.join(missing)}; it has {', '.join(target.columns) or 'none'}"
        raise ConfigurationError(message)
    if check.segment_by is not None and (check.kind in _APART or _by_heartbeat(check)):
        message = f"{check.id}: {check.kind.value} has no segmentBy; it answers for the whole dataset"
        raise ConfigurationError(message)


def _by_heartbeat(check: Check) -> bool:
    return check.kind is CheckKind.FRESHNESS and not check.fields and "field" not in check.arguments


def _expressions(check: Check, target: Target) -> Mapping[str, str]:
    """Return what a check asks of a scan; nothing for one that is measured apart."""
    build = _PROBES.get(check.kind, _row_expressions)
    return build(check, target)


def _total(check: Check) -> str:
    return f"count(*){_filter(check)}"


def _filter(check: Check, *more: str) -> str:
    parts = [*([condition(check.where)] if check.where else []), *more]
    return f" FILTER (WHERE {' AND '.join(parts)})" if parts else ""


def _row_expressions(check: Check, target: Target) -> Mapping[str, str]:
    predicate = failing_predicate(check, target.columns, target.references)
    if predicate is None:
        other = check.arguments.get("to", check.arguments.get("against"))
        message = f"{check.id}: the dataset {other} it refers to is not available"
        raise ConfigurationError(message)
    return {"total": _total(check), "failed": f"count(*) FILTER (WHERE {predicate})"}


def _count_expressions(check: Check, target: Target) -> Mapping[str, str]:
    del target
    if check.unit == "percent":
        message = f"{check.id}: {check.kind.value} counts rows; the unit percent has nothing to be a part of"
        raise ConfigurationError(message)
    return {"total": _total(check)}


def _duplicate_expressions(check: Check, target: Target) -> Mapping[str, str]:
    """Surplus rows: of each key all rows but one. A key with a null in it equals no other (as in a UNIQUE constraint)."""
    listed = check.arguments.get("properties")
    keys = check.fields or (tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ())
    missing = [name for name in keys if name not in target.columns]
    if not keys or missing:
        message = f"{check.id}: duplicateValues needs columns of {check.dataset}; unknown: {', '.join(missing) or 'none given'}"
        raise ConfigurationError(message)
    whole = [f"{identifier(name)} IS NOT NULL" for name in keys]
    key = identifier(keys[0]) if len(keys) == 1 else f"({column_list(keys)})"
    compared = _filter(check, *whole)
    return {"total": _total(check), "failed": f"count(*){compared} - count(DISTINCT {key}){compared}"}


def _aggregate_expressions(check: Check, target: Target) -> Mapping[str, str]:
    name = field_of(check)
    value = aggregate_text(check, name, target.columns.get(name, "unknown"))
    # as text: exact for decimals of any width, and the shortest text that is this double
    return {
        "total": _total(check),
        "present": f"count({identifier(name)}){_filter(check)}",
        "value": f"CAST({value}{_filter(check)} AS VARCHAR)",
    }


def _freshness_expressions(check: Check, target: Target) -> Mapping[str, str]:
    """The latest time as microseconds since 1970 (UTC), and how many rows lie in the future."""
    if _by_heartbeat(check):
        return {}
    name = field_of(check)
    canonical = target.columns.get(name, "unknown")
    latest = latest_text(check, name, canonical, calendar=target.time_zone, clause=_filter(check))
    instant = instant_text(check, name, canonical, calendar=target.time_zone)
    horizon = f"TIMESTAMPTZ '{target.horizon.isoformat()}'"
    return {
        "total": _total(check),
        "latest": f"epoch_us({latest})",
        "ahead": f"count(*){_filter(check, f'{instant} > {horizon}')}",
    }


def _sql_expressions(check: Check, target: Target) -> Mapping[str, str]:
    del target
    return {"total": _total(check)}


def _nothing(check: Check, target: Target) -> Mapping[str, str]:
    del check, target
    return {}


_PROBES: Mapping[CheckKind, Callable[[Check, Target], Mapping[str, str]]] = {
    CheckKind.ROW_COUNT: _count_expressions,
    CheckKind.SQL: _sql_expressions,
    CheckKind.DUPLICATE_VALUES: _duplicate_expressions,
    CheckKind.AGGREGATE: _aggregate_expressions,
    CheckKind.FRESHNESS: _freshness_expressions,
    CheckKind.VOLUME_CHANGE: _nothing,
    CheckKind.RECONCILIATION: _nothing,
    CheckKind.SCHEMA: _nothing,
    CheckKind.SCHEMA_DRIFT: _nothing,
}
