"""Lineage held against an engine: a column that changes an output when its values change must have an edge to that output.

Random queries run on DuckDB; then each source column is given other values and the query runs again. DISTINCT and the set
operations that drop duplicates are left out for several columns at once: which duplicates there are depends on all of them, and
lineage tells that, as OpenLineage does, for none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import Random

import duckdb
import pytest

from lineage.columns import column_lineage

SCHEMA = {"s.t": ["a", "b", "c"], "s.u": ["a", "d", "e"], "s.v": ["x", "y", "b"]}
VALUES = (0, 1, 1, 2, 3, None)

Rows = list[list[int | None]]
Known = Mapping[str, Sequence[str]]
Query = tuple[str, list[str]]


class QueryWriter:
    """Writes random queries over small tables; every column it makes has a name of its own."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.count = 0

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def source(self, known: Known, depth: int) -> tuple[str, str, list[str]]:
        alias = self.name("z")
        if depth > 0 and self.random.random() < 0.35:
            query, columns = self.query(depth - 1, known)
            return f"({query}) {alias}", alias, columns
        name = self.random.choice([*known] if known and self.random.random() < 0.5 else [*SCHEMA])
        return f"{name} {alias}", alias, [*{**SCHEMA, **known}[name]]

    def value(self, columns: list[str], known: Known, depth: int, *, windows: bool = True) -> str:
        pick = self.random.choice
        kinds = ["column", "column", "sum", "case", "coalesce", "one", "sub", *(["window"] if windows else [])]
        kind = pick(kinds if depth > 0 else ["column"])
        one, other = pick(columns), pick(columns)
        if kind == "sum":
            return f"({self.value(columns, known, depth - 1, windows=windows)} + {one})"
        if kind == "case":
            parts = [self.value(columns, known, depth - 1, windows=windows) for _ in range(2)]
            return f"CASE WHEN {self.test(columns, known)} THEN {parts[0]} ELSE {parts[1]} END"
        if kind == "coalesce":
            return f"coalesce(nullif({one}, 2), {self.value(columns, known, depth - 1, windows=windows)})"
        if kind == "sub":
            text, alias, inner = self.source(known, 0)
            made = f"{pick(['max', 'sum', 'count'])}({alias}.{pick(inner)})"
            return f"(SELECT {made} FROM {text} WHERE {alias}.{pick(inner)} = {one})"
        over = [f"sum({one}) OVER (PARTITION BY {other})", f"rank() OVER (PARTITION BY {one} ORDER BY {other})"]
        return {"column": one, "one": "1", "window": pick(over)}[kind]

    def test(self, columns: list[str], known: Known) -> str:
        pick = self.random.choice
        text, alias, inner = self.source(known, 0)
        return pick(
            [
                f"{pick(columns)} {pick(['=', '>', '<>'])} {pick([*columns, '1', '2'])}",
                f"{pick(columns)} NOT IN (SELECT {alias}.{pick(inner)} FROM {text} WHERE {alias}.{pick(inner)} IS NOT NULL)",
                f"EXISTS (SELECT 1 FROM {text} WHERE {alias}.{pick(inner)} = {pick(columns)})",
            ]
        )

    def joined(self, known: Known, depth: int) -> tuple[str, list[str]]:
        text, alias, columns = self.source(known, depth)
        reach = [f"{alias}.{column}" for column in columns]
        for _ in range(self.random.choice([0, 0, 1, 2])):
            added, alias, columns = self.source(known, depth - 1)
            kind = self.random.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "SEMI JOIN", "ANTI JOIN"])
            text += f" {kind} {added} ON {self.random.choice(reach)} = {alias}.{self.random.choice(columns)}"
            if kind not in {"SEMI JOIN", "ANTI JOIN"}:
                reach += [f"{alias}.{column}" for column in columns]
        return text, reach

    def select(self, known: Known, depth: int) -> Query:
        pick = self.random.choice
        text, reach = self.joined(known, depth)
        where = f" WHERE {self.test(reach, known)}" if self.random.random() < 0.5 else ""
        if self.random.random() < 0.3:
            key, names = pick(reach), [self.name("g"), self.name("m")]
            made = f"{pick(['sum', 'min', 'count', 'avg'])}({self.value(reach, known, 1, windows=False)})"
            group = pick([key, "1", names[0], f"ROLLUP({key})", "ALL"])
            having = f" HAVING max({pick(reach)}) > 1" if self.random.random() < 0.3 else ""
            return f"SELECT {key} AS {names[0]}, {made} AS {names[1]} FROM {text}{where} GROUP BY {group}{having}", names
        names = [self.name("c") for _ in range(pick([1, 2, 3]))]
        items = ", ".join(f"{self.value(reach, known, 2)} AS {name}" for name in names)
        order = f" ORDER BY {', '.join(names)} LIMIT 3" if self.random.random() < 0.15 else ""
        return f"SELECT {items} FROM {text}{where}{order}", names

    def query(self, depth: int, known: Known) -> Query:
        if depth > 0 and self.random.random() < 0.3:
            name = self.random.choice([self.name("w"), "t", "u"])
            inner, columns = self.query(depth - 1, known)
            outer, names = self.query(depth - 1, {**known, name: columns})
            alias = self.name("q")
            return (
                f"WITH {name} AS ({inner}) SELECT {', '.join(f'{alias}.{item}' for item in names)} FROM ({outer}) {alias}",
                names,
            )
        query, names = self.select(known, depth)
        if self.random.random() > 0.2:
            return query, names
        other, others = self.select(known, depth - 1)
        width = min(len(names), len(others))
        left, right, made = self.name("l"), self.name("r"), [self.name("k") for _ in range(width)]
        kind = self.random.choice(["UNION", "INTERSECT", "EXCEPT"]) if width == 1 else "UNION ALL"
        first = ", ".join(f"{left}.{old} AS {new}" for old, new in zip(names, made, strict=False))
        second = ", ".join(f"{right}.{old}" for old in others[:width])
        return f"SELECT {first} FROM ({query}) {left} {kind} SELECT {second} FROM ({other}) {right}", made


