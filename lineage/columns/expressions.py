"""Where the value of an expression comes from."""

from __future__ import annotations

from sqlglot import exp

from lineage.columns.catalog import Parts
from lineage.columns.flows import IDENTITY, NOTHING, WINDOW, Effect, Trace, gap, union
from lineage.columns.scopes import AliasUse, Scope
from lineage.columns.steps import Step, steps


def trace_of(expression: exp.Expr | None, scope: Scope, effect: Effect = IDENTITY, use: AliasUse = AliasUse.LAST) -> Trace:
    """Return the origin of an expression's value, as seen through ``effect``.

    Works without recursion on purpose: generated SQL holds expressions thousands of operators deep.
    """
    traces: list[Trace] = []
    stack: list[Step] = [] if expression is None else [(expression, effect)]
    seen: set[tuple[int, Effect]] = set()
    while stack:
        node, outer = stack.pop()
        if (id(node), outer) in seen:
            continue
        seen.add((id(node), outer))
        leaf = _leaf(node, scope, use)
        if leaf is not None:
            traces.append(leaf.through(outer))
            continue
        for child, inner in (*steps(node), *_named_window(node, scope)):
            stack.append((child, outer.after(inner)))
    return union(traces)


def column_parts(column: exp.Column) -> Parts:
    """Return the dotted parts of a column as written, without quotes."""
    return tuple(part.name for part in column.parts)


def _leaf(node: exp.Expr, scope: Scope, use: AliasUse) -> Trace | None:
    """Return the trace of a node that names columns by itself, or None for one that is made of parts."""
    if isinstance(node, exp.Column):
        return _column(node, scope, use)
    if isinstance(node, exp.Star):
        return _star((), scope)
    if isinstance(node, exp.Exists) and isinstance(node.this, exp.Query):
        return scope.context.read(node.this, scope, scope.ctes, scope.context).rows
    if isinstance(node, exp.Query):
        relation = scope.context.read(node, scope, scope.ctes, scope.context)
        return relation.everything() | relation.rows
    return _odd_leaf(node, scope)


def _odd_leaf(node: exp.Expr, scope: Scope) -> Trace | None:
    """Return the trace of ways to name columns that only some engines know."""
    if isinstance(node, exp.Pseudocolumn):
        return NOTHING
    if isinstance(node, exp.Parameter) and scope.context.dialect == "snowflake" and node.name.isdigit():
        return gap(f"${node.name} names a column by its position")
    if isinstance(node, exp.Columns):
        return gap(f"{node.sql()} chooses columns by a pattern; name them")
    return None


def _column(column: exp.Column, scope: Scope, use: AliasUse) -> Trace:
    if isinstance(column.this, exp.Star):
        return _star(column_parts(column)[:-1], scope)
    if not isinstance(column.this, exp.Identifier):
        return gap(f"${column.this.name} names a column by its position")
    return scope.resolve(column_parts(column), use)


def _star(qualifier: Parts, scope: Scope) -> Trace:
    relation = scope.star(qualifier)
    return gap(f"{'.'.join(qualifier)}.* names no table of the query") if relation is None else relation.everything()


def _named_window(node: exp.Expr, scope: Scope) -> list[Step]:
    """Return what a window takes over from the definition it refers to (OVER w)."""
    reference = node.args.get("alias") if isinstance(node, exp.Window) else None
    definition = scope.window(reference.name) if isinstance(reference, exp.Identifier) else None
    return [] if definition is None else [(definition, WINDOW)]
