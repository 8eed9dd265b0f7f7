"""Plans: which checks share a SELECT, and what the text of it is made of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from checks.model import Check, CheckKind
from checks.planning import Target, failing_predicate, plan_scans
from controlplane.kernel.errors import ConfigurationError

COLUMNS = {"order_id": "long", "status": "string", "region": "string", "amount": "decimal(12, 2)", "ratio": "float"}
TARGET = Target("silver.orders", COLUMNS, {}, datetime(2017, 10, 16, tzinfo=UTC))


def check(kind: CheckKind, *fields: str, name: str = "c", **more: object) -> Check:
    return Check(name, "silver.orders", kind, fields=fields, **more)  # type: ignore[arg-type]


def test_ordinary_checks_share_one_scan_and_each_segment_column_has_its_own() -> None:
    checks = [
        check(CheckKind.NULL_VALUES, "status"),
        check(CheckKind.NULL_VALUES, "status", segment_by="region"),
        check(CheckKind.ROW_COUNT),
        check(CheckKind.DUPLICATE_VALUES, "order_id", segment_by="region"),
        check(CheckKind.SCHEMA),
        check(CheckKind.SQL, query="SELECT 1"),
        check(CheckKind.FRESHNESS, unit="h"),
    ]
    plan = plan_scans(checks, TARGET)
    assert [(scan.segment, [probe.position for probe in scan.probes]) for scan in plan.scans] == [
        (None, [0, 2, 5]),
        ("region", [1, 3]),
    ]
    assert plan.apart == (4, 5, 6)
    assert not plan.refused


def test_a_check_that_cannot_be_asked_is_refused_with_a_reason_and_costs_no_other() -> None:
    checks = [check(CheckKind.NULL_VALUES, "colour"), check(CheckKind.NULL_VALUES, "status")]
    plan = plan_scans(checks, TARGET)
    assert plan.refused == {0: "silver.orders has no column colour; it has order_id, status, region, amount, ratio"}
    assert [probe.position for probe in plan.scans[0].probes] == [1]


def test_halves_keep_every_probe_once_and_the_segment() -> None:
    checks = [check(CheckKind.NULL_VALUES, "status", segment_by="region") for _ in range(5)]
    (scan,) = plan_scans(checks, TARGET).scans
    left, right = scan.halves()
    assert not plan_scans(checks[:1], TARGET).scans[0].halves()
    assert [probe.position for half in (left, right) for probe in half.probes] == [0, 1, 2, 3, 4]
    assert (left.segment, right.segment) == ("region", "region")


def test_exact_distinct_counts_are_what_a_lighter_scan_goes_without() -> None:
    checks = [
        check(CheckKind.NULL_VALUES, "status"),
        check(CheckKind.DUPLICATE_VALUES, "order_id"),
        check(CheckKind.ROW_COUNT),
        check(CheckKind.DUPLICATE_VALUES, "region"),
    ]
    (scan,) = plan_scans(checks, TARGET).scans
    assert [[probe.position for probe in part.probes] for part in scan.lighter()] == [[0, 2], [1], [3]]
    assert [scan.lighter() for scan in scan.lighter()] == [[], [], []]


def test_answers_belong_to_their_probe() -> None:
    (scan,) = plan_scans([check(CheckKind.NULL_VALUES, "status"), check(CheckKind.ROW_COUNT)], TARGET).scans
    answers = list(scan.answers({"0_total": 9, "0_failed": 1, "1_total": 9}))
    assert [(probe.position, dict(numbers)) for probe, numbers in answers] == [
        (0, {"total": 9, "failed": 1}),
        (1, {"total": 9}),
    ]


def test_names_and_texts_are_quoted() -> None:
    hostile = check(CheckKind.INVALID_VALUES, 'a"b', arguments={"validValues": ["x'); DROP TABLE t; --"]})
    predicate = failing_predicate(hostile, {'a"b': "string"}, {})
    assert predicate == """("a""b" IS NOT NULL AND ("a""b" NOT IN ('x''); DROP TABLE t; --')))"""


def test_a_reference_needs_no_name_for_the_row_it_judges() -> None:
    reference = check(
        CheckKind.REFERENCE,
        "order_id",
        arguments={"to": "silver.parents", "fields": {"order_id": "id"}, "where": "live AND id > 0"},
    )
    assert failing_predicate(reference, COLUMNS, {"silver.parents": "parent_1"}) == (
        '("order_id" IS NOT NULL AND ("order_id") NOT IN (SELECT ("parent"."id") FROM "parent_1" AS "parent" '
        'WHERE "parent"."id" IS NOT NULL AND ("parent".live AND "parent".id > 0)))'
    )
    assert failing_predicate(reference, COLUMNS, {}) is None


def test_a_rule_looks_only_at_the_rows_it_names() -> None:
    predicate = failing_predicate(check(CheckKind.NULL_VALUES, "status", where="amount > 0 -- paid"), COLUMNS, {})
    assert predicate == '(coalesce((amount > 0 -- paid\n), FALSE) AND ("status" IS NULL))'


@pytest.mark.parametrize(
    ("field", "arguments", "part"),
    [
        ("amount", {"minimum": "1.50"}, '"amount" < 1.50'),
        ("amount", {"maximum": 1e3}, '"amount" > 1000.0'),
        ("amount", {"maximum": 10**40}, "CAST('1" + "0" * 40 + "' AS DOUBLE)"),
        ("ratio", {"minimum": 0.1}, '"ratio" < CAST(0.1 AS FLOAT) OR isnan("ratio")'),
        ("other", {"minimum": 5}, '"other" < 5'),
        ("other", {"minimum": "2017-01-01"}, "\"other\" < '2017-01-01'"),
        ("day", {"minimum": "2017-01-01"}, "\"day\" < DATE '2017-01-01'"),
        ("at", {"minimum": "2017-01-01"}, "\"at\" < TIMESTAMPTZ '2017-01-01T00:00:00+00:00'"),
        ("clock", {"maximum": "09:30"}, "\"clock\" > TIME '09:30:00'"),
        ("naive", {"maximum": "2017-01-01T09:30:00"}, "\"naive\" > TIMESTAMP '2017-01-01T09:30:00'"),
        ("bytes", {"maxLength": 3}, 'octet_length("bytes") > 3'),
    ],
)
def test_limits_are_literals_of_the_columns_type(field: str, arguments: dict[str, object], part: str) -> None:
    types = COLUMNS | {
        "day": "date",
        "at": "timestamptz",
        "clock": "time",
        "naive": "timestamp",
        "bytes": "binary",
        "other": "unknown",
    }
    predicate = failing_predicate(check(CheckKind.INVALID_VALUES, field, arguments=arguments), types, {})
    assert predicate is not None
    assert part in predicate


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "abc"), ("amount", True), ("amount", float("nan")), ("status", 5), ("day", "28.02.2017"),
        ("naive", "2017-01-01T00:00:00Z"),
    ],
)  # fmt: skip
def test_a_limit_that_does_not_fit_is_refused(field: str, value: object) -> None:
    types = COLUMNS | {"day": "date", "naive": "timestamp"}
    with pytest.raises(ConfigurationError, match="cannot limit"):
        failing_predicate(check(CheckKind.INVALID_VALUES, field, arguments={"minimum": value}), types, {})


def test_only_kinds_about_single_rows_have_a_predicate() -> None:
    with pytest.raises(ConfigurationError, match="says nothing about single rows"):
        failing_predicate(check(CheckKind.ROW_COUNT), COLUMNS, {})
