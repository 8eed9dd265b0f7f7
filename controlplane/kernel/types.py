"""Column types: one canonical notation (Iceberg's), read from what contracts write, shown as Arrow and SQL types.

Formats: Apache Iceberg spec, "Schemas and Data Types"; ODCS ``logicalType`` and ``physicalType``.
"""

from __future__ import annotations

import re

import pyarrow as pa

_DECIMAL = re.compile(r"(?:decimal|numeric)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")

_PHYSICAL = {
    "bigint": "long", "long": "long", "int64": "long", "int8": "long",
    "int": "int", "integer": "int", "int32": "int", "int4": "int", "smallint": "int", "tinyint": "int",
    "double": "double", "double precision": "double", "float64": "double", "float8": "double",
    "float": "float", "real": "float", "float32": "float", "float4": "float",
    "boolean": "boolean", "bool": "boolean",
    "string": "string", "text": "string", "varchar": "string", "char": "string", "uuid": "string", "json": "string",
    "date": "date", "time": "time",
    "timestamptz": "timestamptz", "timestamp with time zone": "timestamptz", "timestamp_tz": "timestamptz",
    "timestamp": "timestamp", "timestamp_ntz": "timestamp", "timestamp without time zone": "timestamp", "datetime": "timestamp",
    "binary": "binary", "bytea": "binary", "blob": "binary", "varbinary": "binary",
}  # fmt: skip

_LOGICAL = {
    "integer": "long", "number": "double", "string": "string", "boolean": "boolean",
    "date": "date", "timestamp": "timestamptz", "time": "time",
}  # fmt: skip

_ARROW = {
    "long": pa.int64(), "int": pa.int32(), "double": pa.float64(), "float": pa.float32(), "boolean": pa.bool_(),
    "string": pa.large_string(), "date": pa.date32(), "time": pa.time64("us"), "binary": pa.large_binary(),
    "timestamptz": pa.timestamp("us", tz="UTC"), "timestamp": pa.timestamp("us"),
}  # fmt: skip

_SQL = {
    "long": "BIGINT", "int": "INTEGER", "double": "DOUBLE", "float": "FLOAT", "boolean": "BOOLEAN", "string": "VARCHAR",
    "date": "DATE", "time": "TIME", "binary": "BLOB", "timestamptz": "TIMESTAMPTZ", "timestamp": "TIMESTAMP",
}  # fmt: skip


def canonical_type(logical: str | None, physical: str | None) -> str:
    """Return the canonical type of an ODCS property: its ``physicalType`` where given, else its ``logicalType``.

    Raises:
        ValueError: neither names a type this product stores.
    """
    if physical is not None:
        text = physical.strip().lower()
        decimal = _DECIMAL.fullmatch(text)
        if decimal is not None:
            return f"decimal({decimal[1]}, {decimal[2] or 0})"
        known = _PHYSICAL.get(re.sub(r"\s*\(\s*\d+\s*\)$", "", text))
        if known is not None:
            return known
        message = f"physicalType {physical!r} is unknown; allowed are decimal(p,s), {', '.join(sorted(_PHYSICAL))}"
        raise ValueError(message)
    if logical is not None and logical in _LOGICAL:
        return _LOGICAL[logical]
    message = f"logicalType {logical!r} needs a physicalType; without one, allowed are {', '.join(_LOGICAL)}"
    raise ValueError(message)


def arrow_type(canonical: str) -> pa.DataType:
    """Return the Arrow type rows of this canonical type are carried in."""
    decimal = _DECIMAL.fullmatch(canonical)
    if decimal is not None:
        return pa.decimal128(int(decimal[1]), int(decimal[2] or 0))
    return _ARROW[canonical]


def sql_type(canonical: str) -> str:
    """Return the DuckDB type of a canonical type."""
    decimal = _DECIMAL.fullmatch(canonical)
    if decimal is not None:
        return f"DECIMAL({decimal[1]}, {decimal[2] or 0})"
    return _SQL[canonical]
