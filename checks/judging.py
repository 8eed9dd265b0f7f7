"""From a measurement to an outcome: the one place that says good or bad, for every engine alike (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from checks.measuring import share
from checks.model import Check, CheckKind, CheckResult, Facts, Measurement, Operator, Threshold
from checks.wording import allowance, article, finding, future, sentence
from controlplane.kernel.outcome import Outcome, Stage

_ROW_COUNTING = frozenset(
    {
        CheckKind.NULL_VALUES,
        CheckKind.MISSING_VALUES,
        CheckKind.INVALID_VALUES,
        CheckKind.REFERENCE,
        CheckKind.CAST,
        CheckKind.DUPLICATE_VALUES,
        CheckKind.MASKED_FORMAT,
        CheckKind.LEAK,
    }
)
"""Kinds whose value is a number of failing rows, or their share of the rows looked at."""

_CLOSENESS = frozenset({CheckKind.AGGREGATE, CheckKind.ROW_COUNT, CheckKind.SQL, CheckKind.RECONCILIATION})

_WORST_FIRST = (Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE, Outcome.PASSED)


def judge(check: Check, measurement: Measurement, *, stage: Stage, facts: Facts, quarantined: int = 0) -> CheckResult:
    """Return the outcome of a measurement and the reason for it.

    * It could not be measured: ``errored``.
    * There is nothing to judge: ``no_evidence``: no rows (except for ``rowCount``), fewer than ``minRows``, no value, or less
      history than ``warmup``. A ``sql`` check over no rows can fail but not pass.
    * A time in the future: ``failed``, whatever the threshold.
    * Otherwise the threshold decides, and at screening the allowance: failing rows that were all set aside do not fail the
      check while there are no more of them than ``quarantine.max``.

    Args:
        check: what must hold.
        measurement: of counting kinds the value is taken from ``rows_failed`` (in percent where that is the unit), so that it
            need not be in the check's unit.
        stage: when it is judged; only screening knows an allowance.
        facts: what else judging needs, the ``warmup``.
        quarantined: rows set aside because of this check.
    """
    measured = _in_unit(check, measurement)
    outcome, reason = _verdict(check, measured, stage, facts, quarantined)
    return CheckResult(check, measured, outcome, stage, reason, quarantined)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome that speaks for all: failed, then errored, then no_evidence, then passed; of none, no_evidence."""
    found = set(outcomes)
    return next((outcome for outcome in _WORST_FIRST if outcome in found), Outcome.NO_EVIDENCE)


def holds(threshold: Threshold, value: Decimal, *, slack: Decimal = Decimal(0)) -> bool:
    """Whether a value meets a threshold; ``between`` includes both ends.

    Args:
        threshold: operator and numbers.
        value: in the same unit.
        slack: how far two numbers may lie apart and still be equal (``mustBe``, ``mustNotBe``).
    """
    return _OPERATORS[threshold.operator](value, threshold.operand, slack)


def _slack(check: Check, measured: Measurement) -> Decimal:
    """Tolerance in percent is of the other dataset's total, else of the threshold; groups were compared with it already."""
    tolerance, detail = check.tolerance, measured.detail
    if check.kind not in _CLOSENESS or "groups" in detail:
        return Decimal(0)
    if tolerance.absolute is not None:
        return tolerance.absolute
    base = Decimal(detail["there"]) if "there" in detail else check.threshold.operand[0]
    return abs(base) * tolerance.percent / 100 if tolerance.percent is not None else Decimal(0)


_OPERATORS: Mapping[Operator, Callable[[Decimal, tuple[Decimal, ...], Decimal], bool]] = {
    Operator.MUST_BE: lambda value, to, slack: abs(value - to[0]) <= slack,
    Operator.MUST_NOT_BE: lambda value, to, slack: abs(value - to[0]) > slack,
    Operator.MUST_BE_GREATER_THAN: lambda value, to, _: value > to[0],
    Operator.MUST_BE_GREATER_OR_EQUAL_TO: lambda value, to, _: value >= to[0],
    Operator.MUST_BE_LESS_THAN: lambda value, to, _: value < to[0],
    Operator.MUST_BE_LESS_OR_EQUAL_TO: lambda value, to, _: value <= to[0],
    Operator.MUST_BE_BETWEEN: lambda value, to, _: to[0] <= value <= to[1],
    Operator.MUST_NOT_BE_BETWEEN: lambda value, to, _: not to[0] <= value <= to[1],
}


