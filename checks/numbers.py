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
    return text.rstrip("0").rstrip(".") if shown is not value and "." in text else text


def _cut(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent <= _PLACES:
        return value
    places = _PLACES if abs(value) >= 1 else _PLACES - 1 - value.adjusted()
    return value.quantize(Decimal(1).scaleb(-places), context=_WIDE)


def duration(seconds: Decimal, limits: Sequence[Decimal] = ()) -> str:
    """Return a length of time in its two largest units (``3 h 12 min``), more where two would hide the way past a limit."""
    texts = [_spell(limit, len(_UNITS)) for limit in limits]
    short = _spell(seconds, 2)
    clash = any(text == short and limit != seconds for text, limit in zip(texts, limits, strict=True))
    return _spell(seconds, len(_UNITS), exact=True) if clash else short


def _spell(seconds: Decimal, most: int, *, exact: bool = False) -> str:
    if seconds < 0:
        return "-" + _spell(-seconds, most, exact=exact)
    parts: list[str] = []
    whole = int(seconds)
    fraction = seconds - whole
    for size, unit in _UNITS:
        count, whole = divmod(whole, size)
        if unit == "s" and (exact or not parts):
            shown = count + fraction if exact else Decimal(rounded(count + fraction))
            if shown or not parts:
                parts.append(f"{rounded(shown)} s" if not exact else f"{format(shown, 'f')} s")
        elif count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:most])
