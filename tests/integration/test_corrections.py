"""A batch with a mistake is held; when the source corrects it, the next batch passes by itself and nobody has seen the mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import controlplane
from tests.integration.shop import Feed, make_shop, open_shop, rows_of

AMOUNT = "silver.orders.amount.amount_range"
DRIFT = "bronze.cdc_customers.payload_known"
UPSTREAM = ("cdc_customers", "customers", "cdc_orders", "orders")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


@pytest.fixture
def plane(shop: Path) -> Iterator[controlplane.Plane]:
    with open_shop(shop) as opened:
        yield opened


def run(plane: controlplane.Plane) -> controlplane.RunReport:
    return [plane.run(name) for name in UPSTREAM][-1]


def result(report: controlplane.RunReport, check_id: str) -> tuple[str, int | None, str]:
    found = next(one for one in report.results if one.check_id == check_id)
    return found.outcome, found.rows_failed, found.reason


def amounts(plane: controlplane.Plane) -> dict[object, str]:
    return {row["order_id"]: str(row["amount"]) for row in rows_of(plane, "silver.orders")}


def test_a_correction_releases_what_was_held_without_anybody(shop: Path, plane: controlplane.Plane) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.order("c", 10, 1, amount="5.00")
    feed.flush()
    assert run(plane).state == "published"

    feed.order("c", 11, 1, amount="-7.00")
    feed.order("u", 11, 1, amount="-7.00", status="paid")
    feed.order("c", 12, 1, amount="9.00")
    feed.flush()
    held = run(plane)
    assert held.state == "held"
    assert result(held, AMOUNT)[:2] == ("failed", 2)
    assert amounts(plane) == {10: "5.00"}

    feed.order("u", 11, 1, amount="7.00", status="paid")
    feed.flush()
    corrected = run(plane)
    assert corrected.state == "published"
    assert result(corrected, AMOUNT) == (
        "passed",
        2,
        "0 of 4 rows have amount < 0; 0 allowed (2 set aside); 2 of 4 rows were corrected by a newer row of the same batch",
    )
    assert amounts(plane) == {10: "5.00", 11: "7.00", 12: "9.00"}
    assert plane.report(str(held.run_id)).state == "superseded"
    assert plane.quarantined("silver.orders") == []
    assert dict(corrected.balance) | {"dead_lettered": 0} == {
        "offered": 4, "passed": 2, "superseded": 0, "quarantined": 2, "waiting": 0, "dead_lettered": 0, "duplicates": 0,
    }  # fmt: skip


def test_what_is_not_corrected_is_still_held(shop: Path, plane: controlplane.Plane) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.order("c", 10, 1, amount="-5.00")
    feed.order("c", 11, 1, amount="-6.00")
    feed.order("u", 11, 1, amount="6.00")
    feed.flush()
    held = run(plane)
    assert held.state == "held"
    assert result(held, AMOUNT)[0] == "failed"
    assert "1 of 3 rows" in result(held, AMOUNT)[2]


def test_a_later_mistake_is_no_correction(shop: Path, plane: controlplane.Plane) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.order("c", 10, 1, amount="5.00")
    feed.order("u", 10, 1, amount="-5.00")
    feed.flush()
    assert run(plane).state == "held"


def test_a_delete_mends_a_mistake_too(shop: Path, plane: controlplane.Plane) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.order("c", 10, 1, amount="-5.00")
    feed.order("d", 10, 1)
    feed.order("c", 11, 1, amount="6.00")
    feed.flush()
    assert run(plane).state == "published"
    assert amounts(plane) == {11: "6.00"}


def test_a_new_column_is_told_and_holds_nothing_back(shop: Path, plane: controlplane.Plane) -> None:
    feed = Feed(shop)
    feed.customer("c", 1)
    feed.customer("c", 2, loyalty_tier="gold")
    feed.flush()
    drifted = plane.run("cdc_customers")
    assert drifted.state == "published"
    assert result(drifted, DRIFT) == (
        "failed",
        1,
        "1 column of after is not in the contract: loyalty_tier (1 of 2 rows); 0 allowed",
    )
    assert plane.run("customers").state == "published"

    feed.customer("u", 2)
    feed.flush()
    assert result(plane.run("cdc_customers"), DRIFT)[0] == "passed"
    seen = next(one for one in plane.check("bronze.cdc_customers").results if one.check_id == DRIFT)
    assert (seen.outcome, seen.rows_total, seen.rows_failed) == ("failed", 3, 1)
