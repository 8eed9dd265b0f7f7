"""Seeded inputs for any project's SELECTs, made from the contracts' columns and from the JSON paths the SELECT reads."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import sqlglot
from sqlglot import exp

from controlplane.contracts.model import DatasetSpec, FieldSpec
from controlplane.kernel.types import arrow_type

_START = datetime(2024, 3, 30, tzinfo=UTC)


def table_of(spec: DatasetSpec, sql: str, rows: int, seed: int = 3) -> pa.Table:
    """Return a table with a contract's columns; text columns the SELECT reads JSON from hold documents with its keys.

    Instants and numbers of a primary key are unique, so that no order among rows is left open; one value in ten is NULL
    elsewhere, required or not.
    """
    dice = random.Random(seed)
    keys = json_keys(sql)
    columns = {field.name: [_cell(field, keys, dice, at) for at in range(rows)] for field in spec.fields}
    if {"op", "after"} <= set(columns):
        columns["after"] = [
            None if op == "d" else after for op, after in zip(columns["op"], columns["after"], strict=True)
        ]  # a delete event carries no values
    return pa.table(columns, schema=pa.schema([(field.name, arrow_type(field.type)) for field in spec.fields]))


def json_keys(sql: str) -> Mapping[str, set[str]]:
    """Return which top-level keys a SELECT reads, per column that holds JSON."""
    keys: dict[str, set[str]] = {}
    for read in sqlglot.parse_one(sql, read="databricks").find_all(exp.JSONExtractScalar):
        first = read.expression.find(exp.JSONPathKey)
        if first is not None:
            keys.setdefault(read.this.name, set()).add(str(first.this))
    return keys


def _cell(field: FieldSpec, keys: Mapping[str, set[str]], dice: random.Random, at: int) -> object:
    if field.name in keys:
        return _document(sorted(keys[field.name]), dice)
    unique = field.primary_key is not None or field.name.startswith(("source_", "valid_"))
    if not unique and dice.random() < 0.1:
        return None
    return _MAKERS[field.type.partition("(")[0]](field, dice, at)


def _text(field: FieldSpec, dice: random.Random, _at: int) -> str:
    if field.name == "op":
        return dice.choice("cuudr")
    if field.name == "status":
        return dice.choice(["placed", "cancelled", "delivered", ""])
    if field.name == "event_type":
        return dice.choice(["view", "search", "click", "add_to_cart", "checkout", "purchase"])
    if field.name in ("user_token", "customer_token"):
        return f"token-{dice.randint(1, 60)}"
    letter = chr(97 + zlib.crc32(field.name.encode()) % 26)  # equal names draw from equal values, so that joins meet
    return (
        f"{letter}{dice.randint(1, 25)}" if field.name.endswith("_id") else dice.choice(["", "north", "Ünï 😀", "a b", letter])
    )


def _instant(_field: FieldSpec, dice: random.Random, at: int) -> datetime:
    return _START + timedelta(minutes=30 * dice.randint(0, 400), microseconds=at)


def _day(_field: FieldSpec, dice: random.Random, _at: int) -> date:
    return date(2024, 2, 27) + timedelta(days=dice.randint(0, 60))


def _number(field: FieldSpec, dice: random.Random, at: int) -> int:
    return at if field.name.startswith("source_") else dice.choice([0, 1, 2, -1, dice.randint(1, 30)])


def _decimal(field: FieldSpec, dice: random.Random, _at: int) -> Decimal:
    scale = int(field.type.rstrip(")").rpartition(",")[2])
    return Decimal(dice.choice([0, 1, dice.randint(-(10**6), 10**6)])).scaleb(-scale)


_MAKERS: dict[str, Callable[[FieldSpec, random.Random, int], object]] = {
    "string": _text,
    "timestamptz": _instant,
    "timestamp": lambda field, dice, at: _instant(field, dice, at).replace(tzinfo=None),
    "date": _day,
    "long": _number,
    "int": _number,
    "decimal": _decimal,
    "double": lambda _field, dice, _at: dice.random() * 100,
    "boolean": lambda _field, dice, _at: dice.random() < 0.5,
}


def _document(keys: list[str], dice: random.Random) -> str | None:
    """Return a row as JSON text: every kind of value, missing keys and NULLs; and now and then no JSON at all."""
    if dice.random() < 0.05:
        return dice.choice([None, "", "{", "[]", "null"])
    row = {
        key: dice.choice([
            f"{key[0]}{dice.randint(1, 25)}", "12.34", dice.randint(0, 10**12), 0.5, True, None, "", 'Ünï "q"\n', {"a": 1},
            [1, 2], "2024-03-31T01:00:00Z", "https://a.example/b/7?c=d#e", "http://a.example", "https://a.example/ü@x.example/#f",
            "captured", "refunded", "a-7",
        ])
        for key in keys
        if dice.random() < 0.95
    }  # fmt: skip
    return json.dumps(row, ensure_ascii=dice.random() < 0.5)
