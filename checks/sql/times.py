"""Times in a table as instants: no time is compared with a clock before it is clear in which zone it was written."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from checks.model import Check
from checks.sql.conditions import condition
from checks.sql.predicates import field_of
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import identifier, literal, relation


def instant_text(check: Check, field: str, canonical: str, *, calendar: str) -> str:
    """Return SQL for the instant a row's time stands for (``TIMESTAMPTZ``).

    A date begins at midnight of the project's calendar; a timestamp without a zone is read in ``arguments.timeZone``.

    Raises:
        ConfigurationError: the column holds no times, or its zone is not known.
    """
    return _instant(check, field, canonical, identifier(field), calendar)


def latest_text(check: Check, field: str, canonical: str, *, calendar: str, clause: str = "") -> str:
    """Return SQL for the latest instant of a column (``max``), with a FILTER clause where given.

    Raises:
        ConfigurationError: as for ``instant_text``.
    """
    return _instant(check, field, canonical, f"max({identifier(field)}){clause}", calendar)


def day_counts(check: Check, subject: str, *, canonical: str, now: datetime, calendar: str, back: timedelta) -> str:
    """Return the SELECT of rows per local day, each day only up to the local time of day it is now.

    Raises:
        ConfigurationError: as for ``instant_text``.
    """
    field = field_of(check)
    moment = now.astimezone(zone(calendar))
    local = f"timezone({literal(zone(calendar).key)}, {instant_text(check, field, canonical, calendar=calendar)})"
    where = f" AND {condition(check.where)}" if check.where else ""
    return (
        f"SELECT CAST(moment AS DATE) AS day, count(*) AS rows FROM (SELECT {local} AS moment FROM {relation(subject)} "
        f"WHERE {identifier(field)} IS NOT NULL{where}) "
        f"WHERE CAST(moment AS TIME) <= TIME {literal(moment.time().isoformat())} "
        f"AND moment >= TIMESTAMP {literal((moment.date() - back).isoformat())} "
        f"AND moment < TIMESTAMP {literal((moment.date() + timedelta(days=1)).isoformat())} GROUP BY 1"
    )


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name.

    Raises:
        ConfigurationError: there is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        message = f"time zone {name!r} is unknown; use an IANA name such as Europe/Berlin or UTC"
        raise ConfigurationError(message) from error


def _instant(check: Check, field: str, canonical: str, value: str, calendar: str) -> str:
    if canonical == "timestamptz":
        return value
    if canonical == "date":
        return f"timezone({literal(zone(calendar).key)}, CAST({value} AS TIMESTAMP))"
    if canonical != "timestamp":
        message = f"{check.id}: {check.kind.value} needs a column of dates or times; {field} is {canonical}"
        raise ConfigurationError(message)
    named = check.arguments.get("timeZone")
    if named is None:
        message = (
            f"{check.id}: {field} is a timestamp without a time zone, so its age is anybody's guess; "
            f"name its zone in timeZone (such as UTC), or make the column a timestamptz"
        )
        raise ConfigurationError(message)
    return f"timezone({literal(zone(str(named)).key)}, {value})"