def _in_unit(check: Check, measurement: Measurement) -> Measurement:
    failed, total = measurement.rows_failed, measurement.rows_total
    if check.kind not in _ROW_COUNTING or failed is None or total is None or measurement.error is not None:
        return measurement
    return replace(measurement, value=share(failed, total) if check.unit == "percent" else Decimal(failed))


def _verdict(check: Check, measured: Measurement, stage: Stage, facts: Facts, quarantined: int) -> tuple[Outcome, str]:
    if measured.error is not None:
        return Outcome.ERRORED, f"could not be evaluated: {measured.error}"
    lack = _lack(check, measured, facts)
    if lack is not None:
        return Outcome.NO_EVIDENCE, lack
    if "future" in measured.detail:
        return Outcome.FAILED, future(check, measured)
    if measured.value is None:
        return Outcome.NO_EVIDENCE, _valueless(check, measured)
    return _compared(check, measured, measured.value, stage, quarantined)


def _compared(check: Check, measured: Measurement, value: Decimal, stage: Stage, quarantined: int) -> tuple[Outcome, str]:
    passed = holds(check.threshold, value, slack=_slack(check, measured))
    if passed and check.kind is CheckKind.SQL and measured.rows_total == 0:
        return Outcome.NO_EVIDENCE, "no rows to judge"
    if not passed and stage is Stage.SCREEN and quarantined and check.quarantine.max:
        return _allowed(check, measured, value, quarantined)
    aside = f" ({quarantined} set aside)" if passed and quarantined else ""
    return Outcome.PASSED if passed else Outcome.FAILED, sentence(check, measured, value) + aside


def _lack(check: Check, measured: Measurement, facts: Facts) -> str | None:
    """Return why there is too little to judge, None where there is enough."""
    total = measured.rows_total
    if total == 0 and check.kind not in {CheckKind.ROW_COUNT, CheckKind.SQL}:
        return "no rows to judge"
    if total is not None and total < check.min_rows and check.kind is not CheckKind.ROW_COUNT:
        return f"{total} {'row' if total == 1 else 'rows'}, fewer than the {check.min_rows} needed to judge"
    if measured.history_points is not None and measured.history_points < facts.warmup:
        return f"warming up: {measured.history_points} of {facts.warmup} points"
    return None


def _valueless(check: Check, measured: Measurement) -> str:
    lacks = measured.detail.get("lacks")
    if lacks == "heartbeat":
        return "no heartbeat of the sources is known"
    if lacks == "like days":
        return f"no earlier {measured.detail['like']} has rows to compare with"
    if lacks == "schema":
        return "the schema that the table should have is not recorded"
    if lacks == "values":
        field = check.fields[0] if check.fields else check.arguments.get("field")
        return f"none of {measured.rows_total} rows has {article(str(field))}"
    return "the query returned no number" if check.kind is CheckKind.SQL else "nothing to judge"


def _allowed(check: Check, measured: Measurement, value: Decimal, quarantined: int) -> tuple[Outcome, str]:
    """Judge rows that left the batch because they break a rule: within the allowance the rest passes without them."""
    failed, total, most = measured.rows_failed or 0, measured.rows_total or 0, check.quarantine.max
    size = share(failed, total) if check.quarantine.unit == "percent" else Decimal(failed)
    found = finding(check, measured, value)
    if quarantined >= failed and size is not None and size <= most:
        verb = "was" if quarantined == 1 else "were"
        return Outcome.PASSED, f"{found} and {verb} set aside; {allowance(check.quarantine)}"
    return Outcome.FAILED, f"{found}; {allowance(check.quarantine)}"
