"""The demo's own decisions: what runs when, what waits for what, what is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import controlplane
from pipelines.demo.lineage import Job, downstream, heights, ingesting
from pipelines.demo.schedule import FIVE_MINUTES, schedule
from pipelines.demo.tally import Tally
from pipelines.faults import faults_of

START = datetime(2017, 10, 9, tzinfo=UTC)
STEP = timedelta(hours=4)
STEPS = [START + STEP * number for number in range(1, 85)]


def job(name: str, topic: str | None = None, reads: str = "", also: str = "") -> Job:
    return Job(name, topic, frozenset(reads.split()), frozenset(f"{reads} {also}".split()))


JOBS = (
    job("cdc_customers", "cdc.public.customers"),
    job("cdc_orders", "cdc.public.orders"),
    job("cdc_order_items", "cdc.public.order_items"),
    job("cdc_products", "cdc.public.products"),
    job("customers", reads="cdc_customers"),
    job("products", reads="cdc_products"),
    job("orders", reads="cdc_orders", also="customers"),
    job("order_items", reads="cdc_order_items", also="orders products"),
    job("fact", reads="orders order_items customers"),
)


def test_downstream_is_what_is_fed_and_parents_of_checks_do_not_feed() -> None:
    assert downstream(JOBS, ["cdc_customers"]) == ("customers", "fact")
    assert downstream(JOBS, ["cdc_orders"]) == ("orders", "fact")
    assert ingesting(JOBS, {"cdc.public.orders", "none"}) == ("cdc_orders",)


def test_what_has_most_behind_it_is_highest() -> None:
    found = heights(JOBS)
    assert found["cdc_customers"] == 4
    assert found["cdc_order_items"] == 2
    assert found["fact"] == 0


def test_everything_runs_at_every_step() -> None:
    ticks = {tick.at: tick.pipelines for tick in schedule(STEPS, [], JOBS)}
    assert list(ticks) == STEPS
    assert set(ticks.values()) == {tuple(one.name for one in JOBS)}


def test_around_a_fault_its_topics_are_ingested_every_five_minutes_and_the_rest_hourly() -> None:
    outage = faults_of(START)[0]
    ticks = {tick.at: tick.pipelines for tick in schedule(STEPS, [outage], JOBS)}
    at = outage.starts + FIVE_MINUTES
    while at < outage.ends:
        hourly = ("orders", "order_items", "fact") if at.minute == 0 else ()
        assert ticks[at] == ("cdc_orders", "cdc_order_items", *hourly)
        at += FIVE_MINUTES
    assert ticks[outage.starts] == tuple(one.name for one in JOBS)
    assert outage.ends in ticks
    assert outage.ends + FIVE_MINUTES not in ticks


def test_a_fault_that_is_seen_in_silver_runs_silver_with_every_ingestion() -> None:
    deploy = faults_of(START)[1]
    ticks = {tick.at: tick.pipelines for tick in schedule(STEPS, [deploy], JOBS)}
    assert ticks[deploy.starts] == ("cdc_orders", "orders")


def test_only_the_topics_concerned_deliver_between_the_steps() -> None:
    deploy = faults_of(START)[1]
    for tick in schedule(STEPS, [deploy], JOBS):
        assert tick.topics == (None if tick.at in STEPS else frozenset(deploy.topics))


def test_moments_are_in_order_and_none_stands_twice_or_behind_the_end() -> None:
    ticks = [tick.at for tick in schedule(STEPS[:38], faults_of(START), JOBS)]
    assert ticks == sorted(set(ticks))
    assert ticks[-1] == STEPS[37]


def report(state: str, run_id: str = "1", **more: int) -> controlplane.RunReport:
    return controlplane.RunReport(run_id=run_id, state=state, dataset="silver.orders", balance=more)  # type: ignore[arg-type]


def test_held_rows_are_offered_again_and_counted_once() -> None:
    tally = Tally()
    tally.add(START, report("held", "1", offered=5))
    tally.add(START + FIVE_MINUTES, report("held", "1", offered=5))
    tally.add(START + 2 * FIVE_MINUTES, report("held", "2", offered=7))
    tally.add(START + 3 * FIVE_MINUTES, report("published", "3", offered=9))
    assert tally.runs == {"held": 2, "published": 1}
    assert tally.balance["silver.orders"]["offered"] == 9
    assert [at for at, _ in tally.held["silver.orders"].values()] == [START, START + 2 * FIVE_MINUTES]


def test_a_failed_run_becomes_a_sentence() -> None:
    tally = Tally()
    tally.add(START, controlplane.RunReport.stopped("silver.orders", "the catalog does not answer"))
    assert tally.failed == ["silver.orders failed at 09 Oct 00:00: the catalog does not answer"]
