"""What the journal of runs promises, whoever keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from controlplane.gate.model import Balance, InputRole, RunState
from controlplane.kernel.errors import LostRaceError, UnableToEvaluateError
from controlplane.kernel.identity import DatasetId, SnapshotId
from tests.fakes.store_kit import ITEMS, MAIN, NOON, ORDERS, STORES, AnyStore, a_plan, opened, planned, published

BALANCE = Balance(offered=10, passed=5, superseded=1, quarantined=2, waiting=1, dead_lettered=0, duplicates=1)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyStore]:
    with opened(request.param, tmp_path) as store:
        yield store


def test_a_planned_run_is_read_back_as_it_was_planned(store: AnyStore) -> None:
    plan = a_plan(files=["orders/a.jsonl"], batch="batch \u20ac", reentering=["f1", "a2"])
    run = planned(store, plan)
    found = store.journal.find(plan.run_id)
    assert found == run
    assert found is not None
    assert found.plan == plan
    assert found.plan.run_id == plan.run_id
    assert found.clock == NOON
    assert (found.state, found.pipeline, found.balance) == (RunState.PLANNED, "orders", None)


def test_a_clock_of_another_zone_is_the_same_moment(store: AnyStore) -> None:
    clock = NOON.astimezone(timezone(timedelta(hours=2)))
    run = planned(store, a_plan(), clock)
    found = store.journal.find(run.run_id)
    assert found is not None
    assert found.clock == NOON


def test_planning_the_same_again_resumes_the_open_run_with_its_own_clock(store: AnyStore) -> None:
    run = store.journal.advance(planned(store, a_plan()), RunState.WRITTEN, snapshot_id=SnapshotId(5))
    again = planned(store, a_plan(), NOON + timedelta(hours=1))
    assert again == run


@pytest.mark.parametrize("state", [RunState.PUBLISHED, RunState.HELD, RunState.NOTHING_NEW])
def test_planning_what_has_ended_returns_it_as_it_ended(store: AnyStore, state: RunState) -> None:
    ended = store.journal.advance(planned(store, a_plan()), state, reason="so it is")
    assert planned(store, a_plan(), NOON + timedelta(hours=1)) == ended
    assert store.journal.open_run(ORDERS) is None


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.ABANDONED, RunState.SUPERSEDED])
def test_planning_what_did_not_come_to_an_end_opens_it_again_with_the_new_clock(store: AnyStore, state: RunState) -> None:
    run = store.journal.advance(planned(store, a_plan()), RunState.WRITTEN, snapshot_id=SnapshotId(5), balance=BALANCE)
    store.journal.advance(run, state, reason="no luck")
    later = NOON + timedelta(hours=1)
    again = planned(store, a_plan(), later)
    assert (again.state, again.clock, again.snapshot_id, again.balance, again.reason) == (
        RunState.PLANNED, later, None, None, None,
    )  # fmt: skip
    assert store.journal.find(run.run_id) == again


def test_a_dataset_has_one_open_run(store: AnyStore) -> None:
    first = planned(store, a_plan())
    with pytest.raises(LostRaceError, match=str(first.run_id)):
        planned(store, a_plan(base=2))
    assert store.journal.find(a_plan(base=2).run_id) is None
    assert planned(store, a_plan(ITEMS)).state is RunState.PLANNED


def test_a_failed_run_is_not_opened_again_beside_another(store: AnyStore) -> None:
    store.journal.advance(planned(store, a_plan()), RunState.FAILED)
    other = planned(store, a_plan(base=2))
    with pytest.raises(LostRaceError, match=str(other.run_id)):
        planned(store, a_plan())


def test_the_open_run_is_found_in_every_open_state(store: AnyStore) -> None:
    run = planned(store, a_plan())
    for state in (RunState.SCREENED, RunState.WRITTEN, RunState.AUDITED):
        run = store.journal.advance(run, state)
        assert store.journal.open_run(ORDERS) == run
    store.journal.advance(run, RunState.PUBLISHED)
    assert store.journal.open_run(ORDERS) is None
    assert store.journal.open_run(ITEMS) is None


def test_advancing_keeps_what_is_not_given(store: AnyStore) -> None:
    run = store.journal.advance(planned(store, a_plan()), RunState.WRITTEN, snapshot_id=MAIN, balance=BALANCE)
    stale = replace(run, snapshot_id=None, balance=None)
    audited = store.journal.advance(stale, RunState.AUDITED, reason="a note")
    assert (audited.snapshot_id, audited.balance, audited.reason) == (MAIN, BALANCE, "a note")
    assert store.journal.find(run.run_id) == audited


def test_an_ended_run_does_not_go_on(store: AnyStore) -> None:
    run = planned(store, a_plan())
    store.journal.advance(run, RunState.SUPERSEDED, reason="another took its place")
    planned(store, a_plan(base=2))
    with pytest.raises(LostRaceError, match="superseded"):
        store.journal.advance(run, RunState.SCREENED)


def test_a_run_that_was_never_planned_cannot_advance(store: AnyStore) -> None:
    run = planned(store, a_plan())
    unknown = replace(run, run_id=a_plan(base=2).run_id)
    with pytest.raises(UnableToEvaluateError, match="not in the store"):
        store.journal.advance(unknown, RunState.PUBLISHED)


def test_consumed_files_are_those_of_published_runs_of_the_dataset(store: AnyStore) -> None:
    first = published(store, a_plan(files=["orders/a.jsonl", "orders/b_%.jsonl", "orders_old/a.jsonl"]))
    published(store, a_plan(ITEMS, files=["orders/other.jsonl"]))
    store.journal.advance(planned(store, a_plan(base=2, files=["orders/c.jsonl"])), RunState.HELD)
    expected = {(pin.name, pin.sha256) for pin in first.plan.inputs if pin.role is InputRole.LANDING}
    of_orders = {pair for pair in expected if pair[0].startswith("orders/")}
    assert set(store.journal.consumed_files(ORDERS, "orders")) == of_orders
    assert set(store.journal.consumed_files(ORDERS, "orders_old")) == expected - of_orders
    assert not store.journal.consumed_files(DatasetId("other", "silver.orders"), "orders")


def test_runs_are_listed_newest_first(store: AnyStore) -> None:
    first = published(store, a_plan(), NOON + timedelta(days=1))
    second = store.journal.advance(planned(store, a_plan(base=2)), RunState.FAILED, reason="x")
    other = planned(store, a_plan(ITEMS))
    assert list(store.journal.runs()) == [other, second, first]
    assert list(store.journal.runs(ORDERS)) == [second, first]
    assert list(store.journal.runs(ORDERS, state=RunState.PUBLISHED)) == [first]
    assert list(store.journal.runs(limit=1)) == [other]
    assert list(store.journal.runs(DatasetId("other", "silver.orders"))) == []


def test_a_run_that_is_opened_again_is_the_newest(store: AnyStore) -> None:
    store.journal.advance(planned(store, a_plan()), RunState.FAILED)
    second = published(store, a_plan(base=2))
    again = planned(store, a_plan())
    assert list(store.journal.runs(ORDERS)) == [again, second]


def test_a_batch_is_found_by_its_key_once_it_is_published(store: AnyStore) -> None:
    run = planned(store, a_plan(batch="2017-10-09"))
    assert store.journal.published_batch(ORDERS, "2017-10-09") is None
    ended = store.journal.advance(run, RunState.PUBLISHED)
    assert store.journal.published_batch(ORDERS, "2017-10-09") == ended
    assert store.journal.published_batch(ORDERS, "2017-10-10") is None
    assert store.journal.published_batch(ITEMS, "2017-10-09") is None
    assert store.journal.published_batch(ORDERS, "bronze.cdc_orders") is None


def test_any_text_can_be_a_reason(store: AnyStore) -> None:
    run = store.journal.advance(planned(store, a_plan()), RunState.FAILED, reason="zero \x00 byte, lone \ud800, \u20ac")
    found = store.journal.find(run.run_id)
    assert found is not None
    assert "\u20ac" in str(found.reason)
