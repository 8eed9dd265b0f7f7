"""Numbers and times as people read them: thousands with comma, no-break space before the unit, zone once a page."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

UNKNOWN = "not known"
"""What stands where a number is not known; a blank would read as zero."""

_GAP = "\N{NO-BREAK SPACE}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LONG = 14 * _DAY
_SECOND = timedelta(seconds=1)
_BYTES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def thousands(number: Decimal | float | None) -> str:
    """Return a number with commas (``4,212``), its decimals as they are; ``not known`` for None."""
    if number is None:
        return UNKNOWN
    text = f"{number:,}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text.lower() else text


def percent(value: Decimal | float | None, digits: int = 2) -> str:
    """Return percent with at most ``digits`` decimals, never rounded up to 100 or down to 0 (``99.71 %``, ``< 0.01 %``)."""
    if value is None:
        return UNKNOWN
    exact, step = Decimal(str(value)), Decimal(1).scaleb(-digits)
    if 0 < exact < step:
        return f"<{_GAP}{step}{_GAP}%"
    rounded = exact.quantize(step, ROUND_DOWN if exact < 100 < exact + step else ROUND_HALF_UP)  # noqa: PLR2004 (percent)
    return f"{thousands(rounded)}{_GAP}%"


def plural(count: int | None, word: str, many: str | None = None) -> str:
    """Return a count with its word (``1 row``, ``4,212 rows``)."""
    return f"{thousands(count)}{_GAP}{word if count == 1 else many or word + 's'}"


def size(count: int | None) -> str:
    """Return bytes in the unit people use (``12.4 MB``)."""
    if count is None:
        return UNKNOWN
    for unit, scale in _BYTES:
        if count >= scale:
            return f"{count / scale:,.1f}{_GAP}{unit}"
    return f"{count}{_GAP}B"


def duration(length: timedelta | Decimal | float | None) -> str:
    """Return a length of time with two figures that matter (``21.4 s``, ``26 min``, ``1 h 20 min``, ``2 days 3 h``)."""
    if length is None:
        return UNKNOWN
    seconds = length.total_seconds() if isinstance(length, timedelta) else float(length)
    if seconds < 0:
        return f"\N{MINUS SIGN}{duration(-seconds)}"
    return _moments(seconds) if seconds < _MINUTE else _longer(seconds)


def _moments(seconds: float) -> str:
    if 0 < seconds < 1:
        return f"{round(seconds * 1000)}{_GAP}ms"
    return f"{seconds:.1f}".removesuffix(".0") + f"{_GAP}s"


def _longer(seconds: float) -> str:
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}{_GAP}min"
    if seconds < _DAY:
        return _two(int(seconds // _HOUR), "h", int(seconds % _HOUR // _MINUTE), "min")
    days = int(seconds // _DAY)
    word = "day" if days == 1 else "days"
    return _two(days, word, int(seconds % _DAY // _HOUR) if seconds < _LONG else 0, "h")


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was (``26 min ago``), or when it will be for one that lies ahead."""
    if moment is None:
        return "never"
    if abs(now - moment) < _SECOND:
        return "just now"
    return f"{duration(now - moment)} ago" if moment <= now else ahead(moment, now)


def ahead(moment: datetime | None, now: datetime) -> str:
    """Return how far ahead a moment is (``in 39 min``), or how long ago for one that is over."""
    if moment is None:
        return UNKNOWN
    return f"in {duration(moment - now)}" if moment - now >= _SECOND else ago(moment, now)


def at(moment: datetime, zone: tzinfo, now: datetime, *, seconds: bool = False) -> str:
    """Return the time of day in a zone, with weekday and date unless today, and the year unless this one."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    clock = local.strftime("%H:%M:%S" if seconds else "%H:%M")
    if local.date() == today.date():
        return clock
    year = f"{_GAP}{local.year}" if local.year != today.year else ""
    return f"{local:%a}{_GAP}{day(local.date())}{year}, {clock}"


def full(moment: datetime, zone: tzinfo) -> str:
    """Return a time with weekday, date, year and seconds (``Tue 17 Nov 2026, 14:32:10``)."""
    local = moment.astimezone(zone)
    return f"{local:%a}{_GAP}{day(local.date())}{_GAP}{local.year}, {local:%H:%M:%S}"


def day(which: date) -> str:
    """Return a day without its year (``9 Oct``)."""
    return f"{which.day}{_GAP}{which:%b}"


def zone_words(zone: tzinfo, now: datetime) -> str:
    """Return the name of a zone and its offset at a time (``CET (UTC+01:00)``; ``UTC``)."""
    local = now.astimezone(zone)
    offset = local.strftime("%z")
    name = local.tzname() or str(zone)
    return name if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:5]})"


def short(number: Decimal | int) -> str:
    """Return a number in a few characters, for cells of charts (``70``, ``1k``, ``59k``, ``3M``)."""
    value = float(number)
    for unit, scale in (("M", 10**6), ("k", 10**3)):
        if value >= scale:
            return f"{value / scale:.0f}{unit}"
    return f"{value:.0f}" if value >= 1 or not value else "<1"


def _two(large: int, unit: str, small: int, lesser: str) -> str:
    return f"{large}{_GAP}{unit}" + (f" {small}{_GAP}{lesser}" if small else "")