@contextmanager
def _database() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(config={"threads": 1})
    try:
        connection.execute("CREATE SCHEMA s")
        yield connection
    finally:
        connection.close()


def _load(connection: duckdb.DuckDBPyConnection, table: str, rows: Rows) -> None:
    values = ", ".join(f"({', '.join('NULL' if value is None else str(value) for value in row)})" for row in rows)
    columns = ", ".join(f"CAST({column} AS BIGINT) AS {column}" for column in SCHEMA[table])
    connection.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT {columns} FROM (VALUES {values}) v({', '.join(SCHEMA[table])})"
    )


def _outputs(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, list[str]]:
    """Return the values of each output column, in no order."""
    found = connection.execute(sql)
    names = [column[0] for column in found.description or ()]
    rows = found.fetchall()
    return {name: sorted(repr(row[index]) for row in rows) for index, name in enumerate(names)}


def _changed(rows: Rows, index: int, random: Random) -> Iterator[Rows]:
    yield [[*row[:index], (row[index] or 0) + 7, *row[index + 1 :]] for row in rows]
    yield [[*row[:index], random.choice(VALUES), *row[index + 1 :]] for row in rows]


@pytest.mark.parametrize("seed", range(60))
def test_no_influence_without_an_edge(seed: int) -> None:
    random = Random(seed)
    sql, _ = QueryWriter(random).query(2, {})
    tables: dict[str, Rows] = {
        name: [[random.choice(VALUES) for _ in columns] for _ in range(6)] for name, columns in SCHEMA.items()
    }
    lineage = column_lineage(sql, dialect="duckdb", schema=SCHEMA)
    assert lineage.unresolved == ()
    edges = {(str(edge.source), edge.target.column) for edge in lineage.edges}
    with _database() as connection:
        for table, rows in tables.items():
            _load(connection, table, rows)
        before = _outputs(connection, sql)
        for table, rows in tables.items():
            for index, column in enumerate(SCHEMA[table]):
                for changed in _changed(rows, index, random):
                    _load(connection, table, changed)
                    after = _outputs(connection, sql)
                    influenced = {name for name in before if before[name] != after[name]}
                    missing = {name for name in influenced if (f"{table}.{column}", name) not in edges}
                    assert missing == set(), f"{table}.{column} changes {missing} of {sql}"
            _load(connection, table, rows)
