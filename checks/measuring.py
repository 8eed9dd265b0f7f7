"""From the numbers of a query to measurements (pure).

What a measurement's ``detail`` may hold, by kind; judging puts it into words:

* ``freshness``: ``future`` (``true``), ``ahead`` (rows later than now), ``lacks`` (``heartbeat`` or ``values``)
* ``aggregate``: ``lacks`` (``values``)
* ``volumeChange``: ``today``, ``baseline`` (rows), ``like_days`` (how many days the baseline is made of)
* ``reconciliation``: ``here`` and ``there`` (the two sides), or ``groups``, ``only_here``, ``only_there``
* ``schema``: one entry per sort of difference (see ``checks.drift``)
* ``schemaDrift``: ``named`` (the unknown columns, with the rows they occur in), ``unnamed`` (how many more), ``lacks``
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from checks.model import Check, CheckKind, Facts, Measurement
from controlplane.kernel.durations import from_unit
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.outcome import Evidence

_MICROSECONDS = Decimal(1_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMN = re.compile("[A-Za-z_][A-Za-z0-9_]{0,62}")
_MOST_NAMED = 5


def read_probe(check: Check, numbers: Mapping[str, object], facts: Facts, segment: str | None) -> Measurement:
    """Return what a scan found for one check, from the numbers its probe asked for."""
    total = whole(numbers["total"])
    if check.kind is CheckKind.FRESHNESS:
        return _freshness(check, numbers, facts, segment, total)
    if check.kind is CheckKind.AGGREGATE:
        return _aggregate(check, numbers, segment, total)
    if check.kind in {CheckKind.ROW_COUNT, CheckKind.SQL}:
        return Measurement(check.id, Decimal(total), rows_total=total, segment=segment)
    failed = whole(numbers["failed"])
    value = share(failed, total) if check.unit == "percent" else Decimal(failed)
    return Measurement(check.id, value, rows_total=total, rows_failed=failed, segment=segment)


def read_drift(check: Check, total: int, failed: int, unknown: Sequence[Mapping[str, object]]) -> Measurement:
    """Return how many columns nobody agreed on, from the answers of ``checks.sql.drifting``.

    A name that does not look like one of a column may be a value (an object keyed by e-mail addresses), so it is only counted.
    """
    names = whole(unknown[0]["names"]) if unknown else 0
    plain = [row for row in unknown if _COLUMN.fullmatch(str(row["name"]))][:_MOST_NAMED]
    detail = {"named": ", ".join(f"{row['name']} ({row['rows']} of {total} rows)" for row in plain)} if plain else {}
    if names > len(plain):
        detail["unnamed"] = str(names - len(plain))
    return Measurement(check.id, Decimal(names), rows_total=total, rows_failed=failed, detail=detail)


def share(part: int, total: int) -> Decimal | None:
    """Return a part as percent of a total; None of nothing."""
    return Decimal(100) * part / total if total else None


def exact(value: object) -> Decimal:
    """Return a number an engine gave (a number, a truth value, or its text) as a decimal.

    Raises:
        ConfigurationError: it is no number, or not a finite one.
    """
    try:
        found = Decimal(int(value) if isinstance(value, bool) else str(value))
    except InvalidOperation as error:
        message = "the answer is not a number"
        raise ConfigurationError(message) from error
    if not found.is_finite():
        message = "the answer is not a finite number: the column holds NaN or infinite values"
        raise ConfigurationError(message)
    return found


def whole(value: object) -> int:
    """Return a count an engine gave; none at all is 0."""
    return 0 if value is None else int(str(value))


def seconds_per(unit: str) -> Decimal:
    """Return how many seconds an ODCS unit of time has.

    Raises:
        ConfigurationError: it is no unit of time.
    """
    try:
        return Decimal(str(from_unit(1, unit).total_seconds()))
    except ValueError as error:
        message = f"an age needs a unit of time; {error}"
        raise ConfigurationError(message) from error


def heartbeat_age(check: Check, facts: Facts) -> Measurement:
    """Return how long ago the sources were known to be delivered: freshness by heartbeat, which asks nothing of the table."""
    if facts.heartbeat is None:
        return Measurement(check.id, detail={"lacks": "heartbeat"}, evidence=Evidence.METADATA)
    late = facts.heartbeat > facts.now + facts.drift
    age = Decimal(str((facts.now - facts.heartbeat).total_seconds())) / seconds_per(check.unit)
    return Measurement(check.id, age, detail={"future": "true"} if late else {}, evidence=Evidence.METADATA)


def _freshness(check: Check, numbers: Mapping[str, object], facts: Facts, segment: str | None, total: int) -> Measurement:
    """Age of the latest time against now or the heartbeat; a time after now is reported as such, whatever the reference.

    A table that is ahead of the heartbeat (or of now by less than ``drift``) has age 0.
    """
    reference = facts.heartbeat if check.arguments.get("reference") == "heartbeat" else facts.now
    latest = None if numbers["latest"] is None else whole(numbers["latest"])
    unit, ahead = seconds_per(check.unit), whole(numbers["ahead"])
    if ahead:  # the latest time may be infinite, and then has no age
        age = None if latest is None else _age(facts.now, latest) / unit
        detail = {"future": "true", "ahead": str(ahead)}
        return Measurement(check.id, age, total, segment=segment, detail=detail)
    if reference is None or latest is None:
        lacks = "heartbeat" if reference is None else "values"
        return Measurement(check.id, None, total, segment=segment, detail={"lacks": lacks})
    return Measurement(check.id, max(_age(reference, latest) / unit, Decimal(0)), total, segment=segment)


def _age(reference: datetime, latest: int) -> Decimal:
    return Decimal((reference - _EPOCH) // timedelta(microseconds=1) - latest) / _MICROSECONDS


def _aggregate(check: Check, numbers: Mapping[str, object], segment: str | None, total: int) -> Measurement:
    if numbers["value"] is None:
        return Measurement(check.id, None, total, segment=segment, detail={"lacks": "values"} if total else {})
    try:
        return Measurement(check.id, exact(numbers["value"]), total, segment=segment)
    except ConfigurationError as error:
        return Measurement(check.id, None, total, segment=segment, error=str(error))
