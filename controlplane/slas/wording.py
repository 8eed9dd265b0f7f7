"""Numbers as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_EXACT = Decimal("0.0001")
_MILLION = 1_000_000
_SHOWN = Decimal("0.1")


def duration(seconds: float) -> str:
    """Return a duration in at most two units: ``45 s``, ``12 min``, ``7 h 3 min``, ``2 d 4 h``; less than a unit is cut off."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return _two(whole // _HOUR, "h", whole % _HOUR // _MINUTE, "min")
    return _two(whole // _DAY, "d", whole % _DAY // _HOUR, "h")


def span_text(span: timedelta) -> str:
    """Return a duration; see ``duration``."""
    return duration(span.total_seconds())


def moment_text(moment: datetime) -> str:
    """Return a moment to the minute, with its offset."""
    return moment.isoformat(sep=" ", timespec="minutes")


def percent(part: int, whole: int) -> Decimal:
    """Return how many percent ``part`` is of ``whole``, cut off after four decimals: nothing looks better than it is."""
    return _of_million(part * _MILLION // whole)


@lru_cache(maxsize=1 << 16)
def _of_million(parts: int) -> Decimal:
    return Decimal(parts).scaleb(-4).normalize() + 0


def rounded(value: Decimal) -> Decimal:
    """Return a number with four decimals at most, as it is stored."""
    return value.quantize(_EXACT).normalize() + 0


def number(value: Decimal) -> str:
    """Return a number without trailing zeros, with thousands set apart."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def times(burn: Decimal) -> str:
    """Return a burn rate to one decimal."""
    return f"{burn.quantize(_SHOWN):f}"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first} {unit} {second} {smaller}" if second else f"{first} {unit}"
