"""What type an expression of a model's SELECT has, as far as its text and the known schemas prove it.

Types are the canonical ones (``controlplane.kernel.types``) plus ``null`` and ``interval``; None means *not provable*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from sqlglot import exp

Schemas: TypeAlias = Mapping[str, Mapping[str, str]]
"""Dataset name to its columns' canonical types."""

_CAST_TARGETS = {
    exp.DType.BIGINT: "long", exp.DType.INT: "int", exp.DType.SMALLINT: "int", exp.DType.TINYINT: "int",
    exp.DType.DOUBLE: "double", exp.DType.FLOAT: "float", exp.DType.TEXT: "string", exp.DType.BOOLEAN: "boolean",
    exp.DType.DATE: "date", exp.DType.TIMESTAMPTZ: "timestamptz", exp.DType.TIMESTAMPLTZ: "timestamptz",
    exp.DType.TIMESTAMPNTZ: "timestamp", exp.DType.BINARY: "binary",
}  # fmt: skip

_FIXED: dict[str, tuple[type[exp.Expr], ...]] = {
    "long": (exp.Count, exp.CountIf, exp.UnixMicros, exp.IntDiv),
    "int": (
        exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile, exp.Length, exp.StrPosition, exp.DateDiff, exp.Grouping,
        exp.Year, exp.Quarter, exp.Month, exp.WeekOfYear, exp.Day, exp.DayOfMonth, exp.DayOfYear, exp.DayOfWeek,
        exp.Hour, exp.Minute, exp.Second, exp.Extract,
    ),
    "double": (exp.Div, exp.Sqrt, exp.Pow),
    "string": (
        exp.JSONExtractScalar, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Trim, exp.Left, exp.Right, exp.Substring,
        exp.Replace, exp.Translate, exp.Pad, exp.SplitPart, exp.TimeToStr,
    ),
    "boolean": (
        exp.Boolean, exp.LogicalAnd, exp.LogicalOr, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ,
        exp.NullSafeNEQ, exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Is, exp.Like, exp.Exists,
    ),
    "date": (exp.LastDay, exp.TsOrDsToDate),
    "timestamptz": (exp.TimestampTrunc,),
    "interval": (exp.Interval,),
    "null": (exp.Null,),
}  # fmt: skip

_SAME_AS_FIRST = (
    exp.Paren, exp.Alias, exp.Neg, exp.Abs, exp.Min, exp.Max, exp.ArgMax, exp.ArgMin, exp.Lag, exp.Lead, exp.FirstValue,
    exp.LastValue, exp.IgnoreNulls, exp.Nullif, exp.Filter, exp.Window, exp.Mod, exp.TimeStrToTime,
)  # fmt: skip

_NUMBERS = ("integer", "decimal", "double")


def family(canonical: str | None) -> str | None:
    """Return the kind of a type where width does not matter: ``integer``, ``decimal``, ``double`` or the type itself."""
    if canonical in ("int", "long"):
        return "integer"
    if canonical in ("float", "double"):
        return "double"
    if canonical is not None and canonical.startswith("decimal"):
        return "decimal"
    return canonical


def digits(canonical: str) -> tuple[int, int]:
    """Return precision and scale of a decimal, or of an integer seen as one."""
    if canonical == "int":
        return 10, 0
    if canonical == "long":
        return 19, 0
    precision, scale = canonical.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)


