"""When a promise is broken, about to be, burning, kept, or not to be judged, and what is said about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from controlplane.slas.model import Basis, Indicator, Objective, Promise, ServiceLevels
from controlplane.slas.ratios import Path
from controlplane.slas.status import Fact, PromiseState
from controlplane.slas.verdicts import Subject
from tests.unit.slas.cases import (
    BRONZE,
    DAY,
    GOLD,
    HOUR,
    MINUTE,
    NOON,
    SILVER,
    complete,
    fresh,
    judge,
    judge_one,
    levels,
    published,
    quiet,
    right,
)

EVERY_FOUR_HOURS = [published(NOON - 4 * HOUR * back) for back in range(30, -1, -1)]


def held(at: timedelta, dataset: str = GOLD, **rows: int) -> Fact:
    return Fact(dataset, NOON + at, "held", **rows)


def test_fresh_data_keeps_its_promise_in_words() -> None:
    status = judge_one(fresh(), EVERY_FOUR_HOURS, NOON + HOUR)
    assert (status.state, status.value, status.bound) == (PromiseState.KEPT, Decimal(3600), Decimal(21600))
    assert (status.deadline, status.deadline_is) == (NOON + 6 * HOUR, "breach")
    assert status.reason == "data is 1 h old, 6 h are allowed; 0 of 216 min of the budget are spent"
    assert status.burn == 0
    assert status.burn_alert == Decimal("14.4")


def test_old_data_breaks_it_from_the_first_moment_on() -> None:
    at = NOON + 7 * HOUR + 3 * MINUTE
    status = judge_one(fresh(), EVERY_FOUR_HOURS, at)
    assert (status.state, status.since) == (PromiseState.BROKEN, NOON + 6 * HOUR)
    assert (
        status.reason == "data is 7 h 3 min old, 6 h are allowed; 63 of 216 min of the budget are spent; too old for 1 h 3 min"
    )
    assert (status.deadline, status.deadline_is) == (at + timedelta(minutes=153), "budget spent")
    spent = judge_one(fresh(), EVERY_FOUR_HOURS, NOON + DAY)
    assert (spent.state, spent.deadline) == (PromiseState.BROKEN, None)
    exact = judge_one(fresh(), EVERY_FOUR_HOURS, NOON + 6 * HOUR)
    assert exact.state is not PromiseState.BROKEN


def test_newer_data_that_is_still_too_old_does_not_begin_a_new_breach() -> None:
    facts = [published(NOON - 9 * HOUR), published(NOON - HOUR, NOON - 8 * HOUR)]
    assert judge_one(fresh(), facts).since == NOON - 3 * HOUR
    healed = [*facts[:1], published(NOON - 2 * HOUR, NOON - 3 * HOUR), published(NOON - HOUR, NOON - 8 * HOUR)]
    assert judge_one(fresh(), healed).since == NOON - HOUR - timedelta(microseconds=1)


def test_held_and_failed_runs_do_not_refresh() -> None:
    facts = [published(NOON - 7 * HOUR), held(-HOUR), Fact(GOLD, NOON, "failed")]
    assert judge_one(fresh(), facts).value == 7 * 3600


def test_a_heartbeat_without_rows_refreshes() -> None:
    facts = [published(NOON - 5 * HOUR), Fact(GOLD, NOON, "nothing_new", NOON - MINUTE)]
    assert judge_one(fresh(), facts).value == 60


def test_a_watermark_from_the_future_is_no_newer_than_its_recording() -> None:
    facts = [published(NOON - 7 * HOUR, NOON + 90 * DAY)]
    status = judge_one(fresh(), facts)
    assert (status.state, status.value) == (PromiseState.BROKEN, Decimal(7 * 3600))


@pytest.mark.parametrize("objective", [fresh(), complete(), right()], ids=["freshness", "completeness", "accuracy"])
def test_nothing_published_is_not_judged(objective: Objective) -> None:
    status = judge_one(objective, [held(-HOUR, offered=9)])
    assert (status.state, status.reason) == (PromiseState.NOT_APPLICABLE, "nothing was published to gold.sales yet")
    assert (status.budget, status.value) == (None, None)


def test_without_a_word_of_the_sources_nobody_knows_how_old_data_is() -> None:
    status = judge_one(fresh(), [Fact(GOLD, NOON - DAY, "published")])
    assert status.state is PromiseState.NO_EVIDENCE
    assert "says up to when it has delivered" in status.reason


def test_time_before_the_first_published_batch_is_not_counted() -> None:
    status = judge_one(fresh(HOUR), [Fact(GOLD, NOON - 5 * DAY, "nothing_new", NOON - 6 * DAY), published(NOON - 2 * HOUR)])
    assert status.budget is not None
    assert status.budget.spent == 60
    assert [day.state for day in status.days][-2:] == ["no_evidence", "lost"]


def test_maintenance_is_excluded_and_shown() -> None:
    facts = [published(NOON - 2 * DAY)]
    during = judge_one(fresh(), facts, maintenance=[quiet(NOON - HOUR, NOON + HOUR), quiet(NOON - 3 * HOUR, NOON - HOUR)])
    assert (during.state, during.since) == (PromiseState.MAINTENANCE, NOON - 3 * HOUR)
    assert during.reason.startswith("in maintenance; data is 2 d old")
    assert during.budget is not None
    assert during.budget.spent == (2 * DAY - 6 * HOUR - 3 * HOUR) / MINUTE
    assert during.budget.total == Decimal("0.005") * (30 * 24 - 3) * 60
    whole_day = quiet(NOON - 36 * HOUR, NOON - 12 * HOUR)
    assert [day.state for day in judge_one(fresh(), facts, maintenance=[whole_day]).days][-2:] == ["planned", "lost"]
    elsewhere = judge_one(fresh(), facts, maintenance=[quiet(NOON - HOUR, NOON + HOUR, "silver.*")])
    assert elsewhere.state is PromiseState.BROKEN


def test_a_breach_is_predicted_when_newer_data_is_overdue() -> None:
    """Every four hours is usual: a tenth later than that it is overdue, and the next data might come too late."""
    state = {minutes: judge_one(fresh(), EVERY_FOUR_HOURS, NOON + MINUTE * minutes).state for minutes in range(0, 420, 4)}
    assert {minutes for minutes, found in state.items() if found is PromiseState.PREDICTED} == set(range(268, 361, 4))
    status = judge_one(fresh(), EVERY_FOUR_HOURS, NOON + 5 * HOUR)
    assert (status.deadline, status.deadline_is) == (NOON + 6 * HOUR, "breach")
    assert status.reason == (
        "no newer data for 5 h, at most 4 h 24 min is usual; unless some comes, 6 h are exceeded at 2017-10-09 18:00+00:00"
    )


def test_a_breach_far_off_is_not_predicted() -> None:
    assert judge_one(fresh(3 * DAY), EVERY_FOUR_HOURS, NOON + 10 * HOUR).state is PromiseState.KEPT
    assert judge_one(fresh(3 * DAY), EVERY_FOUR_HOURS, NOON + 3 * DAY - HOUR).state is PromiseState.PREDICTED


def test_one_long_pause_makes_a_long_pause_not_usual() -> None:
    facts = [fact for fact in EVERY_FOUR_HOURS if not NOON - 20 * HOUR < fact.at < NOON - 8 * HOUR]
    assert judge_one(fresh(), facts, NOON + 5 * HOUR).state is PromiseState.PREDICTED


def test_runs_that_bring_nothing_newer_do_not_count_as_newer_data() -> None:
    stuck = [published(NOON + HOUR * hour, NOON) for hour in range(1, 6)]
    assert judge_one(fresh(), [*EVERY_FOUR_HOURS, *stuck], NOON + 5 * HOUR).state is PromiseState.PREDICTED


def test_too_few_pauses_predict_nothing() -> None:
    assert judge_one(fresh(), EVERY_FOUR_HOURS[-3:], NOON + 5 * HOUR).state is PromiseState.KEPT
    assert judge_one(fresh(), EVERY_FOUR_HOURS[-4:], NOON + 5 * HOUR).state is PromiseState.PREDICTED


def test_a_budget_that_burns_fast_is_told_while_it_does() -> None:
    """Late by 20 minutes of the last hour and fresh now: 33 % lost burns 66 times; the short stretch lost 80 %."""
    facts = [
        published(NOON - 5 * DAY),
        *(published(NOON - MINUTE * back) for back in range(5 * 24 * 60, 24, -10)),
        published(NOON - MINUTE),
    ]
    status = judge_one(fresh(5 * MINUTE), facts)
    assert status.state is PromiseState.FAST_BURN
    assert status.burn is not None
    assert status.burn > Decimal("14.4")
    assert "times as fast as it lasts over 1 h" in status.reason
    assert (
        judge_one(fresh(5 * MINUTE), [*facts, *(published(NOON + MINUTE * late) for late in range(60))], NOON + HOUR).state
        is not PromiseState.FAST_BURN
    )


def test_an_overspent_budget_is_not_kept_even_when_data_is_fresh() -> None:
    facts = [published(NOON - 20 * DAY), *(published(NOON - 15 * DAY + HOUR * step) for step in range(15 * 24 + 1))]
    status = judge_one(fresh(), facts)
    assert status.state is PromiseState.SLOW_BURN
    assert status.reason.startswith("good now, but the budget is overspent")


LANDED = [published(NOON - HOUR * back, dataset=BRONZE, offered=100, published=100) for back in range(200)]
THROUGH = [published(NOON - HOUR * back, dataset=GOLD, offered=100, published=100) for back in range(200)]


def test_complete_data_is_complete() -> None:
    status = judge_one(complete(), [*LANDED, *THROUGH])
    assert (status.state, status.value, status.value_basis) == (PromiseState.KEPT, Decimal(100), "of 20,000 expected")
    assert status.deadline_is == "day closes"
    assert status.deadline == NOON + 12 * HOUR


def test_dead_letters_are_missing_and_quarantined_and_waiting_rows_are_not() -> None:
    facts = [
        *LANDED,
        *THROUGH,
        published(NOON - 9 * HOUR, dataset=BRONZE, offered=100, duplicates=10, dead_lettered=7),
        published(NOON - 2 * DAY, dataset=SILVER, waiting=50),
        published(NOON - 8 * HOUR, dataset=SILVER, waiting=3, quarantined=60),
    ]
    status = judge_one(complete(), facts)
    assert status.budget is not None
    assert (status.budget.spent, status.value_basis) == (7, "of 20,090 expected")


def test_rows_of_a_held_batch_are_missing_until_it_is_decided() -> None:
    facts = [*LANDED, *THROUGH, held(-30 * MINUTE, SILVER, offered=700, duplicates=100)]
    status = judge_one(complete(), facts)
    assert (status.state, status.budget and status.budget.spent) == (PromiseState.BROKEN, 600)
    released = judge_one(complete(), [*facts, published(NOON, dataset=SILVER, offered=700)])
    assert (released.state, released.value) == (PromiseState.KEPT, 100)


def test_a_held_source_batch_is_expected_once() -> None:
    facts = [*LANDED, *THROUGH, held(MINUTE, BRONZE, offered=300), held(2 * MINUTE, BRONZE, offered=400)]
    status = judge_one(complete(), facts, NOON + HOUR)
    assert (status.value_basis, status.budget and status.budget.spent) == ("of 20,400 expected", 400)


def test_of_a_table_written_whole_only_what_it_would_have_grown_by_is_missing() -> None:
    subjects = {GOLD: Subject(GOLD, 1, Path((BRONZE,), (GOLD, BRONZE), frozenset({GOLD})))}
    facts = [*LANDED, published(NOON - HOUR, offered=5000, published=5000), held(-MINUTE, offered=5040)]
    (status,) = judge(levels(complete()), facts, subjects=subjects)
    assert status.budget is not None
    assert status.budget.spent == 40


def test_losing_many_rows_at_once_burns_fast_until_rows_come_through_again() -> None:
    bad = [*LANDED, *THROUGH, published(NOON, dataset=BRONZE, offered=100, dead_lettered=40)]
    assert judge_one(complete(), bad).state is PromiseState.FAST_BURN
    quiet_hours = judge_one(complete(), bad, NOON + 9 * HOUR)
    assert quiet_hours.state is not PromiseState.KEPT
    healed = judge_one(complete(), [*bad, published(NOON + 9 * HOUR, dataset=BRONZE, offered=100)], NOON + 9 * HOUR)
    assert healed.state in {PromiseState.KEPT, PromiseState.SLOW_BURN}


def test_a_few_rows_are_no_fire() -> None:
    facts = [*LANDED, *THROUGH, published(NOON, dataset=BRONZE, offered=10, dead_lettered=3)]
    status = judge_one(complete(), facts)
    assert (status.state, status.burn and round(status.burn, 2)) == (PromiseState.KEPT, Decimal("5.45"))


def test_a_bad_burst_that_hardly_touches_the_budget_is_no_fire() -> None:
    landed = [published(NOON - HOUR * back, dataset=BRONZE, offered=10_000) for back in range(1, 40)]
    few = published(NOON, dataset=BRONZE, offered=100, dead_lettered=30)
    many = published(NOON, dataset=BRONZE, offered=1000, dead_lettered=300)
    assert judge_one(complete(), [*THROUGH, *landed, few]).state is PromiseState.KEPT
    assert judge_one(complete(), [*THROUGH, *landed, many]).state is PromiseState.FAST_BURN


def test_wrong_rows_count_against_accuracy() -> None:
    facts = [published(NOON - HOUR * back, published=1000, wrong=int(back == 30) * 30) for back in range(40)]
    status = judge_one(right(), facts)
    assert (status.value, status.bound, status.value_basis) == (Decimal("99.925"), Decimal("99.9"), "of 40,000 published")
    assert judge_one(right(), [*facts, published(NOON, published=1000, wrong=20)]).state is PromiseState.BROKEN


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (complete(window=2 * HOUR), "no row landed in the window"),
        (right(window=2 * HOUR), "no row was published in the window"),
    ],
    ids=["completeness", "accuracy"],
)
def test_a_window_without_rows_is_no_evidence(objective: Objective, words: str) -> None:
    """What was recorded when the window begins is not in it."""
    status = judge_one(
        objective, [published(NOON - 2 * HOUR, published=9), published(NOON - 2 * HOUR, dataset=BRONZE, offered=9)]
    )
    assert (status.state, status.reason) == (PromiseState.NO_EVIDENCE, words)


def test_what_the_source_counted_is_not_known() -> None:
    status = judge_one(complete(Basis.SOURCE), [*LANDED, *THROUGH])
    assert status.state is PromiseState.NO_EVIDENCE
    assert "no manifest" in status.reason


def test_history_expects_what_like_weekdays_brought() -> None:
    """A hundred rows a day, 160 on Sundays; the last Sunday brought 60."""
    facts = [published(NOON - 60 * DAY)]
    for back in range(1, 50):
        day = NOON - DAY * back
        count = 60 if back == 1 else 160 if day.weekday() == 6 else 100
        facts.append(published(day, dataset=BRONZE, offered=count))
    status = judge_one(complete(Basis.HISTORY, window=14 * DAY), facts)
    assert status.budget is not None
    assert (status.budget.spent, status.value_basis) == (100, "of 1,420 expected, from like weekdays of 4 weeks")
    assert status.state is PromiseState.BROKEN
    assert [day.lost for day in status.days][-3:] == [0, 100, 0]
    assert judge_one(complete(Basis.HISTORY, window=14 * DAY), facts[:5]).state is PromiseState.NO_EVIDENCE


def test_query_times_are_listed_and_not_judged() -> None:
    quick = Objective(
        "quick", Indicator.QUERY_TIME, Decimal(99), 30 * DAY, "slas.yaml:1", timedelta(seconds=10), percentile=Decimal(95)
    )
    (status,) = judge(ServiceLevels((Promise("q", "bi", (quick,), "slas.yaml:1"),), (), "0" * 64), [])
    assert (status.state, status.dataset, status.tier) == (PromiseState.NOT_APPLICABLE, None, 3)
    assert "serves queries" in status.reason


def test_every_dataset_of_a_promise_is_judged_in_the_order_written() -> None:
    promised = ServiceLevels((Promise("bi", "analysts", (fresh(), right()), "slas.yaml:1", (GOLD, SILVER)),), (), "0" * 64)
    found = [(status.objective, status.dataset, status.tier) for status in judge(promised, EVERY_FOUR_HOURS)]
    assert found == [("fresh", GOLD, 1), ("fresh", SILVER, 2), ("right", GOLD, 1), ("right", SILVER, 2)]


def test_days_are_those_of_the_time_zone() -> None:
    """The clocks go back on 29 October 2017 in Berlin: that day has 25 hours."""
    at = NOON + 21 * DAY
    status = judge_one(fresh(MINUTE, window=5 * DAY, zone="Europe/Berlin"), [published(NOON)], at)
    assert [day.lost for day in status.days] == [600, 1440, 1440, 1440, 1500, 780]


def test_a_budget_that_is_spent_to_the_last_row_is_not_overspent() -> None:
    def wrong(count: int) -> PromiseState:
        return judge_one(right(), [published(NOON - 20 * DAY, published=4000, wrong=count)]).state

    assert wrong(4) is not PromiseState.BROKEN
    assert wrong(5) is PromiseState.BROKEN


def test_a_day_is_lost_when_it_lost_more_than_its_share() -> None:
    facts = [published(NOON, published=1000, wrong=1), published(NOON - DAY, published=1000, wrong=2)]
    assert [(day.state, day.lost, day.share) for day in judge_one(right(), facts).days][-3:] == [
        ("no_evidence", 0, 0),
        ("lost", 2, Decimal("0.2")),
        ("kept", 1, Decimal("0.1")),
    ]


def test_fewer_than_four_slices_say_nothing_of_burning() -> None:
    facts = [published(NOON, NOON - DAY)]
    assert [judge_one(fresh(), facts, NOON + MINUTE * late).burn for late in (2, 3)] == [None, Decimal(200)]


@pytest.mark.parametrize(
    ("at", "days"), [(NOON - 12 * HOUR, 3), (NOON - 12 * HOUR + MINUTE, 3), (NOON - 12 * HOUR - MINUTE, 3)]
)
def test_a_window_of_two_days_has_the_days_it_touches(at: datetime, days: int) -> None:
    found = judge_one(fresh(window=2 * DAY), [published(NOON - 9 * DAY)], at).days
    assert len(found) == days
    assert sum(day.lost for day in found) == 2 * 1440


def test_history_knows_only_days_that_were_recorded() -> None:
    """Eleven days, the first one not whole: the last three have one like weekday each, and of the newest 30 rows were lost."""
    facts = [published(NOON - 60 * DAY), *(published(NOON - DAY * back, dataset=BRONZE, offered=100) for back in range(2, 12))]
    facts.append(published(NOON - DAY, dataset=BRONZE, offered=110, dead_lettered=30))
    status = judge_one(complete(Basis.HISTORY, window=14 * DAY), facts)
    assert status.value_basis == "of 300 expected, from like weekdays of 4 weeks"
    assert [day.lost for day in status.days][-5:] == [0, 0, 0, 20, 0]
