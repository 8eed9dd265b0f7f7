"""A check as a sentence: what must hold, in plain words, before anything was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from checks.model import Check, CheckKind
from checks.numbers import rounded
from checks.sql.aggregates import aggregate_words
from checks.wording import allowance, article, limit
from controlplane.contracts.model import DatasetSpec, QualityRule

_LIMITS: Mapping[str, str] = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters long",
    "maxLength": "at most {} characters long",
    "format": "a valid {}",
    "pattern": "of the shape {}",
}
_LISTED = 5
_SHORT = 80


def title(check: Check) -> str:
    """Return what must hold, as a short sentence: ``amount is at least 0``, ``Every customer_id is in silver.customers``."""
    return _TITLES.get(check.kind, _other)(check)


def terms(check: Check) -> tuple[str, ...]:
    """Return what belongs to the sentence: the threshold, what may be set aside, which rows are looked at, and what follows."""
    found = [limit(check)]
    if check.quarantine.max > 0:
        found.append(allowance(check.quarantine))
    if check.where:
        found.append(f"only rows where {check.where}")
    if check.segment_by:
        found.append(f"judged per {check.segment_by}")
    if check.min_rows:
        found.append(f"judged from {check.min_rows:,} rows")
    if check.screening_only:
        found.append("judged on the batch before it is masked")
    found.append("a failure holds the batch" if check.blocking else "a failure is counted and does not hold the batch")
    return tuple(found)


def descriptions(spec: DatasetSpec) -> Mapping[str, str]:
    """Return what a contract's author wrote about its checks, by check id."""
    return {check_id: rule.description for check_id, rule in _rules(spec) if rule.description}


def rule_ids(spec: DatasetSpec) -> frozenset[str]:
    """Return the ids of the checks that a contract's author wrote; the schema implies the others."""
    return frozenset(check_id for check_id, _ in _rules(spec))


def _rules(spec: DatasetSpec) -> Iterator[tuple[str, QualityRule]]:
    for rule in spec.rules:
        yield f"{spec.name}.{rule.id}", rule
    for field in spec.fields:
        for rule in field.rules:
            yield f"{spec.name}.{field.name}.{rule.id}", rule


def _field(check: Check) -> str:
    return ", ".join(check.fields) or str(check.arguments.get("field", "value"))


def _present(check: Check) -> str:
    return f"{_field(check)} is never empty"


def _valid(check: Check) -> str:
    arguments = check.arguments
    parts = [words.format(_cut(str(arguments[name]))) for name, words in _LIMITS.items() if name in arguments]
    valid = arguments.get("validValues")
    if isinstance(valid, list | tuple):
        shown = ", ".join(str(value) for value in valid)
        parts.append(f"one of {shown}" if len(valid) <= _LISTED and len(shown) <= _SHORT else f"one of {len(valid)} values")
    return f"{_field(check)} is {' and '.join(parts) or 'valid'}"


def _unique(check: Check) -> str:
    listed = check.arguments.get("properties")
    keys = check.fields or (tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ())
    return f"{keys[0]} is unique" if len(keys) == 1 else f"{', '.join(keys)} together are unique"


def _known(check: Check) -> str:
    condition = f" (where {check.arguments['where']})" if "where" in check.arguments else ""
    return f"Every {_field(check)} is in {check.arguments.get('to')}{condition}"


def _typed(check: Check) -> str:
    return f"{_field(check)} is exactly {article(str(check.arguments.get('type', 'value of its type')))}"


def _recent(check: Check) -> str:
    what = f"The newest {_field(check)}" if check.fields or "field" in check.arguments else "The last sign of the sources"
    behind = " behind what the sources delivered" if check.arguments.get("reference") == "heartbeat" else " old"
    return f"{what} is {limit(check).removesuffix(' allowed').removesuffix(' expected')}{behind}"


def _counted(check: Check) -> str:
    return f"Number of rows: {limit(check)}"


def _aggregate(check: Check) -> str:
    return f"The {aggregate_words(check, _field(check))}: {limit(check)}"


def _agrees(check: Check) -> str:
    measure = check.arguments.get("measure")
    keys = check.arguments.get("keys")
    by = f", by {', '.join(str(key) for key in keys)}" if isinstance(keys, Mapping | list | tuple) and keys else ""
    return f"{measure or 'The result'} agrees with {check.arguments.get('to')}{by}"


def _undrifted(check: Check) -> str:
    where = f"{_field(check)} holds" if check.fields else "The table has"
    return f"{where} no column that the contract does not know"


def _other(check: Check) -> str:
    named = f" of {', '.join(check.fields)}" if check.fields else ""
    return f"{check.kind.value}{named}: {limit(check)}"


_TITLES: Mapping[CheckKind, Callable[[Check], str]] = {
    CheckKind.NULL_VALUES: _present,
    CheckKind.MISSING_VALUES: _present,
    CheckKind.INVALID_VALUES: _valid,
    CheckKind.DUPLICATE_VALUES: _unique,
    CheckKind.REFERENCE: _known,
    CheckKind.CAST: _typed,
    CheckKind.FRESHNESS: _recent,
    CheckKind.ROW_COUNT: _counted,
    CheckKind.AGGREGATE: _aggregate,
    CheckKind.RECONCILIATION: _agrees,
    CheckKind.VOLUME_CHANGE: lambda check: f"Rows of the day are usual: {limit(check)}",
    CheckKind.SQL: lambda check: f"A query of the contract: {limit(check)}",
    CheckKind.SCHEMA_DRIFT: _undrifted,
    CheckKind.SCHEMA: lambda _: "The table has the contract's columns",
    CheckKind.MASKED_FORMAT: lambda check: f"{_field(check)} is masked as the contract asks",
    CheckKind.LEAK: lambda check: f"{_field(check)} holds no unmasked value of the batch",
}


def allowed(check: Check) -> str:
    """Return what is allowed, short enough for a table: the allowance of rows set aside where there is one."""
    if check.quarantine.max > 0:
        percent = " %" if check.quarantine.unit == "percent" else " rows"
        return f"≤ {rounded(check.quarantine.max)}{percent} aside"
    text = limit(check)
    if check.unit == "rows" and check.kind is not CheckKind.FRESHNESS:
        text = text.replace(" allowed", " rows allowed").replace(" expected", " rows expected")
    for word, sign in (("at least ", "≥ "), ("at most ", "≤ "), ("more than ", "> "), ("less than ", "< "), ("exactly ", "= ")):
        text = text.replace(word, sign)
    return text.removesuffix(" allowed").removesuffix(" expected").removeprefix("from ").replace(" to ", " \N{EN DASH} ")


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else text[: _SHORT - 3] + "..."