class Typing:
    """Answers "of what type is this expression?" for one parsed statement."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._known: dict[int, str | None] = {}
        self._rules: dict[type[exp.Expr], Callable[[exp.Expr], str | None]] = {
            exp.Column: self._column,
            exp.Literal: _literal,
            exp.Cast: lambda node: cast_target(node.args["to"]),
            exp.TryCast: lambda node: cast_target(node.args["to"]),
            exp.Sum: self._sum,
            exp.Round: self._rounded,
            exp.Floor: self._rounded,
            exp.Ceil: self._rounded,
            exp.Add: self._sum_of_two,
            exp.Sub: self._sum_of_two,
            exp.Mul: self._product,
            exp.Coalesce: lambda node: self.common([node.this, *node.expressions]),
            exp.Greatest: lambda node: self.common([node.this, *node.expressions]),
            exp.Least: lambda node: self.common([node.this, *node.expressions]),
            exp.If: lambda node: self.common(branches(node)),
            exp.Case: lambda node: self.common(branches(node)),
            exp.Subquery: lambda node: self._projection(node, 0),
        }
        for name, classes in _FIXED.items():
            self._rules.update(dict.fromkeys(classes, partial(_always, name)))
        self._rules.update(dict.fromkeys(_SAME_AS_FIRST, lambda node: self.of(node.this)))

    def of(self, node: exp.Expr | None) -> str | None:
        """Return the type of an expression, or None where it is not provable."""
        if node is None:
            return None
        if id(node) not in self._known:
            self._known[id(node)] = None  # a column that refers to itself stays unknown
            rule = self._rules.get(type(node))
            self._known[id(node)] = rule(node) if rule else None
        return self._known[id(node)]

    def common(self, nodes: Sequence[exp.Expr]) -> str | None:
        """Return the one type several expressions agree on; NULLs fit every type."""
        types = [self.of(node) for node in nodes]
        if any(found is None for found in types):
            return None
        solid = {found for found in types if found is not None and found != "null"}
        if len(solid) <= 1:
            return solid.pop() if solid else "null"
        if solid == {"int", "long"}:
            return "long"
        if {family(found) for found in solid} <= {"integer", "decimal"}:
            scales = [digits(found) for found in solid]
            scale = max(each[1] for each in scales)
            return _decimal(max(each[0] - each[1] for each in scales) + scale, scale)
        return None

    def columns_of(self, column: exp.Column) -> Mapping[str, str] | None:
        """Return the known columns of the dataset a qualified column reads from; None when it is no known dataset."""
        for select in _enclosing(column):
            for source in sources(select):
                if isinstance(source, exp.Table) and source.alias_or_name.lower() == column.table.lower():
                    return None if _cte(source) is not None else self._schemas.get(dataset_of(source))
        return None

    def _column(self, node: exp.Expr) -> str | None:
        for select in _enclosing(node):
            for source in sources(select):
                qualifier = node.text("table").lower()
                if qualifier and source.alias_or_name.lower() != qualifier:
                    continue
                found = self._column_of(source, node.name)
                if found is not None:
                    return found
            if not node.text("table"):  # an alias of the same SELECT
                for projection in select.expressions:
                    if isinstance(projection, exp.Alias) and projection.alias.lower() == node.name.lower():
                        return self.of(projection.this)
        return None

    def _column_of(self, source: exp.Expr, name: str) -> str | None:
        if isinstance(source, exp.Table):
            cte = _cte(source)
            if cte is not None:
                return self._named(cte, name)
            columns = self._schemas.get(dataset_of(source), {})
            return columns.get(name) or columns.get(name.lower())
        return self._named(source, name)

    def _named(self, derived: exp.Expr, name: str) -> str | None:
        """Type of one column of a CTE, subquery or VALUES list."""
        names = [column.name.lower() for column in derived.args["alias"].columns] if derived.args.get("alias") else []
        if not names:
            return self._projection_named(derived.this, name)
        return self._projection(derived, names.index(name.lower())) if name.lower() in names else None

    def _projection_named(self, query: exp.Expr, name: str) -> str | None:
        left = query.this if isinstance(query, (exp.SetOperation, exp.Subquery)) else query
        if left is not query:
            if isinstance(query, exp.SetOperation) and isinstance(left, exp.Select):
                at = next((i for i, each in enumerate(left.expressions) if each.alias_or_name.lower() == name.lower()), None)
                return None if at is None else self._projection(query, at)
            return self._projection_named(left, name)
        if not isinstance(query, exp.Select):
            return None
        for projection in query.expressions:
            if projection.alias_or_name.lower() == name.lower():
                return self.of(projection)
            if isinstance(projection, exp.Star) and not projection.args.get("except_"):
                return next((found for each in sources(query) if (found := self._column_of(each, name))), None)
        return None

    def _projection(self, query: exp.Expr, position: int) -> str | None:
        if isinstance(query, exp.SetOperation):
            sides = [self._projection(query.this, position), self._projection(query.expression, position)]
            solid = {side for side in sides if side != "null"}
            return solid.pop() if len(solid) == 1 else ("long" if solid == {"int", "long"} else None)
        if isinstance(query, (exp.Subquery, exp.CTE)):
            return self._projection(query.this, position)
        if isinstance(query, exp.Values):
            rows = [row.expressions for row in query.expressions]
            return self.common([row[position] for row in rows]) if all(position < len(row) for row in rows) else None
        listed = query.expressions if isinstance(query, exp.Select) else []
        return self.of(listed[position]) if position < len(listed) else None

    def _sum(self, node: exp.Expr) -> str | None:
        of = self.of(node.this.expressions[0] if isinstance(node.this, exp.Distinct) else node.this)
        if family(of) == "decimal":
            precision, scale = digits(str(of))
            return _decimal(precision + 10, scale)
        return {"integer": "long", "double": "double"}.get(str(family(of)))

    def _rounded(self, node: exp.Expr) -> str | None:
        of = self.of(node.this)
        return of if family(of) == "decimal" else None

    def _sum_of_two(self, node: exp.Expr) -> str | None:
        left, right = self.of(node.this), self.of(node.expression)
        if family(left) == "date":
            return "date" if family(right) == "integer" else None
        if right == "interval":
            return left if left in ("timestamptz", "timestamp") else None
        if left is None or right is None or not {family(left), family(right)} <= set(_NUMBERS):
            return None
        if "double" in (family(left), family(right)):
            return "double"
        return self.common([node.this, node.expression])

    def _product(self, node: exp.Expr) -> str | None:
        left, right = self.of(node.this), self.of(node.expression)
        if left is None or right is None or not {family(left), family(right)} <= set(_NUMBERS):
            return None
        if "double" in (family(left), family(right)):
            return "double"
        if family(left) == family(right) == "integer":
            return self.common([node.this, node.expression])
        ours, theirs = digits(left), digits(right)
        return _decimal(ours[0] + theirs[0] + 1, ours[1] + theirs[1])


def cast_target(to: exp.Expr) -> str | None:
    """Return the canonical type a CAST names, or None for one that models do not use."""
    if to.this == exp.DType.DECIMAL:
        listed = [int(parameter.this.this) for parameter in to.expressions]
        return _decimal(listed[0] if listed else 10, listed[1] if len(listed) > 1 else 0)
    return _CAST_TARGETS.get(to.this)


def branches(node: exp.Expr) -> list[exp.Expr]:
    """Return the expressions a CASE or IF may give."""
    if isinstance(node, exp.If):
        found = [node.args.get("true"), node.args.get("false")]
    else:
        found = [*(each.args.get("true") for each in node.args["ifs"]), node.args.get("default")]
    return [each for each in found if each is not None]


def sources(select: exp.Expr) -> Iterator[exp.Expr]:
    """Yield what a SELECT reads from: tables, subqueries, VALUES lists and lateral views."""
    first = select.args.get("from_")
    if first is not None:
        yield first.this
    for join in select.args.get("joins") or ():
        yield join.this
    yield from select.args.get("laterals") or ()


def dataset_of(table: exp.Expr) -> str:
    """Return the dotted name of a table reference, lower-cased as both engines compare it."""
    return ".".join(part for part in (table.text("catalog"), table.text("db"), table.name) if part).lower()


def is_cte(table: exp.Expr) -> bool:
    """Say whether a table reference means a CTE that is in scope, not a dataset."""
    return _cte(table) is not None


def _cte(table: exp.Expr) -> exp.Expr | None:
    if table.text("db"):
        return None
    inner: exp.Expr = table
    query = table.parent
    while query is not None:
        listed: exp.With | None = query.args.get("with_")
        for cte in listed.expressions if listed is not None else ():
            if cte is inner:
                break  # a CTE sees only those written before it
            if isinstance(cte, exp.CTE) and cte.alias.lower() == table.name.lower():
                return cte
        if isinstance(query, exp.CTE):
            inner = query
        query = query.parent
    return None


def _enclosing(node: exp.Expr) -> Iterator[exp.Select]:
    """Yield the SELECT an expression stands in, then those around it (a subquery may read their columns)."""
    select = node.find_ancestor(exp.Select)
    while select is not None:
        yield select
        select = select.find_ancestor(exp.Select)


def _always(name: str, _node: exp.Expr) -> str:
    return name


def _literal(node: exp.Expr) -> str | None:
    if node.is_string:
        return "string"
    text = node.name
    if "e" in text.lower():
        return "double"
    if "." in text:
        whole, fraction = text.split(".")
        return _decimal(len(whole.lstrip("0")) + len(fraction), len(fraction))
    return "int" if int(text) < 2**31 else "long"


def _decimal(precision: int, scale: int) -> str:
    return f"decimal({min(38, max(precision, 1))}, {scale})"
