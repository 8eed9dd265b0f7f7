"""Garbage, gaps and outages: a clear sentence or a dead letter, the rest goes on, nothing is lost, readers keep what they had."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import controlplane
from controlplane.kernel.errors import CatalogUnavailableError, ControlPlaneError, UnavailableError
from controlplane.usecases.facade import Plane
from pii_policies.sealing import unseal_bytes
from tests.integration.shop import NOON, Feed, later, make_shop, open_shop, rows_of


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(make_shop(tmp_path / "project"))


@pytest.fixture
def plane(feed: Feed) -> Iterator[Plane]:
    with open_shop(feed.folder) as opened:
        yield opened


GARBAGE = {
    "{cut off": "is not a JSON document",
    "[1, 2]": "is not a JSON object",
    '"text"': "is not a JSON object",
    '{"partition": 0, "offset": 7}': "has no 'value'",
    '{"partition": "0", "offset": 7, "value": null}': "has no whole number 'partition'",
    '{"partition": 0, "offset": -1, "value": null}': "has no whole number 'offset'",
    '{"partition": 0, "offset": 7, "key": {}, "value": {"op": "c", "after": {}}}': "has no 'source' object",
    '{"partition": 0, "offset": 7, "key": {}, "value": {"op": "x", "after": {}, "source": {}}}': "has an 'op' that is not one of",
    '{"partition": 0, "offset": 7, "key": {}, "value": {"op": "c", "source": {}}}': "has no 'after' object",
    '{"partition": 0, "offset": 7, "key": {}, "value": {"op": "c", "after": {}, "source": {"ts_ms": 1}}}': "has no whole number 'lsn'",
    '{"partition": 0, "offset": 7, "key": {}, "value": {"op": "c", "after": {}, "source": {"lsn": 1, "ts_ms": 4102444800000}}}': "time in the future",
    '{"partition": 0, "offset": 7, "key": {}, "value": {"op": "c", "after": {}, "source": {"lsn": 1, "ts_ms": 9223372036854775807}}}': "time in the future",
}  # fmt: skip


def test_every_unreadable_line_is_a_dead_letter_with_its_reason_and_the_rest_goes_on(feed: Feed, plane: Plane) -> None:
    for line in GARBAGE:
        feed.raw("orders", line)
    feed.order("c", 1, 1)
    feed.flush()
    report = plane.run("cdc_orders")
    assert report.state == "published"
    assert report.balance == {
        "offered": len(GARBAGE) + 1, "passed": 1, "superseded": 0, "quarantined": 0, "waiting": 0,
        "dead_lettered": len(GARBAGE), "duplicates": 0,
    }  # fmt: skip
    dataset = plane.ports.platform.governed("bronze.cdc_orders").id
    letters = sorted(
        (letter for _, letter in plane.ports.dead_letters.open(dataset)),
        key=lambda letter: int(letter.position.rpartition(":")[2]),
    )
    assert [letter.position for letter in letters] == [
        f"cdc.public.orders/0001.jsonl:{line}" for line in range(1, len(GARBAGE) + 1)
    ]
    for letter, (line, reason) in zip(letters, GARBAGE.items(), strict=True):
        assert reason in letter.reason
        assert unseal_bytes(letter.sealed, key=plane.ports.seal.master(), row_id=letter.position) == line.encode()


def test_a_file_that_is_no_text_at_all_is_dead_lettered(feed: Feed, plane: Plane) -> None:
    topic = feed.folder / "state/landing/cdc.public.orders"
    (topic / "0000.jsonl").write_bytes(bytes(range(256)) * 40)
    feed.order("c", 1, 1)
    feed.flush()
    report = plane.run("cdc_orders")
    assert report.state == "published"
    assert report.balance["passed"] == 1
    assert report.balance["dead_lettered"] == report.balance["offered"] - 1 > 0


def test_a_truncated_file_that_is_delivered_whole_later_loses_nothing(feed: Feed, plane: Plane) -> None:
    for number in range(1, 6):
        feed.order("c", number, 1)
    feed.flush()
    file = feed.folder / "state/landing/cdc.public.orders/0001.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert plane.run("cdc_orders").balance["dead_lettered"] == 1
    file.write_bytes(whole)
    report = plane.run("cdc_orders")
    assert report.balance["passed"] + report.balance["duplicates"] == 5
    assert len(rows_of(plane, "bronze.cdc_orders")) == 5


def test_nothing_new_leaves_main_alone(feed: Feed, plane: Plane) -> None:
    feed.customer("c", 1)
    feed.flush()
    for pipeline in ("cdc_customers", "customers", "dim_customer"):
        first = plane.run(pipeline)
        again = plane.run(pipeline)
        assert (first.state, again.state) == ("published", "nothing_new")
        dataset = plane.ports.platform.governed(first.dataset).id
        head = plane.ports.reader.head(dataset)
        assert head is not None
        assert head.snapshot_id == first.snapshot_id


def test_a_value_that_does_not_cast_costs_its_row_not_the_batch(feed: Feed, plane: Plane) -> None:
    feed.customer("c", 1)
    feed.order("c", 1, 1)
    feed.order("c", 2, 1, amount="a lot")
    feed.flush()
    for pipeline in ("cdc_customers", "customers", "cdc_orders"):
        plane.run(pipeline)
    report = plane.run("orders")
    assert report.state == "held"
    assert "silver.orders.amount.type" in str(report.reason)
    assert "a lot" not in str(report.document())


def test_a_held_batch_is_not_read_and_its_release_is_in_the_audit_log(feed: Feed, plane: Plane) -> None:
    feed.customer("c", 1)
    for number in range(1, 4):
        feed.order("c", number, 1)
    feed.order("c", 4, 1, amount="-7.00")
    feed.flush()
    for pipeline in ("cdc_customers", "customers", "cdc_orders"):
        plane.run(pipeline)
    held = plane.run("orders")
    assert held.state == "held"
    assert "1 of 4 rows has amount < 0; 0 allowed" in str(held.reason)
    assert rows_of(plane, "silver.orders") == []
    assert plane.quarantined("silver.orders") == []
    assert plane.run("orders").state == "held", "the same batch is held again, not judged anew"
    with pytest.raises(ControlPlaneError, match="needs a --reason"):
        plane.release(str(held.run_id), " ")
    released = plane.release(str(held.run_id), "a refund, booked by hand")
    assert released.state == "published"
    assert [row["order_id"] for row in rows_of(plane, "silver.orders")] == [1, 2, 3]
    assert [aside.row.masked["order_id"] for aside in plane.quarantined("silver.orders")] == [4]
    entry = plane.ports.audit_log.entries(str(held.run_id))[0]
    assert (entry.verb, entry.reason, entry.before, entry.after) == (
        "hold.release",
        "a refund, booked by hand",
        "held",
        "published",
    )
    assert [result.check_id for result in released.results] == [result.check_id for result in held.results]


def test_a_batch_after_a_held_one_takes_its_rows_with_it(feed: Feed) -> None:
    feed.customer("c", 1)
    feed.order("c", 1, 1, amount="-7.00")
    feed.flush()
    with open_shop(feed.folder) as plane:
        for pipeline in ("cdc_customers", "customers", "cdc_orders"):
            plane.run(pipeline)
        held = plane.run("orders")
    feed.order("c", 2, 1, later(0.5))
    feed.flush(later(1))
    with open_shop(feed.folder, later(1)) as plane:
        plane.run("cdc_orders")
        after = plane.run("orders")
        assert after.state == "held", "the bad event is still in the batch, and nothing has corrected it"
        assert plane.report(str(held.run_id)).state == "superseded"
        assert len(plane.held()) == 1
    feed.order("u", 1, 1, later(1.5), amount="7.00")
    feed.flush(later(2))
    with open_shop(feed.folder, later(2)) as plane:
        plane.run("cdc_orders")
        corrected = plane.run("orders")
        assert (corrected.state, corrected.balance["quarantined"]) == ("published", 1)
        assert sorted(row["order_id"] for row in rows_of(plane, "silver.orders")) == [1, 2]
        assert not plane.held()


def test_a_retried_row_that_still_fails_goes_back_and_holds_nothing(feed: Feed, plane: Plane) -> None:
    feed.customer("c", 1, email="no address")
    for number in range(2, 9):
        feed.customer("c", number)
    feed.flush()
    plane.run("cdc_customers")
    assert plane.run("customers").balance["quarantined"] == 1
    assert plane.retry("silver.customers") == 1
    again = plane.run("customers")
    assert (again.state, again.balance["offered"], again.balance["quarantined"]) == ("published", 1, 1)
    assert len(plane.quarantined("silver.customers")) == 1


def test_a_waiting_row_is_set_aside_when_it_has_waited_long_enough(feed: Feed) -> None:
    feed.customer("c", 1)
    feed.order("c", 1, 99)
    feed.flush()
    with open_shop(feed.folder) as plane:
        for pipeline in ("cdc_customers", "customers", "cdc_orders"):
            plane.run(pipeline)
        assert plane.run("orders").balance["waiting"] == 1
        assert plane.run("orders").state == "nothing_new"
    with open_shop(feed.folder, later(5)) as plane:
        assert plane.run("orders").state == "nothing_new"
    with open_shop(feed.folder, later(6)) as plane:
        report = plane.run("orders")
        assert (report.state, report.balance["quarantined"], report.balance["waiting"]) == ("published", 1, 0)
        assert [aside.row.since for aside in plane.quarantined("silver.orders")] == [NOON]


def test_a_waiting_row_is_published_when_its_parent_comes(feed: Feed) -> None:
    feed.customer("c", 1)
    feed.order("c", 1, 2)
    feed.flush()
    with open_shop(feed.folder) as plane:
        for pipeline in ("cdc_customers", "customers", "cdc_orders", "orders"):
            plane.run(pipeline)
    feed.customer("c", 2, later(0.5))
    feed.flush(later(1))
    with open_shop(feed.folder, later(1)) as plane:
        for pipeline in ("cdc_customers", "customers"):
            plane.run(pipeline)
        report = plane.run("orders")
        assert report.balance["passed"] == 1
        assert [row["customer_id"] for row in rows_of(plane, "silver.orders")] == [2]
        assert plane.quarantined("silver.orders", waiting=True) == []


class Breaking:
    """A port whose one method fails as an outage would."""

    def __init__(self, port: object, method: str, error: Exception) -> None:
        self._port, self._method, self._error = port, method, error

    def __getattr__(self, name: str) -> Any:
        if name != self._method:
            return getattr(self._port, name)

        def broken(*_: object, **__: object) -> None:
            raise self._error

        return broken


@pytest.mark.parametrize(("method", "error"), [
    ("publish", CatalogUnavailableError("the catalog does not answer")), ("commit", OSError(28, "No space left on device")),
])  # fmt: skip
def test_an_outage_ends_the_run_failed_and_the_next_run_goes_on(
    feed: Feed, plane: Plane, method: str, error: Exception
) -> None:
    feed.customer("c", 1)
    feed.flush()
    plane.run("cdc_customers")
    harmed = Plane(replace(plane.ports, writer=Breaking(plane.ports.writer, method, error)))  # type: ignore[arg-type]
    with pytest.raises(UnavailableError):
        harmed.run("customers")
    assert rows_of(plane, "silver.customers") == []
    run = plane.runs("silver.customers")[0]
    assert run.state == "failed"
    assert run.reason
    assert plane.run("customers").state == "published"
    assert len(rows_of(plane, "silver.customers")) == 1


def test_a_locked_store_is_one_sentence_and_readers_keep_what_they_had(feed: Feed) -> None:
    feed.customer("c", 1)
    feed.flush()
    with open_shop(feed.folder) as plane:
        plane.run("cdc_customers")
        plane.run("customers")
        before = rows_of(plane, "silver.customers")
    feed.customer("u", 1, later(0.5), region="south")
    feed.flush(later(1))
    blocker = sqlite3.connect(feed.folder / "state/store.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    try:
        with open_shop(feed.folder, later(1)) as plane:
            with pytest.raises(UnavailableError, match="locked"):
                plane.run("cdc_customers")
            assert rows_of(plane, "silver.customers") == before
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    with open_shop(feed.folder, later(1)) as plane:
        assert plane.run("cdc_customers").state == "published"


def test_a_warehouse_that_is_gone_is_one_sentence(feed: Feed, plane: Plane) -> None:
    feed.customer("c", 1)
    feed.flush()
    plane.run("cdc_customers")
    plane.run("customers")
    feed.customer("u", 1, region="south")
    feed.flush()
    plane.run("cdc_customers")
    shutil.move(feed.folder / "state/warehouse", feed.folder / "elsewhere")
    with pytest.raises(ControlPlaneError) as caught:
        plane.run("customers")
    assert "\n" not in str(caught.value)
    shutil.rmtree(feed.folder / "state/warehouse", ignore_errors=True)
    shutil.move(feed.folder / "elsewhere", feed.folder / "state/warehouse")
    assert plane.run("customers").state == "published"


@pytest.mark.parametrize(("file", "before", "after", "words"), [
    ("controlplane.yaml", "namespace:", "namespase:", "namespase"),
    ("controlplane.yaml", "dataset: silver.orders", "dataset: silver.ordres", "silver.ordres"),
    ("controlplane.yaml", "sql: pipelines/silver/orders.sql", "sql: pipelines/silver/none.sql", "none.sql"),
    ("pipelines/contracts/silver/orders.odcs.yaml", "controlplane.tier", "controlplane.teir", "controlplane.teir"),
    ("pipelines/contracts/silver/orders.odcs.yaml", "mode: merge", "mode: merge, kees: [a]", "kees"),
    ("pipelines/contracts/silver/orders.odcs.yaml", "apiVersion: v3.1.0", "apiVersion: [", ""),
])  # fmt: skip
def test_what_a_person_mistypes_is_named_with_file_and_line(feed: Feed, file: str, before: str, after: str, words: str) -> None:
    path = feed.folder / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ControlPlaneError) as caught:
        controlplane.open(feed.folder)
    assert caught.value.exit_code == 2
    assert words in str(caught.value)
    assert Path(file).name in str(caught.value)
