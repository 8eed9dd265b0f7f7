"""What stands after FROM: tables, sub-queries, joins, lateral views and table functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from sqlglot import exp

from lineage.columns.expressions import column_parts, trace_of
from lineage.columns.flows import JOIN, NOTHING, TRANSFORMATION, Column, Relation, Rest, Trace, gap, union
from lineage.columns.pivots import pivoted
from lineage.columns.scopes import AliasUse, Scope, Source

_FROM_ARGUMENTS: tuple[type[exp.Expr], ...] = (
    exp.Explode, exp.Posexplode, exp.Inline, exp.Stack, exp.Unnest, exp.Generator, exp.GenerateSeries,
    exp.ExplodingGenerateSeries, exp.SplitToTable, exp.StrtokSplitToTable, exp.OpenJSON, exp.JSONTable, exp.XMLTable,
    exp.Flatten, exp.GenerateDateArray, exp.GenerateTimestampArray, exp.JSONExtract, exp.JSONExtractArray,
    exp.RegexpExtractAll, exp.Array,
)  # fmt: skip
_FROM_ARGUMENTS_NAMES = frozenset(
    {
        "explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack", "json_tuple",
        "flatten", "range", "sequence", "generate_series", "generate_subscripts", "unnest", "numbers", "variant_explode",
        "variant_explode_outer", "json_each", "json_tree", "jsonb_each", "json_array_elements", "jsonb_array_elements",
        "jsonb_array_elements_text", "json_array_elements_text", "jsonb_to_recordset", "json_to_recordset", "jsonb_object_keys",
        "regexp_split_to_table", "regexp_matches", "string_split", "string_to_table", "splitbychar", "openjson", "table",
        "zeros", "one", "values",
    }
)  # fmt: skip
"""Table functions whose rows are made of their arguments alone."""

_GENERATED_NAMES = (
    "col",
    "pos",
    "key",
    "value",
    "unnest",
    "index",
    "this",
    "seq",
    "path",
    "element",
    "ordinality",
    "id",
    "range",
)


def read_sources(select: exp.Expr, scope: Scope) -> Trace:
    """Add everything after FROM to the scope and return what that does to the rows."""
    origin = select.args.get("from_")
    if origin is not None:
        add_source(origin.this, scope)
    late: list[exp.Expr] = []
    rows = add_joins(select.args.get("joins") or (), scope, late)
    for lateral in select.args.get("laterals") or ():
        add_source(lateral, scope)
    # Spark writes lateral views before or after joins and lets conditions use them; the parser keeps two separate lists.
    rows |= union(trace_of(condition, scope, JOIN) for condition in late)
    return rows | union(source.relation.rows for source in scope.sources)


def add_joins(joins: Iterable[exp.Expr], scope: Scope, late: list[exp.Expr]) -> Trace:
    """Add joined sources and return what their conditions do; conditions that need a later source go to ``late``."""
    rows = NOTHING
    for join in joins:
        before = len(scope.sources)
        add_source(join.this, scope, hidden=join.text("kind").upper() in {"SEMI", "ANTI"} or _is_half_join(join))
        rows |= _merge(join, scope, before)
        for key in ("on", "match_condition"):
            condition = join.args.get(key)
            if condition is None:
                continue
            trace = trace_of(condition, scope, JOIN)
            if trace.gaps:
                late.append(condition)
            else:
                rows |= trace
    return rows


def add_source(node: exp.Expr, scope: Scope, *, hidden: bool = False) -> None:
    """Add one thing after FROM or JOIN, with what is nested in it."""
    if isinstance(node, exp.Subquery) and not isinstance(node.this, exp.Query | exp.Values):
        _add_bracket(node, scope, hidden=hidden)
        return
    if isinstance(node, exp.Paren | exp.Stream):
        add_source(node.this, scope, hidden=hidden)
        return
    relation = _relation(node, scope)
    for pivot in node.args.get("pivots") or ():
        relation = pivoted(relation, pivot, scope)
    scope.sources.append(Source(_qualifier(node), relation, hidden=hidden))
    _add_nested(node, scope)


def _add_bracket(node: exp.Subquery, scope: Scope, *, hidden: bool) -> None:
    """Add ``(a JOIN b ON ...)``: its tables are in reach by their own names unless the bracket has an alias."""
    if not node.alias:
        before = len(scope.sources)
        add_source(node.this, scope, hidden=hidden)
        _add_nested(node, scope)
        for index in range(before, len(scope.sources)):
            scope.sources[index] = replace(scope.sources[index], hidden=hidden)
        return
    inner = Scope(scope.context, scope.ctes, scope.outer)
    add_source(node.this, inner)
    _add_nested(node, inner)
    relation = cast("Relation", inner.star()).steered_by(union(source.relation.rows for source in inner.sources))
    scope.sources.append(Source((node.alias,), relation.renamed(node.alias_column_names), hidden=hidden))


def _add_nested(node: exp.Expr, scope: Scope) -> None:
    """Add joins and lateral views that the parser hung below a table."""
    joins = node.args.get("joins") or ()
    if joins:
        late: list[exp.Expr] = []
        rows = add_joins(joins, scope, late)
        rows |= union(trace_of(condition, scope, JOIN) for condition in late)
        last = scope.sources[-1]
        scope.sources[-1] = replace(last, relation=last.relation.steered_by(rows))
    for lateral in node.args.get("laterals") or ():
        add_source(lateral, scope)


def _relation(node: exp.Expr, scope: Scope) -> Relation:
    if isinstance(node, exp.Table):
        return _table(node, scope)
    if isinstance(node, exp.Subquery | exp.Values):
        relation = scope.context.read(node, scope.outer, scope.ctes, scope.context)
        return relation.renamed(node.alias_column_names)
    if isinstance(node, exp.Lateral):
        return _lateral(node, scope)
    if isinstance(node, exp.Unnest):
        return _generated(node, scope, [*node.expressions], offset=node.args.get("offset"))
    if isinstance(node, exp.TableFromRows):
        return _function(node, node.this, scope)
    return _array_or_opaque(node, scope)


def _array_or_opaque(node: exp.Expr, scope: Scope) -> Relation:
    """Read ClickHouse's ARRAY JOIN list [AS item], and admit not to know anything else."""
    if isinstance(node, exp.Alias | exp.Column):
        return Relation((Column(node.alias_or_name, trace_of(node, scope, TRANSFORMATION)),))
    return _opaque(f"what {type(node).__name__.lower()} yields", trace_of(node, scope, TRANSFORMATION))


