"""What is promised about facts and the states of objectives, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from controlplane.gate.model import RunState
from controlplane.slas.history import COLUMNS, History, history_of
from controlplane.slas.model import Basis, Indicator
from controlplane.slas.status import Budget, Day, Fact, ObjectiveStatus, Point, PromiseState
from controlplane.usecases.ports import RunRecord
from controlplane.usecases.sla_ports import BoardFilter, ServiceLevelStore
from tests.fakes.store_kit import ITEMS, NOON, ORDERS, STORES, AnyStore, a_plan, opened, planned

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A_FACT = Fact(ORDERS.name, NOON, "published", NOON - HOUR, 10, 1, 2, 3, 4, 5, 1, run_id="r")


@dataclass
class Kept:
    """A store, and its facts and states."""

    store: AnyStore
    levels: ServiceLevelStore


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    with opened(request.param, tmp_path) as store:
        yield Kept(store, store.service_levels_of(ORDERS.namespace))


def same(found: History, facts: list[Fact]) -> bool:
    expected = history_of(facts)
    return all(getattr(found, name).tolist() == getattr(expected, name).tolist() for name in COLUMNS)


def a_status(objective: str = "fresh", state: PromiseState = PromiseState.KEPT, **facts: object) -> ObjectiveStatus:
    status = ObjectiveStatus(
        promise="bi",
        objective=objective,
        consumer="analysts",
        dataset=ORDERS.name,
        tier=1,
        indicator=Indicator.COMPLETENESS,
        state=state,
        at=NOON,
        since=NOON,
        target=Decimal("99.5"),
        window_days=30,
        reason="99.7 % of 28,400 expected \u20ac",
        value=Decimal("99.7012"),
        bound=Decimal("99.5"),
        value_basis="of 28,400 expected",
        basis=Basis.LANDED,
        budget=Budget("rows", Decimal(142), Decimal(85)),
        burn=Decimal("1.25"),
        burn_alert=Decimal("14.4"),
        deadline=NOON + HOUR,
        deadline_is="day closes",
        day_series=tuple(Point(NOON + HOUR * step, None if step == 1 else Decimal("99.7012")) for step in range(3)),
        days=(
            Day(date(2017, 10, 8), Decimal(3), Decimal("0.0106"), "kept"),
            Day(date(2017, 10, 9), Decimal(0), Decimal(0), "planned"),
        ),
    )
    return replace(status, **facts)  # type: ignore[arg-type]


def test_a_fact_is_recorded_with_the_end_of_its_run(kept: Kept) -> None:
    run = planned(kept.store, a_plan())
    kept.store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, fact=A_FACT))
    assert list(kept.levels.facts(ORDERS.name, NOON, NOON)) == [A_FACT]
    assert list(kept.levels.facts(ITEMS.name, NOON, NOON)) == []


def test_a_run_recorded_again_ends_once_but_may_fail_twice(kept: Kept) -> None:
    run = planned(kept.store, a_plan())
    later = replace(A_FACT, at=NOON + HOUR, published=6)
    for fact in (A_FACT, later):
        kept.store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, fact=fact))
    assert list(kept.levels.facts(ORDERS.name, NOON - DAY, NOON + DAY)) == [later]
    failed = [replace(A_FACT, state="failed", at=NOON + HOUR * step) for step in (2, 3)]
    for fact in failed:
        kept.store.records.record(RunRecord(run=run, state=RunState.FAILED, fact=fact))
    assert list(kept.levels.facts(ORDERS.name, NOON - DAY, NOON + DAY)) == [later, *failed]


def test_facts_come_by_time_with_both_ends(kept: Kept) -> None:
    facts = [replace(A_FACT, at=NOON + HOUR * step, run_id=None) for step in (3, 1, 2, 0)]
    kept.levels.append(facts)
    assert [fact.at for fact in kept.levels.facts(ORDERS.name, NOON + HOUR, NOON + 3 * HOUR)] == [
        NOON + HOUR * n for n in (1, 2, 3)
    ]


def test_the_newest_known_watermark_counts(kept: Kept) -> None:
    kept.levels.append(
        [A_FACT, replace(A_FACT, at=NOON + HOUR, watermark=NOON), replace(A_FACT, at=NOON + 2 * HOUR, watermark=None)]
    )
    kept.levels.append([replace(A_FACT, dataset=ITEMS.name, watermark=None)])
    assert dict(kept.levels.watermarks([ORDERS.name, ITEMS.name, "gold.unknown"])) == {ORDERS.name: NOON}
    assert dict(kept.levels.watermarks([])) == {}


def test_of_two_watermarks_of_one_moment_the_later_recorded_counts(kept: Kept) -> None:
    kept.levels.append([A_FACT, replace(A_FACT, watermark=NOON)])
    assert kept.levels.watermarks([ORDERS.name])[ORDERS.name] == NOON


def test_histories_hold_what_was_recorded_and_what_held_before(kept: Kept) -> None:
    old = [replace(A_FACT, at=NOON - 9 * DAY + HOUR * step, run_id=None) for step in range(3)]
    held = replace(A_FACT, at=NOON - 8 * DAY, state="held", watermark=None, run_id=None)
    new = [replace(A_FACT, at=NOON - HOUR * step, run_id=None) for step in (2, 1, 0)]
    kept.levels.append([*old, held, *new])
    found = kept.levels.histories([ORDERS.name, ITEMS.name], NOON - DAY, NOON - HOUR)
    assert set(found) == {ORDERS.name}
    assert same(found[ORDERS.name], [old[-1], held, *new[:2]])


def test_histories_see_what_came_meanwhile_was_replaced_and_came_late(kept: Kept) -> None:
    def now(*facts: Fact) -> bool:
        return same(kept.levels.histories([ORDERS.name], NOON - DAY, NOON + DAY)[ORDERS.name], list(facts))

    kept.levels.append([A_FACT])
    assert now(A_FACT)
    second = replace(A_FACT, at=NOON + HOUR, run_id="s")
    kept.levels.append([second])
    assert now(A_FACT, second)
    between = replace(A_FACT, at=NOON + HOUR / 2, run_id="t", published=3)
    kept.levels.append([between])
    assert now(A_FACT, between, second)
    run = planned(kept.store, a_plan())
    again = replace(A_FACT, at=NOON + 2 * HOUR)
    kept.store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, fact=again))
    assert now(between, second, again)
    kept.levels.append([replace(A_FACT, dataset=ITEMS.name)])
    assert now(between, second, again)
    old = replace(A_FACT, at=NOON - 3 * DAY, run_id="u", state="held")
    kept.levels.append([old])
    assert now(old, between, second, again)
    back = kept.levels.histories([ORDERS.name], NOON - 4 * DAY, NOON)
    assert same(back[ORDERS.name], [old])
    assert now(old, between, second, again)


def test_the_end_of_time_moves_on(kept: Kept) -> None:
    kept.levels.append([replace(A_FACT, at=NOON + DAY * step, run_id=None) for step in range(9)])
    kept.levels.histories([ORDERS.name], NOON, NOON)
    found = kept.levels.histories([ORDERS.name], NOON + 7 * DAY, NOON + 9 * DAY)
    assert same(found[ORDERS.name], [replace(A_FACT, at=NOON + DAY * step) for step in (6, 7, 8)])


def test_what_is_kept_comes_back_equal_and_worst_first(kept: Kept) -> None:
    states = [
        a_status("later", deadline=NOON + 2 * HOUR),
        a_status("sooner"),
        a_status(
            "never", deadline=None, deadline_is="", budget=None, burn=None, burn_alert=None, value=None, bound=None, basis=None
        ),
        a_status("worst", PromiseState.BROKEN),
        a_status("queries", PromiseState.NOT_APPLICABLE, dataset=None, days=(), day_series=(), indicator=Indicator.QUERY_TIME),
    ]
    kept.levels.keep(states)
    board = kept.levels.board(BoardFilter(), limit=50)
    assert [status.objective for status in board.rows] == ["worst", "sooner", "later", "never", "queries"]
    assert {status.objective: status for status in board.rows} == {status.objective: status for status in states}
    assert (board.total, board.evaluated_at) == (5, NOON)
    assert dict(board.counts) == {PromiseState.BROKEN: 1, PromiseState.KEPT: 3, PromiseState.NOT_APPLICABLE: 1}


def test_a_state_that_stays_keeps_since_when_it_is(kept: Kept) -> None:
    kept.levels.keep([a_status("a"), a_status("b")])
    next_ones = [
        a_status("a", at=NOON + HOUR, since=NOON + HOUR),
        a_status("b", PromiseState.BROKEN, at=NOON + HOUR, since=NOON + HOUR),
    ]
    found = kept.levels.keep(next_ones)
    assert [status.since for status in found] == [NOON, NOON + HOUR]
    assert [
        status.since for status in sorted(kept.levels.board(BoardFilter(), limit=9).rows, key=lambda row: row.objective)
    ] == [NOON, NOON + HOUR]
    assert [status.at for status in found] == [NOON + HOUR] * 2


def test_what_is_no_longer_promised_is_gone(kept: Kept) -> None:
    kept.levels.keep([a_status("a"), a_status("b"), a_status("b", dataset=None)])
    kept.levels.keep([a_status("b", at=NOON)])
    assert [(status.objective, status.dataset) for status in kept.levels.board(BoardFilter(), limit=9).rows] == [
        ("b", ORDERS.name)
    ]
    kept.levels.keep([])
    board = kept.levels.board(BoardFilter(), limit=9)
    assert (board.rows, board.total, dict(board.counts), board.evaluated_at) == ((), 0, {}, None)


def test_a_board_is_paged_and_filtered(kept: Kept) -> None:
    kept.levels.keep(
        [
            *(a_status(f"o{number}", deadline=NOON + HOUR * number) for number in range(5)),
            a_status("m", PromiseState.BROKEN, consumer="marketing", tier=2, dataset=ITEMS.name, promise="mail"),
        ]
    )
    page = kept.levels.board(BoardFilter(), limit=2, offset=3)
    assert ([status.objective for status in page.rows], page.total) == (["o2", "o3"], 6)
    for wanted in (
        BoardFilter(consumer="marketing"),
        BoardFilter(tier=2),
        BoardFilter(dataset=ITEMS.name),
        BoardFilter(promise="mail"),
    ):
        assert [status.objective for status in kept.levels.board(wanted, limit=9).rows] == ["m"]
    kept_only = kept.levels.board(BoardFilter(state=PromiseState.KEPT), limit=9)
    assert kept_only.total == 5
    assert dict(kept_only.counts) == {PromiseState.KEPT: 5, PromiseState.BROKEN: 1}
    assert kept.levels.board(BoardFilter(state=PromiseState.BROKEN, consumer="analysts"), limit=9).total == 0


def test_a_watermark_goes_through_unharmed(kept: Kept) -> None:
    fact = replace(A_FACT, watermark=datetime(2017, 10, 29, 0, 30, 0, 1, tzinfo=UTC))
    kept.levels.append([fact])
    assert kept.levels.facts(ORDERS.name, NOON, NOON)[0].watermark == fact.watermark
    assert same(kept.levels.histories([ORDERS.name], NOON, NOON)[ORDERS.name], [fact])


def test_a_plan_keeps_its_watermark_which_is_no_part_of_its_name(kept: Kept) -> None:
    plan = replace(a_plan(), watermark=NOON - HOUR)
    assert plan.run_id == a_plan().run_id
    run = planned(kept.store, plan)
    found = kept.store.journal.find(run.run_id)
    assert found is not None
    assert found.plan.watermark == NOON - HOUR
    assert planned(kept.store, a_plan()).plan.watermark == NOON - HOUR, "a run that is resumed keeps what it pinned"
