from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from pipelines.sources.clicks import (
    BRIDGED_PER_DAY,
    BROWSING_PER_DAY,
    CLICK_FAULTS,
    EVENT_TYPES,
    LATE_PER_DAY,
    LETTERS_PER_DAY,
    SESSION_GAP,
    SITE,
    UNKNOWN_TYPE,
    click_events,
)
from pipelines.sources.customers import CustomerPlan, plan_customers
from pipelines.sources.events import instant_text
from pipelines.sources.journey import Journey
from pipelines.sources.people import CANARIES
from pipelines.sources.stream_facts import click_facts
from pipelines.sources.streams import Event, stream_of

SEED = 7


@pytest.fixture
def plan(journey: Journey, days: list[datetime]) -> CustomerPlan:
    return plan_customers(journey, days, SEED)


@pytest.fixture
def clicks(journey: Journey, plan: CustomerPlan, days: list[datetime]) -> list[Event]:
    return click_events(journey, plan, days, SEED)


def kinds(events: list[Event]) -> Counter[str]:
    return Counter(str(event.value["event_type"]) for event in events)


def test_an_event_says_who_what_where_and_when(clicks: list[Event]) -> None:
    for event in clicks:
        assert event.value.keys() == {"event_id", "user_id", "event_type", "page_url", "ip", "timestamp", "metadata"}
        assert event.value["user_id"] == event.key
        assert event.value["timestamp"] == instant_text(event.at)
        assert str(event.value["page_url"]).startswith(f"{SITE}/")
    assert kinds(clicks).keys() == {*EVENT_TYPES, UNKNOWN_TYPE}
    assert len({event.value["event_id"] for event in clicks}) == len(clicks)


def test_a_purchase_is_of_a_real_basket_by_its_household_after_a_session_that_led_there(
    clicks: list[Event], journey: Journey
) -> None:
    baskets = {basket.basket_id: basket for basket in journey.baskets}
    bought = [event for event in clicks if event.value["event_type"] == "purchase"]
    assert 0.45 < len(bought) / len(baskets) < 0.65
    checkouts = {(event.key, event.at) for event in clicks if event.value["event_type"] == "checkout"}
    for event in bought:
        basket = baskets[cast("dict[str, Any]", event.value["metadata"])["order_id"]]
        assert event.key == str(basket.household_id)
        assert timedelta() < event.at - basket.at < timedelta(seconds=1)
        assert any(user == event.key and timedelta() < event.at - at < timedelta(minutes=2) for user, at in checkouts)


def test_every_day_has_its_browsers_letters_and_one_experiment(clicks: list[Event], days: list[datetime]) -> None:
    for day in days:
        of_day = [event for event in clicks if day <= event.at < day + timedelta(days=1)]
        canaries = sum("vexmarrow" in str(event.value["page_url"]) for event in of_day)
        assert kinds(of_day)[UNKNOWN_TYPE] == 1
        assert sum("utm_source=letter" in str(event.value["page_url"]) for event in of_day) == LETTERS_PER_DAY + (canaries > 0)
        anonymous = {event.key for event in of_day if event.key.startswith("a-")}
        assert BROWSING_PER_DAY * 0.4 < len(anonymous) < BROWSING_PER_DAY * 0.8


def test_as_many_are_late_each_day_as_planned(clicks: list[Event], days: list[datetime]) -> None:
    for number, day in enumerate(days):
        late = Counter(event.late for event in clicks if day <= event.at < day + timedelta(days=1))
        assert late[1] + late[2] == sum(LATE_PER_DAY.values()) + BRIDGED_PER_DAY + (number == 0)
        assert late[2] >= LATE_PER_DAY[2]


def test_some_pauses_are_filled_by_a_late_event_only(clicks: list[Event], days: list[datetime]) -> None:
    of_user: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(clicks, key=lambda one: one.at):
        of_user[event.key].append(event)
    filled = [
        late
        for events in of_user.values()
        for before, late, after in zip(events, events[1:], events[2:], strict=False)
        if late.late and max(late.at - before.at, after.at - late.at) <= SESSION_GAP < after.at - before.at
    ]
    assert len(filled) >= BRIDGED_PER_DAY * len(days)


def test_the_canary_leaves_its_address_in_query_search_and_path(clicks: list[Event], plan: CustomerPlan) -> None:
    canary = next(one for one in CANARIES if one.page_email is not None)
    found = [event for event in clicks if event.value["ip"] == canary.ip]
    assert {event.key for event in found} == {str(plan.canaries[canary.role])}
    assert all(str(canary.page_email) in str(event.value["page_url"]) for event in found)
    assert any(str(canary.page_email) in str(event.value["page_url"]).partition("?")[0] for event in found)
    assert any(event.late for event in found)
    others = [event for event in clicks if event not in found]
    assert not [event for event in others if str(canary.page_email) in str(event.value) or event.value["ip"] == canary.ip]


def test_nobody_browses_before_signing_up(clicks: list[Event], plan: CustomerPlan) -> None:
    for event in clicks:
        one = plan.signing_up.get(int(event.key)) if event.key.isdigit() else None
        assert one is None or event.at > one.first_purchase - timedelta(minutes=30)


def test_the_clicks_of_a_day_do_not_depend_on_later_days(journey: Journey, plan: CustomerPlan, days: list[datetime]) -> None:
    short = click_events(journey, plan, days[:3], SEED)
    longer = click_events(journey, plan, days, SEED)
    begun = [[event for event in events if event.at < days[2]] for events in (short, longer)]
    order = [sorted(events, key=lambda event: (event.at, str(event.value["event_id"]))) for events in begun]
    assert order[0] == order[1]


def test_sessions_are_counted_by_user_and_pause(start: datetime, days: list[datetime]) -> None:
    def at(minutes: float, user: str, kind: str = "view") -> Event:
        moment = start + timedelta(minutes=minutes)
        value = {"event_id": f"{user}{minutes}", "event_type": kind, "page_url": f"{SITE}/", "timestamp": instant_text(moment)}
        return Event(moment, user, value)

    events = [at(0, "a"), at(30, "a"), at(60.001, "a", "purchase"), at(61, "a", "purchase"), at(5, "b"), at(20, "b", "hover")]
    facts = click_facts(stream_of("clicks", events, CLICK_FAULTS, days[:1], SEED))
    assert (facts.sessions, facts.purchasing, facts.purchases, facts.clicks) == (3, 1, 2, 5)
