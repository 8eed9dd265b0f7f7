"""Two engines' answers to one SELECT, compared row for row and type for type."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import pyarrow as pa

TABLE: list[tuple[str, str, int, str]] = []
"""What was compared in this run: name, verdict, rows, what is odd; shown at its end."""


class Verdict(StrEnum):
    """How two answers relate; ``WIDTH`` is harmless: the plane's exact cast to the contract's type makes them equal."""

    SAME = "same"
    WIDTH = "same, other width"
    TYPES = "types differ"
    ROWS = "rows differ"
    FAILED = "failed"

    @property
    def agrees(self) -> bool:
        return self in (Verdict.SAME, Verdict.WIDTH)


@dataclass(frozen=True)
class Comparison:
    verdict: Verdict
    detail: str = ""
    rows: int = 0


def compare(ours: pa.Table, theirs: pa.Table) -> Comparison:
    """Compare two results as multisets of rows; column names ignore case, as both engines do."""
    names = [[name.lower() for name in table.column_names] for table in (ours, theirs)]
    if names[0] != names[1]:
        return Comparison(Verdict.TYPES, f"columns {names[0]} and {names[1]}")
    left, right = _rows(ours), _rows(theirs)
    if left != right:
        only_left, only_right = (left - right).most_common(2), (right - left).most_common(2)
        return Comparison(Verdict.ROWS, f"{sum((left - right).values())} rows differ, e.g. {only_left} and {only_right}")
    odd = [
        f"{field.name}: {field.type} and {other.type}"
        for field, other in zip(ours.schema, theirs.schema, strict=True)
        if field.type != other.type
    ]
    if any(_kind(a.type) != _kind(b.type) for a, b in zip(ours.schema, theirs.schema, strict=True)):
        return Comparison(Verdict.TYPES, "; ".join(odd), ours.num_rows)
    return Comparison(Verdict.WIDTH if odd else Verdict.SAME, "; ".join(odd), ours.num_rows)


def _rows(table: pa.Table) -> Counter[tuple[object, ...]]:
    return Counter(zip(*([_value(value) for value in column.to_pylist()] for column in table.columns), strict=True))


def _value(value: object) -> object:
    if isinstance(value, float):
        return ("double", "nan" if math.isnan(value) else value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return ("number", Decimal(value))
    return repr(value)


def _kind(found: pa.DataType) -> str:
    if pa.types.is_integer(found) or (pa.types.is_decimal(found) and found.scale == 0):
        return "integer"
    return f"decimal with {found.scale} digits" if pa.types.is_decimal(found) else str(found)
