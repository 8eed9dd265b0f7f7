"""PIVOT and UNPIVOT: columns that are made of the values of other columns, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from lineage.columns.expressions import column_parts, trace_of
from lineage.columns.flows import CONDITIONAL, IDENTITY, NOTHING, TRANSFORMATION, Column, Relation, Rest, Trace, gap, union
from lineage.columns.scopes import Scope, Source


@dataclass(frozen=True)
class Rows:
    """What an UNPIVOT makes: the names of its value columns and of the column that says where a value was."""

    values: Sequence[str]
    label: str


def pivoted(relation: Relation, pivot: exp.Expr, scope: Scope) -> Relation:
    """Return a relation after one PIVOT or UNPIVOT."""
    inner = Scope(scope.context, scope.ctes, scope.outer, sources=[Source(("",), relation)])
    result = _unpivot(relation, pivot, inner) if pivot.args.get("unpivot") else _pivot(relation, pivot, inner)
    return result.renamed(pivot.alias_column_names)


def _pivot(relation: Relation, pivot: exp.Expr, scope: Scope) -> Relation:
    """Turn values of the FOR columns into columns: each holds an aggregate of the rows with that value."""
    using = pivot.args.get("using") or ()
    # DuckDB's statement keeps what it pivots on in ``expressions``, the clause keeps its aggregates there.
    fields = pivot.args.get("fields") or (pivot.expressions if using or pivot.args.get("this") else ())
    aggregates = [trace_of(item, scope) for item in using or (pivot.expressions if pivot.args.get("fields") else ())]
    deciding = union(trace_of(field.this if isinstance(field, exp.In) else field, scope, CONDITIONAL) for field in fields)
    used = _named_columns([*using, *pivot.expressions, *(_column_of(field) for field in fields)])
    made, rest = _pivot_columns(pivot, aggregates, deciding)
    group = pivot.args.get("group")
    if group is not None:
        kept = tuple(Column(item.name, trace_of(item, scope)) for item in group.expressions)
        return Relation(kept + made, relation.rows, rest)
    others = _with_others(relation, made, used)
    return Relation(others.columns, others.rows, others.rest + rest)


def _pivot_columns(
    pivot: exp.Expr, aggregates: Sequence[Trace], deciding: Trace
) -> tuple[tuple[Column, ...], tuple[Rest, ...]]:
    """Return the columns that a PIVOT makes, or, where the data decides their names, a rest of unknown ones."""
    listed = pivot.args.get("fields") or pivot.expressions
    fields = [field for field in listed if isinstance(field, exp.In) and field.expressions]
    if not fields:
        every = union(aggregates) | deciding
        reason = gap("the columns that PIVOT makes are named by the data; list its values with IN")
        return (), (Rest("PIVOT", lambda _name: every | reason),)
    names = _pivot_names(pivot, fields, pivot.args.get("using") or pivot.expressions)
    made = (aggregates[index % len(aggregates)] if aggregates else NOTHING for index in range(len(names)))
    return tuple(Column(name, trace | deciding) for name, trace in zip(names, made, strict=True)), ()


def _pivot_names(pivot: exp.Expr, fields: Sequence[exp.In], aggregates: Sequence[exp.Expr]) -> list[str]:
    given = [item.name for item in pivot.args.get("columns") or ()]
    if given:
        return given
    values = [item.alias_or_name for item in fields[0].expressions]
    if len(aggregates) <= 1 and not any(item.alias for item in aggregates):
        return values
    return [f"{value}_{item.alias or item.sql()}" for value in values for item in aggregates]


def _column_of(field: exp.Expr) -> exp.Expr:
    return field.this if isinstance(field, exp.In) else field


def _unpivot(relation: Relation, pivot: exp.Expr, scope: Scope) -> Relation:
    """Turn columns into rows: a value column holds any of them, a name column says which."""
    into = pivot.args.get("into")
    if into is not None or not pivot.args.get("fields"):
        names = [_name_of(item) for item in into.expressions] if into is not None else ["value"]
        label = _name_of(into.this) if into is not None else "name"
        return _melted(relation, pivot.expressions, [Rows(names, label)], scope)
    rows = [field for field in pivot.args["fields"] if isinstance(field, exp.In)]
    groups = [item.this if isinstance(item, exp.PivotAlias | exp.Alias) else item for row in rows for item in row.expressions]
    return _melted(relation, groups, [Rows(_value_names(pivot), _name_of(row.this)) for row in rows], scope)


def _melted(relation: Relation, groups: Sequence[exp.Expr], rows: Sequence[Rows], scope: Scope) -> Relation:
    made: list[Column] = []
    for row in rows:
        for index, name in enumerate(row.values):
            made.append(Column(name, union(_member(group, index, len(row.values), scope) for group in groups)))
        made.append(Column(row.label, NOTHING))
    return _with_others(relation, tuple(made), _named_columns(groups))


def _value_names(pivot: exp.Expr) -> list[str]:
    return [
        _name_of(item)
        for expression in pivot.expressions
        for item in (expression.expressions if isinstance(expression, exp.Tuple) else [expression])
    ]


def _member(group: exp.Expr, index: int, width: int, scope: Scope) -> Trace:
    """Return the column of an UNPIVOT group that feeds the value column at ``index``."""
    if isinstance(group, exp.Tuple) and len(group.expressions) == width:
        return trace_of(group.expressions[index], scope)
    return trace_of(group, scope, TRANSFORMATION if isinstance(group, exp.Tuple) else IDENTITY)


def _name_of(item: exp.Expr) -> str:
    return item.alias_or_name


def _named_columns(items: Sequence[exp.Expr]) -> set[str]:
    return {column_parts(column)[-1].casefold() for item in items for column in _columns(item)}


def _columns(item: exp.Expr) -> Iterator[exp.Column]:
    yield from item.find_all(exp.Column)


def _with_others(relation: Relation, made: tuple[Column, ...], used: set[str]) -> Relation:
    """Return the columns that the clause leaves alone, then those it made."""
    kept = tuple(column for column in relation.columns if column.name.casefold() not in used)
    made_names = {column.name.casefold() for column in made}

    def limited(rest: Rest) -> Rest:
        return Rest(rest.label, lambda name: None if name.casefold() in used | made_names else rest.find(name))

    return Relation(kept + made, relation.rows, tuple(limited(rest) for rest in relation.rest))
