"""What a query yields: SELECT, set operations, VALUES and the common table expressions before them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from lineage.columns.expressions import column_parts, trace_of
from lineage.columns.flows import (
    FILTER,
    GROUP_BY,
    NOTHING,
    SORT,
    Column,
    Effect,
    Relation,
    Rest,
    Trace,
    gap,
    union,
)
from lineage.columns.pivots import pivoted
from lineage.columns.scopes import AliasTable, AliasUse, Context, Ctes, Scope, Source
from lineage.columns.sources import add_source, read_sources
from lineage.columns.steps import is_aggregate

_ROUNDS = 50
"""A recursive query's trace only grows and is bounded by the columns it reads; this many rounds is far beyond any real one."""

_RECURSES_WITHOUT_SAYING = frozenset({"tsql", "oracle", "fabric", "teradata"})


def read_query(query: exp.Expr, outer: Scope | None, ctes: Ctes, context: Context) -> Relation:
    """Return what a query yields.

    Args:
        query: a SELECT, set operation, VALUES, or one of them in brackets.
        outer: the scope it stands in, for correlated sub-queries.
        ctes: common table expressions defined around it.
        context: what stays the same through the statement.
    """
    ctes = with_ctes(query, outer, ctes, context)
    if isinstance(query, exp.Select):
        return read_select(query, Scope(context, ctes, outer))
    if isinstance(query, exp.SetOperation):
        return _read_set(query, outer, ctes, context)
    if isinstance(query, exp.Subquery):
        return _read_bracket(query, outer, ctes, context)
    return _read_other(query, Scope(context, ctes, outer))


def _read_other(query: exp.Expr, scope: Scope) -> Relation:
    if isinstance(query, exp.Values):
        return _read_values(query, scope)
    if isinstance(query, exp.Table):
        return read_select(exp.select("*").from_(query.copy()), scope)
    if isinstance(query, exp.Pivot):
        add_source(query.this, scope)
        return pivoted(scope.sources[0].relation, query, scope)
    if query.args.get("returning") is not None:
        return _read_returning(query, scope)
    reason = gap(f"what {type(query).__name__.upper()} yields here is not known")
    return Relation(rest=(Rest(type(query).__name__.upper(), lambda _name: reason),))


def with_ctes(statement: exp.Expr, outer: Scope | None, ctes: Ctes, context: Context) -> Ctes:
    """Return the common table expressions in reach after the WITH of a statement, if it has one."""
    with_ = statement.args.get("with_")
    if with_ is None:
        return ctes
    known: dict[str, Relation | exp.Expr] = dict(ctes)
    may_recurse = bool(with_.args.get("recursive")) or context.dialect in _RECURSES_WITHOUT_SAYING
    for cte in with_.expressions:
        name = cte.alias.casefold()
        if cte.args.get("scalar"):
            known[name] = cte.this
        elif may_recurse and _names_itself(cte):
            known[name] = _read_recursive(cte, outer, known, context)
        else:
            known[name] = read_query(cte.this, outer, known, context).renamed(cte.alias_column_names)
    return known


def _read_returning(statement: exp.Expr, scope: Scope) -> Relation:
    """Read what INSERT, UPDATE or DELETE ... RETURNING yields: columns of the table that it changes."""
    table = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    select = exp.select(*(item.copy() for item in statement.args["returning"].expressions)).from_(table.copy())
    if statement.args.get("where") is not None:
        select.set("where", statement.args["where"].copy())
    return read_select(select, scope)


def _names_itself(cte: exp.Expr) -> bool:
    if not isinstance(cte.this, exp.SetOperation):
        return False
    name = cte.alias.casefold()
    return any(not table.args.get("db") and table.name.casefold() == name for table in cte.this.find_all(exp.Table))


def _read_recursive(cte: exp.Expr, outer: Scope | None, ctes: Ctes, context: Context) -> Relation:
    """Read a query that reads itself: its first branch, then all of it over what is known so far, until nothing is new."""
    name = cte.alias.casefold()
    anchor = cte.this
    while isinstance(anchor, exp.SetOperation):
        anchor = anchor.left
    inner = with_ctes(cte.this, outer, ctes, context)
    relation = read_query(anchor, outer, inner, context).renamed(cte.alias_column_names)
    for _ in range(_ROUNDS):
        grown = read_query(cte.this, outer, {**inner, name: relation}, context).renamed(cte.alias_column_names)
        if grown.columns == relation.columns and grown.rows == relation.rows:
            break
        relation = grown
    return relation


def _read_bracket(query: exp.Subquery, outer: Scope | None, ctes: Ctes, context: Context) -> Relation:
    relation = read_query(query.this, outer, ctes, context)
    scope = Scope(context, ctes, outer, sources=[Source((query.alias,), relation)])
    return relation.steered_by(_order(query, scope, relation.columns))


