"""The subset of Spark SQL that models are written in, and free SQL checks: parsed, checked, and rendered for an engine.

One text per model: it is read as ``databricks`` (sqlglot reads casts of ``spark`` as TRY_CAST) and is what Spark runs; DuckDB
runs its translation. See ``docs/adr/0002-one-sql-text.md``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.problems import Problem
from controlplane.usecases.sql_allowed import ANONYMOUS, HINTS, RULES, STRUCTURE, Objection
from controlplane.usecases.sql_steward import steward_objections
from controlplane.usecases.sql_typing import Schemas, Typing, dataset_of, is_cte

Engine: TypeAlias = Literal["duckdb", "spark"]

_READ_AS: dict[Engine, str] = {"duckdb": "duckdb", "spark": "databricks"}
_SUBSET = "the functions and constructs listed in docs/adr/0002-one-sql-text.md"
_TABLE_NAME = re.compile(r"[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*")
_FILE_SOURCES = frozenset(
    {"csv", "json", "parquet", "orc", "text", "avro", "delta", "binaryfile", "image", "libsvm", "jdbc", "iceberg"}
)
_SELECT_PARTS = frozenset(
    {"expressions", "from_", "joins", "where", "group", "having", "order", "distinct", "windows", "laterals", "with_"}
)


def check_select(sql: str, *, file: str, schemas: Schemas | None = None) -> list[Problem]:
    """Return what keeps a text from being a model: one SELECT made only of what every engine answers alike.

    Args:
        sql: the model's text.
        file: named in the problems.
        schemas: dataset name to {column: canonical type}; a cast of something whose type is not known from it is refused.
    """
    try:
        root = _only_query(sql, "databricks")
    except _NotOneSelectError as error:
        return [_problem(file, error.line, Objection(error.what, "exactly one SELECT"))]
    types = Typing(schemas or {})
    walked = ((node, _objection(node, root, types, sql)) for node in root.walk())
    return sorted({_problem(file, _line(node), objection) for node, objection in walked if objection is not None})


def tables_of(sql: str) -> set[str]:
    """Return the datasets a model reads, as dotted lower-case names; CTEs are none.

    Raises:
        ConfigurationError: the text is not one SELECT.
    """
    return {dataset_of(table) for table in _parsed(sql).find_all(exp.Table) if not is_cte(table)}


def to_engine(sql: str, dialect: Engine) -> str:
    """Return a model's text as the engine runs it: unchanged for Spark, translated for DuckDB.

    Raises:
        ConfigurationError: the text is not one SELECT, or uses something that has no translation.
    """
    root = _parsed(sql)
    if dialect == "spark":
        return sql.strip().rstrip(";").rstrip()
    try:
        return root.transform(_for_duckdb).sql("duckdb", comments=False, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        message = f"the SELECT has no DuckDB translation: {_first_line(error)}; keep to {_SUBSET}"
        raise ConfigurationError(message) from None


def check_steward_query(sql: str, allowed_tables: Collection[str], dialect: Engine) -> list[Problem]:
    """Return what keeps a free SQL check from running: it must be one read-only SELECT over allowed datasets.

    The query is written in the engine's own dialect. Functions that reach files, the network, settings or other sessions are
    refused; the engines are closed for them as well.
    """
    file = "query"
    try:
        root = _only_query(sql, _READ_AS[dialect])
    except _NotOneSelectError as error:
        return [_problem(file, error.line, Objection(error.what, "exactly one read-only SELECT"))]
    known = {name.lower() for name in allowed_tables}
    return sorted({_problem(file, _line(node), objection) for node, objection in steward_objections(root, known)})


def _problem(file: str, line: int, objection: Objection) -> Problem:
    return Problem(file, line, "", f"{objection.what}; allowed: {objection.allowed}")


class _NotOneSelectError(Exception):
    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


def _only_query(sql: str, dialect: str) -> exp.Query:
    try:
        parsed = sqlglot.parse(sql, read=dialect)
    except SqlglotError as error:
        errors = getattr(error, "errors", None) or [{}]
        message = f"SQL that cannot be read: {_first_line(error)}"
        raise _NotOneSelectError(message, errors[0].get("line") or 1) from None
    statements = [each for each in parsed if each is not None and not isinstance(each, exp.Semicolon)]
    if len(statements) != 1:
        at = _line(statements[1]) if len(statements) > 1 else 1
        message = f"{len(statements)} statements"
        raise _NotOneSelectError(message, at)
    root = statements[0]
    if not isinstance(root, (exp.Select, exp.SetOperation, exp.Subquery)):
        message = f"a statement that is no SELECT ({type(root).__name__.upper()})"
        raise _NotOneSelectError(message, _line(root))
    return root


def _parsed(sql: str) -> exp.Query:
    try:
        return _only_query(sql, "databricks")
    except _NotOneSelectError as error:
        message = f"a model must be exactly one SELECT; line {error.line} has {error.what}"
        raise ConfigurationError(message) from None


def _objection(node: exp.Expr, root: exp.Query, types: Typing, sql: str) -> Objection | None:
    checker = _SHAPES.get(type(node))
    if checker is not None:
        return checker(node, root)
    rule = RULES.get(type(node))
    if rule is not None:
        return rule(node, types)
    if isinstance(node, exp.Column):
        return _column(node, types)
    if type(node) in STRUCTURE or (isinstance(node, exp.Anonymous) and node.name.upper() in ANONYMOUS):
        return None
    written = sql[node.meta["start"] : node.meta["end"] + 1] if "start" in node.meta else type(node).__name__
    return Objection(f"{written.upper()} is not in the subset", HINTS.get(type(node), _SUBSET))


def _column(node: exp.Column, types: Typing) -> Objection | None:
    if node.text("db"):
        return Objection("a column named with its schema", "an alias for the table, and alias.column")
    if not node.table:
        return None
    columns = types.columns_of(node)
    if columns is None or isinstance(node.this, exp.Star) or node.name in columns or node.name.lower() in columns:
        return None
    return Objection(f"a column {node.sql()} that its dataset does not have", ", ".join(columns))


def _select(node: exp.Expr, _root: exp.Query) -> Objection | None:
    if not node.expressions:
        return Objection("a SELECT of nothing", "columns")
    odd = [part for part, value in node.args.items() if value and part not in _SELECT_PARTS and not _is_tree(value)]
    return Objection(f"{odd[0].strip('_').upper()} in a SELECT", _SUBSET) if odd else None


def _is_tree(value: object) -> bool:
    """Say whether a part of a SELECT is made of nodes, which are judged on their own."""
    return isinstance(value, exp.Expr) or (isinstance(value, list) and all(isinstance(each, exp.Expr) for each in value))


def _set_operation(node: exp.Expr, _root: exp.Query) -> Objection | None:
    plain = ("this", "expression", "distinct", "with_", "order")
    odd = [part for part, value in node.args.items() if value and part not in plain]
    return Objection(f"{odd[0].upper()} in a set operation", "UNION, UNION ALL, INTERSECT, EXCEPT") if odd else None


def _table(node: exp.Expr, _root: exp.Query) -> Objection | None:
    if not isinstance(node.this, exp.Identifier):
        return Objection("a table function in FROM", "layer.name, a CTE, a subquery or VALUES")
    if node.text("catalog"):
        return Objection(f"a table named {dataset_of(node)}", "datasets as layer.name in lower case, and CTEs")
    if is_cte(node):
        return None
    name = f"{node.text('db')}.{node.name}"
    if _TABLE_NAME.fullmatch(name) is None or node.text("db") in _FILE_SOURCES:
        return Objection(f"a table named {name.strip('.')}", "datasets as layer.name in lower case, and CTEs")
    return None


def _join(node: exp.Expr, _root: exp.Query) -> Objection | None:
    odd = [part for part, value in node.args.items() if value and part not in ("this", "side", "kind", "on", "using")]
    if odd:
        allowed = "inner, left, right, full, cross, semi and anti joins with ON or USING"
        return Objection(f"a join with {node.args[odd[0]]}", allowed)
    return None


def _star(node: exp.Expr, root: exp.Query) -> Objection | None:
    if isinstance(node.parent, exp.Count):
        return None
    if node.args.get("rename") or node.args.get("replace"):
        return Objection("a renaming star", "columns one by one")
    if node.find_ancestor(exp.Select) in _outermost(root):
        return Objection("a star in the outermost SELECT", "the columns one by one: an input may get another one")
    return None


def _outermost(query: exp.Expr) -> list[exp.Expr]:
    if isinstance(query, exp.SetOperation):
        return [*_outermost(query.this), *_outermost(query.expression)]
    return _outermost(query.this) if isinstance(query, exp.Subquery) else [query]


def _with(node: exp.Expr, _root: exp.Query) -> Objection | None:
    if node.args.get("recursive"):
        return Objection("a recursive CTE: Spark stops after 100 steps", "digits from VALUES, cross joined")
    return None


def _lateral(node: exp.Expr, _root: exp.Query) -> Objection | None:
    if node.args.get("view") and isinstance(node.this, exp.Explode) and isinstance(node.this.this, exp.Array):
        return None
    return Objection("a LATERAL other than a view that explodes an array", "lateral view explode(array(a, b)) e as v")


def _array(node: exp.Expr, _root: exp.Query) -> Objection | None:
    if isinstance(node.parent, exp.Explode):
        return None
    return Objection("an array as a value", "lateral view explode(array(a, b)) e as v")


def _explode(node: exp.Expr, _root: exp.Query) -> Objection | None:
    if isinstance(node.parent, exp.Lateral):
        return None
    return Objection("EXPLODE outside of a lateral view", "lateral view explode(array(a, b)) e as v")


_SHAPES = {
    exp.Select: _select,
    exp.Union: _set_operation,
    exp.Intersect: _set_operation,
    exp.Except: _set_operation,
    exp.Table: _table,
    exp.Join: _join,
    exp.Star: _star,
    exp.With: _with,
    exp.Lateral: _lateral,
    exp.Explode: _explode,
    exp.Array: _array,
}


def _for_duckdb(node: exp.Expr) -> exp.Expr:
    """Replace what sqlglot renders to something that answers differently (each measured by ``bench/sql_parity.py``)."""
    if isinstance(node, exp.JSONExtractScalar):
        return exp.Anonymous(this="TRY", expressions=[node])  # malformed JSON is NULL to Spark
    if isinstance(node, (exp.ArgMax, exp.ArgMin)):
        name = "ARG_MAX_NULL" if isinstance(node, exp.ArgMax) else "ARG_MIN_NULL"
        return exp.Anonymous(this=name, expressions=[node.this, node.expression])
    if isinstance(node, exp.CountIf):  # DuckDB's own gives NULL where every condition is
        return exp.Count(this=exp.Case(ifs=[exp.If(this=node.this, true=exp.Literal.number(1))]))
    if isinstance(node, exp.TimestampTrunc):
        return exp.Cast(this=node, to=exp.DataType.build("timestamptz"))
    if isinstance(node, exp.DayOfWeek):
        return exp.Paren(this=exp.Add(this=node, expression=exp.Literal.number(1)))
    return node


def _line(node: exp.Expr) -> int:
    """Return the line a construct starts on: its own, else that of the first thing inside it, else of what it stands in."""
    lines = [each.meta["line"] for each in node.walk() if "line" in each.meta]
    if lines:
        return int(node.meta.get("line") or min(lines))
    return _line(node.parent) if node.parent is not None else 1


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split("\n")[0].rstrip(". ")
