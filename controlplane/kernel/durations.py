"""ISO-8601 durations and ODCS units as ``timedelta``."""

from __future__ import annotations

import re
from datetime import timedelta

_ISO = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)

_UNITS = {
    "s": timedelta(seconds=1), "second": timedelta(seconds=1), "seconds": timedelta(seconds=1),
    "m": timedelta(minutes=1), "min": timedelta(minutes=1), "minute": timedelta(minutes=1), "minutes": timedelta(minutes=1),
    "h": timedelta(hours=1), "hour": timedelta(hours=1), "hours": timedelta(hours=1),
    "d": timedelta(days=1), "day": timedelta(days=1), "days": timedelta(days=1),
    "w": timedelta(weeks=1), "week": timedelta(weeks=1), "weeks": timedelta(weeks=1),
    "y": timedelta(days=365), "yr": timedelta(days=365), "year": timedelta(days=365), "years": timedelta(days=365),
}  # fmt: skip


def parse_duration(text: str) -> timedelta:
    """Return an ISO-8601 duration of weeks, days, hours, minutes and seconds (``P7D``, ``PT6H``).

    Months and years are refused: they are no fixed length of time (ISO 8601-1:2019, 4.4.1.9).

    Raises:
        ValueError: the text is no such duration; the message says what is allowed.
    """
    match = _ISO.fullmatch(text)
    if match is None or not any(match.groupdict().values()):
        message = f"{text!r} is not a duration; write an ISO-8601 one of days or smaller, such as P7D or PT6H"
        raise ValueError(message)
    return timedelta(**{unit: int(count) for unit, count in match.groupdict().items() if count})


def from_unit(value: float, unit: str) -> timedelta:
    """Return ``value`` ODCS units (``d``, ``h``, ``y`` and their long names; a year is 365 days).

    Raises:
        ValueError: the unit is unknown; the message lists the known ones.
    """
    try:
        return _UNITS[unit.lower()] * value
    except KeyError:
        message = f"unit {unit!r} is unknown; allowed are {', '.join(_UNITS)}"
        raise ValueError(message) from None