def _read_set(query: exp.SetOperation, outer: Scope | None, ctes: Ctes, context: Context) -> Relation:
    """Read a chain of set operations; without recursion, because generated ones have hundreds of branches."""
    chain: list[exp.SetOperation] = []
    first: exp.Expr = query
    while isinstance(first, exp.SetOperation):
        chain.append(first)
        first = first.left
        ctes = with_ctes(first, outer, ctes, context)
    relation = read_query(first, outer, ctes, context)
    for operation in reversed(chain):
        other = read_query(operation.right, outer, ctes, context)
        relation = _combined(operation, relation, other)
        scope = Scope(context, ctes, outer, sources=[Source((), relation)])
        relation = relation.steered_by(_order(operation, scope, relation.columns))
    return relation


def _combined(operation: exp.SetOperation, left: Relation, right: Relation) -> Relation:
    rows = left.rows | right.rows
    if isinstance(operation, exp.Except):
        return replace(left, rows=rows | right.everything().through(FILTER))
    if operation.args.get("by_name"):
        return replace(_by_name(left, right, both=True), rows=rows)
    if left.rest or right.rest:
        return replace(_by_name(left, right, both=False), rows=rows)
    columns = tuple(
        Column(column.name, column.trace | right.columns[index].trace) if index < len(right.columns) else column
        for index, column in enumerate(left.columns)
    )
    if len(left.columns) != len(right.columns):
        rows |= gap(f"the branches of {operation.key.upper()} have {len(left.columns)} and {len(right.columns)} columns")
    return Relation(columns, rows)


def _by_name(left: Relation, right: Relation, *, both: bool) -> Relation:
    """Match branches by column names: what BY NAME asks for, and the best guess where ``*`` hides the positions."""
    columns = [Column(column.name, column.trace | (right.find(column.name) or NOTHING)) for column in left.columns]
    known = {column.name.casefold() for column in columns}
    if both or left.rest:
        columns += [
            Column(column.name, column.trace | (left.guessed(column.name) or NOTHING))
            for column in right.columns
            if column.name.casefold() not in known
        ]
    if not left.rest and not right.rest:
        return Relation(tuple(columns))
    labels = ", ".join(sorted({rest.label for rest in (*left.rest, *right.rest)}))

    def find(name: str) -> Trace | None:
        found = [trace for side in (left, right) if (trace := side.find(name)) is not None]
        return union(found) if found else None

    return Relation(tuple(columns), rest=(Rest(labels, find),))


def _read_values(values: exp.Values, scope: Scope) -> Relation:
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in values.expressions]
    width = max((len(row) for row in rows), default=0)
    traces = [union(trace_of(row[index], scope) for row in rows if index < len(row)) for index in range(width)]
    first = 0 if scope.context.dialect == "duckdb" else 1
    stem = "column" if scope.context.dialect in {"postgres", "snowflake", "sqlite"} else "col"
    names = [f"{stem}{index + first}" for index in range(width)]
    return Relation(tuple(Column(name, trace) for name, trace in zip(names, traces, strict=True))).renamed(
        values.alias_column_names
    )


def read_select(select: exp.Select, scope: Scope) -> Relation:
    """Return what one SELECT yields; ``scope`` is new and holds what is around it."""
    rows = read_sources(select, scope)
    if select.args.get("match") is not None:
        rows |= gap("MATCH_RECOGNIZE makes columns that are not followed")
    for window in select.args.get("windows") or ():
        scope.windows[window.name.casefold()] = window
    _add_scalars(scope)
    use = AliasUse.BEFORE_GUESS if scope.context.lateral_aliases else AliasUse.LAST
    items = {item.output_name.casefold(): item for item in select.expressions if isinstance(item, exp.Alias)}
    scope.aliases = AliasTable(items, lambda item: trace_of(item, scope, use=use))
    relation = _items(select, scope, use)
    relation = relation.steered_by(rows | _clauses(select, scope) | _groups(select, scope, relation))
    return relation.steered_by(_order(select, scope, relation.columns))


def _add_scalars(scope: Scope) -> None:
    """Add ClickHouse's ``WITH expression AS name`` as a source without a name."""
    scalars = {name: item for name, item in scope.ctes.items() if isinstance(item, exp.Expr)}
    if not scalars:
        return
    bare = replace(scope, ctes={name: item for name, item in scope.ctes.items() if name not in scalars})
    columns = tuple(Column(name, trace_of(item, bare)) for name, item in scalars.items())
    scope.sources.append(Source((), Relation(extras=columns)))


def _items(select: exp.Select, scope: Scope, use: AliasUse) -> Relation:
    columns: list[Column] = []
    rest: list[Rest] = []
    for item in select.expressions:
        star = item.this if isinstance(item, exp.Column) and isinstance(item.this, exp.Star) else item
        if isinstance(star, exp.Star):
            qualifier = column_parts(item)[:-1] if isinstance(item, exp.Column) else ()
            found = _starred(star, qualifier, scope, use)
            columns += found.columns
            rest += found.rest
        else:
            columns += _item(item, scope, use, len(columns))
    excluded = [part.name.casefold() for part in select.args.get("exclude") or ()]
    return Relation(tuple(column for column in columns if column.name.casefold() not in excluded), rest=tuple(rest))


