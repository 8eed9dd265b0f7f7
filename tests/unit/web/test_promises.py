"""Promises as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from controlplane.slas.model import Indicator
from controlplane.slas.status import Budget, PromiseState
from controlplane.web import promises as p
from tests.fakes.pages import NOON, bad_day, days, promise

S = PromiseState


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("counts", "answer"),
    [
        ({}, "No promise can be judged yet"),
        ({S.NOT_APPLICABLE: 3}, "No promise can be judged yet"),
        ({S.BROKEN: 2, S.KEPT: 10}, "2 of 12 promises are broken"),
        ({S.BROKEN: 1, S.NOT_APPLICABLE: 4}, "1 of 1 promise is broken"),
        ({S.PREDICTED: 1, S.SLOW_BURN: 1, S.KEPT: 2}, "No promise is broken, 2 of 4 are at risk"),
        ({S.NO_EVIDENCE: 1, S.KEPT: 2}, "No promise is broken, 1 of 3 cannot be judged"),
        ({S.KEPT: 12}, "All 12 promises are kept"),
        ({S.KEPT: 1}, "The only promise is kept"),
    ],
    ids=["nothing", "not applicable", "broken", "one broken", "at risk", "no evidence", "kept", "one kept"],
)
def test_the_headline_is_the_answer(counts: dict[PromiseState, int], answer: str) -> None:
    assert plain(p.headline(counts)) == answer


def test_a_row_says_what_was_promised_and_where_it_stands() -> None:
    row = p.promise_row(bad_day()[0])
    assert plain(row.title) == "Fresh within 6 h"
    assert plain(row.now) == "6 h 20 min"
    assert row.is_bad
    assert plain(row.left_text) == "38 %"
    assert plain(row.left_basis) == "82 of 216 min"
    assert (row.row, row.tone) == ("hot", "w")
    assert plain(row.burn) == "67 \N{MULTIPLICATION SIGN}"


def test_a_spent_budget_is_nothing_left_and_red() -> None:
    row = p.promise_row(bad_day()[1])
    assert (plain(row.left_text), plain(row.left_basis), row.tone) == ("0 %", "0 of 216 min", "b")


def test_a_small_budget_keeps_its_fraction() -> None:
    row = p.promise_row(promise("bi", "gold.x", S.KEPT, budget=Budget("rows", Decimal("0.933"), Decimal(0))))
    assert plain(row.left_basis) == "0.9 of 0.9 rows"


def test_days_before_the_first_batch_are_not_counted_and_not_unknown() -> None:
    history = tuple(replace(entry, state="no_evidence") if place < 3 else entry for place, entry in enumerate(days()))
    (strip,) = p.strips([replace(bad_day()[0], days=history)])
    assert [cell.tone for cell in strip.cells[:3]] == ["hx"] * 3
    assert all(cell.tone != "h0" for cell in strip.cells)


def test_what_is_not_known_is_said_and_never_zero() -> None:
    row = p.promise_row(bad_day()[2])
    assert (row.now, row.row) == ("not known", "hot e")
    nothing = p.promise_row(bad_day()[6])
    assert (nothing.left, nothing.burn, nothing.trend, nothing.row) == (None, "", None, "calm")


def test_shares_keep_the_digits_that_decide() -> None:
    row = p.promise_row(bad_day()[4])
    assert (plain(row.title), plain(row.now)) == ("Accurate to 99.9 %", "99.911 %")


def test_consumers_come_in_the_order_of_their_worst_promise() -> None:
    groups = p.by_consumer([p.promise_row(status) for status in bad_day()])
    assert [consumer for consumer, _ in groups] == ["bi", "ml", "realtime"]
    assert plain(p.consumer_words(groups[0][1])) == "4 promises: 2 broken, 1 kept, 1 not applicable"


def test_a_strip_shows_what_the_worst_promise_lost_each_day() -> None:
    strips = {(strip.consumer, strip.unit): strip for strip in p.strips(bad_day())}
    cells = strips["bi", "minutes"].cells
    assert len(cells) == 30
    assert [(29 - at, cell.text, cell.tone) for at, cell in enumerate(cells) if cell.tone] == [
        (15, "70", "h3"),
        (6, "44", "h2"),
        (0, "20", "h1"),
    ]
    assert strips["ml", "minutes"].cells[29].tone == "h0"
    assert strips["ml", "rows"].cells[20].text == "1k"
    assert ("bi", "rows") not in strips


def test_a_day_is_not_counted_only_where_nothing_of_the_consumer_was_judged() -> None:
    planned = promise("bi", "gold.fact_orders", S.KEPT, days=days(states={3: "planned"}))
    judged = promise("bi", "gold.dim_customer", S.KEPT)
    assert p.strips([planned])[0].cells[26].tone == "hx"
    assert p.strips([planned, judged])[0].cells[26].tone == ""


def test_no_more_strips_than_a_page_bears() -> None:
    many = [promise(f"consumer {number:02}", "gold.fact_orders", S.KEPT) for number in range(20)]
    assert len(p.strips(many)) == 8


def test_a_strip_says_its_losses_in_words() -> None:
    label = plain(p.strips(bad_day())[0].label)
    assert label.startswith("bi, minutes, 30 days: 27 kept")
    assert "24 Sep 70 min" in label


def test_lost_days_are_listed_newest_first_with_their_unit() -> None:
    lost = p.lost_days(bad_day())
    assert [(entry.day.day, plain(entry.text)) for entry in lost] == [
        (9, "20 min"),
        (3, "44 min"),
        (2, "59,000 rows"),
        (30, "1,200 rows"),
        (24, "70 min"),
    ]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (bad_day()[0], "bi reads gold.fact_orders that is 6 h 20 min old (6 h promised)."),
        (promise("bi", "gold.x", S.BROKEN, indicator=Indicator.COMPLETENESS, value=Decimal("99.1"), bound=Decimal("99.5")), "gold.x is 99.1 % complete (99.5 % promised to bi)."),
    ],
    ids=["late", "incomplete"],
)  # fmt: skip
def test_a_broken_promise_is_told_as_its_reader_meets_it(status: object, sentence: str) -> None:
    assert plain(p.worst_sentence(status)) == sentence


@pytest.mark.parametrize(
    ("spent", "state", "tone"),
    [(10, S.KEPT, ""), (180, S.KEPT, "w"), (216, S.KEPT, "b"), (10, S.FAST_BURN, "w")],
    ids=["plenty", "little", "none", "burning"],
)
def test_the_bar_warns_before_the_budget_is_spent(spent: int, state: PromiseState, tone: str) -> None:
    assert p.promise_row(promise("bi", "gold.x", state, budget=Budget("min", Decimal(216), Decimal(spent)))).tone == tone


def test_the_trend_says_how_much_of_it_has_no_evidence() -> None:
    assert "4 of 48 points without evidence" in str(p.trend(bad_day()[2]))
    assert NOON - timedelta(hours=24) < bad_day()[2].day_series[0].at
