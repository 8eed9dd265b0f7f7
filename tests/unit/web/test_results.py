"""Results as pages write them: units, bases, what was allowed, and the runs before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from checks.model import Check, CheckKind, Operator, Quarantine, Threshold
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.views_ports import PastResult
from controlplane.web.charts import strip
from controlplane.web.kept import cell, telling
from controlplane.web.results import allowed_of, history_chart, measured, quantity, tally, trend

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
GAP = "\N{NO-BREAK SPACE}"
RANGE = Check(
    id="silver.orders.amount.range",
    dataset="silver.orders",
    kind=CheckKind.INVALID_VALUES,
    fields=("amount",),
    arguments={"minimum": 0},
)
SHARE = replace(RANGE, unit="percent", threshold=Threshold(Operator.MUST_BE_LESS_THAN, (Decimal(1),)))


def result(**given: object) -> StoredResult:
    values: dict[str, object] = {
        "check_id": RANGE.id, "kind": "invalidValues", "stage": "screen", "segment": None, "field": "amount", "dimension": None,
        "severity": "error", "outcome": "failed", "value": Decimal(12), "unit": "rows", "rows_total": 1000, "rows_failed": 12,
        "quarantined": 0, "threshold": {"mustBe": 0}, "evidence": "screening", "reason": "12 of 1000 rows have amount < 0",
    }  # fmt: skip
    return StoredResult(**{**values, **given})  # type: ignore[arg-type]


def past(*outcomes: str, values: tuple[str | None, ...] = ()) -> list[PastResult]:
    found = values or tuple("0" for _ in outcomes)
    return [
        PastResult(
            RANGE.id, None, outcome, None if value is None else Decimal(value), "percent", NOON + timedelta(hours=at), "r"
        )
        for at, (outcome, value) in enumerate(zip(outcomes, found, strict=True))
    ]


@pytest.mark.parametrize(
    ("given", "value", "basis"),
    [
        ({}, f"12{GAP}rows", f"of 1,000{GAP}rows"),
        (
            {"value": Decimal("6.8"), "unit": "percent", "rows_failed": 4212, "rows_total": 61904},
            f"6.8{GAP}%",
            f"4,212 of 61,904{GAP}rows",
        ),
        ({"value": None, "outcome": "errored", "rows_total": None}, "not known", ""),
        ({"value": Decimal(5400), "unit": "s", "rows_failed": None}, f"1{GAP}h 30{GAP}min", f"of 1,000{GAP}rows"),
        ({"value": Decimal("99.5"), "unit": "EUR", "rows_total": None}, f"99.5{GAP}EUR", ""),
        ({"value": Decimal("NaN"), "rows_total": None}, "not known", ""),
    ],
    ids=["rows", "percent", "errored", "time", "unit", "nan"],
)
def test_a_number_is_never_without_unit_and_basis(given: dict[str, object], value: str, basis: str) -> None:
    found = measured(result(**given))
    assert (found.value, found.basis) == (value, basis)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (RANGE, "0 rows"),
        (SHARE, "< 1 %"),
        (replace(RANGE, quarantine=Quarantine(Decimal(20))), "≤ 20 rows aside"),
        (replace(RANGE, quarantine=Quarantine(Decimal("0.5"), "percent")), "≤ 0.5 % aside"),
        (replace(SHARE, threshold=Threshold(Operator.MUST_BE_BETWEEN, (Decimal(-30), Decimal(30)))), "-30 % \N{EN DASH} 30 %"),
        (None, "mustBe 0"),
    ],
    ids=["none", "share", "aside", "aside-percent", "between", "gone"],
)
def test_what_is_allowed_fits_a_cell(check: Check | None, words: str) -> None:
    assert allowed_of(result(), check) == words


def test_outcomes_are_told_worst_first_and_absent_ones_not_at_all() -> None:
    found = tally(["passed", "no_evidence", "passed", "failed"])
    assert list(found) == [("failed", 1, "failed"), ("no_evidence", 1, "no evidence"), ("passed", 2, "passed")]
    assert tally({"passed": 0}) == []


def test_counts_that_were_always_nothing_are_marks() -> None:
    drawn = trend(past("passed", "passed", "errored"), SHARE)
    assert drawn.startswith('<svg class="marks"')
    assert "Last 3 runs: 2 passed, then 1 errored" in drawn


def test_shares_are_a_line_with_what_is_allowed() -> None:
    drawn = trend(past("passed", "failed", values=("0.2", "6.8")), SHARE)
    assert drawn.startswith('<svg class="spark"')
    assert f"newest 6.8{GAP}%, &lt; 1 %" in drawn
    assert "xd" in drawn


def test_marks_tell_outcomes_apart_by_shape_and_are_the_newest_twenty() -> None:
    drawn = strip(["failed"] + ["passed"] * 18 + ["errored", "no_evidence"], "words")
    assert 'class="x"' not in drawn
    assert drawn.count("M") == 20
    assert 'class="e"' in drawn
    assert 'class="z"' in drawn


def test_the_history_has_a_bar_a_result_and_says_its_finding() -> None:
    drawn = history_chart(past("passed", "errored", "failed", values=("0", None, "6.8")), SHARE, ZoneInfo("UTC"))
    assert drawn is not None
    assert f"3 newest results: 1 failed, 1 errored, 1 passed; newest 6.8{GAP}%" in drawn
    assert history_chart(past("errored", values=(None,)), SHARE, ZoneInfo("UTC")) is None


def test_the_columns_that_checks_speak_of_are_never_left_out() -> None:
    columns = [f"c{number}" for number in range(12)]
    assert telling(columns, ["silver.orders.c11.range"], "silver.orders") == ["c0", "c1", "c2", "c3", "c4", "c5", "c11"]
    assert telling(columns[:3], ["silver.orders.volume"], "silver.orders") == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2017-10-09T14:00:00+00:00", "2017-10-09 14:00:00"),
        ("2017-10-09T14:00:00.123456+00:00", "2017-10-09 14:00:00"),
        ("v1.customer-email.1.01d412e7a5c8", "v1.customer-…a5c8"),
        (12, "12"),
        (True, "True"),
    ],
    ids=["time", "micros", "token", "number", "truth"],
)
def test_values_fit_their_cell(value: object, shown: str) -> None:
    assert cell(value) == shown


def test_no_quantity_is_rounded_across_its_meaning() -> None:
    assert quantity(Decimal("99.99999"), "percent") == f"99.9999{GAP}%"
    assert quantity(Decimal(1), "rows") == f"1{GAP}row"
