"""The sentences people are paged with: one per kind and operator, with the numbers and never a value of a row."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from checks.judging import judge
from checks.model import Check, CheckKind, Closeness, Facts, Measurement, Operator, Quarantine, Threshold
from controlplane.kernel.outcome import Outcome, Stage

FACTS = Facts(now=datetime(2017, 10, 16, 12, tzinfo=UTC))


def said(
    kind: CheckKind,
    *fields: str,
    value: str | None = None,
    of: tuple[int, int] | None = None,
    operator: str = "mustBe",
    operand: tuple[str, ...] = ("0",),
    stage: Stage = Stage.OBSERVE,
    quarantined: int = 0,
    detail: dict[str, str] | None = None,
    rows: int | None = None,
    **more: object,
) -> str:
    """Return the outcome and the reason of a check of ``silver.orders`` as one text."""
    threshold = Threshold(Operator(operator), tuple(Decimal(number) for number in operand))
    asked = Check("silver.orders.c", "silver.orders", kind, fields=fields, threshold=threshold, **more)  # type: ignore[arg-type]
    failed, total = of if of is not None else (None, rows)
    measured = Measurement(
        asked.id, None if value is None else Decimal(value), rows_total=total, rows_failed=failed, detail=detail or {}
    )
    result = judge(asked, measured, stage=stage, facts=FACTS, quarantined=quarantined)
    return f"{result.outcome.value}: {result.reason}"


INVALID = CheckKind.INVALID_VALUES
KNOWN = {"to": "silver.customers", "fields": {"customer_id": "customer_id"}}


@pytest.mark.parametrize(
    ("arguments", "phrase"),
    [
        ({"minimum": 0}, "have amount < 0"),
        ({"maximum": 100}, "have amount > 100"),
        ({"exclusiveMinimum": 0}, "have amount <= 0"),
        ({"exclusiveMaximum": "9.5"}, "have amount >= 9.5"),
        ({"minimum": 0, "maximum": 100}, "have amount < 0 or > 100"),
        ({"minLength": 3}, "have an amount shorter than 3 characters"),
        ({"maxLength": 254}, "have an amount longer than 254 characters"),
        ({"pattern": "^[a-z]+$"}, "have an amount that does not match ^[a-z]+$"),
        ({"pattern": "x" * 100}, f"have an amount that does not match {'x' * 77}..."),
        ({"format": "email"}, "have an amount that is not a valid email"),
        ({"validValues": ["placed", "paid"]}, "have an amount other than placed, paid"),
        ({"validValues": ["only"]}, "have an amount other than only"),
        ({"validValues": list(range(20))}, "have an amount outside the 20 valid values"),
        ({"minimum": 0, "format": "email"}, "have amount < 0 or an amount that is not a valid email"),
    ],
)
def test_invalid_values_name_the_rule(arguments: dict[str, object], phrase: str) -> None:
    sentence = said(INVALID, "amount", of=(120, 1000000), arguments=arguments)
    assert sentence == f"failed: 120 of 1000000 rows {phrase}; 0 allowed"


@pytest.mark.parametrize(
    ("kind", "fields", "arguments", "phrase"),
    [
        (CheckKind.NULL_VALUES, ("customer_id",), {}, "have no customer_id"),
        (CheckKind.MISSING_VALUES, ("email",), {}, "have no email"),
        (
            CheckKind.MISSING_VALUES,
            ("email",),
            {"missingValues": [None, "", "N/A"]},
            "have no email, or one of the 2 values that stand for none",
        ),
        (
            CheckKind.MISSING_VALUES,
            ("email",),
            {"missingValues": ["N/A"]},
            "have no email, or the 1 value that stands for none",
        ),
        (CheckKind.DUPLICATE_VALUES, ("order_id",), {}, "repeat an order_id that another row has"),
        (
            CheckKind.DUPLICATE_VALUES,
            (),
            {"properties": ["order_id", "line"]},
            "repeat a combination of order_id, line that another row has",
        ),
        (CheckKind.REFERENCE, ("customer_id",), KNOWN, "have a customer_id that silver.customers does not have"),
        (
            CheckKind.REFERENCE,
            ("customer_id",),
            KNOWN | {"where": "is_current"},
            "have a customer_id that silver.customers does not have (where is_current)",
        ),
        (
            CheckKind.REFERENCE,
            ("a", "b"),
            {"to": "gold.x", "fields": {"a": "a", "b": "c"}},
            "have a combination of a, b that gold.x does not have",
        ),
        (CheckKind.CAST, ("amount",), {"type": "decimal(12, 2)"}, "have an amount that is not exactly a decimal(12, 2)"),
        (CheckKind.MASKED_FORMAT, ("email",), {}, "have an email that is not masked as the contract asks"),
        (CheckKind.LEAK, ("updated_at",), {}, "have an updated_at that equals an unmasked value of this batch"),
        (CheckKind.LEAK, ("user_id",), {}, "have a user_id that equals an unmasked value of this batch"),
    ],
)
def test_rows_say_what_they_break(kind: CheckKind, fields: tuple[str, ...], arguments: dict[str, object], phrase: str) -> None:
    assert said(kind, *fields, of=(2, 10), arguments=arguments) == f"failed: 2 of 10 rows {phrase}; 0 allowed"


def test_one_row_is_singular() -> None:
    assert said(INVALID, "amount", of=(1, 10), arguments={"minimum": 0}) == "failed: 1 of 10 rows has amount < 0; 0 allowed"
    assert said(CheckKind.NULL_VALUES, "amount", of=(1, 1)) == "failed: 1 of 1 row has no amount; 0 allowed"
    repeated = said(CheckKind.DUPLICATE_VALUES, "order_id", of=(1, 10))
    assert repeated == "failed: 1 of 10 rows repeats an order_id that another row has; 0 allowed"


def test_passing_says_the_same_with_its_numbers() -> None:
    assert said(CheckKind.NULL_VALUES, "status", of=(0, 10)) == "passed: 0 of 10 rows have no status; 0 allowed"


def test_the_rows_looked_at_are_named() -> None:
    sentence = said(CheckKind.NULL_VALUES, "amount", of=(3, 50), where="status = 'paid'")
    assert sentence == "failed: 3 of 50 rows where status = 'paid' have no amount; 0 allowed"


@pytest.mark.parametrize(
    ("operator", "operand", "outcome", "limit"),
    [
        ("mustBe", ("0",), "failed", "0 allowed"),
        ("mustBe", ("5",), "passed", "5 allowed"),
        ("mustNotBe", ("5",), "failed", "anything but 5 expected"),
        ("mustBeGreaterThan", ("5",), "failed", "more than 5 expected"),
        ("mustBeGreaterOrEqualTo", ("5",), "passed", "at least 5 expected"),
        ("mustBeLessThan", ("5",), "failed", "less than 5 allowed"),
        ("mustBeLessOrEqualTo", ("5",), "passed", "at most 5 allowed"),
        ("mustBeBetween", ("5", "9"), "passed", "from 5 to 9 expected"),
        ("mustNotBeBetween", ("1", "5"), "failed", "nothing from 1 to 5 allowed"),
    ],
)
def test_every_operator_has_its_words(operator: str, operand: tuple[str, ...], outcome: str, limit: str) -> None:
    sentence = said(CheckKind.NULL_VALUES, "amount", of=(5, 50), operator=operator, operand=operand)
    assert sentence == f"{outcome}: 5 of 50 rows have no amount; {limit}"


def test_percent_is_shown_beside_the_rows() -> None:
    limits = {"operator": "mustBeLessThan", "operand": ("1",), "unit": "percent"}
    assert said(CheckKind.NULL_VALUES, "amount", of=(120, 1000000), **limits) == (  # type: ignore[arg-type]
        "passed: 120 of 1000000 rows (0.012 %) have no amount; less than 1 % allowed"
    )
    assert said(CheckKind.NULL_VALUES, "amount", of=(2, 3), **limits) == (  # type: ignore[arg-type]
        "failed: 2 of 3 rows (66.6667 %) have no amount; less than 1 % allowed"
    )


def test_rounding_never_hides_the_way_past_a_limit() -> None:
    limits = {"operator": "mustBeLessOrEqualTo", "operand": ("1",), "unit": "percent"}
    sentence = said(CheckKind.NULL_VALUES, "amount", of=(100001, 10000000), **limits)  # type: ignore[arg-type]
    assert sentence == "failed: 100001 of 10000000 rows (1.00001 %) have no amount; at most 1 % allowed"


PERCENT = Quarantine(Decimal(1), "percent")


@pytest.mark.parametrize(
    ("of", "quarantine", "quarantined", "expected"),
    [
        (
            (5, 1000),
            PERCENT,
            5,
            "passed: 5 of 1000 rows (0.5 %) have amount < 0 and were set aside; at most 1 % may be set aside",
        ),
        (
            (1, 1000),
            PERCENT,
            1,
            "passed: 1 of 1000 rows (0.1 %) has amount < 0 and was set aside; at most 1 % may be set aside",
        ),
        (
            (10, 1000),
            PERCENT,
            10,
            "passed: 10 of 1000 rows (1 %) have amount < 0 and were set aside; at most 1 % may be set aside",
        ),
        ((11, 1000), PERCENT, 11, "failed: 11 of 1000 rows (1.1 %) have amount < 0; at most 1 % may be set aside"),
        (
            (3, 1000),
            Quarantine(Decimal(3)),
            3,
            "passed: 3 of 1000 rows have amount < 0 and were set aside; at most 3 may be set aside",
        ),
        ((4, 1000), Quarantine(Decimal(3)), 4, "failed: 4 of 1000 rows have amount < 0; at most 3 may be set aside"),
        ((4, 1000), Quarantine(), 4, "failed: 4 of 1000 rows have amount < 0; 0 allowed"),
        ((4, 1000), Quarantine(Decimal(9)), 0, "failed: 4 of 1000 rows have amount < 0; 0 allowed"),
        ((0, 1000), PERCENT, 0, "passed: 0 of 1000 rows (0 %) have amount < 0; 0 allowed"),
    ],
)
def test_rows_may_be_set_aside_up_to_the_allowance(
    of: tuple[int, int], quarantine: Quarantine, quarantined: int, expected: str
) -> None:
    sentence = said(
        INVALID, "amount", of=of, stage=Stage.SCREEN, quarantined=quarantined, quarantine=quarantine, arguments={"minimum": 0}
    )
    assert sentence == expected


@pytest.mark.parametrize("stage", [Stage.AUDIT, Stage.OBSERVE])
def test_an_allowance_is_for_screening_alone(stage: Stage) -> None:
    sentence = said(INVALID, "amount", of=(5, 1000), stage=stage, quarantine=PERCENT, arguments={"minimum": 0})
    assert sentence.startswith("failed: 5 of 1000 rows (0.5 %) have amount < 0")


def test_rows_set_aside_within_the_threshold_are_mentioned() -> None:
    sentence = said(
        INVALID,
        "amount",
        of=(5, 1000),
        stage=Stage.SCREEN,
        quarantined=5,
        operator="mustBeLessThan",
        operand=("10",),
        arguments={"minimum": 0},
    )
    assert sentence == "passed: 5 of 1000 rows have amount < 0; less than 10 allowed (5 set aside)"


def test_row_count() -> None:
    limits = {"operator": "mustBeGreaterOrEqualTo", "operand": ("100",)}
    assert said(CheckKind.ROW_COUNT, value="5", rows=5, **limits) == "failed: there are 5 rows; at least 100 expected"  # type: ignore[arg-type]
    assert said(CheckKind.ROW_COUNT, value="0", rows=0) == "passed: there are 0 rows; exactly 0 expected"
    one = said(CheckKind.ROW_COUNT, value="1", rows=1, where="region = 'eu'", tolerance=Closeness(absolute=Decimal(2)))
    assert one == "passed: there is 1 row where region = 'eu'; exactly 0 (give or take 2) expected"


def test_aggregate() -> None:
    total = said(
        CheckKind.AGGREGATE,
        "amount",
        value="12.50",
        rows=9,
        arguments={"function": "sum"},
        operator="mustBeLessOrEqualTo",
        operand=("10",),
    )
    assert total == "failed: sum of amount is 12.50; at most 10 allowed"
    mean = said(
        CheckKind.AGGREGATE,
        "amount",
        value="17.616666666666667",
        rows=9,
        arguments={"function": "avg"},
        operator="mustBeBetween",
        operand=("10", "20"),
        where="amount > 0",
    )
    assert mean == "passed: average of amount where amount > 0 is 17.6167; from 10 to 20 expected"
    quantile = said(
        CheckKind.AGGREGATE,
        "amount",
        value="7",
        rows=9,
        arguments={"function": "quantile", "quantile": 0.95},
        operand=("7.1",),
        tolerance=Closeness(percent=Decimal(2)),
    )
    assert quantile == "passed: 0.95 quantile of amount is 7; exactly 7.1 (give or take 2 %) expected"
    assert said(CheckKind.AGGREGATE, "amount", value="-3", rows=9, arguments={"function": "min"}) == (
        "failed: smallest amount is -3; exactly 0 expected"
    )


def test_sql() -> None:
    assert said(CheckKind.SQL, value="3", rows=9) == "failed: the query returned 3; 0 allowed"
    limits = {"operator": "mustBeLessThan", "operand": ("5",), "unit": "percent"}
    assert said(CheckKind.SQL, value="3", rows=9, **limits) == "passed: the query returned 3 %; less than 5 % allowed"  # type: ignore[arg-type]
    assert said(CheckKind.SQL, rows=9) == "no_evidence: the query returned no number"


def fresh(value: str | None, **more: object) -> str:
    given = {"operator": "mustBeLessOrEqualTo", "operand": ("7200",), "unit": "s", "rows": 10, **more}
    return said(CheckKind.FRESHNESS, "updated_at", value=value, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "age", "outcome"),
    [
        ("11520", "3 h 12 min", "failed"),
        ("7200", "2 h", "passed"),
        ("7200.5", "2 h 0.5 s", "failed"),
        ("7230", "2 h 30 s", "failed"),
        ("90061", "1 d 1 h", "failed"),
        ("59.4", "59.4 s", "passed"),
        ("0", "0 s", "passed"),
    ],
)
def test_ages_are_spelled_out(value: str, age: str, outcome: str) -> None:
    assert fresh(value) == f"{outcome}: the latest updated_at is {age} old; at most 2 h allowed"


def test_ages_in_other_units() -> None:
    assert fresh("3.2", unit="h", operand=("2",)) == "failed: the latest updated_at is 3 h 12 min old; at most 2 h allowed"
    assert fresh("1.5", unit="d", operand=("2",)) == "passed: the latest updated_at is 1 d 12 h old; at most 2 d allowed"


def test_age_against_the_heartbeat() -> None:
    behind = fresh("11520", arguments={"reference": "heartbeat"})
    assert behind == "failed: the latest updated_at is 3 h 12 min behind the sources' heartbeat; at most 2 h allowed"
    alone = said(CheckKind.FRESHNESS, value="11520", operator="mustBeLessOrEqualTo", operand=("7200",), unit="s")
    assert alone == "failed: the sources were last heard from 3 h 12 min ago; at most 2 h allowed"


def test_the_future_has_words_of_its_own() -> None:
    assert fresh("-3600", detail={"future": "true", "ahead": "3"}) == (
        "failed: 3 of 10 rows have an updated_at in the future, the latest by 1 h; a future time is never fresh"
    )
    assert fresh(None, detail={"future": "true", "ahead": "1"}) == (
        "failed: 1 of 10 rows has an updated_at in the future; a future time is never fresh"
    )
    heartbeat = said(CheckKind.FRESHNESS, value="-60", unit="s", detail={"future": "true"})
    assert heartbeat == "failed: the sources' heartbeat lies in the future by 1 min; a future time is never fresh"


def test_volume_change() -> None:
    detail = {"today": "1200", "baseline": "2000", "against": "median of 4 earlier Mondays", "like": "Monday"}
    limits = {"unit": "percent", "operator": "mustBeBetween", "operand": ("-30", "30")}
    assert said(CheckKind.VOLUME_CHANGE, value="-40", detail=detail, **limits) == (  # type: ignore[arg-type]
        "failed: 1200 rows today so far, 40 % below the 2000 of a usual day (median of 4 earlier Mondays); "
        "from -30 % to 30 % expected"
    )
    assert said(CheckKind.VOLUME_CHANGE, value="0", detail=detail | {"today": "2000"}, **limits) == (  # type: ignore[arg-type]
        "passed: 2000 rows today so far, exactly the 2000 of a usual day (median of 4 earlier Mondays); "
        "from -30 % to 30 % expected"
    )
    more = said(
        CheckKind.VOLUME_CHANGE, value="1", detail=detail | {"today": "2001"}, operator="mustBeLessThan", operand=("5",)
    )
    assert more == (
        "passed: 2001 rows today so far, 1 row above the 2000 of a usual day (median of 4 earlier Mondays); less than 5 allowed"
    )


def test_reconciliation() -> None:
    arguments = {"to": "silver.orders", "measure": "sum(revenue)", "toMeasure": "sum(amount)"}
    totals = said(
        CheckKind.RECONCILIATION,
        value="0.50",
        rows=9,
        arguments=arguments,
        detail={"here": "120.00", "there": "119.50"},
        tolerance=Closeness(absolute=Decimal("0.01")),
    )
    assert totals == (
        "failed: sum(revenue) is 120.00 here and sum(amount) is 119.50 in silver.orders, 0.50 apart; "
        "0 (give or take 0.01) allowed"
    )
    groups = said(
        CheckKind.RECONCILIATION,
        value="3",
        rows=9,
        arguments=arguments | {"keys": ["region", "day"]},
        detail={"groups": "120", "only_here": "1", "only_there": "0"},
    )
    assert groups == "failed: 3 of 120 groups by region, day differ from silver.orders (1 only here, 0 only there); 0 allowed"
    one = said(
        CheckKind.RECONCILIATION,
        value="1",
        rows=9,
        arguments=arguments | {"keys": {"region": "r"}},
        detail={"groups": "1", "only_here": "1", "only_there": "0"},
    )
    assert one == "failed: 1 of 1 group by region differs from silver.orders (1 only here, 0 only there); 0 allowed"


def test_schema() -> None:
    detail = {"renamed": "a to b", "retyped": "amount from long to int", "added": "c int"}
    assert said(CheckKind.SCHEMA, value="2", detail=detail) == (
        "failed: 2 breaking differences from the contract's schema (renamed: a to b; retyped: amount from long to int), "
        "and drift that breaks nobody (added: c int); 0 allowed"
    )
    assert said(CheckKind.SCHEMA, value="0") == "passed: 0 breaking differences from the contract's schema; 0 allowed"
    assert said(CheckKind.SCHEMA, detail={"lacks": "schema"}) == (
        "no_evidence: the schema that the table should have is not recorded"
    )


def test_reasons_hold_no_values_of_rows() -> None:
    result = judge(
        Check("c", "silver.orders", CheckKind.NULL_VALUES, fields=("email",), segment_by="email"),
        Measurement("c", rows_total=3, rows_failed=1, segment="jane@example.org"),
        stage=Stage.OBSERVE,
        facts=FACTS,
    )
    assert (result.outcome, "jane" in result.reason) == (Outcome.FAILED, False)
