"""Backfill: rows of a span are read once more, only what must change changes, and it says so when it cannot."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.kernel.errors import ConfigurationError
from tests.e2e.command import run_command
from tests.integration.shop import NOON, Feed, make_shop, open_shop, rows_of

DAY = timedelta(days=1)
SPAN = {"since": datetime(2017, 10, 9, tzinfo=UTC), "until": datetime(2017, 10, 10, tzinfo=UTC)}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a shop with three customers, of whom one changed on the second day."""
    folder = make_shop(tmp_path / "shop")
    feed = Feed(folder)
    for number in (1, 2):
        feed.customer("c", number)
        feed.order("c", number, number)
    feed.customer("c", 3, NOON + DAY)
    feed.order("c", 3, 3, NOON + DAY)
    feed.flush(NOON + DAY)
    with open_shop(folder, NOON + DAY) as plane:
        for name in ("cdc_customers", "cdc_orders", "customers", "orders"):
            assert plane.run(name).state == "published"
    return folder


def test_rows_of_the_span_are_offered_again_and_change_nothing(shop: Path) -> None:
    with open_shop(shop, NOON + 2 * DAY) as plane:
        before = rows_of(plane, "silver.orders")
        report = plane.run("silver.orders", **SPAN)
        assert report.state == "published"
        assert report.balance["offered"] == 2
        assert rows_of(plane, "silver.orders") == before
        assert plane.run("silver.orders").state == "nothing_new"


def test_a_changed_select_moves_only_the_rows_of_the_span(shop: Path) -> None:
    sql = shop / "pipelines/silver/orders.sql"
    text = sql.read_text()
    status = "get_json_object(e.after, '$.status')"
    assert status in text
    sql.write_text(text.replace(status, "'shipped'"))
    with open_shop(shop, NOON + 2 * DAY) as plane:
        plane.run("silver.orders", **SPAN)
        states = {row["order_id"]: row["status"] for row in rows_of(plane, "silver.orders")}
    assert states == {1: "shipped", 2: "shipped", 3: "placed"}


def test_new_rows_come_along_once(shop: Path) -> None:
    feed = Feed(shop, lsn=5000, offsets={"orders": 100}, files=50)
    feed.order("c", 4, 1)
    feed.order("c", 5, 1, NOON + DAY)
    feed.flush(NOON + 2 * DAY)
    with open_shop(shop, NOON + 2 * DAY) as plane:
        plane.run("cdc_orders")
        report = plane.run("silver.orders", **SPAN)
        assert report.balance["offered"] == 4
        assert sorted(row["order_id"] for row in rows_of(plane, "silver.orders")) == [1, 2, 3, 4, 5]
        assert plane.run("silver.orders").state == "nothing_new"


@pytest.mark.parametrize(
    ("name", "span", "sentence"),
    [
        ("bronze.cdc_orders", SPAN, "read once; backfill the datasets made from it"),
        ("silver.orders", {"since": SPAN["until"], "until": SPAN["since"]}, "nothing lies between"),
        ("silver.orders", {"since": SPAN["since"]}, "both ends"),
        ("silver.orders", {name: moment.replace(tzinfo=None) for name, moment in SPAN.items()}, "with their offset"),
    ],
    ids=["bronze", "backwards", "one end", "no zone"],
)
def test_what_cannot_be_backfilled_is_refused(shop: Path, name: str, span: dict[str, datetime], sentence: str) -> None:
    with open_shop(shop) as plane, pytest.raises(ConfigurationError, match=sentence):
        plane.run(name, **span)


def test_an_input_without_event_time_is_refused_by_name(shop: Path) -> None:
    contract = shop / "pipelines/contracts/bronze/cdc_orders.odcs.yaml"
    contract.write_text(contract.read_text().replace("element: cdc_orders.source_ts", "element: cdc_orders"))
    with open_shop(shop) as plane, pytest.raises(ConfigurationError, match=r"cdc_orders\.odcs\.yaml.*when its rows happened"):
        plane.run("silver.orders", **SPAN)


def test_only_the_touched_partitions_of_a_whole_result_change(shop: Path) -> None:
    contract = shop / "pipelines/contracts/gold/dim_date.odcs.yaml"
    contract.write_text(contract.read_text().replace("{mode: overwrite}", "{mode: overwrite, partition: [calendar_date]}"))
    with open_shop(shop, NOON + 2 * DAY) as plane:
        plane.run("dim_date")
        before = {row["calendar_date"]: row for row in rows_of(plane, "gold.dim_date")}
    sql = shop / "pipelines/gold/dim_date.sql"
    text = sql.read_text()
    assert "dayofweek(d.calendar_date)" in text
    sql.write_text(text.replace("dayofweek(d.calendar_date)", "8 - dayofweek(d.calendar_date)"))
    with open_shop(shop, NOON + 2 * DAY) as plane:
        report = plane.run("dim_date", **SPAN)
        after = {row["calendar_date"]: row for row in rows_of(plane, "gold.dim_date")}
    assert set(after) == set(before) == {date(2017, 10, 9), date(2017, 10, 10)}
    assert {day for day in before if after[day] != before[day]} == {date(2017, 10, 9)}
    assert (report.balance["passed"], report.balance["superseded"]) == (1, 1)


def test_the_command_takes_days_and_needs_names(shop: Path) -> None:
    done = run_command("run", "gold.dim_date", "--from", "2017-10-09", "--to", "2017-10-10", folder=shop)
    assert done.code == 0, done.errors
    refused = run_command("run", "--from", "2017-10-09", "--to", "2017-10-10", folder=shop)
    assert refused.code == 2
    assert "names of its datasets" in refused.errors
    unread = run_command("run", "gold.dim_date", "--from", "soon", "--to", "2017-10-10", folder=shop)
    assert unread.code == 2
    assert "is no day or time" in unread.errors
