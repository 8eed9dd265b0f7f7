"""Promises on a real shop: what runs say, what follows from it, and that a past minute gives the same answer again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from controlplane.cli import main
from controlplane.kernel.errors import ConfigurationError, ControlPlaneError
from controlplane.kernel.package_schemas import package_schema
from controlplane.slas.errors import PromisesInvalidError
from controlplane.slas.status import Fact, ObjectiveStatus, PromiseState
from tests.integration.shop import NOON, Feed, later, make_shop, open_shop
from tests.integration.visits import batch, make_project, open_project

BRONZE, SILVER = "bronze.cdc_orders", "silver.orders"
LINE = ("cdc_customers", "cdc_orders", "customers", "orders")
SLAS = """\
version: 1
promises:
- id: ops
  consumer: operations
  datasets: [silver.orders]
  objectives:
  - {id: fresh, indicator: freshness, within: PT6H, target: 99.5, window: P7D, time_zone: UTC}
  - {id: complete, indicator: completeness, basis: landed, target: 99.5, window: P7D}
  - {id: right, indicator: accuracy, target: 99.9, window: P7D}
- id: queries
  consumer: bi
  objectives: [{id: quick, indicator: query_time, within: PT10S, percentile: 95, target: 99, window: P30D}]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = make_shop(tmp_path / "shop")
    (folder / "slas.yaml").write_text(SLAS, encoding="utf-8")
    return folder


def run(folder: Path, hours: float, pipelines: Sequence[str] = LINE) -> Sequence[ObjectiveStatus]:
    """Run pipelines at a time, then judge all promises."""
    with open_shop(folder, later(hours)) as plane:
        for pipeline in pipelines:
            plane.run(pipeline)
        return plane.evaluate().states


def facts(folder: Path, dataset: str) -> list[Fact]:
    with open_shop(folder) as plane:
        return list(plane.ports.service_levels.facts(dataset, later(-99), later(99)))


def by_name(states: Sequence[ObjectiveStatus]) -> dict[str, ObjectiveStatus]:
    return {status.objective: status for status in states}


def told(fact: Fact) -> tuple[str, datetime, datetime | None]:
    return fact.state, fact.at, fact.watermark


def orders(feed: Feed, numbers: range, **changed: object) -> None:
    for number in numbers:
        feed.order("c", number, 1, **changed)