def _table(node: exp.Table, scope: Scope) -> Relation:
    aliases = node.alias_column_names
    if not isinstance(node.this, exp.Identifier):
        return _function(node, node.this, scope)
    name = node.name.casefold()
    common = None if node.args.get("db") else scope.ctes.get(name)
    if isinstance(common, Relation):
        return common.renamed(aliases)
    return scope.context.catalog.relation(tuple(part.name for part in node.parts)).renamed(aliases)


def _lateral(node: exp.Lateral, scope: Scope) -> Relation:
    inner = node.this
    if isinstance(inner, exp.Subquery | exp.Query):
        return scope.context.read(inner, scope, scope.ctes, scope.context).renamed(node.alias_column_names)
    if isinstance(inner, exp.Unnest):
        return _generated(node, scope, [*inner.expressions], offset=inner.args.get("offset"))
    return _function(node, inner, scope)


def _function(node: exp.Expr, function: exp.Expr | None, scope: Scope) -> Relation:
    """Read a table function: either its rows are made of its arguments, or it reads something that SQL does not show."""
    if function is None:
        return _opaque("a table without a name", NOTHING)
    name = _function_name(function)
    if isinstance(function, _FROM_ARGUMENTS) or name in _FROM_ARGUMENTS_NAMES:
        return _generated(node, scope, [function], name=name)
    label = f"table function {name}"
    relation = _opaque(f"what {label} reads", trace_of(function, scope, TRANSFORMATION))
    aliases = node.alias_column_names
    return relation.renamed(aliases) if aliases else relation


