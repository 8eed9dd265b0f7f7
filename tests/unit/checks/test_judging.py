"""Judging: what is good, what is bad, and when nothing can be said."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.judging import holds, judge, worst
from checks.model import Check, CheckKind, CheckResult, Closeness, Facts, Measurement, Operator, Threshold
from controlplane.kernel.outcome import Outcome, Stage

FACTS = Facts(now=datetime(2017, 10, 16, 12, tzinfo=UTC), warmup=14)
NUMBERS = st.decimals(min_value=-1000, max_value=1000, places=2)

OPPOSITES = [
    (Operator.MUST_BE, Operator.MUST_NOT_BE),
    (Operator.MUST_BE_LESS_THAN, Operator.MUST_BE_GREATER_OR_EQUAL_TO),
    (Operator.MUST_BE_GREATER_THAN, Operator.MUST_BE_LESS_OR_EQUAL_TO),
    (Operator.MUST_BE_BETWEEN, Operator.MUST_NOT_BE_BETWEEN),
]


def judged(kind: CheckKind, measured: Measurement, *, stage: Stage = Stage.OBSERVE, **more: object) -> CheckResult:
    return judge(Check("c", "silver.orders", kind, **more), measured, stage=stage, facts=FACTS)  # type: ignore[arg-type]


@given(value=NUMBERS, first=NUMBERS, second=NUMBERS, slack=st.decimals(min_value=0, max_value=10, places=2))
def test_of_two_opposite_operators_exactly_one_holds(value: Decimal, first: Decimal, second: Decimal, slack: Decimal) -> None:
    operand = (min(first, second), max(first, second))
    for one, other in OPPOSITES:
        assert holds(Threshold(one, operand), value, slack=slack) is not holds(Threshold(other, operand), value, slack=slack)


@given(first=NUMBERS, second=NUMBERS)
def test_between_includes_both_ends(first: Decimal, second: Decimal) -> None:
    low, high = min(first, second), max(first, second)
    between = Threshold(Operator.MUST_BE_BETWEEN, (low, high))
    assert holds(between, low)
    assert holds(between, high)
    assert not holds(between, high + Decimal("0.01"))
    assert not holds(between, low - Decimal("0.01"))


@given(value=NUMBERS, low=NUMBERS, high=NUMBERS)
def test_between_is_at_least_and_at_most(value: Decimal, low: Decimal, high: Decimal) -> None:
    both = holds(Threshold(Operator.MUST_BE_GREATER_OR_EQUAL_TO, (low,)), value) and holds(
        Threshold(Operator.MUST_BE_LESS_OR_EQUAL_TO, (high,)), value
    )
    assert holds(Threshold(Operator.MUST_BE_BETWEEN, (low, high)), value) is both


@given(total=st.integers(1, 10**9), part=st.floats(0, 1), limit=st.integers(0, 100))
def test_percent_and_rows_agree(total: int, part: float, limit: int) -> None:
    failed = int(total * part)
    measured = Measurement("c", rows_total=total, rows_failed=failed)
    in_percent = judged(
        CheckKind.NULL_VALUES, measured, fields=("a",), unit="percent",
        threshold=Threshold(Operator.MUST_BE_LESS_OR_EQUAL_TO, (Decimal(limit),)),
    )  # fmt: skip
    in_rows = judged(
        CheckKind.NULL_VALUES, measured, fields=("a",), unit="rows",
        threshold=Threshold(Operator.MUST_BE_LESS_OR_EQUAL_TO, (Decimal(limit * total) / 100,)),
    )  # fmt: skip
    assert in_percent.outcome is in_rows.outcome
    assert in_percent.measurement.value == Decimal(100) * failed / total
    assert in_rows.measurement.value == failed


def test_a_value_given_in_rows_is_brought_to_percent() -> None:
    result = judged(
        CheckKind.NULL_VALUES, Measurement("c", Decimal(5), rows_total=1000, rows_failed=5), fields=("a",), unit="percent",
        threshold=Threshold(Operator.MUST_BE_LESS_THAN, (Decimal(1),)),
    )  # fmt: skip
    assert (result.outcome, result.measurement.value) == (Outcome.PASSED, Decimal("0.5"))


@pytest.mark.parametrize("kind", [kind for kind in CheckKind if kind not in {CheckKind.ROW_COUNT, CheckKind.SQL}])
def test_no_rows_are_no_evidence(kind: CheckKind) -> None:
    result = judged(kind, Measurement("c", Decimal(0), rows_total=0, rows_failed=0), fields=("a",))
    assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "no rows to judge")


@pytest.mark.parametrize("kind", list(CheckKind))
def test_an_error_is_neither_passed_nor_failed(kind: CheckKind) -> None:
    result = judged(kind, Measurement("c", rows_total=0, error="the query was refused"), fields=("a",))
    assert (result.outcome, result.reason) == (Outcome.ERRORED, "could not be evaluated: the query was refused")


@pytest.mark.parametrize(
    ("rows", "reason"), [(3, "3 rows, fewer than the 10 needed to judge"), (1, "1 row, fewer than the 10 needed to judge")]
)
def test_too_few_rows(rows: int, reason: str) -> None:
    for failed in (0, rows):
        result = judged(
            CheckKind.NULL_VALUES, Measurement("c", rows_total=rows, rows_failed=failed), fields=("a",), min_rows=10
        )
        assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, reason)
    enough = judged(CheckKind.NULL_VALUES, Measurement("c", rows_total=10, rows_failed=0), fields=("a",), min_rows=10)
    assert enough.outcome is Outcome.PASSED


def test_history_below_the_warmup_is_no_evidence() -> None:
    detail = {"today": "1", "baseline": "1", "against": "median of 1 earlier day"}
    cold = judged(CheckKind.VOLUME_CHANGE, Measurement("c", Decimal(0), history_points=3, detail=detail), unit="percent")
    assert (cold.outcome, cold.reason) == (Outcome.NO_EVIDENCE, "warming up: 3 of 14 points")
    warm = judged(CheckKind.VOLUME_CHANGE, Measurement("c", Decimal(0), history_points=14, detail=detail), unit="percent")
    assert warm.outcome is Outcome.PASSED
    nothing_alike = {"lacks": "like days", "like": "Monday"}
    alone = judged(CheckKind.VOLUME_CHANGE, Measurement("c", history_points=14, detail=nothing_alike), unit="percent")
    assert (alone.outcome, alone.reason) == (Outcome.NO_EVIDENCE, "no earlier Monday has rows to compare with")


@pytest.mark.parametrize(("value", "outcome"), [("9.99", Outcome.PASSED), ("10.01", Outcome.PASSED), ("10.02", Outcome.FAILED)])
def test_tolerance_is_closeness_of_numbers(value: str, outcome: Outcome) -> None:
    exactly = Threshold(Operator.MUST_BE, (Decimal(10),))
    for tolerance in (Closeness(absolute=Decimal("0.01")), Closeness(percent=Decimal("0.1"))):
        result = judged(
            CheckKind.AGGREGATE, Measurement("c", Decimal(value), rows_total=5), fields=("a",), arguments={"function": "sum"},
            threshold=exactly, tolerance=tolerance,
        )  # fmt: skip
        assert result.outcome is outcome


def test_tolerance_is_not_a_number_of_rows() -> None:
    result = judged(
        CheckKind.NULL_VALUES,
        Measurement("c", rows_total=5, rows_failed=1),
        fields=("a",),
        tolerance=Closeness(absolute=Decimal(3)),
    )
    assert result.outcome is Outcome.FAILED


def test_the_worst_outcome_speaks_for_all() -> None:
    order = [Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE, Outcome.PASSED]
    for size in range(1, 5):
        for outcomes in permutations(order, size):
            assert worst(outcomes) is min(outcomes, key=order.index)
    assert worst([]) is Outcome.NO_EVIDENCE


def test_what_was_set_aside_stays_with_the_result() -> None:
    measured = Measurement("c", rows_total=5, rows_failed=1)
    check = Check("c", "silver.orders", CheckKind.NULL_VALUES, fields=("a",))
    result = judge(check, measured, stage=Stage.SCREEN, facts=FACTS, quarantined=1)
    assert (result.quarantined, result.stage, result.outcome) == (1, Stage.SCREEN, Outcome.FAILED)
