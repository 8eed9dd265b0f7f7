"""One plane, several threads, as ``serve`` has it: two pipelines carried at once while pages read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.gate.model import RunState
from tests.integration.shop import Feed, make_shop, open_shop, rows_of

ROUNDS = 2
EACH = 6


@contextmanager
def beside(*actions: Callable[[], object]) -> Iterator[list[BaseException]]:
    """Run actions again and again in threads of their own until the block ends; yields what they raised."""
    over, raised = threading.Event(), list[BaseException]()

    def again(action: Callable[[], object]) -> None:
        while not over.wait(0.02):
            try:
                action()
            except Exception as error:  # noqa: BLE001 (whatever it is, the test shows it)
                raised.append(error)
                return

    threads = [threading.Thread(target=again, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    try:
        yield raised
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_one_plane_serves_several_threads(tmp_path: Path) -> None:
    folder = make_shop(tmp_path / "shop")
    feed = Feed(folder)
    states: list[str] = []
    with open_shop(folder) as plane:

        def carry(*pipelines: str) -> None:
            states.extend(plane.run(pipeline).state for pipeline in pipelines)

        def fed(number: int) -> None:
            for row in range(number * EACH, (number + 1) * EACH):
                feed.customer("c", row)
                feed.order("c", row, row)
            feed.flush()

        fed(0)
        carry("cdc_customers", "cdc_orders", "customers", "orders")
        for number in range(1, ROUNDS):
            fed(number)  # before anybody reads: a source moves its manifest into place, this one writes it
            with beside(plane.datasets, plane.health, lambda: plane.check("silver.customers")) as raised:
                lanes = [
                    threading.Thread(target=carry, args=names) for names in (("cdc_customers", "customers"), ("cdc_orders",))
                ]
                for lane in lanes:
                    lane.start()
                for lane in lanes:
                    lane.join()
                carry("orders")
            assert raised == []
        assert set(states) == {RunState.PUBLISHED.value}
        assert len(states) == 4 * ROUNDS
        assert len(rows_of(plane, "silver.orders")) == ROUNDS * EACH