def _function_name(function: exp.Expr) -> str:
    """Return a function's name in lower case, as the SQL or else the parser calls it."""
    if isinstance(function, exp.Anonymous):
        return function.name.lower()
    return function.sql_names()[0].lower() if isinstance(function, exp.Func) else function.key


def _generated(
    node: exp.Expr, scope: Scope, arguments: Sequence[exp.Expr], *, name: str = "", offset: object = None
) -> Relation:
    """Return the relation of a function whose every column is made of its arguments."""
    trace = union(trace_of(argument, scope, TRANSFORMATION) for argument in arguments)
    names = list(node.alias_column_names)
    if isinstance(offset, exp.Identifier) and offset.name not in names:
        names.append(offset.name)
    if not names:
        names = [node.alias or name or _GENERATED_NAMES[0]]
    extras = {*_GENERATED_NAMES, node.alias, name} - {""} if not node.alias_column_names else set()
    return Relation(tuple(Column(item, trace) for item in names), extras=tuple(Column(item, trace) for item in sorted(extras)))


def _opaque(label: str, arguments: Trace) -> Relation:
    """Return a relation of which nothing is known but that it is made with these arguments."""
    reason = gap(f"{label} is not known")
    return Relation(rest=(Rest(label, lambda _name: arguments | reason),))


def _qualifier(node: exp.Expr) -> tuple[str, ...]:
    if node.alias:
        return (node.alias,)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return tuple(part.name for part in node.parts)
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Func):
        return (_function_name(node.this),)
    return ()


def _is_half_join(join: exp.Expr) -> bool:
    return join.text("side").upper() in {"SEMI", "ANTI"}


def _merge(join: exp.Expr, scope: Scope, before: int) -> Trace:
    """Make the columns of USING or NATURAL one each and return what comparing them does to the rows.

    The one column is COALESCE of both (ISO/IEC 9075-2, 7.10). An outer join takes it from the side that always has a row, so
    only that side counts; in an inner join both hold the value, in a full join either may.
    """
    if join.text("method").upper() == "NATURAL":
        names, rows = _common_names(scope, before)
    else:
        names, rows = [_plain_name(item) for item in join.args.get("using") or ()], NOTHING
    for name in names:
        left = _left(scope, before).resolve((name,), AliasUse.LAST)
        right = union(_found(source, name) for source in scope.sources[before:])
        rows |= left.through(JOIN) | right.through(JOIN)
        side = join.text("side").upper()
        scope.merged[name.casefold()] = Column(name, {"LEFT": left, "RIGHT": right}.get(side, left | right))
        for index, source in enumerate(scope.sources):
            if source.relation.find(name) is not None:
                scope.sources[index] = replace(source, joined=source.joined | {name.casefold()})
    return rows


def _left(scope: Scope, before: int) -> Scope:
    return replace(scope, sources=scope.sources[:before], outer=None)


def _found(source: Source, name: str) -> Trace:
    return source.relation.find(name) or gap(f"{source.label} has no column {name} to join by")


def _plain_name(item: exp.Expr) -> str:
    return column_parts(item)[-1] if isinstance(item, exp.Column) else item.name


def _common_names(scope: Scope, before: int) -> tuple[list[str], Trace]:
    left, right = scope.sources[:before], scope.sources[before:]
    unknown = sorted(rest.label for source in scope.sources for rest in source.relation.rest)
    if unknown:
        return [], gap(f"NATURAL JOIN needs the columns of {', '.join(unknown)}, which are not known")
    known = {name.casefold() for source in left for name in source.relation.names}
    return [name for source in right for name in source.relation.names if name.casefold() in known], NOTHING
