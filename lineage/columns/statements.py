"""What a statement writes where: queries, INSERT, CREATE ... AS, MERGE, UPDATE and DELETE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlglot import exp

from lineage.columns.catalog import Parts
from lineage.columns.expressions import column_parts, trace_of
from lineage.columns.flows import FILTER, JOIN, NOTHING, Column, Relation, Rest, Trace, gap, union
from lineage.columns.queries import read_query, with_ctes
from lineage.columns.scopes import Context, Ctes, Scope, Source
from lineage.columns.sources import add_joins, add_source

_MOVES_NO_DATA: tuple[type[exp.Expr], ...] = (
    exp.Set, exp.Use, exp.Drop, exp.Describe, exp.Comment, exp.Transaction, exp.Commit, exp.Rollback, exp.Pragma, exp.Cache,
    exp.Uncache, exp.Refresh, exp.Grant, exp.Revoke, exp.TruncateTable, exp.Analyze, exp.Declare, exp.Semicolon, exp.Show,
    exp.Kill, exp.Attach, exp.Detach, exp.Summarize, exp.Alter, exp.EndStatement,
)  # fmt: skip
_COMMANDS_MOVE_NO_DATA = frozenset(
    {
        "set",
        "show",
        "grant",
        "revoke",
        "explain",
        "analyze",
        "vacuum",
        "optimize",
        "call",
        "begin",
        "end",
        "msck",
        "reset",
        "refresh",
    }
)


@dataclass(frozen=True)
class Written:
    """What one statement writes: the target (None for a bare query) and the relation that it gets."""

    target: Parts | None
    relation: Relation


def read_statement(statement: exp.Expr, context: Context) -> Iterator[Written]:
    """Yield what a statement writes; nothing for one that moves no data.

    A statement that may move data in a way that is not understood yields a relation that says so.
    """
    with_ = statement.args.get("with_")
    for cte in with_.expressions if with_ is not None else ():
        if isinstance(cte.this, exp.Insert | exp.Update | exp.Delete | exp.Merge):
            yield from read_statement(cte.this, context)
    for kind in type(statement).__mro__:
        read = _READERS.get(kind)
        if read is not None:
            yield from read(statement, context)
            return
    if not _moves_no_data(statement):
        yield Written(None, Relation(rows=gap(f"{_verb(statement)} is not a statement whose columns can be followed")))


def _moves_no_data(statement: exp.Expr) -> bool:
    if isinstance(statement, exp.Command):
        return str(statement.this).lower() in _COMMANDS_MOVE_NO_DATA
    return isinstance(statement, _MOVES_NO_DATA)


def _verb(statement: exp.Expr) -> str:
    return str(statement.this).upper() if isinstance(statement, exp.Command) else type(statement).__name__.upper()


def _read_query(query: exp.Expr, context: Context) -> Iterator[Written]:
    relation = read_query(query, None, {}, context)
    into = query.args.get("into") if isinstance(query, exp.Select) else None
    yield Written(None if into is None else _parts(into.this), relation)


def _read_insert(insert: exp.Insert, context: Context) -> Iterator[Written]:
    yield _insert(insert, {}, context)


def _insert(insert: exp.Insert, ctes: Ctes, context: Context) -> Written:
    ctes = with_ctes(insert, None, ctes, context)
    table, listed = _target(insert.this)
    body = insert.expression or insert.args.get("source")
    if not isinstance(body, exp.Expr):
        return Written(_parts(table), Relation())
    relation = read_query(body, None, ctes, context)
    relation = _placed(relation, table, listed, by_name=bool(insert.args.get("by_name")), context=context)
    conflict = insert.args.get("conflict")
    if conflict is not None:
        relation = _with_conflict(relation, table, conflict, ctes, context)
    return Written(_parts(table), relation)


def _placed(relation: Relation, table: exp.Table, listed: Sequence[str], *, by_name: bool, context: Context) -> Relation:
    """Name the columns of a query as the table that they are inserted into does: by list, by name, else by position."""
    if by_name:
        return relation
    known = context.catalog.table(_parts(table)).columns
    fixed = _fixed_partitions(table)
    names = listed or [name for name in known or () if name.casefold() not in fixed]
    if not names or relation.rest:
        return relation.renamed(listed) if listed else relation
    if len(names) != len(relation.columns):
        reason = f"{len(relation.columns)} columns are inserted into {len(names)} of {'.'.join(_parts(table))}"
        return relation.renamed(names).steered_by(gap(reason)) if listed else relation
    return relation.renamed(names)


def _fixed_partitions(table: exp.Table) -> set[str]:
    """Return the partition columns whose value the statement itself gives: PARTITION (day = '...')."""
    partition = table.args.get("partition")
    items = partition.expressions if partition is not None else []
    return {item.this.name.casefold() for item in items if isinstance(item, exp.EQ)}


def _with_conflict(relation: Relation, table: exp.Table, conflict: exp.Expr, ctes: Ctes, context: Context) -> Relation:
    """Add what ON CONFLICT DO UPDATE assigns; EXCLUDED is the row that was to be inserted."""
    scope = Scope(context, ctes)
    add_source(table, scope)
    scope.sources.append(Source(("excluded",), relation))
    assigned = list(_assignments(conflict.expressions, scope))
    return replace(relation, columns=_united([*relation.columns, *assigned]))


def _read_many_inserts(statement: exp.MultitableInserts, context: Context) -> Iterator[Written]:
    """Read FROM source INSERT INTO a SELECT ... INSERT INTO b SELECT ... (Hive, Spark)."""
    ctes = with_ctes(statement, None, {}, context)
    source = statement.args["source"]
    for item in statement.expressions:
        insert = item.this if isinstance(item, exp.ConditionalInsert) else item
        body = insert.expression
        if isinstance(body, exp.Select) and body.args.get("from_") is None:
            body.set("from_", exp.From(this=source.copy()))
            yield _insert(insert, ctes, context)
        else:
            yield Written(
                _parts(_target(insert.this)[0]), Relation(rows=gap("an INSERT of several tables at once is not followed"))
            )


def _read_create(create: exp.Create, context: Context) -> Iterator[Written]:
    body = create.expression
    if (create.kind or "").upper() not in {"TABLE", "VIEW"} or not isinstance(body, exp.Query | exp.Values | exp.Table):
        if create.args.get("clone") is not None:
            table, _ = _target(create.this)
            yield Written(_parts(table), read_query(create.args["clone"].this, None, {}, context))
        return
    table, listed = _target(create.this)
    relation = read_query(body, None, with_ctes(create, None, {}, context), context).renamed(listed)
    yield from _made(table, relation, context)


def _read_cache(cache: exp.Cache, context: Context) -> Iterator[Written]:
    """Read Spark's CACHE TABLE name AS SELECT, which makes a view for the statements after it."""
    if isinstance(cache.expression, exp.Query):
        yield from _made(_target(cache.this)[0], read_query(cache.expression, None, {}, context), context)


