from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.sources import Window, build_window
from pipelines.sources.events import step_of
from pipelines.sources.journey import Journey
from pipelines.sources.payments import OVERTAKEN_PER_DAY, PAYMENT_FAULTS, STATUSES, payment_events
from pipelines.sources.stream_facts import payment_facts
from pipelines.sources.streams import Event, stream_of

SEED = 7
DAYS = 5


@pytest.fixture(scope="module")
def window(small_journey: Journey) -> Window:
    return build_window(date(2017, 10, 9), DAYS, seed=SEED, journey=small_journey)


@pytest.fixture
def payments(window: Window) -> dict[object, list[Event]]:
    """Events by order, in the order they happened."""
    found: dict[object, list[Event]] = defaultdict(list)
    for event in window.streams["payments"].events:
        found[event.value["order_id"]].append(event)
    return found


def test_every_payment_lives_one_of_the_known_lives(payments: dict[object, list[Event]]) -> None:
    lives = Counter(tuple(event.value["status"] for event in events) for events in payments.values())
    assert lives.keys() <= {STATUSES[:1], STATUSES[:2], STATUSES[:3], (*STATUSES[:2], STATUSES[3])}
    assert lives[STATUSES[:3]] > 0


def test_a_payment_moves_the_amount_of_its_order_when_the_order_moves(
    payments: dict[object, list[Event]], window: Window
) -> None:
    orders: dict[tuple[object, object], tuple[object, datetime]] = {}
    for event in window.feeds["orders"].events:
        orders[event.change.row["order_id"], event.change.row["status"]] = (event.change.row["amount"], event.committed)
    for order, events in payments.items():
        for event, status in zip(events[:2], ("placed", "paid"), strict=False):
            amount, committed = orders[order, status]
            assert event.value["amount"] == amount
            assert timedelta() < event.at - committed < timedelta(minutes=1)


def test_deleted_and_free_orders_have_no_payment(payments: dict[object, list[Event]], window: Window) -> None:
    orders = window.feeds["orders"].events
    deleted = {event.change.row["order_id"] for event in orders if event.change.op == "d"}
    placed = {event.change.row["order_id"] for event in orders if event.change.op == "c"}
    assert deleted
    assert placed - deleted - payments.keys() == set()
    assert not deleted & payments.keys()
    free = [replace(event, change=replace(event.change, row={**event.change.row, "amount": "0.00"})) for event in orders]
    assert payment_events(free, [window.start], SEED) == []


def test_some_authorisations_arrive_after_their_capture(window: Window) -> None:
    stream = window.streams["payments"]
    arrivals = {event.value["event_id"]: due for event, due in stream.records[: len(stream.events)]}
    late = [event for event in stream.events if event.late]
    assert len(late) == OVERTAKEN_PER_DAY * DAYS
    for event in late:
        capture = next(
            one
            for one in stream.events
            if one.value["payment_id"] == event.value["payment_id"] and one.value["status"] == "captured"
        )
        first, second = (step_of(arrivals[one.value["event_id"]], window.start) for one in (event, capture))
        assert first > second


def test_facts_are_those_of_the_last_status(window: Window) -> None:
    facts = payment_facts(window.streams["payments"], defaultdict(lambda: window.start), window.start)
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    last = {event.value["payment_id"]: event for event in sorted(window.streams["payments"].events, key=lambda one: one.at)}
    for event in last.values():
        amounts[str(event.value["status"])] += Decimal(str(event.value["amount"]))
    assert facts.payments == {status: sum(one.value["status"] == status for one in last.values()) for status in STATUSES}
    assert facts.captured == sum(amounts.values()) - amounts["authorised"]
    assert facts.refunded == amounts["refunded"] + amounts["charged_back"]
    assert facts.waiting == 0


def test_a_record_waits_when_it_comes_in_an_earlier_step_than_its_order(start: datetime, days: list[datetime]) -> None:
    at = start + timedelta(hours=1)
    value = {"event_id": "e", "payment_id": "pay-1", "order_id": 1, "status": "captured", "amount": "5.00", "timestamp": ""}
    stream = stream_of("payments", [Event(at, "pay-1", value)], replace(PAYMENT_FAULTS, damages=()), days[:1], SEED)
    assert payment_facts(stream, {1: start + timedelta(hours=8)}, start).waiting == 1
    assert payment_facts(stream, {1: start + timedelta(hours=4)}, start).waiting == 0
