"""What a model's SELECT may be made of: the constructs on which DuckDB and Spark gave the same answer.

Measured by ``bench/sql_parity.py``; the decision is in ``docs/adr/0002-one-sql-text.md``. Everything that is not listed here is
refused, so a construct that nobody has compared cannot slip in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from sqlglot import exp

from controlplane.usecases.sql_typing import Typing, branches, cast_target, digits, family


class Objection(NamedTuple):
    """Why a construct is refused, and what to write instead."""

    what: str
    allowed: str


Rule: TypeAlias = Callable[[exp.Expr, Typing], Objection | None]

_RECIPE_AVG = "cast(sum(x) as double) / cast(nullif(count(x), 0) as double)"
_RECIPE_SECONDS = "(unix_micros(b) - unix_micros(a)) div 1000000"
_DATE_LITERAL = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP_LITERAL = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?")

STRUCTURE: frozenset[type[exp.Expr]] = frozenset({
    exp.Identifier, exp.Column, exp.Alias, exp.TableAlias, exp.Paren, exp.Tuple, exp.Var, exp.From, exp.Where, exp.Group,
    exp.GroupingSets, exp.Rollup, exp.Cube, exp.Having, exp.Order, exp.Ordered, exp.With, exp.CTE, exp.Subquery, exp.Values,
    exp.Union, exp.Intersect, exp.Except, exp.Distinct, exp.Exists, exp.Filter, exp.Window, exp.WindowSpec, exp.DataType,
    exp.DataTypeParam, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript,
    exp.Boolean, exp.Null, exp.Literal,
})  # fmt: skip

HINTS: Mapping[type[exp.Expr], str] = {
    exp.Avg: _RECIPE_AVG,  # decimals: Spark keeps a decimal, DuckDB gives a double; large integers: another last digit
    exp.Lower: "masking profiles, or translate(x, 'ABC..', 'abc..'): engines disagree on some letters",
    exp.Upper: "translate(x, 'abc..', 'ABC..'): engines disagree on some letters",
    exp.TsOrDsAdd: "date + days, date - days",
    exp.AddMonths: "cast(timestamp + interval 1 month as date)",
    exp.MonthsBetween: "(year(b) - year(a)) * 12 + month(b) - month(a)",
    exp.TimestampDiff: _RECIPE_SECONDS,  # DuckDB counts boundaries crossed, Spark whole units
    exp.UnixSeconds: "unix_micros(x) div 1000000",  # DuckDB rounds, Spark rounds down
    exp.TimestampAdd: "timestamp + interval 30 minutes",
    exp.Limit: "row_number() over (...) in a subquery and a condition on it",
    exp.Offset: "row_number() over (...) in a subquery and a condition on it",
    exp.Fetch: "row_number() over (...) in a subquery and a condition on it",
    exp.Qualify: "row_number() over (...) in a subquery and a condition on it: Spark has no QUALIFY",
    exp.AnyValue: "min, max, or max_by with a key that is unique in the group",
    exp.First: "min_by(x, key) with a key that is unique in the group",
    exp.Last: "max_by(x, key) with a key that is unique in the group",
    exp.CurrentTimestamp: "a column of the input: the same batch must give the same rows when it runs again",
    exp.CurrentDate: "a column of the input: the same batch must give the same rows when it runs again",
    exp.TryCast: "the source column as it is: the plane casts to the contract's type row by row",
    exp.Sign: "case when x > 0 then 1 when x < 0 then -1 else 0 end",
    exp.IsNan: "x = x",
    exp.JSONExtract: "get_json_object(column, '$.name')",
    exp.ILike: "like on a column of one case",
}


def _fine(_node: exp.Expr, _types: Typing) -> None:
    return None


def _cast(node: exp.Expr, types: Typing) -> Objection | None:
    if _dated_literal(node):
        return None
    source, target = types.of(node.this), cast_target(node.args["to"])
    allowed = "casts of numbers, dates and timestamps whose column type the contracts give; text stays text, the plane casts it"
    if target is None:
        return Objection(f"a cast to {node.args['to'].sql('databricks')}", allowed)
    if source == "string":
        return Objection("a cast from text: a value that does not fit would fail the batch instead of its row", allowed)
    if source is None:
        return Objection("a cast of something whose type is not known to be other than text", allowed)
    if (str(family(source)), str(family(target))) in _CASTS or source in ("null", target):
        return None
    return Objection(f"a cast from {source} to {target}: engines round or print it differently", allowed)


_CASTS = {
    ("integer", "integer"), ("integer", "decimal"), ("integer", "double"), ("integer", "string"),
    # decimal and double to integer: Spark cuts off, DuckDB rounds. double to decimal: other digits beyond the 15th.
    ("decimal", "decimal"), ("decimal", "double"), ("decimal", "string"),
    ("double", "double"),
    ("date", "timestamptz"), ("date", "string"), ("timestamptz", "date"), ("timestamp", "date"),
    ("timestamptz", "timestamp"), ("timestamp", "timestamptz"), ("boolean", "integer"), ("boolean", "string"),
}  # fmt: skip


def _dated_literal(node: exp.Expr) -> bool:
    """Say whether this is ``date'2024-01-01'`` or ``timestamp'2024-01-01 00:00:00'``, which reach us as casts of text."""
    literal = node.this
    if not (isinstance(literal, exp.Literal) and literal.is_string):
        return False
    if cast_target(node.args["to"]) == "date":
        return _DATE_LITERAL.fullmatch(literal.name) is not None
    return (
        cast_target(node.args["to"]) in ("timestamptz", "timestamp") and _TIMESTAMP_LITERAL.fullmatch(literal.name) is not None
    )


def _to_date(node: exp.Expr, types: Typing) -> Objection | None:
    """``to_date(x)``, and what the parser wraps around the arguments of year(x) and its like."""
    source = types.of(node.this)
    wrapped = isinstance(node.parent, _PARTS_OF_DATES)
    if source in ("date", "timestamptz", "timestamp", "null") or (wrapped and source is None):
        return None
    return Objection("a date made from text or from something of unknown type", "dates and timestamps")


def _comparison(node: exp.Expr, types: Typing) -> Objection | None:
    sides = [node.this, node.expression]
    if isinstance(node, exp.Between):
        sides = [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, exp.In):
        sides = [node.this, *node.expressions]
    return _one_kind(sides, types, "compares text with something else, which casts every value of the text")


def _same_kind(node: exp.Expr, types: Typing) -> Objection | None:
    sides = branches(node) if isinstance(node, (exp.Case, exp.If)) else [node.this, *node.expressions]
    return _one_kind(sides, types, "mixes text with something else, which casts every value of the text")


def _one_kind(sides: list[exp.Expr], types: Typing, what: str) -> Objection | None:
    kinds = {types.of(side) for side in sides} - {None, "null"}
    if "string" in kinds and len(kinds) > 1:
        return Objection(what, "operands of one type; the plane casts text to the contract's type")
    return None


def _plus_minus(node: exp.Expr, types: Typing) -> Objection | None:
    left, right = family(types.of(node.this)), family(types.of(node.expression))
    if "string" in (left, right):
        return Objection("arithmetic with text, which casts it", "numbers, date + days, timestamp + interval")
    if right == "interval" and left == "date":
        return Objection("date and interval: DuckDB gives a timestamp, Spark a date", "date + days, date - days")
    if left == right and left in ("date", "timestamptz", "timestamp"):
        return Objection("a difference of two dates or timestamps", f"datediff(end, start), or {_RECIPE_SECONDS}")
    return None


def _times(node: exp.Expr, types: Typing) -> Objection | None:
    left, right = types.of(node.this), types.of(node.expression)
    if "string" in (left, right):
        return Objection("arithmetic with text, which casts it", "numbers")
    if left is None or right is None or "decimal" not in (family(left), family(right)):
        return None
    if {family(left), family(right)} <= {"decimal", "integer"}:
        widths = [digits(left)[0], digits(right)[0]]
        # DuckDB keeps a product of two 64-bit decimals within 18 digits and fails the query beyond them
        if max(widths) <= 18 < sum(widths):  # noqa: PLR2004
            return Objection(
                f"a product of {left} and {right} that DuckDB keeps within 18 digits",
                "one side made wide first: cast(price as decimal(28, 2)) * quantity",
            )
    return None


def _divide(node: exp.Expr, types: Typing) -> Objection | None:
    kinds = {family(types.of(node.this)), family(types.of(node.expression))}
    if not kinds <= {"integer", "double"}:
        return Objection(
            "a division of decimals or of something of unknown type: Spark gives a decimal, DuckDB a double",
            "cast(a as double) / cast(nullif(b, 0) as double)",
        )
    return _divisor(node)


def _whole_division(node: exp.Expr, types: Typing) -> Objection | None:
    if {family(types.of(node.this)), family(types.of(node.expression))} != {"integer"}:
        return Objection("a whole-number division of something that is not known to be an integer", "integers on both sides")
    return _divisor(node)


def _divisor(node: exp.Expr) -> Objection | None:
    divisor = node.expression
    while isinstance(divisor, (exp.Paren, exp.Cast)):
        divisor = divisor.this
    literal = isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.name) != 0
    if literal or isinstance(divisor, exp.Nullif):
        return None
    return Objection("a divisor that may be zero: Spark stops with an error", "a literal, or nullif(x, 0)")


def _sum(node: exp.Expr, types: Typing) -> Objection | None:
    if family(types.of(node.this)) == "double":
        return Objection("a sum of doubles: its last digits depend on the order of the rows", "a sum of integers or decimals")
    return None


def _decimal_only(node: exp.Expr, types: Typing) -> Objection | None:
    if family(types.of(node.this)) != "decimal":
        return Objection("rounding of something that is not known to be a decimal", "round, floor and ceil of decimals")
    return None


def _json(node: exp.Expr, _types: Typing) -> Objection | None:
    if not isinstance(node.this, exp.Column):
        return Objection("get_json_object of something that is no column", "get_json_object(column, '$.a.b[0]')")
    for step in node.expression.find_all(exp.JSONPathKey, exp.JSONPathSubscript):
        if not re.fullmatch(r"\w+", str(step.this), re.ASCII):
            return Objection("a JSON path with wildcards or odd names", "get_json_object(column, '$.a.b[0]')")
    return None


def _from_one(node: exp.Expr, _types: Typing) -> Objection | None:
    position = node.args.get("start") or node.args.get("part_index")
    if isinstance(position, exp.Literal) and position.is_int and int(position.name) >= 1:
        return None
    return Objection("a position that is not a number from 1 on", "substring(x, 1, n), split_part(x, 's', 1)")


def _pattern(node: exp.Expr, _types: Typing) -> Objection | None:
    pattern = node.expression
    if isinstance(pattern, exp.Literal) and "\\" not in pattern.name:
        return None
    return Objection("a LIKE pattern that is computed or holds a backslash", "a literal pattern of text, % and _")


def _date_part(node: exp.Expr, _types: Typing) -> Objection | None:
    unit = node.args.get("unit") or node.this
    if unit is not None and unit.name.upper() in _UNITS:
        return None
    return Objection(f"the unit {unit.name if unit is not None else 'none'}", ", ".join(sorted(_UNITS)))


_UNITS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE"}  # SECOND of extract: DuckDB drops the fraction


def _trimming(node: exp.Expr, _types: Typing) -> Objection | None:
    if node.expression is not None:
        return Objection("trim of other characters than spaces", "trim(x), ltrim(x), rtrim(x)")
    return None


def _days_between(node: exp.Expr, types: Typing) -> Objection | None:
    if "string" in (types.of(node.this), types.of(node.expression)):
        return Objection("a date made from text", "dates and timestamps")
    if node.args["unit"].name.upper() != "DAY":
        return Objection("datediff in another unit than days", "datediff(end, start)")
    return None


def _interval(node: exp.Expr, _types: Typing) -> Objection | None:
    if isinstance(node.this, exp.Literal) and isinstance(node.parent, (exp.Add, exp.Sub)):
        return None
    return Objection("an interval that is computed or stands alone", "timestamp + interval 30 minutes")


def _date_format(node: exp.Expr, _types: Typing) -> Objection | None:
    return None if node.args["format"].name in _FORMATS else Objection("this date format", ", ".join(sorted(_FORMATS.values())))


_FORMATS = {
    "%Y-%mstrict-%dstrict": "yyyy-MM-dd", "%Y%mstrict%dstrict": "yyyyMMdd", "%Y-%mstrict": "yyyy-MM", "%Y": "yyyy",
    "%Y%mstrict%dstrict%Hstrict": "yyyyMMddHH", "%A": "EEEE", "%B": "MMMM",
}  # fmt: skip

_PARTS_OF_DATES = (
    exp.Year, exp.Month, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeek, exp.WeekOfYear, exp.DateDiff, exp.LastDay,
)  # fmt: skip

RULES: dict[type[exp.Expr], Rule] = {
    exp.Cast: _cast,
    exp.TsOrDsToDate: _to_date,
    exp.TimeStrToTime: _to_date,
    exp.Add: _plus_minus,
    exp.Sub: _plus_minus,
    exp.Mul: _times,
    exp.Div: _divide,
    exp.IntDiv: _whole_division,
    exp.Mod: _whole_division,
    exp.Sum: _sum,
    exp.Round: _decimal_only,
    exp.Floor: _decimal_only,
    exp.Ceil: _decimal_only,
    exp.JSONExtractScalar: _json,  # DuckDB fails on malformed text, Spark gives NULL: rendered with TRY
    exp.Substring: _from_one,  # position 0 means 1 to Spark, "before the first" to DuckDB
    exp.SplitPart: _from_one,
    exp.Like: _pattern,  # only Spark has an escape character by default
    exp.TimestampTrunc: _date_part,  # of a date too Spark gives an instant: rendered with a cast
    exp.Extract: _date_part,
    exp.Trim: _trimming,
    exp.DateDiff: _days_between,
    exp.Interval: _interval,
    exp.TimeToStr: _date_format,
    exp.CountIf: _fine,  # DuckDB gives NULL, not 0, where every condition is NULL: rendered as count(case ...)
    exp.ArgMax: _fine,  # DuckDB's arg_max skips NULL values: rendered as arg_max_null
    exp.ArgMin: _fine,
    exp.DayOfWeek: _fine,  # Sunday is 1 to Spark and 0 to DuckDB: rendered with + 1
    **dict.fromkeys(
        (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In, exp.Nullif),
        _comparison,
    ),
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least, exp.Case, exp.If), _same_kind),
    **dict.fromkeys(
        (
            exp.And, exp.Or, exp.Not, exp.Is, exp.Neg, exp.DPipe, exp.Count, exp.Min, exp.Max, exp.LogicalAnd,
            exp.LogicalOr, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue,
            exp.IgnoreNulls, exp.Concat, exp.ConcatWs, exp.Left, exp.Right, exp.Length, exp.Replace, exp.Translate, exp.Pad,
            exp.StrPosition, exp.Year, exp.Quarter, exp.Month, exp.WeekOfYear, exp.Day, exp.DayOfMonth, exp.DayOfYear,
            exp.Hour, exp.Minute, exp.LastDay, exp.UnixMicros, exp.Abs, exp.Grouping,
        ),
        _fine,
    ),
}  # fmt: skip

ANONYMOUS = frozenset({"MAKE_DATE"})
"""Functions the parser has no class for, upper-cased."""
