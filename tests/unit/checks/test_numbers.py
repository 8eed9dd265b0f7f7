"""Numbers for people: short, and true to the limit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.numbers import duration, rounded

DECIMALS = st.decimals(min_value=-(10**9), max_value=10**9, places=9)


@given(value=DECIMALS, limit=DECIMALS)
def test_rounding_keeps_the_side_of_the_limit(value: Decimal, limit: Decimal) -> None:
    assert Decimal(rounded(value, [limit])).compare(limit) == value.compare(limit)


@given(value=DECIMALS)
def test_rounding_stays_close(value: Decimal) -> None:
    assert abs(Decimal(rounded(value)) - value) <= Decimal("0.00005")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("12.50", "12.50"),
        ("1E+3", "1000"),
        ("66.66666666666666", "66.6667"),
        ("0.0123456789", "0.01235"),
        ("0.00000123456", "0.000001235"),
        ("99999999999999999999999999999999999999.123456", "99999999999999999999999999999999999999.1235"),
    ],
)
def test_numbers_are_short(value: str, text: str) -> None:
    assert rounded(Decimal(value)) == text


@given(seconds=st.decimals(min_value=0, max_value=10**7, places=2), limit=st.decimals(min_value=0, max_value=10**7, places=2))
def test_two_lengths_that_differ_read_differently_when_one_limits_the_other(seconds: Decimal, limit: Decimal) -> None:
    assert (duration(seconds, [limit]) == duration(limit)) is (seconds == limit)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ("0", "0 s"),
        ("0.25", "0.25 s"),
        ("61", "1 min 1 s"),
        ("3600", "1 h"),
        ("86405", "1 d"),
        ("-90", "-1 min 30 s"),
        ("93784", "1 d 2 h"),
    ],
)
def test_lengths_of_time(seconds: str, text: str) -> None:
    assert duration(Decimal(seconds)) == text
