"""Tables stay small without anybody noticing: readers see the same rows, consumers find where they stopped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from controlplane.kernel.clock import ReplayClock
from controlplane.usecases.facade import Plane
from tests.integration.shop import Feed, later, make_shop, open_shop, rows_of
from tests.integration.visits import START, batch, make_project, open_project


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


def publish(plane: Plane, name: str) -> None:
    with plane.govern("silver.visits", job="visits", batch=name) as run:
        run.append(batch(name))
    assert run.outcome == "published", run.report


def test_snapshots_expire_small_files_are_rewritten_and_rows_stay(tmp_path: Path, clock: ReplayClock) -> None:
    folder = make_project(tmp_path / "project", "housekeeping: {small_files: 4}")
    with open_project(folder, clock) as plane:
        dataset = plane.ports.platform.governed("silver.visits").id
        for hour in range(12):
            clock.instant = START + timedelta(hours=hour)
            publish(plane, f"b{hour:02}")
        head = plane.ports.reader.head(dataset)
        assert head is not None
        ancestry = plane.ports.reader.lineage_of(dataset, head.snapshot_id)
        rewrites = [snapshot for snapshot in ancestry if snapshot.properties.get("controlplane.operation") == "rewrite"]
        rewritten = [run for run in plane.runs("silver.visits") if run.pipeline == "housekeeping"]
        assert len(ancestry) < 12, "old snapshots are gone"
        assert len(head.files) < 8, "small files were put together"
        assert rewritten
        assert all(run.state == "published" for run in rewritten)
        assert [row["visit_id"] for row in rows_of(plane, "silver.visits")] == [
            f"b{hour:02}-{row}" for hour in range(12) for row in range(2)
        ]
        for snapshot in rewrites:
            assert "controlplane.inputs" in snapshot.properties, "what was consumed is carried on"


def test_a_held_batch_survives_housekeeping(tmp_path: Path, clock: ReplayClock) -> None:
    folder = make_project(tmp_path / "project", "housekeeping: {small_files: 4}")
    with open_project(folder, clock) as plane:
        publish(plane, "first")
        with plane.govern("silver.visits", job="visits", batch="bad") as held:
            held.append(batch("bad", pages=0, rows=1))
            held.append(batch("good", rows=1))
        assert held.outcome == "held"
        for hour in range(10):
            clock.instant = START + timedelta(hours=hour)
            publish(plane, f"b{hour:02}")
        assert held.report is not None
        assert plane.release(str(held.report.run_id), "known").state == "published"
        assert "good-0" in {row["visit_id"] for row in rows_of(plane, "silver.visits")}


def test_a_consumer_goes_on_where_it_stopped_however_long_it_was_away(tmp_path: Path) -> None:
    feed = Feed(make_shop(tmp_path / "project"))
    path = feed.folder / "pipelines/contracts/bronze/cdc_customers.odcs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("value: P90D", "value: PT2H"), encoding="utf-8")
    for hour in range(8):
        feed.customer("c", hour + 1, later(hour))
        feed.flush(later(hour))
        with open_shop(feed.folder, later(hour)) as plane:
            plane.run("cdc_customers")
            if hour == 0:
                assert plane.run("customers").balance["passed"] == 1
    with open_shop(feed.folder, later(8)) as plane:
        report = plane.run("customers")
        assert report.balance["offered"] == 7, "only what is new is read, and none of it has expired"
        assert len(rows_of(plane, "silver.customers")) == 8


def test_a_new_optional_column_is_added_and_older_rows_read_on(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with open_project(folder) as plane:
        publish(plane, "first")
    contract = folder / "visits.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8") + "  - {name: colour, logicalType: string}\n", encoding="utf-8")
    with open_project(folder) as plane:
        with plane.govern("silver.visits", job="visits", batch="second") as run:
            run.append(batch("second", rows=1).append_column("colour", pa.array(["red"])))
        assert run.outcome == "published", run.report
        colours = {row["visit_id"]: row["colour"] for row in rows_of(plane, "silver.visits")}
        assert colours == {"first-0": None, "first-1": None, "second-0": "red"}


def test_a_required_column_that_is_new_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with open_project(folder) as plane:
        publish(plane, "first")
    contract = folder / "visits.odcs.yaml"
    added = "  - {name: colour, logicalType: string, required: true}\n"
    contract.write_text(contract.read_text(encoding="utf-8") + added, encoding="utf-8")
    with open_project(folder) as plane:
        with plane.govern("silver.visits", job="visits", batch="second") as run:
            run.append(batch("second").append_column("colour", pa.array(["red", "blue"])))
        assert run.outcome == "failed"
        assert "colour" in str(run.report.reason if run.report else "")
        assert len(rows_of(plane, "silver.visits")) == 2


def test_a_foreign_column_change_is_caught_by_field_id(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with open_project(folder) as plane:
        publish(plane, "first")
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415 (a foreign writer)

    catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/state/catalog.db", warehouse=f"file://{folder}/state/warehouse")
    table = catalog.load_table("silver.visits")
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("pages")
    from pyiceberg.types import LongType  # noqa: PLC0415

    with catalog.load_table("silver.visits").update_schema() as update:
        update.add_column("pages", LongType())
    with open_project(folder) as plane:
        with plane.govern("silver.visits", job="visits", batch="second") as run:
            run.append(batch("second"))
        assert run.outcome in {"held", "failed"}
        assert "pages" in str(run.report.reason if run.report else "")
