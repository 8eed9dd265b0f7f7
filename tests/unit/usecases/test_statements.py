"""Checks as sentences, before anything was measured."""

from __future__ import annotations

from decimal import Decimal

import pytest

from checks.model import Check, CheckKind, Operator, Quarantine, Threshold
from controlplane.usecases.viewing.datasets import title_of
from controlplane.usecases.viewing.statements import terms, title


def check(kind: CheckKind, *fields: str, **given: object) -> Check:
    return Check(id="silver.orders.x", dataset="silver.orders", kind=kind, fields=fields, **given)  # type: ignore[arg-type]


def at_most(*operand: int) -> Threshold:
    return Threshold(Operator.MUST_BE_LESS_OR_EQUAL_TO, tuple(Decimal(value) for value in operand))


SENTENCES = [
    (check(CheckKind.NULL_VALUES, "email"), "email is never empty"),
    (check(CheckKind.INVALID_VALUES, "amount", arguments={"minimum": 0}), "amount is at least 0"),
    (check(CheckKind.INVALID_VALUES, "status", arguments={"validValues": ["a", "b"]}), "status is one of a, b"),
    (check(CheckKind.INVALID_VALUES, "code", arguments={"validValues": list("abcdefghij")}), "code is one of 10 values"),
    (
        check(CheckKind.INVALID_VALUES, "zip", arguments={"minLength": 4, "maxLength": 5}),
        "zip is at least 4 characters long and at most 5 characters long",
    ),
    (check(CheckKind.DUPLICATE_VALUES, "order_id"), "order_id is unique"),
    (check(CheckKind.SCHEMA_DRIFT, "after"), "after holds no column that the contract does not know"),
    (check(CheckKind.SCHEMA_DRIFT), "The table has no column that the contract does not know"),
    (check(CheckKind.DUPLICATE_VALUES, arguments={"properties": ["a", "b"]}), "a, b together are unique"),
    (
        check(CheckKind.REFERENCE, "customer_id", arguments={"to": "silver.customers"}),
        "Every customer_id is in silver.customers",
    ),
    (check(CheckKind.CAST, "amount", arguments={"type": "decimal(12, 2)"}), "amount is exactly a decimal(12, 2)"),
    (
        check(CheckKind.ROW_COUNT, threshold=Threshold(Operator.MUST_BE_GREATER_OR_EQUAL_TO, (Decimal(100),))),
        "Number of rows: at least 100 expected",
    ),
    (
        check(CheckKind.FRESHNESS, arguments={"field": "at"}, unit="s", threshold=at_most(7200)),
        "The newest at is at most 2 h old",
    ),
    (
        check(CheckKind.FRESHNESS, "at", arguments={"reference": "heartbeat"}, unit="s", threshold=at_most(60)),
        "The newest at is at most 1 min behind what the sources delivered",
    ),
    (check(CheckKind.SCHEMA), "The table has the contract's columns"),
    (check(CheckKind.LEAK, "email"), "email holds no unmasked value of the batch"),
    (
        check(CheckKind.RECONCILIATION, arguments={"to": "silver.orders", "measure": "sum(amount)"}),
        "sum(amount) agrees with silver.orders",
    ),
]


@pytest.mark.parametrize(
    ("asked", "sentence"), SENTENCES, ids=[f"{number}-{asked.kind.value}" for number, (asked, _) in enumerate(SENTENCES)]
)
def test_a_check_reads_as_a_sentence(asked: Check, sentence: str) -> None:
    assert title(asked) == sentence


@pytest.mark.parametrize("kind", list(CheckKind), ids=[kind.value for kind in CheckKind])
def test_every_kind_has_a_sentence(kind: CheckKind) -> None:
    unit = "s" if kind is CheckKind.FRESHNESS else "rows"
    assert title(check(kind, "amount", unit=unit, arguments={"function": "sum", "to": "silver.items"}))


def test_the_terms_say_what_follows_last() -> None:
    asked = check(
        CheckKind.INVALID_VALUES,
        "amount",
        arguments={"minimum": 0},
        where="region = 'north'",
        min_rows=500,
        quarantine=Quarantine(Decimal(20)),
    )
    assert terms(asked) == (
        "0 allowed", "at most 20 may be set aside", "only rows where region = 'north'", "judged from 500 rows", "a failure holds the batch",
    )  # fmt: skip
    assert terms(check(CheckKind.SCHEMA, blocking=False))[-1] == "a failure is counted and does not hold the batch"


def test_the_author_speaks_where_the_definition_says_little() -> None:
    query = check(CheckKind.SQL, query="SELECT 1")
    assert title_of(query.id, query, {query.id: "Nothing changes before it exists"}) == "Nothing changes before it exists"
    assert title_of(query.id, query, {}) == "A query of the contract: 0 allowed"
    valid = check(CheckKind.INVALID_VALUES, "amount", arguments={"minimum": 0})
    assert title_of(valid.id, valid, {valid.id: "An order never costs less than nothing"}) == "amount is at least 0"
    assert title_of("gone.check", None, {}) == "gone.check"
