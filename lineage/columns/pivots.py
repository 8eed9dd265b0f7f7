"""PIVOT and UNPIVOT: columns that are made of the values of other columns, and the other way round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from lineage.columns.expressions import column_parts, trace_of
from lineage.columns.flows import CONDITIONAL, IDENTITY, NOTHING, TRANSFORMATION, Column, Relation, Rest, Trace, gap, union
from lineage.columns.scopes import Scope, Source


def pivoted(relation: Relation, pivot: exp.Expr, scope: Scope) -> Relation:
    """Return a relation after one PIVOT or UNPIVOT."""
    inner = Scope(scope.context, scope.ctes, scope.outer, sources=[Source(("",), relation)])
    result = _unpivot(relation, pivot, inner) if pivot.args.get("unpivot") else _pivot(relation, pivot, inner)
    return result.renamed(pivot.alias_column_names)


def _pivot(relation: Relation, pivot: exp.Expr, scope: Scope) -> Relation:
    """Turn values of the FOR columns into columns: each holds an aggregate of the rows with that value."""
    fields = [field for field in pivot.args.get("fields") or () if isinstance(field, exp.In)]
    using = pivot.args.get("using") or pivot.expressions
    if not fields:
        return Relation(rows=relation.rows, rest=(Rest("PIVOT", lambda _name: gap("what PIVOT yields is not known")),))
    aggregates = [trace_of(item, scope) for item in using]
    deciding = union(trace_of(field.this, scope, CONDITIONAL) for field in fields)
    names = _pivot_names(pivot, fields, using)
    made = tuple(
        Column(name, aggregates[index % len(aggregates)] | deciding if aggregates else deciding)
        for index, name in enumerate(names)
    )
    group = pivot.args.get("group")
    if group is not None:
        kept = tuple(Column(item.name, trace_of(item, scope)) for item in group.expressions)
        return Relation(kept + made, relation.rows)
    return _with_others(relation, made, _named_columns([*using, *(field.this for field in fields)]))


def _pivot_names(pivot: exp.Expr, fields: Sequence[exp.In], using: Sequence[exp.Expr]) -> list[str]:
    given = [item.name for item in pivot.args.get("columns") or ()]
    if given:
        return given
    values = [item.alias_or_name for item in fields[0].expressions]
    if len(using) <= 1 and not any(item.alias for item in using):
        return values
    return [f"{value}_{item.alias or item.sql()}" for value in values for item in using]


def _unpivot(relation: Relation, pivot: exp.Expr, scope: Scope) -> Relation:
    """Turn columns into rows: a value column holds any of them, a name column says which."""
    made: list[Column] = []
    used: list[exp.Expr] = []
    for field in pivot.args.get("fields") or ():
        if not isinstance(field, exp.In):
            continue
        groups = [item.this if isinstance(item, exp.PivotAlias | exp.Alias) else item for item in field.expressions]
        used += groups
        values = _value_names(pivot)
        for index, name in enumerate(values):
            made.append(Column(name, union(_member(group, index, len(values), scope) for group in groups)))
        made.append(Column(_name_of(field.this), NOTHING))
    return _with_others(relation, tuple(made), _named_columns(used))


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
