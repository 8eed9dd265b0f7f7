from __future__ import annotations

import itertools
import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.sources import STEP, TABLES, Window, WindowError, build_window
from pipelines.sources.delivery import Delivery
from pipelines.sources.journey import Journey
from pipelines.sources.people import EMAIL_PATTERN


def build(journey: Journey, days: int = 2, seed: int = 7) -> Window:
    return build_window(date(2017, 10, 9), days, seed=seed, journey=journey)


def deliveries(window: Window) -> dict[str, list[Delivery]]:
    return {name: list(source.deliveries) for name, source in [*window.feeds.items(), *window.streams.items()]}


def test_the_same_arguments_give_the_same_bytes(journey: Journey) -> None:
    assert deliveries(build(journey)) == deliveries(build(journey))


def test_another_seed_gives_another_story(journey: Journey) -> None:
    assert deliveries(build(journey)) != deliveries(build(journey, seed=8))


def test_a_longer_window_begins_with_the_same_records(journey: Journey) -> None:
    short, longer = build(journey), build(journey, days=5)
    for table, lines in deliveries(longer).items():
        assert [one for one in lines if one.due < short.end] == deliveries(short)[table]


def test_a_step_is_four_hours_and_the_last_one_is_the_end(journey: Journey) -> None:
    window = build(journey)
    assert window.steps[0] == datetime(2017, 10, 9, 4, tzinfo=UTC)
    assert window.steps[-1] == window.end == datetime(2017, 10, 11, tzinfo=UTC)
    assert len(window.steps) == 12


def test_log_sequence_numbers_increase_in_commit_order_and_snapshot_rows_share_one(journey: Journey) -> None:
    for feed in build(journey).feeds.values():
        snapshot = {event.lsn for event in feed.events if event.change.op == "r"}
        streamed = [event for event in feed.events if event.change.op != "r"]
        assert len(snapshot) <= 1
        assert all(a.lsn < b.lsn and a.committed <= b.committed for a, b in itertools.pairwise(streamed))
        assert all(lsn < streamed[0].lsn for lsn in snapshot)


def test_an_order_and_its_lines_are_one_transaction(journey: Journey) -> None:
    window = build(journey)
    orders = {e.change.row["order_id"]: e.transaction_id for e in window.feeds["orders"].events if e.change.op == "c"}
    lines = [e for e in window.feeds["order_items"].events if e.change.op == "c"]
    assert lines
    assert all(orders[event.change.row["order_id"]] == event.transaction_id for event in lines)


def test_the_snapshot_was_taken_before_the_window(journey: Journey) -> None:
    window = build(journey)
    for table in ("customers", "products"):
        snapshot = [event for event in window.feeds[table].events if event.change.op == "r"]
        assert snapshot
        assert {event.committed for event in snapshot} == {window.start - timedelta(hours=2)}


def test_weeks_move_every_time_and_nothing_else(journey: Journey) -> None:
    plain = build(journey)
    moved = build_window(date(2017, 10, 9), 2, shift_weeks=3, seed=7, journey=journey)
    assert moved.start - plain.start == timedelta(weeks=3)
    assert moved.facts == plain.facts
    for table, feed in plain.feeds.items():
        assert [one.due + timedelta(weeks=3) for one in feed.deliveries] == [one.due for one in moved.feeds[table].deliveries]


def test_every_row_has_every_column_of_its_table(journey: Journey) -> None:
    for table, feed in build(journey).feeds.items():
        values = [json.loads(delivery.line)["value"] for delivery in feed.deliveries]
        images = [image for value in values if value for image in (value["before"], value["after"]) if image]
        assert images
        assert all(list(image) == list(TABLES[table]) for image in images)


def test_facts_balance(journey: Journey) -> None:
    facts = build(journey).facts
    for topic in facts.topics.values():
        assert topic.lines == topic.events + topic.duplicates
        assert topic.tombstones == topic.deletes
    assert facts.topics["orders"].inserts - facts.topics["orders"].deletes == sum(facts.orders.values())
    assert facts.defective_lines <= facts.unknown_products + facts.non_positive_quantity
    assert facts.revenue <= facts.amount


def test_waiting_rows_are_those_whose_parent_comes_a_step_later(journey: Journey) -> None:
    window = build(journey, days=5)
    step = {table: _steps(window, table) for table in TABLES}
    valid: dict[object, datetime] = {}
    for row, at in step["customers"]:
        if EMAIL_PATTERN.fullmatch(str(row["email"])):
            valid[row["customer_id"]] = min(at, valid.get(row["customer_id"], at))
    waiting = [(row, at) for row, at in step["orders"] if valid[row["customer_id"]] > at]
    assert window.facts.waiting_order_events == len(waiting)
    published: dict[object, list[datetime]] = defaultdict(list)
    for row, at in step["orders"]:
        published[row["order_id"]].append(max(at, valid[row["customer_id"]]))
    lines = [(row, at) for row, at in step["order_items"] if row["quantity"] and min(published[row["order_id"]]) > at]
    assert window.facts.waiting_lines == len(lines) > 0


def _steps(window: Window, table: str) -> list[tuple[dict[str, object], datetime]]:
    rows = {}
    for delivery in window.feeds[table].deliveries:
        document = json.loads(delivery.line)
        if document["value"] and document["value"]["after"]:
            step = next(step for step in (window.start, *window.steps) if delivery.due <= step)
            rows.setdefault(document["offset"], (document["value"]["after"], step))
    return list(rows.values())


def test_a_window_needs_a_day(journey: Journey) -> None:
    with pytest.raises(WindowError, match="at least 1"):
        build(journey, days=0)


@pytest.mark.parametrize("text", ["2017-10-09T04:00", "2017-10-11T00:01Z", "2017-10-08T00:00Z"])
def test_an_instant_outside_the_window_is_refused(journey: Journey, text: str) -> None:
    with pytest.raises(WindowError, match="aware one from"):
        build(journey).emit_until(Path("nowhere"), datetime.fromisoformat(text))


def test_only_the_topics_asked_for_deliver_and_the_others_catch_up(journey: Journey, tmp_path: Path) -> None:
    window = build(journey)
    orders, customers = tmp_path / "cdc.public.orders", tmp_path / "cdc.public.customers"
    window.emit_until(tmp_path, window.steps[0], ["cdc.public.orders"])
    assert (orders.exists(), customers.exists()) == (True, False)
    window.emit_until(tmp_path, window.end)
    for folder, table in ((orders, "orders"), (customers, "customers")):
        lines = [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]
        assert lines == [delivery.line for delivery in window.feeds[table].deliveries]


def test_a_step_is_four_hours() -> None:
    assert timedelta(hours=4) == STEP
