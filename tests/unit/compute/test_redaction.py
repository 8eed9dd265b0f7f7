"""No value of a row survives in an engine's message; its kind and the names in the query do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.compute.redaction import identifiers_of, redacted

SECRET = "jane.roe@example.org"
NAMES = frozenset({"email", "silver", "orders", "get_json_object"})


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            f"Conversion Error: Could not convert string '{SECRET}' to INT32 when casting from source column email",
            "Conversion Error: Could not convert string … to INT32 when casting from source column email",
        ),
        (
            'Catalog Error: Scalar Function with name get_json_object does not exist!\nDid you mean "json_object"?',
            "Catalog Error: Scalar Function with name get_json_object does not exist",
        ),
        (
            'Binder Error: Referenced column "email" not found in FROM clause!',
            "Binder Error: Referenced column email not found in FROM clause …",
        ),
        (
            'The value \'x\' of the type "STRING" cannot be cast to "BIGINT" because it is malformed. Correct the value',
            "The value … of the type STRING cannot be cast to BIGINT because … is malformed",
        ),
    ],
)
def test_a_message_keeps_kind_and_names(message: str, told: str) -> None:
    assert redacted(message, NAMES) == told


@pytest.mark.parametrize(
    "message",
    [
        f"Invalid Input Error: {SECRET}",
        f'Invalid Input Error: Malformed JSON at byte 0. Input: "{{"email": "{SECRET}"}}"',
        f"Could not convert string 'it's\n{SECRET}' to DATE",
        f"Could not convert string '\nLINE 1: {SECRET}' to DATE",
        f"[CAST_INVALID_INPUT] The value '`{SECRET}`' of the type \"STRING\"",
        f"Overflow in addition of INT64 (4111111111111111 + {SECRET})!",
        f'date field value out of range: "{SECRET}", expected format is (YYYY-MM-DD)',
    ],
)
def test_a_value_is_dropped_wherever_it_stands(message: str) -> None:
    kept = redacted(message, NAMES)
    assert not {"jane", "roe", "example", "4111111111111111"} & set(kept.replace(".", " ").split())


@given(
    before=st.sampled_from(["Conversion Error: Could not convert string ", "Invalid Input Error: ", "value "]),
    value=st.text(min_size=1, max_size=60),
    quote=st.sampled_from(["'", '"', "`", "", "("]),
)
def test_every_word_that_survives_is_ours_or_a_name(before: str, value: str, quote: str) -> None:
    planted = f"zq{value}zq".replace(" ", "zq zq")
    kept = redacted(f"{before}{quote}{planted}{quote} to INT32", NAMES)
    assert "zq" not in kept


def test_names_are_the_words_of_the_query_and_the_columns_but_no_literals() -> None:
    names = identifiers_of("SELECT o.Email, 'jane' || 4111 FROM silver.orders AS o", ["Phone"], "duckdb")
    assert {"email", "o", "silver", "orders", "phone"} <= names
    assert not {"jane", "4111"} & names


def test_text_in_double_quotes_is_a_literal_to_spark() -> None:
    assert "jane" not in identifiers_of('select "jane" as a', [], "databricks")
    assert "jane" in identifiers_of('select "jane" as a', [], "duckdb")


def test_a_query_that_is_none_gives_the_columns() -> None:
    assert identifiers_of("select 'open", ["email"], "duckdb") == {"email"}
