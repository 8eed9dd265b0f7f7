"""What each part of an expression does to the value of the whole: the effects of functions and operators.

The classes follow OpenLineage: branches of CASE, IF and COALESCE carry their value on unchanged while what decides between
them is conditional; window partitions and orders are ``window``; an aggregate is ``aggregation``; all else that is
computed is ``transformation``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

from sqlglot import exp

from lineage.columns.flows import (
    AGGREGATION,
    CONDITIONAL,
    FILTER,
    GROUP_BY,
    IDENTITY,
    SORT,
    TRANSFORMATION,
    WINDOW,
    Effect,
)

Step: TypeAlias = "tuple[exp.Expr, Effect]"

COUNT = replace(AGGREGATION, masking=True)
"""A count says how many values there are and nothing of what they are."""

_TOKEN = replace(TRANSFORMATION, masking=True)

_KEYED_CLASSES: tuple[type[exp.Expr], ...] = (exp.Encrypt, exp.EncryptRaw)
_KEYED_NAMES = frozenset({"aes_encrypt", "encrypt", "encrypt_raw", "deterministic_encrypt"})
"""Functions that need a key to undo or to repeat.

Any name that starts with ``hmac`` counts too; md5, sha and their like do not: who has a list of likely values can repeat them.
"""

_COUNTS: tuple[type[exp.Expr], ...] = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.Hll, exp.RegrCount)
_COUNT_NAMES = ("count", "uniq", "approx_count", "hll_count", "ndv")

_PICKED_FROM_WINDOW: tuple[type[exp.Expr], ...] = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue, exp.NthValue)
_FREE_OF_VALUES: tuple[type[exp.Expr], ...] = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile)

_AGGREGATE_NAMES = frozenset(
    {
        "any", "any_last", "arbitrary", "array_concat_agg", "avg_if", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or",
        "checksum_agg", "collect_list", "collect_set", "every", "first", "geometric_mean", "grouparray", "groupuniqarray",
        "histogram", "histogram_numeric", "last", "list", "listagg", "map_agg", "map_union", "max_if", "mean", "median",
        "min_if", "mode", "multimap_agg", "numeric_histogram", "percentile", "percentile_approx", "product", "regr_slope",
        "some", "string_agg", "sum_distinct", "sum_if", "try_avg", "try_sum", "wm_concat", "xmlagg",
    }
)  # fmt: skip
"""Aggregates that the parser gives no class of their own in some dialect."""


def steps(node: exp.Expr) -> list[Step]:
    """Return the parts of an expression that matter for its value, each with the effect this node adds."""
    for kind in type(node).__mro__:
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return list(handler(node))
    return _all(node, TRANSFORMATION)


def is_aggregate(node: exp.Expr) -> bool:
    """Tell whether an expression holds an aggregate of its own query (window functions and sub-queries aside)."""
    stack = [node]
    while stack:
        current = stack.pop()
        if isinstance(current, exp.Window | exp.Query | exp.Subquery):
            continue
        if isinstance(current, exp.AggFunc) or (
            isinstance(current, exp.Anonymous) and current.name.lower() in _AGGREGATE_NAMES
        ):
            return True
        stack.extend(current.iter_expressions())
    return False


def _all(node: exp.Expr, effect: Effect) -> list[Step]:
    return [(child, effect) for child in node.iter_expressions()]


def _passed_on(node: exp.Expr) -> list[Step]:
    return _all(node, IDENTITY)


def _values(value: Any, effect: Effect) -> Iterator[Step]:
    """Give one argument (none, one or a list of expressions) an effect."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, exp.Expr):
            yield item, effect


def _only(*keys: str) -> Callable[[exp.Expr], Iterator[Step]]:
    """Return a handler for nodes whose other arguments are names, not values."""

    def handler(node: exp.Expr) -> Iterator[Step]:
        for key in keys:
            yield from _values(node.args.get(key), IDENTITY)

    return handler


def _if(node: exp.Expr) -> Iterator[Step]:
    yield from _values(node.args.get("this"), CONDITIONAL)
    yield from _values(node.args.get("true"), IDENTITY)
    yield from _values(node.args.get("false"), IDENTITY)


def _case(node: exp.Expr) -> Iterator[Step]:
    yield from _values(node.args.get("this"), CONDITIONAL)
    yield from _values(node.args.get("ifs"), IDENTITY)
    yield from _values(node.args.get("default"), IDENTITY)


def _coalesce(node: exp.Expr) -> Iterator[Step]:
    for child in node.iter_expressions():
        yield child, IDENTITY
        yield child, CONDITIONAL


def _nullif(node: exp.Expr) -> Iterator[Step]:
    yield node.this, IDENTITY
    yield node.this, CONDITIONAL
    yield node.expression, CONDITIONAL


def _decode(node: exp.Expr) -> Iterator[Step]:
    """Read DECODE(value, search, result, search, result, ..., default)."""
    value, *rest = node.expressions
    yield value, CONDITIONAL
    for index, item in enumerate(rest):
        is_search = index % 2 == 0 and index + 1 < len(rest)
        yield item, CONDITIONAL if is_search else IDENTITY


def _choices(arguments: list[exp.Expr]) -> list[Step]:
    """Read multiIf(condition, value, condition, value, ..., otherwise) of ClickHouse."""
    last = len(arguments) - 1
    return [(item, CONDITIONAL if index % 2 == 0 and index < last else IDENTITY) for index, item in enumerate(arguments)]


def _count(node: exp.Expr) -> Iterator[Step]:
    for child in node.iter_expressions():
        if not (isinstance(child, exp.Star) or (isinstance(child, exp.Column) and isinstance(child.this, exp.Star))):
            yield child, COUNT


