from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.faults import Fault, faults_of, with_faults
from pipelines.faults.deploy import with_negative_amounts
from pipelines.faults.drift import with_new_column
from pipelines.sources import Window, build_window
from pipelines.sources.envelope import ChangeEvent
from pipelines.sources.journey import Journey


@pytest.fixture
def window(journey: Journey) -> Window:
    return build_window(date(2017, 10, 9), 9, seed=7, journey=journey)


@pytest.fixture
def faulty(window: Window) -> Window:
    return with_faults(window)


def fault(window: Window, name: str) -> Fault:
    return next(one for one in faults_of(window.start) if one.name == name)


def records(window: Window, table: str) -> Iterator[dict[str, Any]]:
    return (json.loads(delivery.line) for delivery in window.feeds[table].deliveries)


def latest(events: tuple[ChangeEvent, ...]) -> dict[object, dict[str, object]]:
    rows: dict[object, dict[str, object]] = {}
    for event in events:
        key = event.change.row["order_id"]
        rows.pop(key, None)
        if event.change.op != "d":
            rows[key] = dict(event.change.row)
    return rows


def test_a_window_without_faults_stays_as_it_is(journey: Journey, window: Window) -> None:
    with_faults(window)
    assert build_window(date(2017, 10, 9), 9, seed=7, journey=journey) == window
    short = build_window(date(2017, 10, 9), 2, seed=7, journey=journey)
    assert with_faults(short) is short


def test_a_longer_window_has_the_same_faults_at_its_beginning(journey: Journey, faulty: Window) -> None:
    longer = with_faults(build_window(date(2017, 10, 9), 11, seed=7, journey=journey))
    for table, feed in faulty.feeds.items():
        assert [one for one in longer.feeds[table].deliveries if one.due < faulty.end] == list(feed.deliveries)
    for name, stream in faulty.streams.items():
        assert [one for one in longer.streams[name].deliveries if one.due < faulty.end] == list(stream.deliveries)


def test_faults_say_when_they_begin_and_end_and_what_they_are(window: Window) -> None:
    for one in faults_of(window.start):
        assert window.start < one.starts < one.ends
        assert one.topics
        assert one.what


def test_the_outage_delivers_nothing_for_hours_and_then_everything_in_order(window: Window, faulty: Window) -> None:
    outage = fault(window, "outage")
    quiet = (outage.starts - timedelta(hours=4), outage.ends)
    for name in ("orders", "order_items"):
        before, after = window.feeds[name].deliveries, faulty.feeds[name].deliveries
        assert any(quiet[0] < one.due < quiet[1] for one in before)
        assert not any(quiet[0] < one.due < quiet[1] for one in after)
        until = [one.line for one in before if one.due <= quiet[1]]
        assert [one.line for one in after if one.due <= quiet[1]] == until
    assert not any(quiet[0] < one.due < quiet[1] for one in faulty.streams["payments"].deliveries)
    assert faulty.feeds["inventory"] == window.feeds["inventory"]


def test_heartbeats_of_stopped_feeds_stand_still(window: Window, faulty: Window, tmp_path: Path) -> None:
    outage = fault(window, "outage")

    def heartbeat(topic: str, at: datetime) -> datetime:
        faulty.emit_until(tmp_path, at)
        return datetime.fromisoformat(json.loads((tmp_path / topic / "_manifest.json").read_text())["watermark"])

    last_good = outage.starts - timedelta(hours=4)
    for at, expected in ((last_good, last_good), (outage.starts, last_good), (outage.ends - timedelta(minutes=5), last_good)):
        assert [heartbeat(topic, at) for topic in outage.topics] == [expected] * 3
        assert heartbeat("cdc.public.customers", at) == at
    assert heartbeat("cdc.public.orders", outage.ends) == outage.ends
    faulty.emit_until(tmp_path, faulty.end)
    lines = [
        line for file in sorted((tmp_path / "cdc.public.orders").glob("*.jsonl")) for line in file.read_text().splitlines()
    ]
    assert lines == [one.line for one in faulty.feeds["orders"].deliveries]


def test_the_bad_deploy_negates_orders_until_the_fix_and_ends_as_without_it(window: Window, faulty: Window) -> None:
    deploy = fault(window, "bad deploy")
    negative = [event for event in faulty.feeds["orders"].events if Decimal(str(event.change.row["amount"])) < 0]
    orders = {event.change.row["order_id"] for event in negative}
    assert orders
    assert all(deploy.starts <= event.committed < deploy.ends for event in negative)
    repairs = [event for event in faulty.feeds["orders"].events if event not in negative and event.transaction_id == 9_000_001]
    assert {event.change.row["order_id"] for event in repairs} == orders
    right, mended = latest(window.feeds["orders"].events), latest(faulty.feeds["orders"].events)
    assert {key: row | {"updated_at": ""} for key, row in mended.items()} == {
        key: row | {"updated_at": ""} for key, row in right.items()
    }
    assert (faulty.facts.amount, faulty.facts.orders) == (window.facts.amount, window.facts.orders)
    assert (faulty.facts.negative_amount_orders, faulty.facts.negative_amount_events) == (len(orders), len(negative))


def test_repairs_stand_in_log_order_and_offsets_have_no_gap(faulty: Window) -> None:
    events = faulty.feeds["orders"].events
    lsns = [event.lsn for event in events]
    assert lsns == sorted(set(lsns))
    others = {event.lsn for name, feed in faulty.feeds.items() if name != "orders" for event in feed.events}
    assert not others & set(lsns)
    offsets = sorted({record["offset"] for record in records(faulty, "orders")})
    assert offsets == list(range(len(offsets)))
    late = {event.lsn for event in faulty.feeds["orders"].late}
    assert len(late) == faulty.facts.topics["orders"].late


def test_an_order_that_is_deleted_before_the_fix_needs_no_repair(window: Window) -> None:
    deletes = [event for event in window.feeds["orders"].events if event.change.op == "d"]
    order, at = deletes[0].change.row["order_id"], deletes[0].committed
    placed = next(event.committed for event in window.feeds["orders"].events if event.change.row["order_id"] == order)
    faulty = with_negative_amounts(window, placed, placed + timedelta(milliseconds=1), at + timedelta(hours=1))
    events = [event for event in faulty.feeds["orders"].events if event.change.row["order_id"] == order]
    assert events[-1].change.op == "d"


def test_a_new_column_comes_and_goes(window: Window) -> None:
    starts, ends = window.start + timedelta(hours=9), window.start + timedelta(hours=14)
    changed = [event.lsn for event in window.feeds["customers"].events if starts <= event.committed < ends]
    drifted = []
    for record in records(with_new_column(window, "loyalty_tier", starts, ends), "customers"):
        after = (record["value"] or {}).get("after")
        if after and "loyalty_tier" in after:
            drifted.append(record["value"]["source"]["lsn"])
            assert list(after)[-1] == "loyalty_tier"
    assert set(drifted) <= set(changed)
    assert len(set(drifted)) > len(changed) / 2  # the others are deletes


def test_a_new_column_changes_nothing_else(window: Window) -> None:
    faulty = with_new_column(window, "loyalty_tier", window.start, window.end)
    for before, after in zip(records(window, "customers"), records(faulty, "customers"), strict=True):
        if after["value"] and after["value"]["after"]:
            after["value"]["after"].pop("loyalty_tier", None)
        assert after == before
