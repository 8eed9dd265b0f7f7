from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from controlplane.slas.burning import Burn, greatest_burn, least_target, stretches_for, unreachable

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def thresholds(window: timedelta, slices: timedelta | None) -> list[str]:
    return [f"{found.threshold.normalize():f}" for found in stretches_for(window, slices)]


@pytest.mark.parametrize(
    ("window", "slices", "expected"),
    [
        (30 * DAY, MINUTE, ["14.4", "6", "1"]),
        (30 * DAY, None, ["14.4", "6", "1"]),
        (28 * DAY, MINUTE, ["13.44", "5.6", "1"]),
        (7 * DAY, MINUTE, ["3.36", "1.4", "1"]),
        (30 * DAY, 5 * MINUTE, ["6", "1"]),
        (30 * DAY, HOUR, ["1"]),
        (30 * DAY, DAY, []),
        (2 * DAY, MINUTE, ["1", "1"]),
        (HOUR, MINUTE, []),
    ],
    ids=["month", "rows", "four-weeks", "week", "five-minutes", "hours", "days", "two-days", "hour"],
)
def test_thresholds_follow_window_and_slice(window: timedelta, slices: timedelta | None, expected: list[str]) -> None:
    assert thresholds(window, slices) == expected


@pytest.mark.parametrize(
    ("target", "reachable"), [("99.9", True), ("99", True), ("93.1", True), ("93", False), ("90", False), ("80", False)]
)
def test_a_burn_cannot_be_greater_than_losing_everything(target: str, *, reachable: bool) -> None:
    assert (unreachable(Decimal(target), 30 * DAY, MINUTE) is None) is reachable


def test_the_least_target_is_where_a_threshold_becomes_reachable() -> None:
    least = least_target(Decimal("14.4"))
    assert greatest_burn(least).quantize(Decimal("0.000001")) == Decimal("14.4")
    assert unreachable(least + Decimal("0.001"), 30 * DAY, MINUTE) is None


def test_both_parts_must_burn_and_be_known() -> None:
    stretch = stretches_for(30 * DAY, MINUTE)[0]
    fast, slow = Decimal("14.5"), Decimal("14.4")
    assert Burn(stretch, fast, fast).is_told
    for long, short in ((fast, slow), (slow, fast), (None, fast), (fast, None)):
        assert not Burn(stretch, long, short).is_told
    assert not Burn(stretch, fast, fast, counts=False).is_told