def _ordered_pick(node: exp.Expr) -> Iterator[Step]:
    """Read MAX_BY(value, order) and its like: the order decides which value it is, and is not part of it."""
    yield from _values(node.args.get("this"), AGGREGATION)
    yield from _values(node.args.get("expression"), SORT)


def _combined_aggregate(node: exp.Expr) -> Iterator[Step]:
    """Read ClickHouse's aggregates with a suffix: the last argument of one that ends in ``If`` is its condition."""
    name = node.name
    last = len(node.expressions) - 1
    for index, child in enumerate(node.expressions):
        is_condition = name.lower().endswith("if") and index == last
        yield child, CONDITIONAL if is_condition else _aggregate_effect(name)


def _aggregate_effect(name: str) -> Effect:
    return COUNT if name.lower().startswith(_COUNT_NAMES) else AGGREGATION


def _named_function(node: exp.Expr) -> list[Step]:
    """Read a function that the parser knows by name only."""
    name = node.name.lower()
    if name == "multiif":
        return _choices(node.expressions)
    if name.startswith("hmac") or name in _KEYED_NAMES:
        return _all(node, _TOKEN)
    if name.startswith(("uniq", "approx_count_distinct", "hll_count", "count_distinct")):
        return _all(node, COUNT)
    return _all(node, AGGREGATION if name in _AGGREGATE_NAMES else TRANSFORMATION)


def _dotted(node: exp.Expr) -> list[Step]:
    """Read ``namespace.function(...)``; a field of a struct is a transformation."""
    text = node.sql().lower()
    return _all(node, _TOKEN if text.startswith("aead.encrypt(") else TRANSFORMATION)


def _within_group(node: exp.Expr) -> Iterator[Step]:
    """Read f(...) WITHIN GROUP (ORDER BY x): for percentiles and the mode x is the value, for others only its order."""
    yield node.this, IDENTITY
    has_value = node.this.find(exp.Column) is not None
    for ordered in node.expression.expressions if node.expression else []:
        yield ordered, SORT if has_value else AGGREGATION


def _order(node: exp.Expr) -> Iterator[Step]:
    yield from _values(node.args.get("this"), IDENTITY)
    yield from _values(node.args.get("expressions"), SORT if node.args.get("this") else IDENTITY)


def _window(node: exp.Expr) -> Iterator[Step]:
    if not isinstance(node.this, exp.Identifier):
        yield node.this, IDENTITY
    for key in ("partition_by", "order", "spec"):
        yield from _values(node.args.get(key), WINDOW)


def _filtered(node: exp.Expr) -> Iterator[Step]:
    yield node.this, IDENTITY
    yield node.expression, FILTER


def _having_max(node: exp.Expr) -> Iterator[Step]:
    yield node.this, IDENTITY
    yield node.expression, FILTER


def _comprehension(node: exp.Expr) -> Iterator[Step]:
    """Read [x + y FOR x IN list IF x > z]: the names it introduces are no columns."""
    own = {node.args[key].name.casefold() for key in ("expression", "position") if node.args.get(key)}
    yield node.args["iterator"], TRANSFORMATION
    for key, effect in (("this", TRANSFORMATION), ("condition", FILTER)):
        part = node.args.get(key)
        for column in part.find_all(exp.Column) if part else ():
            if column.parts[0].name.casefold() not in own:
                yield column, effect


def _nothing(_node: exp.Expr) -> list[Step]:
    return []


_PASSED_ON: tuple[type[exp.Expr], ...] = (
    exp.Alias, exp.Paren, exp.Ordered, exp.Where, exp.Having, exp.Qualify, exp.PreWhere, exp.Group, exp.GroupingSets, exp.Cube,
    exp.Rollup, exp.Connect, exp.Prior, exp.IgnoreNulls, exp.RespectNulls, exp.Distinct, exp.Order, exp.Cluster, exp.WindowSpec,
    exp.Limit,
)  # fmt: skip

_HANDLERS: dict[type, Callable[[Any], Iterator[Step] | list[Step]]] = {
    **dict.fromkeys(_PASSED_ON, _passed_on),
    **dict.fromkeys(_COUNTS, _count),
    **dict.fromkeys(_KEYED_CLASSES, lambda node: _all(node, _TOKEN)),
    **dict.fromkeys(_PICKED_FROM_WINDOW, lambda node: _all(node, TRANSFORMATION)),
    **dict.fromkeys(_FREE_OF_VALUES, lambda node: _all(node, WINDOW)),
    **dict.fromkeys((exp.Aliases, exp.Lambda), _only("this")),
    **dict.fromkeys((exp.PropertyEQ, exp.Kwarg), _only("expression")),
    **dict.fromkeys((exp.ArgMax, exp.ArgMin), _ordered_pick),
    **dict.fromkeys((exp.Grouping, exp.GroupingId), lambda node: _all(node, GROUP_BY)),
    **dict.fromkeys((exp.DataType, exp.Identifier, exp.Literal, exp.Var), _nothing),
    exp.AggFunc: lambda node: _all(node, AGGREGATION),
    exp.If: _if,
    exp.Nvl2: _if,
    exp.Case: _case,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.DecodeCase: _decode,
    exp.AnonymousAggFunc: _combined_aggregate,
    exp.Anonymous: _named_function,
    exp.Dot: _dotted,
    exp.WithinGroup: _within_group,
    exp.Order: _order,
    exp.Window: _window,
    exp.Filter: _filtered,
    exp.HavingMax: _having_max,
    exp.Comprehension: _comprehension,
}
