"""Promises on a real shop: what runs say, what follows from it, and that a past minute gives the same answer again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

import controlplane
from controlplane.cli import main
from controlplane.kernel.clock import ReplayClock
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


@dataclass
class Shop:
    """A shop whose plane stays open while its clock is set."""

    folder: Path
    clock: ReplayClock
    plane: controlplane.Plane
    feed: Feed

    def at(self, hours: float) -> controlplane.Plane:
        """Set the clock; return the plane."""
        self.clock.instant = later(hours)
        return self.plane

    def run(self, hours: float, pipelines: Sequence[str] = LINE) -> dict[str, ObjectiveStatus]:
        """Run pipelines at a time, then judge all promises; return where they stand by objective."""
        plane = self.at(hours)
        for pipeline in pipelines:
            plane.run(pipeline)
        return by_name(plane.evaluate().states)

    def facts(self, dataset: str) -> list[Fact]:
        return list(self.plane.ports.service_levels.facts(dataset, later(-99), later(99)))

    def orders(self, numbers: range, **changed: object) -> None:
        """Queue new orders of one customer."""
        for number in numbers:
            self.feed.order("c", number, 1, **changed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_shop(tmp_path / "shop")
    (made / "slas.yaml").write_text(SLAS, encoding="utf-8")
    return made


@pytest.fixture
def shop(folder: Path) -> Iterator[Shop]:
    clock = ReplayClock(NOON)
    with controlplane.open(folder, clock=clock) as plane:
        found = Shop(folder, clock, plane, Feed(folder))
        found.feed.customer("c", 1)
        yield found


def by_name(states: Sequence[ObjectiveStatus]) -> dict[str, ObjectiveStatus]:
    return {status.objective: status for status in states}


def told(fact: Fact) -> tuple[str, datetime, datetime | None]:
    return fact.state, fact.at, fact.watermark


def test_runs_say_how_far_readers_see_and_what_became_of_rows(shop: Shop) -> None:
    shop.orders(range(1, 11))
    shop.feed.order("c", 99, 77)
    shop.feed.raw("orders", "this is no change event")
    shop.feed.flush(later(-1))
    shop.run(0)
    (landed,), (published,) = shop.facts(BRONZE), shop.facts(SILVER)
    assert told(landed) == told(published) == ("published", NOON, later(-1))
    assert (landed.offered, landed.dead_lettered, landed.published) == (12, 1, 11)
    assert (published.offered, published.waiting, published.published) == (11, 1, 10)
    shop.feed.flush(later(1))
    shop.run(1)
    for dataset in (BRONZE, SILVER):
        assert told(shop.facts(dataset)[-1]) == ("nothing_new", later(1), later(1)), "a heartbeat without rows counts"
    shop.run(2)
    assert len(shop.facts(BRONZE)) == 2, "the sources have said nothing since"


def test_a_watermark_is_only_as_new_as_the_oldest_input_that_is_not_only_looked_up(shop: Shop) -> None:
    shop.orders(range(1, 4))
    shop.feed.flush(later(-1))
    shop.run(0, ("cdc_customers", "cdc_orders", "customers", "orders", "fact_orders"))
    shop.orders(range(4, 6))
    shop.feed.flush(later(2))
    shop.run(3, ("cdc_orders", "orders", "fact_orders"))
    known = shop.plane.ports.service_levels.watermarks([SILVER, "silver.customers", "gold.fact_orders"])
    assert dict(known) == {SILVER: later(2), "silver.customers": later(-1)}, "of order items nobody has said anything"


def test_a_source_ahead_of_the_clock_is_believed_up_to_now(shop: Shop) -> None:
    shop.feed.flush(later(500))
    shop.run(0, ("cdc_customers",))
    assert shop.facts("bronze.cdc_customers")[0].watermark == NOON


def test_a_held_batch_neither_refreshes_nor_is_complete_until_it_is_released(shop: Shop) -> None:
    shop.orders(range(1, 21))
    shop.feed.flush(later(0))
    good = shop.run(0)
    assert {name: status.state for name, status in good.items()} == {
        "fresh": PromiseState.KEPT, "complete": PromiseState.KEPT, "right": PromiseState.KEPT, "quick": PromiseState.NOT_APPLICABLE,
    }  # fmt: skip
    shop.orders(range(21, 31), status="teleported", at=later(6))
    shop.feed.flush(later(6))
    held = shop.run(7)
    assert told(shop.facts(SILVER)[-1]) == ("held", later(7), None)
    assert (held["fresh"].state, held["fresh"].value) == (PromiseState.BROKEN, Decimal(7 * 3600))
    assert (held["complete"].state, held["complete"].value_basis) == (PromiseState.BROKEN, "of 30 expected")
    assert held["complete"].budget is not None
    assert held["complete"].budget.spent == 10
    plane = shop.at(8)
    plane.release(str(plane.held()[0].run_id), "checked by hand")
    released = by_name(plane.evaluate().states)
    assert told(shop.facts(SILVER)[-1])[:2] == ("published", later(8))
    assert released["complete"].value == 100
    assert released["fresh"].value == 2 * 3600
    then = by_name(shop.at(9).sla_status(later(7)))
    assert {name: status.state for name, status in then.items()} == {name: status.state for name, status in held.items()}


def test_a_failed_run_is_a_fact_that_refreshes_nothing(shop: Shop) -> None:
    shop.feed.flush(later(0))
    shop.run(0, ("cdc_customers", "customers"))
    (shop.folder / "pipelines/silver/customers.sql").write_text(
        "SELECT no_such_column FROM bronze.cdc_customers", encoding="utf-8"
    )
    shop.feed.customer("u", 1, at=later(1))
    shop.feed.flush(later(1))
    with open_shop(shop.folder, later(1)) as plane:
        plane.run("cdc_customers")
        with pytest.raises(ControlPlaneError):
            plane.run("customers")
    assert told(shop.facts("silver.customers")[-1]) == ("failed", later(1), None)


def test_every_past_minute_gives_the_answer_it_gave_then(shop: Shop) -> None:
    live = {}
    for step in range(4):
        shop.orders(range(step * 10, step * 10 + 10), status="teleported" if step == 2 else "placed", at=later(step))
        if step == 1:
            shop.feed.raw("orders", "this is no change event")
        shop.feed.flush(later(step))
        shop.run(step + 0.25)
        for minute in range(16, 75, 4):
            at = later(step + minute / 60)
            live[at] = shop.at(step + minute / 60).sla_status()
    plane = shop.at(200)
    assert {at: plane.sla_status(at) for at in live} == live
    with open_shop(shop.folder, later(200)) as another:
        assert {at: another.sla_status(at) for at in live} == live
    assert len({status.state for states in live.values() for status in states}) >= 3


def test_a_pause_of_the_plane_costs_the_slices_that_were_lost_and_no_more(shop: Shop) -> None:
    shop.orders(range(1, 11))
    shop.feed.flush(later(0))
    shop.run(0)
    shop.orders(range(11, 13), at=later(11))
    shop.feed.flush(later(11))
    after = shop.run(12)["fresh"]
    assert after.budget is not None
    assert after.budget.spent == 6 * 60 - 1, "from 18:00 on it was too old; at midnight newer data had come"
    assert after.value == 3600


def test_states_are_stored_and_since_stays(shop: Shop) -> None:
    shop.orders(range(1, 11))
    shop.feed.flush(later(0))
    shop.run(0)
    assert shop.at(2).evaluate().judged == 4
    board = shop.plane.sla_board(consumer="operations")
    assert [status.since for status in board.rows if status.state is PromiseState.KEPT] == [NOON] * 3
    assert (board.total, board.evaluated_at) == (3, later(2))
    assert shop.plane.sla_board(state=PromiseState.NOT_APPLICABLE).total == 1


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


def test_promises_that_cannot_be_kept_stop_the_project_with_file_and_line(folder: Path) -> None:
    (folder / "slas.yaml").write_text(
        SLAS.replace("[silver.orders]", "[silver.oders]").replace("within: PT6H", "within: PT1M"), encoding="utf-8"
    )
    with pytest.raises(PromisesInvalidError, match=r"slas\.yaml:5: .*did you mean 'silver\.orders'"), open_shop(folder):
        pass


def test_a_moment_needs_a_time_zone(folder: Path) -> None:
    with open_shop(folder) as plane, pytest.raises(ConfigurationError, match="has no time zone"):
        plane.sla_status(datetime(2017, 10, 9, 12))  # noqa: DTZ001 (that is the mistake)


def test_without_promises_nothing_is_judged(folder: Path) -> None:
    text = (folder / "controlplane.yaml").read_text(encoding="utf-8")
    (folder / "controlplane.yaml").write_text(text.replace("promises: slas.yaml\n", ""), encoding="utf-8")
    with open_shop(folder) as plane:
        assert plane.sla_status() == ()
        assert plane.evaluate().judged == 0


def test_the_command_prints_the_documented_document_and_ends_with_what_it_found(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def command(*arguments: str) -> tuple[int, str]:
        code = main(["sla", "status", "--project", str(shop.folder), *arguments])
        found = capsys.readouterr()
        return code, found.out + found.err

    shop.orders(range(1, 11))
    shop.feed.flush(later(0))
    shop.run(0)
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


def test_a_broken_promise_raises_an_alert_that_newer_data_resolves(shop: Shop) -> None:
    shop.orders(range(1, 11))
    shop.feed.flush(later(0))
    shop.run(0)
    shop.at(7).evaluate()
    (alert,) = [alert for alert in shop.plane.alerts(state="open").alerts if alert.kind == "sla_breach"]
    assert dict(alert.labels) == {"kind": "sla_breach", "dataset": SILVER, "promise": "ops", "objective": "fresh"}
    shop.orders(range(11, 21), at=later(7.5))
    shop.feed.flush(later(8))
    shop.run(8)
    assert [alert for alert in shop.plane.alerts(state="open").alerts if alert.kind == "sla_breach"] == []