def _made(table: exp.Table, relation: Relation, context: Context) -> Iterator[Written]:
    yield Written(_parts(table), relation)
    context.catalog.declare(_parts(table), None if relation.rest else relation.names)


def _read_merge(merge: exp.Merge, context: Context) -> Iterator[Written]:
    scope = Scope(context, with_ctes(merge, None, {}, context))
    add_source(merge.this, scope)
    add_source(merge.args["using"], scope)
    rows = trace_of(merge.args.get("on"), scope, JOIN) | union(source.relation.rows for source in scope.sources)
    columns: list[Column] = []
    rest: list[Rest] = []
    for when in merge.args["whens"].expressions:
        rows |= trace_of(when.args.get("condition"), scope, FILTER)
        made = _merge_action(when.args.get("then"), scope)
        columns += made.columns
        rest += made.rest
    table, _ = _target(merge.this)
    yield Written(_parts(table), Relation(_united(columns), rows, tuple(rest[:1])))


def _merge_action(action: exp.Expr | None, scope: Scope) -> Relation:
    """Return the columns that one WHEN branch assigns; DELETE and DO NOTHING assign none."""
    if isinstance(action, exp.Update):
        if any(isinstance(item, exp.Star) for item in action.expressions):
            return _same_names(scope)
        return Relation(tuple(_assignments(action.expressions, scope)))
    if not isinstance(action, exp.Insert):
        return Relation()
    if isinstance(action.this, exp.Star) or (isinstance(action.this, exp.Var) and action.this.name.upper() == "ROW"):
        return _same_names(scope)
    values = action.expression.expressions if isinstance(action.expression, exp.Tuple) else [action.expression]
    names = [_last(item) for item in action.this.expressions] if isinstance(action.this, exp.Tuple) else []
    if not names:
        target = scope.sources[0].relation
        if target.rest:
            reason = gap("INSERT without column names needs the columns of its table, which are not known")
            return Relation(rest=(Rest("the table", lambda _name: reason),))
        names = list(target.names)
    # Values of a NOT MATCHED branch come from the source: the target has no row there.
    inner = replace(scope, sources=scope.sources[1:])
    return Relation(tuple(Column(name, trace_of(value, inner)) for name, value in zip(names, values, strict=False) if value))


def _same_names(scope: Scope) -> Relation:
    """Read UPDATE SET * and INSERT *: each column of the target gets the one of its name in the source."""
    target, source = (item.relation for item in scope.sources[:2])
    if target.rest:
        return Relation(source.columns, rest=source.rest)
    found = [(name, source.find(name)) for name in target.names]
    return Relation(tuple(Column(name, trace) for name, trace in found if trace is not None))


