"""What is promised about a run's end, check results, outbox and audit log, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from checks.model import CheckResult, Measurement
from controlplane.gate.model import Balance, KeptKind, KeptStatus, RunState
from controlplane.kernel.errors import UnableToEvaluateError
from controlplane.kernel.identity import SnapshotId
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.ports import AuditEntry, OutboxMessage, RunRecord
from controlplane.usecases.report import stored
from tests.fakes.store_kit import (
    ITEMS,
    MAIN,
    NOON,
    ORDERS,
    STORES,
    AnyStore,
    SettableClock,
    a_plan,
    a_result,
    kept,
    opened,
    planned,
    published,
)

BALANCE = Balance(offered=10, passed=5, superseded=1, quarantined=2, waiting=1, dead_lettered=0, duplicates=1)
MESSAGE = OutboxMessage("run:complete:1", "lineage", {"eventType": "COMPLETE", "run": {"runId": "x \u20ac"}})
ENTRY = AuditEntry(NOON, NOON - timedelta(days=700), "steward", "hold.release", "run-1", "checked by hand", "held", "published")
HOUR = timedelta(hours=1)


@pytest.fixture
def wall() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, wall: SettableClock) -> Iterator[AnyStore]:
    with opened(request.param, tmp_path, wall) as store:
        yield store


def test_a_recorded_run_is_returned_and_found(store: AnyStore) -> None:
    run = planned(store, a_plan())
    entry = RunRecord(
        run=run, state=RunState.PUBLISHED, balance=BALANCE, snapshot_id=MAIN, reason="a note",
        bytes_read=2**40, bytes_written=7, seconds=0.25, details={"engine": "duckdb"},
    )  # fmt: skip
    ended = store.records.record(entry)
    assert ended == replace(run, state=RunState.PUBLISHED, balance=BALANCE, snapshot_id=MAIN, reason="a note")
    assert store.journal.find(run.run_id) == ended
    assert store.journal.open_run(ORDERS) is None


def test_a_record_keeps_balance_and_snapshot_of_the_journal(store: AnyStore) -> None:
    run = store.journal.advance(planned(store, a_plan()), RunState.WRITTEN, snapshot_id=MAIN, balance=BALANCE)
    ended = store.records.record(RunRecord(run=run, state=RunState.HELD, reason="12 rows failed"))
    assert (ended.snapshot_id, ended.balance, ended.reason) == (MAIN, BALANCE, "12 rows failed")
    again = store.records.record(RunRecord(run=run, state=RunState.HELD))
    assert again.reason == "12 rows failed"
    released = store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert released.reason is None
    assert store.journal.find(run.run_id) == released


def test_a_run_that_was_never_planned_cannot_be_recorded(store: AnyStore) -> None:
    run = planned(store, a_plan())
    unknown = replace(run, run_id=a_plan(base=2).run_id)
    with pytest.raises(UnableToEvaluateError, match="not in the store"):
        store.records.record(RunRecord(run=unknown, state=RunState.PUBLISHED, messages=[MESSAGE]))
    assert list(store.outbox.due(NOON + HOUR)) == []


def test_results_come_back_exactly_and_in_order(store: AnyStore) -> None:
    unmeasured = a_result("silver.orders.volume")
    unmeasured = CheckResult(
        replace(unmeasured.check, fields=()),
        Measurement("silver.orders.volume"),
        Outcome.NO_EVIDENCE,
        unmeasured.stage,
        "no rows",
    )
    results = [a_result("z"), a_result("a", segment="EU"), a_result("a", segment=""), unmeasured]
    run = published(store, a_plan(), results=results, snapshot_id=MAIN)
    found = store.records.results(run.run_id)
    assert list(found) == [stored(result) for result in results]
    assert found[0].value == Decimal("123456789012345678901234567890.120")
    assert str(found[0].value).endswith(".120")
    assert dict(found[0].threshold) == {"mustBeBetween": [0, 2.5]}
    assert [result.segment for result in found] == [None, "EU", "", None]
    assert found[3].value is None


def test_recording_again_replaces_results_unless_there_are_none_to_replace_them(store: AnyStore) -> None:
    run = published(store, a_plan(), results=[a_result("a"), a_result("b")])
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, results=[a_result("c")]))
    assert [result.check_id for result in store.records.results(run.run_id)] == ["c"]
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, results=None))
    assert [result.check_id for result in store.records.results(run.run_id)] == ["c"]
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert list(store.records.results(run.run_id)) == []


def test_a_run_knows_only_its_own_results(store: AnyStore) -> None:
    first = published(store, a_plan(), results=[a_result("a")])
    second = published(store, a_plan(base=2), results=[a_result("b")])
    store.records.observed(ORDERS, MAIN, [a_result("c")], NOON)
    assert [result.check_id for result in store.records.results(first.run_id)] == ["a"]
    assert [result.check_id for result in store.records.results(second.run_id)] == ["b"]
    assert list(store.records.results(a_plan(base=3).run_id)) == []


def test_observing_the_same_twice_is_not_an_error(store: AnyStore) -> None:
    for _ in range(2):
        store.records.observed(ORDERS, MAIN, [a_result("a"), a_result("a", segment="EU")], NOON)
    store.records.observed(ORDERS, MAIN, [a_result("a")], NOON + HOUR)
    store.records.observed(ORDERS, SnapshotId(2), [], NOON)


def test_messages_of_a_record_are_due_once(store: AnyStore, wall: SettableClock) -> None:
    run = published(store, a_plan(), messages=[MESSAGE])
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, messages=[MESSAGE]))
    assert list(store.outbox.due(wall.now())) == [MESSAGE]


def test_audit_entries_of_a_record_are_noted_once(store: AnyStore) -> None:
    run = published(store, a_plan(), audit=[ENTRY])
    later = replace(ENTRY, at_wall=NOON + HOUR)
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, audit=[later]))
    assert list(store.audit_log.entries()) == [ENTRY]
    published(store, a_plan(base=2), audit=[later])
    assert list(store.audit_log.entries()) == [later, ENTRY]


def test_rows_of_a_day_count_up_to_the_time_of_day(store: AnyStore) -> None:
    berlin = ZoneInfo("Europe/Berlin")  # 14:00 local at NOON
    for base, clock, rows in (
        (1, NOON - timedelta(days=2, hours=15), 1),  # 23:00 two days before local yesterday
        (2, NOON - timedelta(days=1, hours=13), 10),  # 01:00 of yesterday in Berlin, the day before in UTC
        (3, NOON - timedelta(days=1), 100),
        (4, NOON - timedelta(hours=23), 1_000),  # 15:00 of yesterday: later in the day than now
        (5, NOON - HOUR, 10_000),
        (6, NOON, 100_000),
        (7, NOON + HOUR, 1_000_000),
        (10, NOON - timedelta(weeks=20), 5),  # no check looks back that far
    ):
        published(store, a_plan(base=base), clock, balance=replace(BALANCE, passed=rows))
    store.records.record(RunRecord(run=planned(store, a_plan(base=8)), state=RunState.HELD, balance=BALANCE))
    published(store, a_plan(ITEMS), NOON, balance=BALANCE)
    published(store, a_plan(base=9), NOON)
    assert store.records.daily_rows(ORDERS, NOON, berlin) == {"2017-10-06": 0, "2017-10-08": 110, "2017-10-09": 110_000}
    assert store.records.daily_rows(ORDERS, NOON - timedelta(days=30), berlin) == {}


def test_what_is_not_delivered_comes_back_when_its_time_has_come(store: AnyStore, wall: SettableClock) -> None:
    second = replace(MESSAGE, message_id="0-second")
    store.outbox.add([MESSAGE, second])
    store.outbox.add([replace(MESSAGE, payload={})])
    assert list(store.outbox.due(wall.now())) == [MESSAGE, second]
    assert list(store.outbox.due(wall.now(), limit=1)) == [MESSAGE]
    assert list(store.outbox.due(wall.now() - HOUR)) == []
    store.outbox.postponed(MESSAGE.message_id, "the endpoint said 503", wall.now() + HOUR)
    assert list(store.outbox.due(wall.now())) == [second]
    wall.pass_by(hours=1)
    assert list(store.outbox.due(wall.now())) == [replace(MESSAGE, attempts=1, last_error="the endpoint said 503"), second]
    store.outbox.delivered(MESSAGE.message_id, wall.now())
    store.outbox.add([MESSAGE])
    assert list(store.outbox.due(wall.now())) == [second]


def test_the_audit_log_is_read_newest_first(store: AnyStore) -> None:
    other = replace(ENTRY, subject="run-2", at_wall=NOON - HOUR)
    for entry in (ENTRY, other, ENTRY):
        store.audit_log.append(entry)
    assert list(store.audit_log.entries()) == [ENTRY, other, ENTRY]
    assert list(store.audit_log.entries("run-2")) == [other]
    assert list(store.audit_log.entries(limit=1)) == [ENTRY]


def test_quarantined_rows_are_discarded_all_or_none_with_their_audit_entry(store: AnyStore) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("r1"), kept("r2"), kept("w1", KeptKind.WAITING)])
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert store.records.discard(ORDERS, ["r1", "w1"], ENTRY) == 1
    assert store.audit_log.entries() == []
    assert store.records.discard(ORDERS, ["r1"], ENTRY) == 1
    assert store.audit_log.entries() == [ENTRY]
    assert [row.row_id for _, row in store.kept_rows.open(ORDERS, KeptKind.QUARANTINED)] == ["r2"]
    assert [row.status for _, row in store.kept_rows.find("r1")] == [KeptStatus.DISCARDED]
    assert store.records.discard(ORDERS, ["r1"], ENTRY) == 0
