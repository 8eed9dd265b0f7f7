"""Casting a batch row by row to its contract's types: a value that does not cast *exactly* fails its row, not the batch.

The SELECT of a pipeline returns source types (mostly text); no engine casts the way another does, so the plane does it once,
in DuckDB, with the rules below. Times need an explicit zone; numbers may not lose digits; dates are plain ISO 8601 dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from controlplane.kernel.sql import identifier
from controlplane.kernel.types import sql_type

_INTEGER = "[+-]?[0-9]+"
_CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6}0*)?)?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TEXT_FORMS = {
    "long": _INTEGER,
    "int": _INTEGER,
    "boolean": "(?i:true|false)",
    "date": _DATE,
    "time": _CLOCK,
    "timestamp": f"{_DATE}[T ]{_CLOCK}",
    "timestamptz": f"{_DATE}[T ]{_CLOCK} ?(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)",
}
UNKNOWN = "unknown"
"""Type of a field whose contract names a type we do not store (others' contracts only): taken as it comes."""

_DECIMAL = re.compile(r"decimal\((\d+), (\d+)\)")

_SAME = {
    "text": {"string"},
    "integer": {"long"},
    "boolean": {"boolean"},
    "date": {"date"},
    "timestamp": {"timestamp"},
    "timestamptz": {"timestamptz"},
    "float": {"double"},
    "time": {"time"},
    "binary": {"binary"},
}
_REFUSED = {
    ("timestamp", "timestamptz"): "has no time zone",
    ("timestamptz", "timestamp"): "would lose its time zone",
}


@dataclass(frozen=True)
class Cast:
    """How one column becomes its contract type.

    Attributes:
        value: SQL expression of the typed value, NULL where it does not cast.
        fails: SQL boolean, TRUE where a value is there and does not cast exactly; None when it always does.
    """

    field: str
    value: str
    fails: str | None


def family(source: pa.DataType) -> str:
    """Return the family of an Arrow type that casting rules are written for."""
    tests = {
        "text": pa.types.is_string(source) or pa.types.is_large_string(source) or pa.types.is_string_view(source),
        "boolean": pa.types.is_boolean(source),
        "integer": pa.types.is_integer(source),
        "decimal": pa.types.is_decimal(source),
        "float": pa.types.is_floating(source),
        "date": pa.types.is_date(source),
        "time": pa.types.is_time(source),
        "timestamptz": pa.types.is_timestamp(source) and source.tz is not None,
        "timestamp": pa.types.is_timestamp(source) and source.tz is None,
        "binary": pa.types.is_binary(source) or pa.types.is_large_binary(source),
        "null": pa.types.is_null(source),
    }
    return next((name for name, holds in tests.items() if holds), "other")


def plan_casts(source: pa.Schema, fields: Sequence[tuple[str, str]]) -> Sequence[Cast]:
    """Return how each contract field ``(name, canonical type)`` is had from a source schema.

    A field the source does not have becomes NULL (whether that is allowed is a check's business).
    """
    return [_cast(name, target, source) for name, target in fields]


def _cast(name: str, target: str, source: pa.Schema) -> Cast:
    if target == UNKNOWN:
        return Cast(name, identifier(name) if name in source.names else "CAST(NULL AS VARCHAR)", None)
    wanted = sql_type(target)
    if name not in source.names:
        return Cast(name, f"CAST(NULL AS {wanted})", None)
    kind = family(source.field(name).type)
    column = identifier(name)
    if target in _SAME.get(kind, ()) or kind == "null":
        return Cast(name, f"CAST({column} AS {wanted})", None)
    exact = _exact(kind, target, column, wanted)
    if exact is None:
        return Cast(name, f"CAST(NULL AS {wanted})", f"{column} IS NOT NULL")
    return Cast(name, f"TRY_CAST({column} AS {wanted})", f"({column} IS NOT NULL AND NOT coalesce({exact}, FALSE))")


def _exact(kind: str, target: str, column: str, wanted: str) -> str | None:
    """Return a SQL boolean that is TRUE where the value casts exactly; None where the two types never do."""
    tried = f"TRY_CAST({column} AS {wanted})"
    if (kind, target) in _REFUSED or kind == "other":
        return None
    if kind == "text":
        return _exact_text(target, column, tried)
    if target == "string":
        return None if kind == "binary" else "TRUE"
    return _exact_number(kind, target, column, tried)


def _exact_number(kind: str, target: str, column: str, tried: str) -> str | None:
    if target in {"long", "int"} or target.startswith("decimal"):
        return f"{tried} = {column}" if kind in {"integer", "decimal", "float"} else None
    if target in {"double", "float"}:
        return f"{tried} IS NOT NULL" if kind in {"integer", "decimal", "float"} else None
    if target in {"timestamp", "date", "time"} and kind in {"timestamp", "date", "time"}:
        return f"{tried} = {column}" if {kind, target} <= {"timestamp", "date"} or kind == target else None
    return None


def _exact_text(target: str, column: str, tried: str) -> str | None:
    form = _TEXT_FORMS.get(target)
    decimal = _DECIMAL.fullmatch(target)
    if decimal is not None:
        form = rf"[+-]?[0-9]+(\.[0-9]{{0,{decimal[2]}}}0*)?"
    if form is not None:
        return f"(regexp_full_match({column}, '{form}') AND {tried} IS NOT NULL)"
    return f"{tried} IS NOT NULL" if target in {"double", "float"} else ("TRUE" if target == "string" else None)


def why_refused(source: pa.Schema, field: str, target: str) -> str:
    """Return in plain words what is wrong with values of ``field`` that do not cast to ``target``."""
    kind = family(source.field(field).type) if field in source.names else "missing"
    return _REFUSED.get((kind, target), f"is not a {_WORDS.get(target, target)}")


_WORDS: Mapping[str, str] = {
    "long": "whole number (64 bit)",
    "int": "whole number (32 bit)",
    "timestamptz": "time with an explicit zone",
    "timestamp": "time without a zone",
    "date": "date (YYYY-MM-DD)",
    "boolean": "true or false",
}
