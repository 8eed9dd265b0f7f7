"""Alerts of pipelines: one that cannot run is told, one that runs again has recovered, and a backfill tells nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane import Plane
from controlplane.kernel.errors import CatalogUnavailableError, UnavailableError
from tests.integration.shop import NOON, Feed, make_shop, open_shop

SPAN = {"since": NOON - timedelta(days=1), "until": NOON + timedelta(days=1)}


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[Plane]:
    folder = make_shop(tmp_path / "shop")
    feed = Feed(folder)
    feed.customer("c", 1)
    feed.order("c", 1, 1)
    feed.flush(NOON)
    with open_shop(folder, NOON) as opened:
        for name in ("cdc_customers", "customers", "cdc_orders"):
            assert opened.run(name).state == "published"
        yield opened


def without(plane: Plane, method: str) -> Plane:
    """Return the plane with a catalog that gives no answer to one question."""

    def fail(*_: object, **__: object) -> object:
        message = "the catalog does not answer"
        raise CatalogUnavailableError(message)

    class Writer:
        def __getattr__(self, name: str) -> object:
            return fail if name == method else getattr(plane.ports.writer, name)

    return Plane(replace(plane.ports, writer=Writer()))  # type: ignore[arg-type]


def open_alerts(plane: Plane) -> list[tuple[str, str, str]]:
    return [(alert.kind.value, alert.dataset or "", alert.state.value) for alert in plane.alerts(state="open").alerts]


def test_what_a_run_wrote_is_recorded_as_its_cost(plane: Plane) -> None:
    report = plane.run("orders")
    assert report.run_id is not None
    orders = plane.ports.platform.governed("silver.orders").id
    head = plane.ports.reader.head(orders)
    assert head is not None
    cost, before = plane.ports.alerts.costs(orders, report.run_id, 14)
    assert cost.bytes_written == sum(file.size_bytes for file in head.files)
    assert cost.bytes_written
    assert not before


@pytest.mark.parametrize("method", ["ensure", "commit"])
def test_a_pipeline_that_cannot_run_is_told_at_once_whether_or_not_it_was_planned(plane: Plane, method: str) -> None:
    with pytest.raises(UnavailableError):
        without(plane, method).run("orders")
    assert open_alerts(plane) == [("pipeline_failure", "silver.orders", "firing")]
    (alert,) = plane.alerts().alerts
    assert "gold.fact_orders" in alert.annotations["hits"]
    assert alert.summary == "orders failed: the catalog does not answer"
    assert plane.run("orders").state == "published"
    assert open_alerts(plane) == []


def test_a_run_with_nothing_to_do_shows_that_the_pipeline_works_again(plane: Plane) -> None:
    plane.run("orders")
    with pytest.raises(UnavailableError):
        without(plane, "ensure").run("orders")
    assert len(open_alerts(plane)) == 1
    assert plane.run("orders").state == "nothing_new"
    assert open_alerts(plane) == []


@pytest.mark.parametrize("method", ["ensure", "commit"])
def test_a_backfill_that_fails_tells_nobody(plane: Plane, method: str) -> None:
    plane.run("orders")
    with pytest.raises(UnavailableError):
        without(plane, method).run("orders", **SPAN)
    assert plane.alerts().total == 0
