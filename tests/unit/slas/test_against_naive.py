"""Closed forms against the slow way, on any history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.slas.model import Maintenance
from controlplane.slas.status import Fact, PromiseState
from tests.unit.slas import naive
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
    quiet,
    right,
)

STATES = ("published", "held", "nothing_new", "failed")
SPAN = 3 * 24 * 60
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")


@st.composite
def facts_of(draw: st.DrawFn, dataset: str = GOLD, most: int = 12) -> list[Fact]:
    """Facts of three days before noon, some after it; to the second, so that slices end between them."""
    found = []
    for _ in range(draw(st.integers(0, most))):
        at = NOON - MINUTE * draw(st.integers(-120, SPAN)) + timedelta(seconds=draw(st.sampled_from([0, 0, 1, 30, 59])))
        old = draw(st.one_of(st.none(), st.integers(-90, 10 * 60)))
        offered = draw(st.integers(0, 50))
        found.append(
            Fact(
                dataset,
                at,
                draw(st.sampled_from(STATES)),
                None if old is None else at - MINUTE * old,
                offered=offered,
                duplicates=draw(st.integers(0, offered // 2)),
                dead_lettered=draw(st.integers(0, offered // 2)),
                waiting=draw(st.integers(0, 9)),
                published=offered,
                wrong=draw(st.integers(0, offered)),
            )
        )
    return sorted(found, key=lambda fact: fact.at)


@st.composite
def quiet_times(draw: st.DrawFn) -> list[Maintenance]:
    times = draw(st.lists(st.tuples(st.integers(-100, SPAN), st.integers(1, 600)), max_size=3))
    return [quiet(NOON - MINUTE * begins, NOON - MINUTE * begins + MINUTE * length) for begins, length in times]


@settings(max_examples=120, deadline=None)
@given(
    facts=facts_of(),
    maintenance=quiet_times(),
    within=st.sampled_from([30 * MINUTE, 3 * HOUR, 8 * HOUR]),
    length=st.sampled_from([MINUTE, 7 * MINUTE, HOUR]),
    window=st.sampled_from([DAY, 2 * DAY, 2 * DAY + 5 * HOUR]),
    zone=st.sampled_from(ZONES),
    seconds=st.sampled_from([0, 29]),
)
def test_freshness_is_what_counting_slices_gives(  # noqa: PLR0917 (one parameter for each thing that varies)
    facts: list[Fact],
    maintenance: list[Maintenance],
    within: timedelta,
    length: timedelta,
    window: timedelta,
    zone: str,
    seconds: int,
) -> None:
    at = NOON + timedelta(seconds=seconds)
    known = [fact for fact in facts if fact.at <= at]
    status = judge_one(fresh(within, window=window, slices=length, zone=zone), facts, at, maintenance=maintenance)
    if not naive.is_known(known, at):
        published = any(fact.state == "published" for fact in known)
        assert (status.state is PromiseState.NOT_APPLICABLE) is not published
        return
    lag = naive.lag_at(known, at)
    assert lag is not None
    assert status.value == int(lag.total_seconds())
    minutes = Decimal(int(length.total_seconds())) / 60
    lost, _ = naive.counts(known, maintenance, at - window, at, within, length)
    assert status.budget is not None
    assert status.budget.spent == lost * minutes
    is_quiet = any(entry.starts <= at < entry.ends for entry in maintenance)
    assert (status.state is PromiseState.MAINTENANCE) is is_quiet
    assert (status.state is PromiseState.BROKEN) is (lag > within and not is_quiet)
    days = naive.local_days(at, window, ZoneInfo(zone))
    assert [day.day for day in status.days] == [day for day, _, _ in days]
    for day, (_, after, until) in zip(status.days, days, strict=True):
        day_lost, counted = naive.counts(known, maintenance, after, until, within, length)
        assert day.lost == day_lost * minutes
        assert (day.state in {"no_evidence", "planned"}) is (counted == 0)
    if length == MINUTE:
        lost, counted = naive.counts(known, maintenance, at - HOUR, at, within, length)
        burn = Decimal(lost) / counted * 200 if counted >= 4 else None
        assert status.burn == (None if burn is None else burn.quantize(Decimal("0.0001")))


@settings(max_examples=60, deadline=None)
@given(facts=facts_of(), seconds=st.sampled_from([0, 29]))
def test_the_series_is_the_worst_lag_of_each_half_hour(facts: list[Fact], seconds: int) -> None:
    at = NOON + timedelta(seconds=seconds)
    known = [fact for fact in facts if fact.at <= at]
    status = judge_one(fresh(), facts, at)
    if not status.day_series:
        return
    assert [point.at for point in status.day_series] == [at - timedelta(minutes=30) * back for back in range(47, -1, -1)]
    for point in status.day_series:
        after = point.at - timedelta(minutes=30)
        before_newer = [fact.at - timedelta(microseconds=1) for fact in known if after < fact.at <= point.at]
        seen = [naive.lag_at(known, moment) for moment in [point.at, *(moment for moment in before_newer if moment > after)]]
        worst = max((lag for lag in seen if lag is not None), default=None)
        assert (point.value is None) is (worst is None)
        if worst is not None and point.value is not None:
            assert point.value in {int(worst.total_seconds()), int((worst + timedelta(microseconds=1)).total_seconds())}


@settings(max_examples=150, deadline=None)
@given(
    gold=facts_of(GOLD, 6),
    silver=facts_of(SILVER, 6),
    bronze=facts_of(BRONZE, 8),
    window=st.sampled_from([5 * HOUR, DAY, 2 * DAY]),
)
def test_completeness_is_what_counting_rows_gives(
    gold: list[Fact], silver: list[Fact], bronze: list[Fact], window: timedelta
) -> None:
    facts = [*gold, *silver, *bronze]
    status = judge_one(complete(window=window), facts)
    if status.state is PromiseState.NOT_APPLICABLE:
        assert not any(fact.state == "published" and fact.at <= NOON for fact in gold)
        return
    members = (GOLD, SILVER, BRONZE)
    expected, missing = naive.rows(facts, (BRONZE,), members, NOON - window, NOON)
    if expected == 0:
        assert status.state is PromiseState.NO_EVIDENCE
        return
    assert status.budget is not None
    assert (status.budget.spent, status.budget.total) == (missing, expected * Decimal("0.005"))
    assert (status.state is PromiseState.BROKEN) is (missing > expected * Decimal("0.005"))
    assert status.value is not None
    assert abs(status.value - Decimal(100) * (expected - missing) / expected) < Decimal("0.0001")
    for point in status.day_series[::6]:
        expected, missing = naive.rows(facts, (BRONZE,), members, point.at - window, point.at)
        assert (point.value is None) is (expected == 0)
        if point.value is not None:
            assert abs(point.value - Decimal(100) * (expected - missing) / expected) < Decimal("0.0001")


@settings(max_examples=60, deadline=None)
@given(facts=facts_of(), window=st.sampled_from([5 * HOUR, 2 * DAY]))
def test_accuracy_is_what_counting_rows_gives(facts: list[Fact], window: timedelta) -> None:
    status = judge_one(right(window=window), facts)
    inside = [fact for fact in facts if NOON - window < fact.at <= NOON and fact.state == "published"]
    of, wrong = sum(fact.published for fact in inside), sum(fact.wrong for fact in inside)
    if of:
        assert status.budget is not None
        assert (status.budget.spent, status.budget.total) == (wrong, (of * Decimal("0.001")).quantize(Decimal("0.0001")))


@settings(max_examples=25, deadline=None)
@given(gold=facts_of(GOLD, 8), bronze=facts_of(BRONZE, 6), maintenance=quiet_times())
def test_a_past_minute_gives_the_same_answer_again(
    gold: list[Fact], bronze: list[Fact], maintenance: list[Maintenance]
) -> None:
    promised = levels(fresh(2 * HOUR, window=DAY), complete(window=DAY), right(window=DAY), maintenance=maintenance)
    facts: Sequence[Fact] = sorted([*gold, *bronze], key=lambda fact: fact.at)
    minutes = [NOON - MINUTE * back for back in range(0, SPAN, 197)]
    live = {at: judge(promised, [fact for fact in facts if fact.at <= at], at) for at in minutes}
    for at in minutes:
        assert judge(promised, facts, at) == live[at]
