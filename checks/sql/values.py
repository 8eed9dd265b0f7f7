"""Values that a contract names, as DuckDB SQL literals of the column they are compared with.

What a contract writes is text, numbers, booleans and null (YAML without timestamps); what a column holds has a type. The two
meet here once, so that no comparison depends on an implicit cast of the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import literal

_WIDEST_DECIMAL = 38
"""Digits of DuckDB's widest DECIMAL; a longer literal becomes a BIGNUM, which does not compare with decimals."""

FLOATING = frozenset({"double", "float"})
_WHOLE = frozenset({"long", "int"})
_ORDERED = "numbers, dates and times"


def is_number(canonical: str) -> bool:
    """Whether values of this canonical type are numbers."""
    return canonical in FLOATING or canonical in _WHOLE or canonical.startswith("decimal")


def bound(value: object, *, field: str, canonical: str, name: str) -> str:
    """Return one limit of a range (``minimum`` ...) as a SQL literal of the column's type.

    A time without a zone is read as UTC where the column has a zone.

    Args:
        value: as the contract writes it.
        field: column name, for the message.
        canonical: its canonical type; ``unknown`` takes the value as it is written.
        name: the argument, for the message.

    Raises:
        ConfigurationError: the value cannot limit a column of this type.
    """
    text = _literal(value, canonical)
    if text is None or canonical in {"string", "boolean", "binary"}:
        message = (
            f"{name} {value!r} cannot limit {field}, which is {canonical}: limits are {_ORDERED} of the column's own type; "
            f"for text use minLength, maxLength, pattern or validValues"
        )
        raise ConfigurationError(message)
    return text


def members(values: Sequence[object], canonical: str) -> Sequence[str]:
    """Return the values of a list that a column of this type can hold at all, as SQL literals; nulls are left out."""
    literals = [_literal(value, canonical) for value in values if value is not None]
    return list(dict.fromkeys(text for text in literals if text is not None))


def number(value: object) -> Decimal | None:
    """Return a contract's value as an exact number; None when it is none (booleans, NaN and infinity are none)."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return exact if exact.is_finite() else None


def numeral(value: Decimal) -> str:
    """Return a number as a SQL literal that compares with numbers of any type."""
    text = format(value, "f")
    digits = sum(character.isdigit() for character in text)
    return text if digits <= _WIDEST_DECIMAL else f"CAST('{value}' AS DOUBLE)"


def _literal(value: object, canonical: str) -> str | None:
    """Return a value as a literal of a column type; None where no value of that type can equal it."""
    if is_number(canonical):
        return _number(value, canonical)
    if canonical in {"date", "time", "timestamp", "timestamptz"}:
        return _instant(value, canonical)
    if canonical == "boolean":
        return {"true": "TRUE", "false": "FALSE"}.get(str(value).lower())
    if canonical == "string":
        return literal(str(value).lower() if isinstance(value, bool) else str(value))
    return None if canonical == "binary" else _as_written(value)


def _number(value: object, canonical: str) -> str | None:
    exact = number(value)
    if exact is None:
        return None
    # 0.1 as FLOAT is not 0.1 as DECIMAL: the literal is rounded the way the column's values were
    return f"CAST({numeral(exact)} AS {canonical.upper()})" if canonical in FLOATING else numeral(exact)


def _as_written(value: object) -> str:
    exact = None if isinstance(value, str) else number(value)
    return literal(str(value)) if exact is None else numeral(exact)


def _instant(value: object, canonical: str) -> str | None:
    text = value.isoformat() if isinstance(value, date | time) else str(value)
    try:
        if canonical == "date":
            return f"DATE {literal(date.fromisoformat(text).isoformat())}"
        if canonical == "time":
            return f"TIME {literal(time.fromisoformat(text).isoformat())}"
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if canonical == "timestamptz":
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return f"TIMESTAMPTZ {literal(moment.isoformat())}"
    return None if moment.tzinfo is not None else f"TIMESTAMP {literal(moment.isoformat())}"