def _read_update(update: exp.Update, context: Context) -> Iterator[Written]:
    scope = Scope(context, with_ctes(update, None, {}, context))
    target = _updated_table(update)
    if target is update.this:
        add_source(target, scope)
    rows = _more_sources(update.args.get("from_"), scope)
    rows |= trace_of(update.args.get("where"), scope, FILTER) | union(source.relation.rows for source in scope.sources)
    yield Written(_parts(target), Relation(_united(list(_assignments(update.expressions, scope))), rows))


def _updated_table(update: exp.Update) -> exp.Table:
    """Return the table that is written; T-SQL names it by its alias in FROM."""
    table, _ = _target(update.this)
    origin = update.args.get("from_")
    for node in origin.find_all(exp.Table) if origin is not None and len(table.parts) == 1 else ():
        if node.alias.casefold() == table.name.casefold():
            return cast("exp.Table", node)
    return table


def _read_delete(delete: exp.Delete, context: Context) -> Iterator[Written]:
    """Read DELETE: no value flows, but its condition decides which rows of every column stay."""
    scope = Scope(context, with_ctes(delete, None, {}, context))
    add_source(delete.this, scope)
    using = delete.args.get("using")
    for item in using if isinstance(using, list) else []:
        add_source(item, scope)
    rows = trace_of(delete.args.get("where"), scope, FILTER)
    table, _ = _target(delete.this)
    target = scope.sources[0].relation
    columns = tuple(Column(name, NOTHING) for name in target.names)
    yield Written(_parts(table), Relation(columns, rows, target.rest if rows.flows else ()))


def _more_sources(origin: exp.Expr | None, scope: Scope) -> Trace:
    if origin is None:
        return NOTHING
    add_source(origin.this, scope)
    late: list[exp.Expr] = []
    return add_joins(origin.args.get("joins") or (), scope, late) | union(trace_of(item, scope, JOIN) for item in late)


def _assignments(items: Sequence[exp.Expr], scope: Scope) -> Iterator[Column]:
    """Read SET column = value and SET (column, column) = (value, value) or = (SELECT ...)."""
    for item in items:
        if not isinstance(item, exp.EQ):
            continue
        if not isinstance(item.this, exp.Tuple):
            yield Column(_assigned(item.this, scope), trace_of(item.expression, scope))
            continue
        value = item.expression
        if isinstance(value, exp.Query):
            relation = scope.context.read(value, scope, scope.ctes, scope.context)
            traces = [column.trace | relation.rows for column in relation.columns]
        else:
            traces = [trace_of(part, scope) for part in value.expressions]
        names = [_assigned(part, scope) for part in item.this.expressions]
        yield from (Column(name, trace) for name, trace in zip(names, traces, strict=False))


def _assigned(item: exp.Expr, scope: Scope) -> str:
    """Return the column that an assignment writes; of a struct's field it is the column that holds the struct."""
    parts = column_parts(item) if isinstance(item, exp.Column) else (item.name,)
    for size in range(len(parts) - 1, 0, -1):
        if any(source.answers_to(parts[:size]) for source in scope.sources):
            return parts[size]
    return parts[0]


def _united(columns: Sequence[Column]) -> tuple[Column, ...]:
    """Return one column for each name; several branches may assign the same one."""
    found: dict[str, Column] = {}
    for column in columns:
        earlier = found.get(column.name.casefold())
        found[column.name.casefold()] = column if earlier is None else replace(earlier, trace=earlier.trace | column.trace)
    return tuple(found.values())


def _last(item: exp.Expr) -> str:
    return column_parts(item)[-1] if isinstance(item, exp.Column) else item.name


def _target(node: exp.Expr) -> tuple[exp.Table, list[str]]:
    """Return the written table and the columns listed after it."""
    listed: list[str] = []
    if isinstance(node, exp.Schema):
        listed = [item.name for item in node.expressions if isinstance(item, exp.Identifier | exp.ColumnDef | exp.Column)]
        node = node.this
    return (node if isinstance(node, exp.Table) else exp.to_table(node.sql())), listed


def _parts(table: exp.Table) -> Parts:
    return tuple(part.name for part in table.parts)


_READERS: Mapping[type, Callable[[Any, Context], Iterator[Written]]] = {
    **dict.fromkeys((exp.Query, exp.Values, exp.Table, exp.Pivot), _read_query),
    exp.Insert: _read_insert,
    exp.MultitableInserts: _read_many_inserts,
    exp.Create: _read_create,
    exp.Cache: _read_cache,
    exp.Merge: _read_merge,
    exp.Update: _read_update,
    exp.Delete: _read_delete,
}
