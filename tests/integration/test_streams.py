"""Clicks and payments from the landing zone to gold: late, repeated and broken records leave no trace but their counts.

A small shop's day, step by step, through the platform's own contracts and SELECTs; what the tables must hold is computed from
the lines of the landing zone alone.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import controlplane
from controlplane.kernel.clock import ReplayClock
from pipelines.expected import expected_balance, story_of
from pipelines.sources import CANARIES, EVENT_TOPICS, Window, build_window
from tests.integration.shop import make_shop, rows_of
from tests.unit.pipelines.conftest import make_journey

PIPELINES = (
    "cdc_customers", "cdc_orders", "clickstream", "payment_events", "customers", "orders", "payments", "clicks", "sessions",
    "hourly_conversion_funnel",
)  # fmt: skip
KNOWN_TYPES = {"view", "click", "search", "add_to_cart", "checkout", "purchase"}
GAP = timedelta(minutes=30)


@dataclass
class Replayed:
    """A day that went through the gate.

    Attributes:
        balance: by dataset, all runs added up; states: how they ended.
        sessions: by step, what the table held.
    """

    window: Window
    folder: Path
    plane: controlplane.Plane
    balance: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    states: Counter[str] = field(default_factory=Counter)
    sessions: dict[datetime, list[dict[str, object]]] = field(default_factory=dict)

    def landed(self, name: str, until: datetime) -> list[dict[str, Any]]:
        """Return the different events of a stream that were delivered by a step and can be read, in time order."""
        events: dict[str, dict[str, Any]] = {}
        for file in sorted((self.folder / "state/landing" / EVENT_TOPICS[name]).glob("*.jsonl")):
            if file.name <= f"{until:%Y%m%dT%H%M}-999.jsonl":
                for line in file.read_text(encoding="utf-8").splitlines():
                    value = readable(line, until)
                    if value is not None:
                        events[value["event_id"]] = value
        return sorted(events.values(), key=lambda event: (event["timestamp"], event["event_id"]))


def readable(line: str, until: datetime) -> dict[str, Any] | None:
    try:
        value = json.loads(line)["value"]
        return value if value["event_id"] and datetime.fromisoformat(value["timestamp"]) <= until else None
    except (ValueError, KeyError, TypeError):
        return None


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    folder = make_shop(tmp_path_factory.mktemp("streams") / "shop")
    window = build_window(date(2017, 10, 9), 1, seed=7, journey=make_journey())
    clock = ReplayClock(window.start)
    with controlplane.open(folder, clock=clock) as plane:
        found = Replayed(window, folder, plane)
        for step in window.steps:
            window.emit_until(folder / "state/landing", step)
            clock.instant = step
            for name in PIPELINES:
                report = plane.run(name)
                found.states[report.state] += 1
                found.balance[report.dataset].update(report.balance)
            found.sessions[step] = rows_of(plane, "silver.sessions")
        yield found


def test_every_batch_is_published_and_every_record_accounted_for(replayed: Replayed) -> None:
    assert replayed.states == {"published": len(PIPELINES) * len(replayed.window.steps)}
    expected = expected_balance(story_of(1, replayed.window.facts))
    for dataset in ("bronze.clickstream", "bronze.payments", "silver.clicks", "silver.payments"):
        assert {name: replayed.balance[dataset][name] for name in expected[dataset]} == expected[dataset]


def test_what_cannot_be_read_is_a_dead_letter_whose_reason_quotes_nothing(replayed: Replayed) -> None:
    letters = [letter for _, letter in replayed.plane.ports.dead_letters.open()]
    topics = Counter(letter.source for letter in letters)
    assert topics == {
        "clickstream.events": replayed.window.facts.clicks.stream.malformed,
        "payments.status": replayed.window.facts.payments.stream.malformed,
    }
    assert {letter.reason for letter in letters if letter.source == "clickstream.events"} == {
        "is not a JSON document (cut off, or not JSON at all)",
        "has no 'value' object (an event is a JSON object)",
        "has no 'event_id' that is text or a whole number",
        "has no 'timestamp'",
        "has a 'timestamp' that is neither an ISO-8601 time with its offset nor milliseconds since 1970",
        "carries a time in the future ('timestamp' is later than the plane's clock)",
    }


def test_each_click_is_there_once_without_what_names_a_person(replayed: Replayed) -> None:
    landed = [event for event in replayed.landed("clicks", replayed.window.end) if event["event_type"] in KNOWN_TYPES]
    rows = {row["event_id"]: row for row in rows_of(replayed.plane, "silver.clicks")}
    assert rows.keys() == {event["event_id"] for event in landed}
    for event in landed:
        row, path = rows[event["event_id"]], event["page_url"].partition("?")[0].removeprefix("https://shop.example.org")
        assert row["page_path"] == ("/removed" if "@" in path else path)
        assert row["event_time"] == datetime.fromisoformat(event["timestamp"])
        assert row["event_type"] == event["event_type"]
        assert (row["product_id"], row["order_id"]) == tuple(event["metadata"].get(name) for name in ("product_id", "order_id"))
        assert str(row["ip"]).startswith("v1.network-address.")
        assert row["user_kind"] == ("anonymous" if event["user_id"].startswith("a-") else "customer")
    assert sum(row["page_path"] == "/removed" for row in rows.values()) == replayed.window.facts.clicks.removed_paths > 0


def test_sessions_are_right_at_every_step_however_late_their_events_come(replayed: Replayed) -> None:
    counts = []
    for step in replayed.window.steps:
        wanted = Counter(sessions_of(replayed.landed("clicks", step)))
        shown = Counter(
            (row["started_at"], row["ended_at"], row["events"], row["purchases"]) for row in replayed.sessions[step]
        )
        assert shown == wanted
        counts.append(len(replayed.sessions[step]))
    assert counts[-1] == replayed.window.facts.clicks.sessions


def test_a_late_event_joins_the_sessions_it_lies_between(replayed: Replayed) -> None:
    joined = 0
    for before, after in zip(replayed.window.steps, replayed.window.steps[1:], strict=False):
        starts = {(row["user_token"], row["started_at"]) for row in replayed.sessions[after]}
        joined += sum((row["user_token"], row["started_at"]) not in starts for row in replayed.sessions[before])
    assert joined > 0


def sessions_of(events: list[dict[str, Any]]) -> Iterator[tuple[datetime, datetime, int, int]]:
    """Yield (first, last, events, purchases) of each session of events in time order."""
    users: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["event_type"] in KNOWN_TYPES:
            users[event["user_id"]].append(event)
    for of_user in users.values():
        session: list[dict[str, Any]] = []
        for event in of_user:
            at = datetime.fromisoformat(event["timestamp"])
            if session and at - datetime.fromisoformat(session[-1]["timestamp"]) > GAP:
                yield summed(session)
                session = []
            session.append(event)
        yield summed(session)


def summed(session: list[dict[str, Any]]) -> tuple[datetime, datetime, int, int]:
    first, last = (datetime.fromisoformat(session[at]["timestamp"]) for at in (0, -1))
    return first, last, len(session), sum(event["event_type"] == "purchase" for event in session)


def test_clicks_of_customers_join_by_token_and_anonymous_ones_do_not(replayed: Replayed) -> None:
    known = {row["customer_token"]: row["customer_id"] for row in rows_of(replayed.plane, "silver.customers")}
    rows = replayed.sessions[replayed.window.end]
    assert {row["user_kind"] for row in rows} == {"customer", "anonymous"}
    for row in rows:
        assert row["customer_id"] == known.get(row["user_token"])
        assert (row["customer_region"] is None) == (row["customer_id"] is None)
        assert row["customer_id"] is None or row["user_kind"] == "customer"
    assert sum(row["customer_id"] is not None for row in rows) > len(rows) / 4


def test_the_funnel_adds_up_to_the_sessions(replayed: Replayed) -> None:
    rows: list[dict[str, Any]] = rows_of(replayed.plane, "gold.hourly_conversion_funnel")
    facts = replayed.window.facts.clicks
    assert sum(row["sessions"] for row in rows) == facts.sessions
    assert (sum(row["purchased"] for row in rows), sum(row["purchases"] for row in rows)) == (facts.purchasing, facts.purchases)
    assert all(row["conversion_rate"] == row["purchased"] / row["sessions"] for row in rows)
    hours = Counter(f"{row['started_at']:%Y-%m-%d %H}" for row in replayed.sessions[replayed.window.end])
    assert {f"{row['hour_start']:%Y-%m-%d %H}": row["sessions"] for row in rows} == hours


def test_each_payment_has_its_last_status_and_its_money(replayed: Replayed) -> None:
    last = {event["payment_id"]: event for event in replayed.landed("payments", replayed.window.end)}
    rows: dict[Any, dict[str, Any]] = {row["payment_id"]: row for row in rows_of(replayed.plane, "silver.payments")}
    facts = replayed.window.facts.payments
    assert {payment: row["status"] for payment, row in rows.items()} == {key: event["status"] for key, event in last.items()}
    assert Counter(row["status"] for row in rows.values()) == {key: count for key, count in facts.payments.items() if count}
    assert sum(Decimal(event["amount"]) for event in last.values()) == sum(row["amount"] for row in rows.values())
    assert sum(row["captured_amount"] for row in rows.values()) == facts.captured > 0
    assert sum(row["refunded_amount"] for row in rows.values()) == facts.refunded


def test_a_payment_waits_for_its_order_and_no_longer(replayed: Replayed) -> None:
    assert replayed.balance["silver.payments"]["waiting"] == replayed.window.facts.payments.waiting > 0
    assert {row["order_id"] for row in rows_of(replayed.plane, "silver.payments")} <= {
        row["order_id"] for row in rows_of(replayed.plane, "silver.orders")
    }


def test_no_clear_value_of_a_canary_is_found_above_bronze(replayed: Replayed) -> None:
    canaries = [value for canary in CANARIES for value in canary.values]
    assert {"vexmarrow.letters.c1@example.org", "192.0.2.171"} <= set(canaries)
    proof = replayed.plane.prove_masking(canaries)
    assert list(proof.findings) == []
