"""What a free SQL check, written by a steward in the engine's own dialect, may be made of.

The second fence after the engines' own (no files, no network, locked settings): only allowed datasets, only functions that
compute from their arguments. Everything that is not listed is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp

from controlplane.usecases.sql_allowed import RULES, Objection
from controlplane.usecases.sql_typing import dataset_of, is_cte

_FUNCTIONS: frozenset[type[exp.Expr]] = frozenset({
    *RULES,
    exp.Acos, exp.Asin, exp.Atan, exp.Atan2, exp.Cbrt, exp.Cos, exp.Exp, exp.Ln, exp.Log, exp.Pow, exp.Radians, exp.Degrees,
    exp.Sign, exp.Sin, exp.Sqrt, exp.Tan, exp.IsNan, exp.IsInf, exp.Trunc, exp.Rint,
    exp.Avg, exp.AnyValue, exp.ApproxDistinct, exp.ApproxQuantile, exp.ArrayAgg, exp.ArrayUniqueAgg, exp.Corr, exp.CovarPop,
    exp.CovarSamp, exp.First, exp.GroupConcat, exp.GroupingId, exp.Kurtosis, exp.Last, exp.Median, exp.Mode, exp.NthValue,
    exp.PercentileCont, exp.PercentileDisc, exp.Quantile, exp.Skewness, exp.Stddev, exp.StddevPop, exp.StddevSamp,
    exp.Variance, exp.VariancePop, exp.CumeDist, exp.PercentRank, exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.BitwiseXorAgg,
    exp.Ascii, exp.BitLength, exp.ByteLength, exp.Chr, exp.Contains, exp.EndsWith, exp.Format, exp.Hex, exp.Initcap,
    exp.Levenshtein, exp.Lower, exp.MD5, exp.RegexpCount, exp.RegexpExtract, exp.RegexpExtractAll, exp.RegexpFullMatch,
    exp.RegexpILike, exp.RegexpInstr, exp.RegexpLike, exp.RegexpReplace, exp.RegexpSplit, exp.Repeat, exp.Reverse, exp.SHA,
    exp.SHA2, exp.Soundex, exp.Space, exp.Split, exp.StartsWith, exp.SubstringIndex, exp.Unhex, exp.Unicode, exp.Upper,
    exp.Overlay, exp.Typeof,
    exp.AddMonths, exp.Date, exp.DateAdd, exp.DateBin, exp.DateFromParts, exp.DateFromUnixDate, exp.DateSub, exp.DateToDateStr,
    exp.DateTrunc, exp.Datetime, exp.DayOfWeekIso, exp.Dayname, exp.MakeInterval, exp.Monthname, exp.MonthsBetween, exp.NextDay,
    exp.Second, exp.StrToDate, exp.StrToTime, exp.StrToUnix, exp.TimeSlice, exp.TimeToUnix, exp.TimestampAdd,
    exp.TimestampDiff, exp.TimestampFromParts, exp.TimestampSub, exp.TsOrDsAdd, exp.TsOrDsDiff, exp.TsOrDsToTimestamp,
    exp.UnixDate, exp.UnixMillis, exp.UnixSeconds, exp.UnixToTime, exp.Week, exp.YearOfWeek, exp.YearOfWeekIso,
    exp.ConvertTimezone, exp.Time, exp.Timestamp, exp.TimeFromParts,
    exp.Array, exp.ArrayAll, exp.ArrayAny, exp.ArrayConcat, exp.ArrayContains, exp.ArrayContainsAll, exp.ArrayDistinct,
    exp.ArrayFilter, exp.ArrayMax, exp.ArrayMin, exp.ArrayOverlaps, exp.ArrayPosition, exp.ArrayReverse, exp.ArraySize,
    exp.ArraySlice, exp.ArraySort, exp.ArraySum, exp.ArrayToString, exp.Explode, exp.Flatten, exp.GenerateSeries, exp.Map,
    exp.MapKeys, exp.MapSize, exp.Struct, exp.StructExtract, exp.Transform, exp.Unnest,
    exp.JSONArray, exp.JSONArrayContains, exp.JSONExists, exp.JSONExtract, exp.JSONExtractArray, exp.JSONFormat, exp.JSONKeys,
    exp.JSONObject, exp.JSONType, exp.ParseJSON,
    exp.Boolnot, exp.EqualNull, exp.Exists, exp.Nvl2, exp.SafeAdd, exp.SafeDivide, exp.SafeMultiply, exp.SafeSubtract,
    exp.Try, exp.TryCast, exp.WidthBucket, exp.Xor, exp.Nanvl,
})  # fmt: skip

_BY_NAME = frozenset({
    "make_date", "isfinite", "isodow", "isoyear", "epoch_us", "even", "gcd", "isnull", "isnotnull", "pmod", "regexp_full_match",
    "list_contains", "json_valid", "arg_max_null", "arg_min_null",
})  # fmt: skip
"""Harmless functions the parser has no class for."""

_REFUSED = (
    exp.DDL, exp.DML, exp.Command, exp.Into, exp.Lock, exp.QueryTransform, exp.Placeholder, exp.Parameter, exp.SessionParameter,
    exp.Hint,
)  # fmt: skip


def steward_objections(root: exp.Query, known: Collection[str]) -> Iterator[tuple[exp.Expr, Objection]]:
    """Yield every part of a parsed query that a check may not hold, with the reason.

    Args:
        root: one parsed SELECT.
        known: lower-case names of the datasets it may read.
    """
    for node in root.walk():
        objection = _objection(node, known)
        if objection is not None:
            yield node, objection


def _objection(node: exp.Expr, known: Collection[str]) -> Objection | None:
    if isinstance(node, exp.Table):
        return _table(node, known)
    if isinstance(node, _REFUSED):
        return Objection(f"{type(node).__name__.upper()} in a check", "one SELECT that only reads the allowed datasets")
    if not isinstance(node, exp.Func):
        return None
    name = node.name.lower() if isinstance(node, exp.Anonymous) else type(node).__name__
    if type(node) in _FUNCTIONS or (isinstance(node, exp.Anonymous) and name in _BY_NAME):
        return None
    return Objection(f"the function {name}", "functions that compute from their arguments alone")


def _table(node: exp.Table, known: Collection[str]) -> Objection | None:
    allowed = f"{', '.join(sorted(known)) or 'no dataset'}; generate_series(...) and unnest(...)"
    if isinstance(node.this, exp.GenerateSeries):
        return None
    if not isinstance(node.this, exp.Identifier):
        return Objection(f"the table function {node.this.name or type(node.this).__name__}", allowed)
    if node.args.get("version") is not None:
        return Objection("another version of a table", allowed)
    if is_cte(node) or dataset_of(node) in known:
        return None
    return Objection(f"the table {dataset_of(node)}", allowed)
