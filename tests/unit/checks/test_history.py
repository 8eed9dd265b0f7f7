"""Comparison of a day with its like."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.history import LOOK_BACK, compare
from checks.model import Check, CheckKind
from controlplane.kernel.errors import ConfigurationError

MONDAY = date(2017, 10, 16)


def check(**arguments: object) -> Check:
    return Check("c", "silver.orders", CheckKind.VOLUME_CHANGE, arguments=arguments, unit="percent")


def weekly(*counts: int) -> dict[date, int]:
    return {MONDAY - timedelta(weeks=index): count for index, count in enumerate(counts)}


def test_the_day_itself_is_no_part_of_its_baseline() -> None:
    change = compare(check(), weekly(10, 100), MONDAY)
    assert (change.today, change.baseline, change.percent, change.rows) == (10, 100, -90, -90)


def test_the_median_shrugs_off_one_odd_day() -> None:
    assert compare(check(), weekly(100, 100, 1, 100), MONDAY).percent == 0
    assert compare(check(against="mean"), weekly(100, 100, 1, 99), MONDAY).percent == 50


def test_an_outage_is_no_usual_day() -> None:
    change = compare(check(), weekly(100, 100, 0, 0, 0), MONDAY)
    assert (change.baseline, change.like_days, change.points) == (100, 1, 1)


def test_days_too_long_ago_are_forgotten() -> None:
    days = {MONDAY - LOOK_BACK: 7, MONDAY - LOOK_BACK - timedelta(weeks=1): 9}
    assert compare(check(), days, MONDAY).baseline == 7


def test_days_to_come_do_not_count() -> None:
    assert compare(check(), {MONDAY + timedelta(weeks=1): 5}, MONDAY).points == 0


def test_a_day_without_rows_is_minus_all_of_them() -> None:
    assert compare(check(), {MONDAY - timedelta(weeks=1): 50}, MONDAY).percent == -100


def test_without_a_like_day_there_is_no_number() -> None:
    change = compare(check(), {MONDAY - timedelta(days=1): 50, MONDAY: 3}, MONDAY)
    assert (change.percent, change.rows, change.points) == (None, None, 1)
    assert compare(check(like="day"), {MONDAY - timedelta(days=1): 50, MONDAY: 25}, MONDAY).percent == -50


@given(counts=st.lists(st.integers(1, 1000), min_size=2, max_size=8), today=st.integers(0, 1000))
def test_the_baseline_lies_among_the_days_it_is_made_of(counts: list[int], today: int) -> None:
    for against in ("median", "mean"):
        change = compare(check(against=against), weekly(today, *counts), MONDAY)
        assert change.baseline is not None
        assert min(counts) <= change.baseline <= max(counts)
        assert change.percent is not None
        assert (change.percent < 0) is (Decimal(today) < change.baseline)


@pytest.mark.parametrize("arguments", [{"period": "PT1H"}, {"like": "moon"}, {"against": "best"}])
def test_unknown_arguments_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        compare(check(**arguments), {}, MONDAY)
