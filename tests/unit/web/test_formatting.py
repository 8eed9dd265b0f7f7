"""Numbers and times as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.web import formatting as f

GAP = "\N{NO-BREAK SPACE}"
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def plain(text: str) -> str:
    return text.replace(GAP, " ")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (4212, "4,212"), (Decimal("99.500"), "99.5"), (Decimal(1000), "1,000"), (1234.5, "1,234.5"), (None, "not known"), (-4212, "-4,212"), (100, "100")],
)  # fmt: skip
def test_thousands(number: object, text: str) -> None:
    assert f.thousands(number) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        ("99.71", 2, "99.71 %"), ("99.5", 3, "99.5 %"), ("6.80", 2, "6.8 %"), ("100", 2, "100 %"), ("0", 2, "0 %"),
        ("99.9999", 2, "99.99 %"), ("0.0001", 2, "< 0.01 %"), ("38.4", 0, "38 %"), ("99.6", 0, "99 %"), ("0.4", 0, "< 1 %"), ("120.5", 1, "120.5 %"),
    ],
)  # fmt: skip
def test_percent_never_rounds_a_loss_away(value: str, digits: int, text: str) -> None:
    assert plain(f.percent(Decimal(value), digits)) == text


@given(st.decimals(min_value=0, max_value=100, allow_nan=False, places=6), st.integers(0, 4))
def test_only_all_is_a_hundred_percent_and_only_nothing_is_zero(value: Decimal, digits: int) -> None:
    text = plain(f.percent(value, digits))
    assert (text == "100 %") == (value == 100)
    assert (text == "0 %") == (value == 0)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (0, "0 s"), (0.32, "320 ms"), (21.4, "21.4 s"), (30, "30 s"), (26 * 60, "26 min"), (80 * 60, "1 h 20 min"), (7200, "2 h"),
        (timedelta(days=1), "1 day"), (timedelta(days=2, hours=3), "2 days 3 h"), (timedelta(days=45, hours=7), "45 days"), (-90, "\N{MINUS SIGN}1 min"), (None, "not known"),
        (Decimal(22800), "6 h 20 min"), (59.96, "60 s"),
    ],
)  # fmt: skip
def test_durations(length: object, text: str) -> None:
    assert plain(f.duration(length)) == text


def test_relative_times_say_on_which_side_of_now_they_are() -> None:
    assert plain(f.ago(NOON - timedelta(minutes=26), NOON)) == "26 min ago"
    assert plain(f.ago(NOON + timedelta(minutes=39), NOON)) == "in 39 min"
    assert plain(f.ahead(NOON + timedelta(minutes=39), NOON)) == "in 39 min"
    assert plain(f.ahead(NOON - timedelta(hours=1), NOON)) == "1 h ago"
    assert f.ago(None, NOON) == "never"
    assert f.ago(NOON, NOON) == f.ahead(NOON, NOON) == "just now"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "13:00"), (NOON.replace(hour=0), "01:00"), (NOON - timedelta(days=1), "Mon 16 Nov, 13:00"), (datetime(2017, 10, 9, 12, tzinfo=UTC), "Mon 9 Oct 2017, 14:00"),
        (NOON.replace(hour=23, minute=30), "Wed 18 Nov, 00:30"),
    ],
)  # fmt: skip
def test_a_time_has_its_day_unless_it_is_today(moment: datetime, text: str) -> None:
    assert plain(f.at(moment, BERLIN, NOON)) == text


def test_the_zone_is_named_with_its_offset() -> None:
    assert f.zone_words(BERLIN, NOON) == "CET (UTC+01:00)"
    assert f.zone_words(UTC, NOON) == "UTC"
    assert plain(f.full(NOON, BERLIN)) == "Tue 17 Nov 2026, 13:00:00"


@pytest.mark.parametrize(("count", "text"), [(1, "1 row"), (0, "0 rows"), (4212, "4,212 rows"), (None, "not known rows")])
def test_a_count_has_its_word(count: int | None, text: str) -> None:
    assert plain(f.plural(count, "row")) == text


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 B"), (1200, "1.2 kB"), (12_400_000, "12.4 MB"), (3_000_000_000, "3.0 GB"), (None, "not known")]
)
def test_sizes(count: int | None, text: str) -> None:
    assert plain(f.size(count)) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (0.4, "<1"), (70, "70"), (1200, "1k"), (59_000, "59k"), (3_000_000, "3M")]
)
def test_numbers_in_cells_are_short(number: float, text: str) -> None:
    assert f.short(number) == text


def test_days() -> None:
    assert plain(f.day(date(2017, 10, 9))) == "9 Oct"