def test_runs_say_how_far_readers_see_and_what_became_of_rows(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    orders(feed, range(1, 11))
    feed.order("c", 99, 77)
    feed.raw("orders", "this is no change event")
    feed.flush(later(-1))
    run(shop, 0)
    (landed,), (published,) = facts(shop, BRONZE), facts(shop, SILVER)
    assert told(landed) == told(published) == ("published", NOON, later(-1))
    assert (landed.offered, landed.dead_lettered, landed.published) == (12, 1, 11)
    assert (published.offered, published.waiting, published.published) == (11, 1, 10)
    feed.flush(later(1))
    run(shop, 1)
    for dataset in (BRONZE, SILVER):
        assert told(facts(shop, dataset)[-1]) == ("nothing_new", later(1), later(1)), "a heartbeat without rows counts"
    run(shop, 2)
    assert len(facts(shop, BRONZE)) == 2, "the sources have said nothing since"


def test_a_watermark_is_only_as_new_as_the_oldest_input_that_is_not_only_looked_up(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    orders(feed, range(1, 4))
    feed.flush(later(-1))
    run(shop, 0, ("cdc_customers", "cdc_orders", "customers", "orders", "cdc_order_items", "order_items", "fact_orders"))
    orders(feed, range(4, 6))
    feed.flush(later(2))
    run(shop, 3, ("cdc_orders", "orders", "fact_orders"))
    with open_shop(shop) as plane:
        known = plane.ports.service_levels.watermarks([SILVER, "silver.customers", "gold.fact_orders"])
    assert dict(known) == {SILVER: later(2), "silver.customers": later(-1)}, (
        "no order item was ever published, so gold is silent"
    )


def test_a_source_ahead_of_the_clock_is_believed_up_to_now(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.flush(later(500))
    run(shop, 0, ("cdc_customers",))
    assert facts(shop, "bronze.cdc_customers")[0].watermark == NOON


def test_a_held_batch_neither_refreshes_nor_is_complete_until_it_is_released(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    orders(feed, range(1, 21))
    feed.flush(later(0))
    good = by_name(run(shop, 0))
    assert {name: status.state for name, status in good.items()} == {
        "fresh": PromiseState.KEPT, "complete": PromiseState.KEPT, "right": PromiseState.KEPT, "quick": PromiseState.NOT_APPLICABLE,
    }  # fmt: skip
    orders(feed, range(21, 31), status="teleported", at=later(6))
    feed.flush(later(6))
    held = by_name(run(shop, 7))
    assert told(facts(shop, SILVER)[-1]) == ("held", later(7), None)
    assert (held["fresh"].state, held["fresh"].value) == (PromiseState.BROKEN, Decimal(7 * 3600))
    assert (held["complete"].state, held["complete"].value_basis) == (PromiseState.BROKEN, "of 30 expected")
    assert held["complete"].budget is not None
    assert held["complete"].budget.spent == 10
    with open_shop(shop, later(8)) as plane:
        plane.release(str(plane.held()[0].run_id), "checked by hand")
        released = by_name(plane.evaluate().states)
    assert told(facts(shop, SILVER)[-1])[:2] == ("published", later(8))
    assert released["complete"].value == 100
    assert released["fresh"].value == 2 * 3600
    with open_shop(shop, later(9)) as plane:
        assert {status.objective: status.state for status in plane.sla_status(later(7))} == {
            name: status.state for name, status in held.items()
        }


def test_a_failed_run_is_a_fact_that_refreshes_nothing(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.flush(later(0))
    run(shop, 0, ("cdc_customers", "customers"))
    (shop / "pipelines/silver/customers.sql").write_text("SELECT no_such_column FROM bronze.cdc_customers", encoding="utf-8")
    feed.customer("u", 1, at=later(1))
    feed.flush(later(1))
    with open_shop(shop, later(1)) as plane:
        plane.run("cdc_customers")
        with pytest.raises(ControlPlaneError):
            plane.run("customers")
    assert told(facts(shop, "silver.customers")[-1]) == ("failed", later(1), None)


def test_every_past_minute_gives_the_answer_it_gave_then(shop: Path) -> None:
    feed, live = Feed(shop), {}
    feed.customer("c", 1)
    for step in range(4):
        orders(feed, range(step * 10, step * 10 + 10), status="teleported" if step == 2 else "placed", at=later(step))
        if step == 1:
            feed.raw("orders", "this is no change event")
        feed.flush(later(step))
        run(shop, step + 0.25)
        for minutes in (16, 40, 74):
            with open_shop(shop, later(step + minutes / 60)) as plane:
                live[later(step + minutes / 60)] = plane.sla_status()
    with open_shop(shop, later(200)) as plane:
        assert {at: plane.sla_status(at) for at in live} == live
    assert len({status.state for states in live.values() for status in states}) >= 3


def test_a_pause_of_the_plane_costs_the_slices_that_were_lost_and_no_more(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    orders(feed, range(1, 11))
    feed.flush(later(0))
    run(shop, 0)
    orders(feed, range(11, 13), at=later(11))
    feed.flush(later(11))
    after = by_name(run(shop, 12))["fresh"]
    assert after.budget is not None
    assert after.budget.spent == 6 * 60 - 1, "from 18:00 on it was too old; at midnight newer data had come"
    assert after.value == 3600


def test_states_are_stored_and_since_stays(shop: Path) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    orders(feed, range(1, 11))
    feed.flush(later(0))
    run(shop, 0)
    run(shop, 1)
    with open_shop(shop, later(2)) as plane:
        assert plane.evaluate().judged == 4
        board = plane.sla_board(consumer="operations")
        assert [status.since for status in board.rows if status.state is PromiseState.KEPT] == [NOON] * 3
        assert (board.total, board.evaluated_at) == (3, later(2))
        assert plane.sla_board(state=PromiseState.NOT_APPLICABLE).total == 1


def test_own_rows_are_as_new_as_their_publication_and_wrong_ones_are_counted(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "own")
    contract = (folder / "visits.odcs.yaml").read_text(encoding="utf-8")
    (folder / "visits.odcs.yaml").write_text(contract.replace("severity: error", "severity: warning"), encoding="utf-8")
    (folder / "slas.yaml").write_text(SLAS.replace("silver.orders", "silver.visits"), encoding="utf-8")
    project = (folder / "controlplane.yaml").read_text(encoding="utf-8")
    (folder / "controlplane.yaml").write_text(project + "promises: slas.yaml\n", encoding="utf-8")
    with open_project(folder) as plane:
        for rows in (batch("good", rows=997), batch("bad", pages=0, rows=3)):
            with plane.govern("silver.visits", job="visits") as run:
                run.append(rows)
            assert run.outcome == "published"
        found = by_name(plane.evaluate().states)
    assert (found["fresh"].value, found["complete"].value_basis) == (0, "of 1,000 expected")
    assert (found["right"].state, found["right"].value) == (PromiseState.BROKEN, Decimal("99.7"))


def test_promises_that_cannot_be_kept_stop_the_project_with_file_and_line(shop: Path) -> None:
    (shop / "slas.yaml").write_text(
        SLAS.replace("[silver.orders]", "[silver.oders]").replace("within: PT6H", "within: PT1M"), encoding="utf-8"
    )
    with pytest.raises(PromisesInvalidError, match=r"slas\.yaml:5: .*did you mean 'silver\.orders'"), open_shop(shop):
        pass


def test_a_moment_needs_a_time_zone(shop: Path) -> None:
    with open_shop(shop) as plane, pytest.raises(ConfigurationError, match="has no time zone"):
        plane.sla_status(datetime(2017, 10, 9, 12))  # noqa: DTZ001 (that is the mistake)


def test_without_promises_nothing_is_judged(shop: Path) -> None:
    text = (shop / "controlplane.yaml").read_text(encoding="utf-8")
    (shop / "controlplane.yaml").write_text(text.replace("promises: slas.yaml\n", ""), encoding="utf-8")
    with open_shop(shop) as plane:
        assert plane.sla_status() == ()
        assert plane.evaluate().judged == 0


def test_the_command_prints_the_documented_document_and_ends_with_what_it_found(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*arguments: str) -> tuple[int, str]:
        code = main(["sla", "status", "--project", str(shop), *arguments])
        found = capsys.readouterr()
        return code, found.out + found.err

    feed = Feed(shop)
    feed.customer("c", 1)
    orders(feed, range(1, 11))
    feed.flush(later(0))
    run(shop, 0)
    code, out = command("--at", "2017-10-09T13:00:00", "--format", "json")
    document = json.loads(out)
    assert list(package_schema("sla_status.schema.json").errors(document)) == []
    assert code == 0
    assert {entry["objective"]: entry["state"] for entry in document["objectives"]} == {
        "fresh": "kept", "complete": "kept", "right": "kept", "quick": "not_applicable",
    }  # fmt: skip
    code, out = command("--at", "2017-10-09T20:00:00+02:01", "--promise", "ops")
    assert (code, out.splitlines()[1].split()[0]) == (0, "kept")
    code, out = command("--at", "2017-10-09T20:01:00", "--consumer", "operations")
    assert (code, out.splitlines()[1].split()[0]) == (1, "broken")
    assert "ops.fresh silver.orders: data is 8 h 1 min old, 6 h are allowed" in out
    assert command("--consumer", "bi")[0] == 0
    code, out = command("--promise", "opps")
    assert code == 2
    assert "there is no promise 'opps'; known are ops, queries" in out
