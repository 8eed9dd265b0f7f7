"""Numbers as a person reads them: short, and never rounded across the limit they are judged by (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal

_PLACES = 4
_WIDE = Context(prec=80)
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def rounded(value: Decimal, limits: Sequence[Decimal] = ()) -> str:
    """Return a number with at most four decimals (four significant digits below 1), or in full where rounding would lie.

    Args:
        value: the number.
        limits: what the number is compared with; rounding must not move it onto or across one of them.
    """
    shown = _cut(value)
    if any(value.compare(limit) != shown.compare(limit) for limit in limits):
        shown = value
    text = format(shown, "f")
    return text if shown is value else _trimmed(text)


def _cut(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent <= _PLACES:
        return value
    places = _PLACES if abs(value) >= 1 else _PLACES - 1 - value.adjusted()
    return value.quantize(Decimal(1).scaleb(-places), context=_WIDE)


def duration(seconds: Decimal, limits: Sequence[Decimal] = ()) -> str:
    """Return a length of time in its two largest units (``3 h 12 min``), or in full where that hides the way past a limit."""
    if seconds < 0:
        return "-" + duration(-seconds, [-limit for limit in limits])
    short = _largest(seconds)
    hides = any(limit != seconds and _largest(limit) == short for limit in limits)
    return _spelled(_parts(seconds)) if hides else short


def _parts(seconds: Decimal) -> list[tuple[Decimal, str]]:
    parts, left = [], seconds
    for size, unit in _UNITS[:-1]:
        parts.append((left // size, unit))
        left %= size
    return [*parts, (left, "s")]


def _largest(seconds: Decimal) -> str:
    parts = _parts(seconds)
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    shown = parts[first : first + 2]
    if len(shown) > 1 and shown[1][1] == "s":
        shown[1] = (shown[1][0] // 1, "s")
    return _spelled([(Decimal(rounded(count)), unit) for count, unit in shown])


def _spelled(parts: Sequence[tuple[Decimal, str]]) -> str:
    return " ".join(f"{_trimmed(format(count, 'f'))} {unit}" for count, unit in parts if count) or "0 s"


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
