"""What a check found, in the words an on-call engineer reads at night (pure). Numbers always, values of rows never."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from checks.drift import BREAKING, DRIFT
from checks.measuring import seconds_per, share
from checks.model import Check, CheckKind, Measurement, Operator, Quarantine
from checks.numbers import duration, rounded
from checks.sql.aggregates import aggregate_words
from checks.sql.predicates import LIMITS, field_of, key_pairs

_MOST_LISTED = 5
_LONGEST = 80


def sentence(check: Check, measurement: Measurement, value: Decimal) -> str:
    """Return what was measured and what was asked for, as ``120 of 1000000 rows have amount < 0; 0 allowed``.

    Args:
        check: what was asked for.
        measurement: what was found.
        value: the measured value in the check's unit.
    """
    return f"{finding(check, measurement, value)}; {limit(check)}"


def finding(check: Check, measurement: Measurement, value: Decimal) -> str:
    """Return what was measured, without a judgement."""
    return _FINDINGS.get(check.kind, _rows)(check, measurement, value)


def limit(check: Check) -> str:
    """Return what the threshold asks for: ``0 allowed``, ``at least 100 expected``, ``from -30 % to 30 % expected``."""
    first, *more = [_quantity(check, operand) for operand in check.threshold.operand]
    if check.threshold.operator is Operator.MUST_BE and check.kind not in _MEASURED:
        return f"{first}{_tolerance(check)} allowed"
    exact = {Operator.MUST_BE, Operator.MUST_NOT_BE}
    tolerance = _tolerance(check) if check.threshold.operator in exact else ""
    return _LIMITS[check.threshold.operator].format(first + tolerance, *more)


_LIMITS: Mapping[Operator, str] = {
    Operator.MUST_BE: "exactly {0} expected",
    Operator.MUST_NOT_BE: "anything but {0} expected",
    Operator.MUST_BE_GREATER_THAN: "more than {0} expected",
    Operator.MUST_BE_GREATER_OR_EQUAL_TO: "at least {0} expected",
    Operator.MUST_BE_LESS_THAN: "less than {0} allowed",
    Operator.MUST_BE_LESS_OR_EQUAL_TO: "at most {0} allowed",
    Operator.MUST_BE_BETWEEN: "from {0} to {1} expected",
    Operator.MUST_NOT_BE_BETWEEN: "nothing from {0} to {1} allowed",
}

_MEASURED = frozenset({CheckKind.AGGREGATE, CheckKind.ROW_COUNT, CheckKind.VOLUME_CHANGE, CheckKind.FRESHNESS})
"""Kinds whose value is a size, not a count of what is wrong: of those "exactly 5" is expected, of the others "5" allowed."""


def allowance(quarantine: Quarantine) -> str:
    """Return how many failing rows may leave a batch: ``at most 1 % may be set aside``."""
    unit = " %" if quarantine.unit == "percent" else ""
    return f"at most {rounded(quarantine.max)}{unit} may be set aside"


def _quantity(check: Check, value: Decimal, limits: Sequence[Decimal] = ()) -> str:
    if check.kind is CheckKind.FRESHNESS:
        second = seconds_per(check.unit)
        return duration(value * second, [other * second for other in limits])
    return rounded(value, limits) + (" %" if check.unit == "percent" else "")


def _tolerance(check: Check) -> str:
    if check.tolerance.absolute is not None:
        return f" (give or take {rounded(check.tolerance.absolute)})"
    if check.tolerance.percent is not None:
        return f" (give or take {rounded(check.tolerance.percent)} %)"
    return ""


def _rows(check: Check, measurement: Measurement, value: Decimal) -> str:
    failed, total = measurement.rows_failed or 0, measurement.rows_total or 0
    part = share(failed, total)
    limits = [*check.threshold.operand, check.quarantine.max]
    asks_percent = check.unit == "percent" or (check.quarantine.unit == "percent" and check.quarantine.max > 0)
    percent = f" ({rounded(part, limits)} %)" if asks_percent and part is not None else ""
    del value
    return f"{failed} of {total} {_plural(total, 'row')}{_where(check)}{percent} {breach(check, singular=failed == 1)}"


def breach(check: Check, *, singular: bool = False) -> str:
    """Return what a failing row does, as a verb phrase: ``have amount < 0``, ``repeat an order_id that another row has``."""
    phrase = _BREACHES[check.kind](check)
    verb, _, rest = phrase.partition(" ")
    return f"{ {'have': 'has'}.get(verb, verb + 's') } {rest}" if singular else phrase


def _null(check: Check) -> str:
    return f"have no {field_of(check)}"


def _missing(check: Check) -> str:
    listed = check.arguments.get("missingValues", ())
    count = sum(value is not None for value in listed) if isinstance(listed, list | tuple) else 0
    stands = {0: "", 1: ", or the 1 value that stands for none"}
    return f"have no {field_of(check)}{stands.get(count, f', or one of the {count} values that stand for none')}"


def _invalid(check: Check) -> str:
    field, arguments = field_of(check), check.arguments
    parts = []
    compared = [f"{sign} {arguments[name]}" for name, sign in LIMITS.items() if name in arguments]
    if compared:
        parts.append(f"{field} {' or '.join(compared)}")
    lengths = (("minLength", "shorter"), ("maxLength", "longer"))
    parts += [f"{article(field)} {word} than {arguments[name]} characters" for name, word in lengths if name in arguments]
    if "pattern" in arguments:
        parts.append(f"{article(field)} that does not match {_short(str(arguments['pattern']))}")
    if "format" in arguments:
        parts.append(f"{article(field)} that is not {article('valid')} {arguments['format']}")
    if "validValues" in arguments:
        parts.append(f"{article(field)} {_outside(arguments['validValues'])}")
    return f"have {' or '.join(parts)}"


def _outside(values: object) -> str:
    listed = [str(value) for value in values if value is not None] if isinstance(values, list | tuple) else []
    text = ", ".join(listed)
    if len(listed) <= _MOST_LISTED and len(text) <= _LONGEST:
        return f"other than {text}"
    return f"outside the {len(listed)} valid values"


def _duplicate(check: Check) -> str:
    listed = check.arguments.get("properties")
    keys = check.fields or (tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ())
    named = article(keys[0]) if len(keys) == 1 else f"a combination of {', '.join(keys)}"
    return f"repeat {named} that another row has"


def _reference(check: Check) -> str:
    children = list(key_pairs(check))
    named = article(children[0]) if len(children) == 1 else f"a combination of {', '.join(children)}"
    condition = f" (where {_short(str(check.arguments['where']))})" if "where" in check.arguments else ""
    return f"have {named} that {check.arguments.get('to')} does not have{condition}"


def _cast(check: Check) -> str:
    wanted = str(check.arguments.get("type", "value of its type"))
    return f"have {article(field_of(check))} that is not exactly {article(wanted)}"


def _masked(check: Check) -> str:
    return f"have {article(field_of(check))} that is not masked as the contract asks"


def _leaked(check: Check) -> str:
    return f"have {article(field_of(check))} that equals an unmasked value of this batch"


_BREACHES: Mapping[CheckKind, Callable[[Check], str]] = {
    CheckKind.NULL_VALUES: _null,
    CheckKind.MISSING_VALUES: _missing,
    CheckKind.INVALID_VALUES: _invalid,
    CheckKind.DUPLICATE_VALUES: _duplicate,
    CheckKind.REFERENCE: _reference,
    CheckKind.CAST: _cast,
    CheckKind.MASKED_FORMAT: _masked,
    CheckKind.LEAK: _leaked,
}


def _row_count(check: Check, measurement: Measurement, value: Decimal) -> str:
    del measurement
    verb = "is" if value == 1 else "are"
    return f"there {verb} {rounded(value)} {_plural(int(value), 'row')}{_where(check)}"


def _sql(check: Check, measurement: Measurement, value: Decimal) -> str:
    del measurement
    return f"the query returned {_quantity(check, value, check.threshold.operand)}"


def _aggregate(check: Check, measurement: Measurement, value: Decimal) -> str:
    del measurement
    words = aggregate_words(check, field_of(check))
    return f"{words}{_where(check)} is {_quantity(check, value, check.threshold.operand)}"


def _freshness(check: Check, measurement: Measurement, value: Decimal) -> str:
    del measurement
    age = _quantity(check, value, check.threshold.operand)
    if not check.fields and "field" not in check.arguments:
        return f"the sources were last heard from {age} ago"
    latest = f"the latest {field_of(check)}{_where(check)} is {age}"
    return f"{latest} behind the sources' heartbeat" if check.arguments.get("reference") == "heartbeat" else f"{latest} old"


def future(check: Check, measurement: Measurement) -> str:
    """Return the sentence for a time that lies in the future, which is a failure whatever the threshold says."""
    ahead = "" if measurement.value is None else f", the latest by {duration(-measurement.value * seconds_per(check.unit))}"
    if "ahead" not in measurement.detail:
        return f"the sources' heartbeat lies in the future{ahead.removeprefix(', the latest')}; a future time is never fresh"
    count, total = int(measurement.detail["ahead"]), measurement.rows_total or 0
    verb = "has" if count == 1 else "have"
    return (
        f"{count} of {total} {_plural(total, 'row')}{_where(check)} {verb} {article(field_of(check))} in the future{ahead}; "
        f"a future time is never fresh"
    )


def _volume(check: Check, measurement: Measurement, value: Decimal) -> str:
    detail = measurement.detail
    usual = f"the {rounded(Decimal(detail['baseline']))} of a usual day ({detail['against']})"
    today = int(detail["today"])
    shown = f"{today} {_plural(today, 'row')}{_where(check)} today so far"
    if value == 0:
        return f"{shown}, exactly {usual}"
    apart = rounded(abs(value), [abs(operand) for operand in check.threshold.operand])
    unit = " %" if check.unit == "percent" else " row" if abs(value) == 1 else " rows"
    return f"{shown}, {apart}{unit} {'above' if value > 0 else 'below'} {usual}"


def _reconciliation(check: Check, measurement: Measurement, value: Decimal) -> str:
    detail, other = measurement.detail, check.arguments.get("to")
    if "groups" in detail:
        shown = _quantity(check, value, check.threshold.operand)
        keys = check.arguments.get("keys", ())
        named = ", ".join(str(key) for key in keys) if isinstance(keys, Mapping | list | tuple) else ""
        sides = f"{detail['only_here']} only here, {detail['only_there']} only there"
        groups, verb = _plural(int(detail["groups"]), "group"), "differs" if value == 1 else "differ"
        return f"{shown} of {detail['groups']} {groups} by {named} {verb} from {other} ({sides})"
    measure, there = check.arguments.get("measure"), check.arguments.get("toMeasure")
    named = f"{there} is {detail['there']}" if there else detail["there"]
    apart = _quantity(check, value, check.threshold.operand)
    return f"{measure} is {detail['here']} here and {named} in {other}, {apart} apart"


def _schema(check: Check, measurement: Measurement, value: Decimal) -> str:
    del check
    detail = measurement.detail
    parts = [f"{sort}: {detail[sort]}" for sort in BREAKING if sort in detail]
    drift = [f"{sort}: {detail[sort]}" for sort in DRIFT if sort in detail]
    count = int(value)
    text = f"{count} breaking {_plural(count, 'difference')} from the contract's schema"
    if parts:
        text += f" ({'; '.join(parts)})"
    return text + (f", and drift that breaks nobody ({'; '.join(drift)})" if drift else "")


def _drift(check: Check, measurement: Measurement, value: Decimal) -> str:
    place = f"{check.fields[0]}{_where(check)}" if check.fields else "the table"
    listed = [*filter(None, [measurement.detail.get("named")])]
    if "unnamed" in measurement.detail:
        listed.append(f"{measurement.detail['unnamed']} that are not named here")
    count, verb = int(value), "is" if value == 1 else "are"
    return f"{count} {_plural(count, 'column')} of {place} {verb} not in the contract" + (
        f": {'; '.join(listed)}" if listed else ""
    )


_FINDINGS: Mapping[CheckKind, Callable[[Check, Measurement, Decimal], str]] = {
    CheckKind.ROW_COUNT: _row_count,
    CheckKind.SQL: _sql,
    CheckKind.AGGREGATE: _aggregate,
    CheckKind.FRESHNESS: _freshness,
    CheckKind.VOLUME_CHANGE: _volume,
    CheckKind.RECONCILIATION: _reconciliation,
    CheckKind.SCHEMA: _schema,
    CheckKind.SCHEMA_DRIFT: _drift,
}


def _where(check: Check) -> str:
    return f" where {_short(check.where)}" if check.where else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else noun + "s"


def article(noun: str) -> str:
    """Return a noun with its article, by how its first letters are said: ``an order_id``, ``a user_id``, ``an updated_at``."""
    start = noun[:3].lower()
    vowel = start[:1] in set("aeio") or (start[:2] in {"un", "up"} and start != "uni")
    return f"{'an' if vowel else 'a'} {noun}"