def _item(item: exp.Expr, scope: Scope, use: AliasUse, position: int) -> Iterator[Column]:
    trace = trace_of(item, scope, use=use)
    if isinstance(item, exp.Aliases):
        for alias in item.expressions:
            yield Column(alias.name, trace)
        return
    if isinstance(item, exp.Columns):
        yield Column(item.sql(), trace)
        return
    name = item.output_name
    yield Column(f"_col_{position}" if not name or name.isdigit() else name, trace)


def _starred(star: exp.Star, qualifier: tuple[str, ...], scope: Scope, use: AliasUse) -> Relation:
    """Read ``*`` with EXCEPT, REPLACE and RENAME."""
    relation = scope.star(qualifier)
    if relation is None:
        name = ".".join(qualifier)
        inner = scope.resolve(qualifier, use)
        reason = gap(f"{name}.* stands for the fields of {name}, which are not known")
        return Relation(rest=(Rest(name, lambda _field: inner | reason),))
    dropped = {_last_name(item) for item in star.args.get("except_") or ()}
    replaced = {item.alias.casefold(): item for item in star.args.get("replace") or ()}
    renamed = {_last_name(item.this): item.alias for item in star.args.get("rename") or ()}
    columns = [
        Column(
            renamed.get(column.name.casefold(), column.name),
            trace_of(replaced[column.name.casefold()], scope, use=use) if column.name.casefold() in replaced else column.trace,
        )
        for column in relation.columns
        if column.name.casefold() not in dropped
    ]
    if relation.rest:
        known = {column.name.casefold() for column in columns}
        columns += [Column(item.alias, trace_of(item, scope, use=use)) for name, item in replaced.items() if name not in known]
        columns += [Column(new, scope.resolve((old,), use)) for old, new in renamed.items() if new.casefold() not in known]
    gone = dropped | set(renamed)
    return Relation(tuple(columns), rest=tuple(_without(rest, gone) for rest in relation.rest))


def _last_name(item: exp.Expr) -> str:
    return (column_parts(item)[-1] if isinstance(item, exp.Column) else item.name).casefold()


def _without(rest: Rest, names: set[str]) -> Rest:
    return Rest(rest.label, lambda name: None if name.casefold() in names else rest.find(name))


def _clauses(select: exp.Select, scope: Scope) -> Trace:
    """Return what WHERE, HAVING and their like do to the rows."""
    traces = [
        trace_of(select.args.get(key), scope, FILTER, use)
        for key, use in (
            ("where", AliasUse.LAST),
            ("prewhere", AliasUse.LAST),
            ("connect", AliasUse.LAST),
            ("having", AliasUse.BEFORE_GUESS),
            ("qualify", AliasUse.BEFORE_GUESS),
        )
    ]
    distinct = select.args.get("distinct")
    if distinct is not None:
        traces.append(trace_of(distinct.args.get("on"), scope, GROUP_BY, AliasUse.BEFORE_GUESS))
    limit = select.args.get("limit")
    if limit is not None and limit.expressions:
        traces += [trace_of(item, scope, GROUP_BY, AliasUse.BEFORE_GUESS) for item in limit.expressions]
    return union(traces)


def _groups(select: exp.Select, scope: Scope, relation: Relation) -> Trace:
    group = select.args.get("group")
    if group is None:
        return NOTHING
    lists = [group.args.get(key) for key in ("expressions", "grouping_sets", "cube", "rollup")]
    items = [item for listed in lists if isinstance(listed, list) for item in listed]
    traces = list(_numbered(items, scope, relation.columns, GROUP_BY, AliasUse.BEFORE_GUESS))
    if group.args.get("all"):
        traces += [trace_of(item, scope, GROUP_BY) for item in select.expressions if not is_aggregate(item)]
    return union(traces)


def _order(query: exp.Expr, scope: Scope, columns: Sequence[Column]) -> Trace:
    """Return what ORDER BY, SORT BY and CLUSTER BY do to the rows."""
    traces: list[Trace] = []
    for key in ("order", "sort", "cluster"):
        clause = query.args.get(key)
        if clause is not None:
            items = [item.this if isinstance(item, exp.Ordered) else item for item in clause.expressions]
            traces += _numbered(items, scope, columns, SORT, AliasUse.FIRST)
    return union(traces)


def _numbered(
    items: Iterable[exp.Expr], scope: Scope, columns: Sequence[Column], effect: Effect, use: AliasUse
) -> Iterator[Trace]:
    """Read expressions of which a whole number means the column at that place, and ALL means all columns."""
    for item in items:
        if isinstance(item, exp.Literal) and item.is_int:
            place = int(item.name) - 1
            yield columns[place].trace.through(effect) if 0 <= place < len(columns) else NOTHING
        elif isinstance(item, exp.Var) and item.name.upper() == "ALL":
            yield union(column.trace for column in columns).through(effect)
        elif isinstance(item, exp.GroupingSets | exp.Cube | exp.Rollup | exp.Tuple | exp.Paren):
            yield from _numbered(item.iter_expressions(), scope, columns, effect, use)
        else:
            yield trace_of(item, scope, effect, use)
