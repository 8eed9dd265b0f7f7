"""What is promised about what pages read of the store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest

from checks.model import CheckResult
from controlplane.gate.model import Balance, DeadLetter, KeptKind, KeptStatus, Run, RunState
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.outcome import Outcome
from controlplane.persistence.store import Store
from controlplane.persistence.tables import dataset_states
from controlplane.usecases.ports import AuditEntry, RunRecord
from controlplane.usecases.views_ports import KeptCount, KeptFilter, RunFilter, Views
from tests.fakes.store_kit import FILE_STORES, ITEMS, MAIN, NOON, ORDERS, SettableClock, a_plan, a_result, kept, opened, planned

BALANCE = Balance(offered=10, passed=7, superseded=1, quarantined=2)
RANGE = "silver.orders.amount.amount_range"
HOUR = timedelta(hours=1)
ENTRY = AuditEntry(NOON, NOON, "steward", "quarantine.discard", "silver.orders", "test rows", after="1 rows: r1")


@pytest.fixture(params=FILE_STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with opened(request.param, tmp_path, SettableClock()) as store:
        assert isinstance(store, Store)
        yield store


@pytest.fixture
def views(store: Store) -> Views:
    return store.views_of(ORDERS.namespace)


def passing(check_id: str) -> CheckResult:
    failed = a_result(check_id)
    return replace(failed, outcome=Outcome.PASSED, quarantined=0, reason="0 rows have amount < 0; 0 allowed")


def end(store: Store, state: RunState, base: int, hours: float = 0, dataset: DatasetId = ORDERS, **facts: object) -> Run:
    """Record the end of a new run, planned some hours after noon."""
    run = planned(store, a_plan(dataset, base), NOON + hours * HOUR)
    given = {"balance": BALANCE, "snapshot_id": SnapshotId(base + 100), **facts}
    return store.records.record(RunRecord(run=run, state=state, **given))  # type: ignore[arg-type]


def test_a_dataset_without_a_batch_has_no_state(views: Views) -> None:
    assert views.states() == {}
    assert views.states(["silver.orders"]) == {}
    assert views.kept() == {}
    assert views.recent("silver.orders") == []
    assert views.history("silver.orders", RANGE) == []
    assert views.rows(KeptFilter("silver.orders")) == []


def test_a_published_batch_is_what_readers_see(store: Store, views: Views) -> None:
    run = end(store, RunState.PUBLISHED, 1, rows=2**33, reason="a note", results=[a_result(), passing("silver.orders.volume")])
    state = views.states()["silver.orders"]
    assert (state.run_id, state.state, state.clock, state.reason) == (str(run.run_id), "published", NOON, "a note")
    assert (state.published_run_id, state.published_snapshot_id, state.published_at) == (str(run.run_id), 101, NOON)
    assert (state.rows, state.judged_run_id) == (2**33, str(run.run_id))
    assert (state.passed, state.failed, state.errored, state.no_evidence) == (1, 1, 0, 0)


def test_a_held_batch_leaves_what_readers_see(store: Store, views: Views) -> None:
    first = end(store, RunState.PUBLISHED, 1, rows=7, results=[passing(RANGE)])
    held = end(store, RunState.HELD, 2, 1, reason="too many", results=[a_result()])
    state = views.states(["silver.orders"])["silver.orders"]
    assert (state.state, state.run_id, state.reason) == ("held", str(held.run_id), "too many")
    assert (state.published_run_id, state.rows, state.published_at) == (str(first.run_id), 7, NOON)
    assert (state.judged_run_id, state.passed, state.failed) == (str(held.run_id), 0, 1)
    assert [line.run_id for line in views.held()] == [str(held.run_id)]
    assert [line.run_id for line in views.held(["silver.order_items"])] == []


def test_a_release_is_part_of_the_state(store: Store, views: Views) -> None:
    held = end(store, RunState.HELD, 1, results=[a_result()])
    store.records.record(RunRecord(run=held, state=RunState.PUBLISHED, results=None, balance=BALANCE, snapshot_id=MAIN, rows=9))
    state = views.states()["silver.orders"]
    assert (state.state, state.published_snapshot_id, state.rows) == ("published", MAIN, 9)
    assert (state.judged_run_id, state.failed) == (str(held.run_id), 1)
    assert views.held() == []


def test_a_superseded_batch_is_no_longer_held(store: Store, views: Views) -> None:
    held = end(store, RunState.HELD, 1)
    end(store, RunState.PUBLISHED, 2, 1)
    store.journal.advance(held, RunState.SUPERSEDED, reason="a newer one")
    assert views.held() == []
    assert views.states()["silver.orders"].state == "published"


def test_a_failed_run_says_so_until_another_does_better(store: Store, views: Views) -> None:
    end(store, RunState.PUBLISHED, 1, rows=7, results=[passing(RANGE)])
    end(store, RunState.FAILED, 2, 1, balance=None, snapshot_id=None, reason="the catalog does not answer")
    state = views.states()["silver.orders"]
    assert (state.state, state.reason, state.rows, state.passed) == ("failed", "the catalog does not answer", 7, 1)
    idle = planned(store, a_plan(base=3), NOON + 2 * HOUR)
    store.journal.advance(idle, RunState.NOTHING_NEW)
    state = views.states()["silver.orders"]
    assert (state.state, state.run_id, state.reason, state.rows) == ("nothing_new", str(idle.run_id), None, 7)


def test_a_run_that_found_nothing_says_nothing_of_a_good_dataset(store: Store, views: Views) -> None:
    end(store, RunState.PUBLISHED, 1)
    before = views.states()
    store.journal.advance(planned(store, a_plan(base=3), NOON + 2 * HOUR), RunState.NOTHING_NEW)
    assert views.states() == before


def test_rewriting_files_changes_the_snapshot_alone(store: Store, views: Views) -> None:
    end(store, RunState.PUBLISHED, 1, rows=7, results=[a_result()])
    before = views.states()["silver.orders"]
    end(store, RunState.PUBLISHED, 2, 1, balance=None, snapshot_id=MAIN)
    assert views.states()["silver.orders"] == replace(before, published_snapshot_id=MAIN)
    end(store, RunState.ABANDONED, 3, 2, balance=None)
    assert views.states()["silver.orders"] == replace(before, published_snapshot_id=MAIN)


def test_other_namespaces_are_not_seen(store: Store) -> None:
    end(store, RunState.HELD, 1, results=[a_result()])
    others = store.views_of("iceberg://elsewhere")
    assert others.states() == {}
    assert others.held() == []
    assert others.runs(RunFilter()) == []
    assert others.groups() == []


def test_runs_are_filtered_and_paged_newest_first(store: Store, views: Views) -> None:
    runs = [end(store, RunState.PUBLISHED, number, number) for number in range(1, 6)]
    held = end(store, RunState.HELD, 6, 5)
    other = end(store, RunState.FAILED, 7, 9, ITEMS, balance=None)
    found = views.runs(RunFilter())
    assert found[0].run_id == str(other.run_id)
    assert [line.clock for line in found] == sorted((line.clock for line in found), reverse=True)
    assert found[-1].balance == BALANCE
    assert found[0].balance is None
    assert [line.run_id for line in views.runs(RunFilter(states=("held", "failed")))] == [str(other.run_id), str(held.run_id)]
    span = RunFilter("silver.orders", since=NOON + 2 * HOUR, until=NOON + 4 * HOUR)
    assert [line.run_id for line in views.runs(span)] == [str(run.run_id) for run in (runs[2], runs[1])]
    assert views.runs(RunFilter("silver.nothing")) == []


def test_pages_of_runs_join_without_gap_even_at_one_moment(store: Store, views: Views) -> None:
    for number in range(1, 8):
        end(store, RunState.PUBLISHED, number)
    seen: list[str] = []
    after = None
    while page := views.runs(RunFilter("silver.orders", after=after), 3):
        seen += [line.run_id for line in page]
        after = (page[-1].clock, page[-1].run_id)
    assert len(seen) == len(set(seen)) == 7


def test_one_run_is_found_by_its_id(store: Store, views: Views) -> None:
    run = end(store, RunState.HELD, 1, reason="too many", seconds=1.5)
    line = views.run(str(run.run_id))
    assert line is not None
    assert (line.dataset, line.state, line.reason, line.seconds, line.balance) == (
        "silver.orders",
        "held",
        "too many",
        1.5,
        BALANCE,
    )
    assert views.run("nothing of the kind") is None


def test_results_of_runs_are_read_at_once(store: Store, views: Views) -> None:
    one = end(store, RunState.PUBLISHED, 1, results=[passing("a"), a_result("b")])
    two = end(store, RunState.PUBLISHED, 2, results=[a_result("c")])
    found = views.results([str(one.run_id), str(two.run_id)])
    assert [result.check_id for result in found[str(one.run_id)]] == ["a", "b"]
    bad = views.results([str(one.run_id), str(two.run_id)], all_passed=False)
    assert [result.check_id for result in bad[str(one.run_id)]] == ["b"]
    assert views.results([]) == {}


def test_recent_results_are_those_of_the_newest_judged_runs(store: Store, views: Views) -> None:
    for number in range(1, 6):
        end(store, RunState.PUBLISHED, number, number, results=[a_result() if number == 4 else passing(RANGE)])
    end(store, RunState.FAILED, 9, 9, balance=None)
    recent = views.recent("silver.orders", 3)
    assert [result.outcome for result in recent] == ["passed", "failed", "passed"]
    assert [result.at for result in recent] == [NOON + 3 * HOUR, NOON + 4 * HOUR, NOON + 5 * HOUR]


def test_the_history_of_a_check_has_runs_and_observations(store: Store, views: Views) -> None:
    run = end(store, RunState.PUBLISHED, 1, results=[passing(RANGE), passing("other")])
    store.records.observed(ORDERS, MAIN, [a_result()], NOON + HOUR)
    history = views.history("silver.orders", RANGE)
    assert [(result.outcome, result.run_id) for result in history] == [("passed", str(run.run_id)), ("failed", None)]
    assert history[1].value == a_result().measurement.value
    assert [result.run_id for result in views.history("silver.orders", RANGE, limit=1)] == [None]
    assert [result.outcome for result in views.history("silver.orders", RANGE, until=history[0].at)] == ["passed"]


def set_aside(store: Store, number: int, *rows: object, state: RunState = RunState.PUBLISHED, hours: float = 0) -> Run:
    run = planned(store, a_plan(base=number), NOON + hours * HOUR)
    store.kept_rows.stage(run, rows)  # type: ignore[arg-type]
    return store.records.record(RunRecord(run=run, state=state, balance=BALANCE))


def test_kept_rows_are_counted_by_kind(store: Store, views: Views) -> None:
    rows = [kept("r1"), kept("r2"), kept("w1", KeptKind.WAITING), kept("t1", KeptKind.TOMBSTONE)]
    run = planned(store, a_plan())
    store.dead_letters.stage(run, [DeadLetter("topic/1", "1", "no JSON", b"x"), DeadLetter("topic/1", "2", "no JSON", b"y")])
    store.kept_rows.stage(run, rows)
    assert views.kept() == {}
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
    assert views.kept() == {"silver.orders": KeptCount(quarantined=2, waiting=1, dead_letters=2)}
    assert views.kept(["silver.order_items"]) == {}
    (letters,) = views.letters()
    assert (letters.dataset, letters.reason, letters.messages, letters.source) == ("silver.orders", "no JSON", 2, "topic/1")


def test_kept_rows_are_grouped_by_their_reasons(store: Store, views: Views) -> None:
    both = replace(kept("r3", since=NOON + HOUR), reasons=(RANGE, "silver.orders.status.known"))
    set_aside(store, 1, kept("r1"), kept("r2", since=NOON + 2 * HOUR), both)
    store.kept_rows.mark_retry(ORDERS, ["r2"])
    one, two = views.groups("silver.orders")
    assert (one.reasons, one.rows, one.retrying, one.first, one.last) == ((RANGE,), 2, 1, NOON, NOON + 2 * HOUR)
    assert (two.reasons, two.rows, two.retrying) == (both.reasons, 1, 0)
    assert views.groups() == [one, two]


def test_rows_are_shown_masked_and_never_sealed(store: Store, views: Views) -> None:
    run = set_aside(store, 1, kept("r1"))
    (line,) = views.rows(KeptFilter("silver.orders"))
    assert line.masked == {"order_id": 7, "amount": "-1.50", "email": None}
    assert (line.row_id, line.run_id, line.status, line.times) == ("r1", str(run.run_id), KeptStatus.OPEN, 1)
    assert "sealed" not in repr(line)


def test_rows_are_paged_oldest_first(store: Store, views: Views) -> None:
    set_aside(store, 1, *(kept(f"r{number}", since=NOON + (number % 3) * HOUR) for number in range(7)))
    seen: list[str] = []
    after = None
    while page := views.rows(KeptFilter("silver.orders", after=after), 3):
        seen += [line.row_id for line in page]
        after = (page[-1].since, page[-1].row_id, page[-1].run_id)
    assert seen == ["r0", "r3", "r6", "r1", "r4", "r2", "r5"]


def test_rows_are_found_by_check_reasons_and_kind(store: Store, views: Views) -> None:
    status = "silver.orders.status.known_state"
    both = replace(kept("r2"), reasons=(RANGE, status))
    set_aside(store, 1, kept("r1"), both, kept("w1", KeptKind.WAITING))

    def ids(**wanted: object) -> list[str]:
        return sorted(views.row_ids(KeptFilter("silver.orders", **wanted)))  # type: ignore[arg-type]

    assert ids(check_id=RANGE) == ["r1", "r2", "w1"]
    assert ids(check_id=status) == ["r2"]
    assert ids(check_id="silver.orders.status.known-state") == []
    assert ids(reasons=(RANGE,)) == ["r1", "w1"]
    assert ids(reasons=(RANGE,), kind=KeptKind.QUARANTINED) == ["r1"]
    assert ids(kind=KeptKind.WAITING) == ["w1"]
    wanted = KeptFilter("silver.orders", check_id=RANGE)
    assert (views.count(wanted), views.count(wanted, most=2)) == (3, 2)
    assert {line.row_id for line in views.sample(wanted)} == {"r1", "r2", "w1"}
    assert len(views.sample(wanted, 2)) == 2


def test_what_a_held_batch_would_set_aside_is_shown_on_request(store: Store, views: Views) -> None:
    held = set_aside(store, 1, kept("r1"), state=RunState.HELD)
    assert views.rows(KeptFilter("silver.orders")) == []
    (line,) = views.rows(KeptFilter("silver.orders", staged_by=str(held.run_id)))
    assert (line.row_id, line.status) == ("r1", KeptStatus.STAGED)


def test_a_row_that_came_again_says_how_often(store: Store, views: Views) -> None:
    set_aside(store, 1, kept("r1"))
    set_aside(store, 2, kept("r1"), hours=1)
    (line,) = views.rows(KeptFilter("silver.orders"))
    assert line.times == 2


def test_discarded_rows_are_gone_for_good_and_the_audit_log_says_why(store: Store, views: Views) -> None:
    set_aside(store, 1, kept("r1"), kept("r2"))
    assert store.records.discard(ORDERS, ["r1"], ENTRY) == 1
    assert views.row_ids(KeptFilter("silver.orders")) == ["r2"]
    assert [row.status for _, row in store.kept_rows.find("r1")] == [KeptStatus.DISCARDED]
    assert store.audit_log.entries() == [ENTRY]
    assert store.kept_rows.mark_retry(ORDERS, ["r1"]) == 0


def test_rows_are_discarded_all_or_none(store: Store, views: Views) -> None:
    set_aside(store, 1, kept("r1"), kept("w1", KeptKind.WAITING))
    assert store.records.discard(ORDERS, ["r1", "w1"], ENTRY) == 1
    assert sorted(views.row_ids(KeptFilter("silver.orders"))) == ["r1", "w1"]
    assert store.audit_log.entries() == []


def test_a_store_of_an_earlier_version_gets_its_states_from_its_runs(store: Store, views: Views) -> None:
    end(store, RunState.PUBLISHED, 1, 1, results=[passing(RANGE), a_result("other")])
    end(store, RunState.HELD, 2, 2, reason="too many", results=[a_result()])
    end(store, RunState.PUBLISHED, 3, 2.5, balance=None, snapshot_id=MAIN)
    end(store, RunState.PUBLISHED, 4, 3, ITEMS, results=[passing("items")])
    end(store, RunState.FAILED, 5, 4, ITEMS, balance=None, snapshot_id=None, reason="the catalog does not answer")
    kept_states = views.states()
    revision = import_module("controlplane.persistence.migrations.versions.0002_service_levels_and_alerts")
    with store._database.writing() as connection:
        connection.execute(dataset_states.delete())
        connection.exec_driver_sql(revision._STATES_OF_EARLIER_RUNS)
    made = views.states()
    assert made["silver.order_items"] == kept_states["silver.order_items"]
    orders = kept_states["silver.orders"]
    assert made["silver.orders"] == replace(orders, published_snapshot_id=SnapshotId(101))
