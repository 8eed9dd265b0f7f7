"""Two workers carry different pipelines of one project at the same time: nobody gets in the other's way, no row is lost."""

from __future__ import annotations

import multiprocessing
import multiprocessing.queues
import multiprocessing.synchronize
from collections import Counter
from pathlib import Path

import pytest

import controlplane
from controlplane.kernel.clock import ReplayClock
from controlplane.kernel.errors import ControlPlaneError
from tests.integration.shop import NOON, Feed, later, make_shop, open_shop, rows_of

HOURS = 2
CUSTOMERS = 6
WAVES = (
    (("cdc_customers", "cdc_order_items"), ("cdc_orders", "cdc_products")),
    (("customers",), ("products",)),
    (("orders",), ("dim_customer", "dim_product")),
)


def work(
    folder: str, worker: int, barrier: multiprocessing.synchronize.Barrier, failures: multiprocessing.queues.Queue[str]
) -> None:
    """Run one worker's pipelines of each wave at each hour; waves begin together, and the first worker feeds the shop."""
    feed, clock = Feed(Path(folder)), ReplayClock(NOON)
    with controlplane.open(folder, clock=clock) as plane:
        for hour in range(HOURS):
            clock.instant = later(hour)
            if worker == 0:
                deliver(feed, hour)
            for wave in WAVES:
                barrier.wait(60)
                for name in wave[worker]:
                    try:
                        plane.run(name)
                    except ControlPlaneError as error:
                        failures.put(f"{name} at {hour}: {error}")


def deliver(feed: Feed, hour: int) -> None:
    """Write what happened by that hour: at first everybody signs up and orders, then one customer moves and pays each hour."""
    for number in range(1, CUSTOMERS + 1) if hour == 0 else ():
        feed.customer("c", number)
        feed.order("c", number, number)
    if hour:
        feed.customer("u", hour, later(hour), postcode="45299")
        feed.order("u", hour, hour, later(hour), status="paid")
    feed.flush(later(hour))


@pytest.mark.timeout(300)
def test_different_pipelines_of_one_project_run_in_two_processes(tmp_path: Path) -> None:
    folder = make_shop(tmp_path / "shop")
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(2), context.Queue()
    workers = [context.Process(target=work, args=(str(folder), worker, barrier, failures)) for worker in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert failures.empty(), failures.get()
    with open_shop(folder, later(HOURS)) as plane:
        states = Counter(run.state.value for run in plane.runs(limit=1_000))
        orders, customers = rows_of(plane, "silver.orders"), rows_of(plane, "silver.customers")
    assert set(states) <= {"published", "nothing_new"}, states
    assert sorted(str(row["order_id"]) for row in orders) == [str(number) for number in range(1, CUSTOMERS + 1)]
    assert sum(row["status"] == "paid" for row in orders) == HOURS - 1
    assert sum(bool(row["is_current"]) for row in customers) == CUSTOMERS
    assert len(customers) == CUSTOMERS + HOURS - 1
