"""What is promised about rows and messages kept beside the tables, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from controlplane.gate.model import DeadLetter, KeptKind, KeptRow, KeptStatus, RunState
from controlplane.kernel.errors import UnableToEvaluateError
from controlplane.usecases.ports import RunRecord
from tests.fakes.store_kit import ITEMS, NOON, ORDERS, STORES, AnyStore, a_plan, kept, opened, planned

DAY = timedelta(days=1)
LETTER = DeadLetter("orders", "orders/a.jsonl:7", "is not a JSON document", b"\x00sealed\xff")


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyStore]:
    with opened(request.param, tmp_path) as store:
        yield store


def keep(store: AnyStore, rows: Sequence[KeptRow], *, base: int = 1, reentering: Sequence[str] = (), **facts: object) -> None:
    """Take a run that keeps rows from plan to published."""
    run = planned(store, a_plan(base=base, reentering=reentering))
    store.kept_rows.stage(run, rows)
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, **facts))  # type: ignore[arg-type]


def open_ids(store: AnyStore) -> list[str]:
    return [row.row_id for _, row in store.kept_rows.open(ORDERS)]


def test_a_kept_row_comes_back_as_it_was_kept(store: AnyStore) -> None:
    row = kept("a1", KeptKind.WAITING)
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [row])
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    [(dataset, found)] = store.kept_rows.open(ORDERS)
    assert dataset == ORDERS
    assert (found.row_id, found.kind, found.key, found.reasons) == ("a1", KeptKind.WAITING, "order-a1", row.reasons)
    assert dict(found.masked) == dict(row.masked)
    assert (found.sealed, found.since, found.run_id, found.status) == (row.sealed, NOON, run.run_id, KeptStatus.OPEN)


def test_staged_rows_are_invisible_until_their_run_is_recorded(store: AnyStore) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1", KeptKind.WAITING)])
    assert open_ids(store) == []
    assert list(store.kept_rows.reentering(ORDERS)) == []
    assert store.kept_rows.count_open(ORDERS)[KeptKind.WAITING] == 0
    assert [row.status for _, row in store.kept_rows.find("a1")] == [KeptStatus.STAGED]


def test_staging_again_replaces(store: AnyStore) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1"), kept("a2", KeptKind.WAITING)])
    store.kept_rows.stage(run, [kept("a2"), kept("a3", KeptKind.TOMBSTONE)])
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    found = {row.row_id: row for _, row in store.kept_rows.open(ORDERS)}
    assert {row_id: row.kind for row_id, row in found.items()} == {"a2": KeptKind.QUARANTINED, "a3": KeptKind.TOMBSTONE}
    assert found["a2"].sealed == kept("a2").sealed


def test_the_same_event_twice_in_a_batch_is_kept_once(store: AnyStore) -> None:
    keep(store, [kept("a1"), kept("a2"), kept("a1")])
    assert open_ids(store) == ["a1", "a2"]


def test_rows_of_a_run_that_was_never_planned_are_refused(store: AnyStore) -> None:
    run = planned(store, a_plan())
    with pytest.raises(UnableToEvaluateError, match="not in the store"):
        store.kept_rows.stage(type(run)(a_plan(base=9).run_id, a_plan(base=9), run.state, run.clock), [kept("a1")])


def test_unstaging_forgets(store: AnyStore) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1")])
    store.dead_letters.stage(run, [LETTER])
    store.kept_rows.unstage(run.run_id)
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert open_ids(store) == []
    assert list(store.kept_rows.find("a1")) == []
    assert list(store.dead_letters.open(ORDERS)) == []


def test_unstaging_leaves_what_was_recorded(store: AnyStore) -> None:
    keep(store, [kept("a1")])
    store.kept_rows.unstage(a_plan(base=1).run_id)
    assert open_ids(store) == ["a1"]


def test_a_held_run_keeps_its_rows_staged_until_it_is_released(store: AnyStore) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1")])
    store.dead_letters.stage(run, [LETTER])
    store.records.record(RunRecord(run=run, state=RunState.HELD))
    assert open_ids(store) == []
    assert list(store.dead_letters.open(ORDERS)) == []
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, results=None))
    assert open_ids(store) == ["a1"]
    assert list(store.dead_letters.open(ORDERS)) == [(ORDERS, LETTER)]


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.ABANDONED, RunState.SUPERSEDED, RunState.NOTHING_NEW])
def test_any_other_end_forgets_what_was_staged(store: AnyStore, state: RunState) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1")])
    store.dead_letters.stage(run, [LETTER])
    store.records.record(RunRecord(run=run, state=state))
    assert list(store.kept_rows.find("a1")) == []
    assert list(store.dead_letters.open(ORDERS)) == []


def test_rows_that_entered_again_are_released_and_those_still_waiting_stay_open_once(store: AnyStore) -> None:
    keep(store, [kept("a1", KeptKind.WAITING), kept("a2", KeptKind.WAITING)])
    keep(store, [kept("a2", KeptKind.WAITING)], base=2, reentering=["a1", "a2"])
    assert open_ids(store) == ["a2"]
    assert [row.status for _, row in store.kept_rows.find("a1")] == [KeptStatus.RELEASED]
    assert [row.status for _, row in store.kept_rows.find("a2")] == [KeptStatus.OPEN, KeptStatus.RELEASED]
    assert [row.since for _, row in store.kept_rows.open(ORDERS)] == [NOON]


def test_rows_that_entered_a_held_run_stay_open(store: AnyStore) -> None:
    keep(store, [kept("a1", KeptKind.WAITING)])
    run = planned(store, a_plan(base=2, reentering=["a1"]))
    store.records.record(RunRecord(run=run, state=RunState.HELD))
    assert open_ids(store) == ["a1"]


def test_an_event_that_fails_again_is_open_once(store: AnyStore) -> None:
    keep(store, [kept("a1")])
    keep(store, [kept("a1")], base=2)
    assert [row.run_id for _, row in store.kept_rows.open(ORDERS)] == [a_plan(base=2).run_id]
    assert [row.status for _, row in store.kept_rows.find("a1")] == [KeptStatus.OPEN, KeptStatus.SUPERSEDED]


def test_superseded_rows_are_closed_also_those_of_the_run_itself(store: AnyStore) -> None:
    keep(store, [kept("a1"), kept("a2")])
    keep(store, [kept("a3"), kept("a4")], base=2, superseded_rows=["a1", "a3", "unknown"])
    assert open_ids(store) == ["a2", "a4"]
    assert [row.status for _, row in store.kept_rows.find("a3")] == [KeptStatus.SUPERSEDED]


def test_recording_again_changes_nothing(store: AnyStore) -> None:
    keep(store, [kept("a1", KeptKind.WAITING), kept("a2")])
    run = planned(store, a_plan(base=2, reentering=["a1"]))
    store.kept_rows.stage(run, [kept("a1", KeptKind.WAITING)])
    entry = RunRecord(run=run, state=RunState.PUBLISHED, superseded_rows=["a2"])
    store.records.record(entry)
    before = [*store.kept_rows.find("a1"), *store.kept_rows.find("a2")]
    store.records.record(entry)
    assert [*store.kept_rows.find("a1"), *store.kept_rows.find("a2")] == before
    assert open_ids(store) == ["a1"]


def test_another_dataset_is_left_alone(store: AnyStore) -> None:
    run = planned(store, a_plan(ITEMS))
    store.kept_rows.stage(run, [kept("a1", KeptKind.WAITING)])
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    keep(store, [kept("a1", KeptKind.WAITING)], base=2)
    keep(store, [], base=3, reentering=["a1"], superseded_rows=["a1"])
    assert store.kept_rows.mark_retry(ORDERS, None) == 0
    assert store.kept_rows.expire(ORDERS, NOON + DAY) == 0
    assert [(dataset, row.row_id) for dataset, row in store.kept_rows.open()] == [(ITEMS, "a1")]


def test_open_rows_come_oldest_first_and_can_be_narrowed(store: AnyStore) -> None:
    rows = [
        kept("a1", since=NOON + DAY),
        kept("a2", KeptKind.WAITING),
        kept("a3", KeptKind.TOMBSTONE, key="k\u20ac", since=NOON - DAY),
        kept("a4", key="k\u20ac", since=NOON + 2 * DAY),
    ]
    keep(store, rows)
    assert open_ids(store) == ["a3", "a2", "a1", "a4"]
    assert [row.row_id for _, row in store.kept_rows.open(ORDERS, KeptKind.WAITING)] == ["a2"]
    assert [row.row_id for _, row in store.kept_rows.open(ORDERS, keys=["k\u20ac", "order-a1", "none"])] == ["a3", "a1", "a4"]
    assert [row.row_id for _, row in store.kept_rows.open(ORDERS, keys=["k\u20ac"], limit=1)] == ["a3"]
    assert [row.row_id for _, row in store.kept_rows.open(ORDERS, keys=[])] == []
    assert [row.row_id for _, row in store.kept_rows.open(limit=2)] == ["a3", "a2"]
    assert store.kept_rows.count_open(ORDERS) == {KeptKind.QUARANTINED: 2, KeptKind.WAITING: 1, KeptKind.TOMBSTONE: 1}


def test_very_long_keys_are_found(store: AnyStore) -> None:
    key = "k" * 20_000
    keep(store, [kept("a1", key=key), kept("a2", key=key + "x")])
    assert [row.row_id for _, row in store.kept_rows.open(ORDERS, keys=[key])] == ["a1"]


def test_waiting_rows_and_marked_quarantined_rows_enter_again(store: AnyStore) -> None:
    keep(store, [kept("a1"), kept("a2"), kept("a3", KeptKind.WAITING), kept("a4", KeptKind.TOMBSTONE)])
    assert [row.row_id for row in store.kept_rows.reentering(ORDERS)] == ["a3"]
    assert store.kept_rows.mark_retry(ORDERS, ["a2", "a3", "a4", "unknown"]) == 1
    assert [(row.row_id, row.sealed) for row in store.kept_rows.reentering(ORDERS)] == [
        ("a2", kept("a2").sealed),
        ("a3", kept("a3").sealed),
    ]
    assert store.kept_rows.mark_retry(ORDERS, None) == 1
    assert store.kept_rows.mark_retry(ORDERS, None) == 0
    assert store.kept_rows.count_open(ORDERS)[KeptKind.QUARANTINED] == 2
    keep(store, [], base=2, reentering=["a1", "a2", "a3"])
    assert open_ids(store) == ["a4"]


def test_rows_are_found_by_the_beginning_of_their_id(store: AnyStore) -> None:
    keep(store, [kept("ab1"), kept("ab2"), kept("ac3"), kept("a_1")])
    assert {row.row_id for _, row in store.kept_rows.find("ab")} == {"ab1", "ab2"}
    assert {row.row_id for _, row in store.kept_rows.find("a_")} == {"a_1"}
    assert list(store.kept_rows.find("b")) == []


def test_old_rows_expire_and_closed_ones_are_forgotten(store: AnyStore) -> None:
    keep(store, [kept("a1", since=NOON - DAY), kept("a2", KeptKind.TOMBSTONE, since=NOON - DAY), kept("a3")])
    keep(store, [], base=2, superseded_rows=["a2"])
    assert store.kept_rows.expire(ORDERS, NOON) == 1
    assert open_ids(store) == ["a3"]
    assert [row.status for _, row in store.kept_rows.find("a1")] == [KeptStatus.EXPIRED]
    assert list(store.kept_rows.find("a2")) == []
    assert store.kept_rows.expire(ORDERS, NOON) == 0


def test_masked_columns_may_hold_any_plain_value(store: AnyStore) -> None:
    plain = {"text": 'x"\\\u20ac\ud800\x00', "whole": 2**60, "real": 0.1, "yes": True, "none": None, "list": [1, "b", None]}
    keep(store, [KeptRow("a1", KeptKind.QUARANTINED, "", (), plain, b"", NOON)])
    [(_, row)] = store.kept_rows.open(ORDERS)
    assert dict(row.masked) == plain


def test_dead_letters_are_visible_when_their_run_is_recorded(store: AnyStore) -> None:
    run = planned(store, a_plan())
    letters = [LETTER, DeadLetter("orders", "orders/a.jsonl:9", "has no 'key' object", b"")]
    store.dead_letters.stage(run, letters[1:])
    store.dead_letters.stage(run, letters)
    assert list(store.dead_letters.open()) == []
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert list(store.dead_letters.open()) == [(ORDERS, letter) for letter in letters]
    assert list(store.dead_letters.open(ORDERS, limit=1)) == [(ORDERS, LETTER)]
    assert list(store.dead_letters.open(ITEMS)) == []


def test_a_dead_letter_of_the_same_place_replaces_the_older_one(store: AnyStore) -> None:
    for base, reason in ((1, "first"), (2, "second")):
        run = planned(store, a_plan(base=base))
        letter = DeadLetter(LETTER.source, LETTER.position, reason, reason.encode())
        store.dead_letters.stage(run, [letter])
        store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert [(letter.reason, letter.sealed) for _, letter in store.dead_letters.open(ORDERS)] == [("second", b"second")]


def test_old_dead_letters_expire(store: AnyStore) -> None:
    for base, clock in ((1, NOON - DAY), (2, NOON)):
        run = planned(store, a_plan(base=base), clock)
        store.dead_letters.stage(run, [DeadLetter("orders", f"orders/{base}.jsonl:1", "is no JSON", b"x")])
        store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert store.dead_letters.expire(ORDERS, NOON) == 1
    assert [letter.position for _, letter in store.dead_letters.open(ORDERS)] == ["orders/2.jsonl:1"]


@pytest.mark.parametrize("store", STORES[1:], indirect=True)
def test_values_json_has_no_word_for_become_text_in_files(store: AnyStore) -> None:
    masked = {
        "day": date(2017, 10, 9),
        "at": datetime(2017, 10, 9, 12, tzinfo=UTC),
        "amount": Decimal("1.50"),
        "raw": b"\x00\xff",
    }
    keep(store, [KeptRow("a1", KeptKind.QUARANTINED, "k", (), masked, b"", NOON)])
    [(_, row)] = store.kept_rows.open(ORDERS)
    assert dict(row.masked) == {"day": "2017-10-09", "at": "2017-10-09T12:00:00+00:00", "amount": "1.50", "raw": "00ff"}
