"""Quoting for SQL text that we build (DuckDB and Spark-compatible ANSI quoting is the engine adapter's concern)."""

from __future__ import annotations

from collections.abc import Iterable


def identifier(name: str) -> str:
    """Return a column or table name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as a quoted SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def relation(name: str) -> str:
    """Return a possibly dotted relation name with every part quoted."""
    return ".".join(identifier(part) for part in name.split("."))


def columns(names: Iterable[str], prefix: str = "") -> str:
    """Return a comma-separated list of quoted columns, each behind ``prefix`` (such as ``e.``)."""
    return ", ".join(prefix + identifier(name) for name in names)
