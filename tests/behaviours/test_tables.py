"""Tables are written through branches and published: the same on disk and on S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from pyiceberg.transforms import BucketTransform

from controlplane.kernel.errors import (
    CatalogUnavailableError,
    ConfigurationError,
    LostRaceError,
    NotAppendOnlyError,
    SnapshotExpiredError,
)
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.reading import IcebergReader
from controlplane.lakehouse.snapshots import fitted
from controlplane.lakehouse.writing import IcebergWriter
from tests.fakes.tables import BUCKETED, NOON, Lake, lake_on_disk, lake_on_s3, orders, s3_server, stamped

ORDERS_NAMES = ("order_id", "status", "amount", "created_at")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Lake]:
    with lake_on_disk(tmp_path) as made:
        yield made


@pytest.fixture(params=["disk", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    if request.param == "disk":
        with lake_on_disk(tmp_path) as made:
            yield made
    else:
        with lake_on_s3(tmp_path, request.getfixturevalue("endpoint")) as made:
            yield made


def foreign_append(lake: Lake, *ids: int) -> None:
    table = lake.foreign
    table.append(fitted(orders(*ids, status="foreign"), table.schema(), lake.dataset))


# write


def test_a_batch_is_invisible_until_it_is_published(lake: Lake) -> None:
    base = lake.ensure()
    run_id, written = lake.write(orders(1, 2))
    assert lake.head.snapshot_id == base
    assert lake.ids() == []
    assert lake.ids(written) == [1, 2]
    lake.writer.publish(lake.dataset, run_id, written)
    assert lake.head.snapshot_id == written
    assert lake.ids() == [1, 2]
    assert list(lake.foreign.refs()) == ["main"]


def test_a_merge_replaces_chosen_files_in_one_snapshot(lake: Lake) -> None:
    lake.ensure(BUCKETED)
    first = lake.put(orders(*range(20)))
    keys = pa.table({"order_id": pa.array([3], pa.int64())})
    (touched,) = lake.writer.files_of(lake.dataset, first, keys)
    kept = [number for number in lake.ids(files=[touched]) if number != 3]
    merged = pa.concat_tables([orders(*kept), orders(3, status="paid")])
    second = lake.put(merged, replaces=[touched])
    assert lake.ids() == list(range(20))
    assert lake.head.operation == "overwrite"
    assert lake.head.parent_id == first
    assert len({one.uri for one in lake.head.files} - {one.uri for one in lake.reader.snapshot(lake.dataset, first).files}) == 1
    assert second == lake.head.snapshot_id


def test_overwriting_all_files_leaves_only_the_new_rows(lake: Lake) -> None:
    lake.ensure(BUCKETED)
    lake.put(orders(1, 2, 3))
    lake.put(orders(7), replaces=lake.head.files)
    assert lake.ids() == [7]
    lake.put(orders(), replaces=lake.head.files)
    assert lake.ids() == []
    assert lake.head.row_count == 0


@pytest.mark.parametrize("replaces", [None, ()])
def test_a_batch_of_no_rows_still_makes_a_snapshot(lake: Lake, replaces: tuple[()] | None) -> None:
    base = lake.ensure()
    lake.put(orders(1))
    snapshot = lake.put(orders(), replaces=replaces)
    assert lake.head.snapshot_id == snapshot != base
    assert lake.ids() == [1]


def test_snapshots_carry_properties_and_the_run(disk: Lake) -> None:
    disk.ensure()
    run_id, written = disk.write(orders(1), properties={"controlplane.inputs": "{}", **stamped(NOON)})
    snapshot = disk.reader.snapshot(disk.dataset, written)
    assert snapshot.properties["controlplane.inputs"] == "{}"
    assert snapshot.properties["controlplane.run-id"] == str(run_id)
    assert snapshot.published_at == NOON


def test_opening_and_committing_again_returns_what_the_run_wrote(lake: Lake) -> None:
    base = lake.ensure()
    run_id, written = lake.write(orders(1))
    again = IcebergWriter(lake.catalog)
    assert again.open_branch(lake.dataset, run_id, base) == written
    assert again.commit(lake.dataset, run_id, orders(1), replaces=None, properties={}) == written
    lake.writer.publish(lake.dataset, run_id, written)
    assert again.open_branch(lake.dataset, run_id, base) == written
    assert again.commit(lake.dataset, run_id, orders(1), replaces=None, properties={}) == written
    again.publish(lake.dataset, run_id, written)
    assert lake.ids() == [1]


def test_a_commit_without_an_open_branch_is_refused(disk: Lake) -> None:
    base = disk.ensure()
    with pytest.raises(LostRaceError, match="no open branch"):
        disk.writer.commit(disk.dataset, RunId(uuid4()), orders(1), replaces=None, properties={})
    with pytest.raises(SnapshotExpiredError):
        disk.writer.open_branch(disk.dataset, RunId(uuid4()), SnapshotId(base + 1))


def test_rows_that_do_not_fit_are_refused_without_quoting_a_value(disk: Lake) -> None:
    disk.ensure()
    wrong = {
        "not every value fits": orders(1).set_column(0, "order_id", pa.array(["person@example.org"])),
        "is required, but 1 of 1 rows have no value": orders(1).set_column(0, "order_id", pa.array([None], pa.int64())),
        "have column 'extra'": orders(1).append_column("extra", pa.array([1])),
    }
    for sentence, rows in wrong.items():
        with pytest.raises(ConfigurationError, match=sentence) as caught:
            disk.write(rows)
        assert "person@example.org" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_columns_are_reordered_cast_and_filled(disk: Lake) -> None:
    disk.ensure()
    rows = pa.table({"amount": pa.array([5], pa.decimal128(5, 0)), "order_id": pa.array([1], pa.int32())})
    disk.put(rows)
    read = disk.reader.rows(disk.dataset, disk.head.snapshot_id).read_all()
    assert read.schema.names == list(ORDERS_NAMES)
    assert read.column("status").to_pylist() == [None]
    assert str(read.column("amount")[0].as_py()) == "5.00"


# publish


def test_publishing_twice_changes_nothing(lake: Lake) -> None:
    lake.ensure()
    run_id, written = lake.write(orders(1))
    lake.writer.publish(lake.dataset, run_id, written)
    place = lake.foreign.metadata_location
    lake.writer.publish(lake.dataset, run_id, written)
    assert lake.foreign.metadata_location == place
    lake.put(orders(2))
    lake.writer.publish(lake.dataset, run_id, written)
    assert lake.ids() == [1, 2]


def test_a_foreign_append_in_between_is_never_dropped(lake: Lake) -> None:
    lake.ensure()
    run_id, written = lake.write(orders(1))
    foreign_append(lake, 100)
    with pytest.raises(LostRaceError, match="has moved to snapshot"):
        lake.writer.publish(lake.dataset, run_id, written)
    assert lake.ids() == [100]
    moved = lake.writer.rebase(lake.dataset, run_id, written, stamped(NOON))
    assert moved != written
    assert lake.ids() == [100]
    assert lake.writer.rebase(lake.dataset, run_id, written, stamped(NOON)) == moved
    lake.writer.publish(lake.dataset, run_id, moved)
    assert lake.ids() == [1, 100]
    assert lake.writer.open_branch(lake.dataset, run_id, lake.head.snapshot_id) == moved
    assert lake.reader.snapshot(lake.dataset, moved).properties["source-snapshot-id"] == str(written)


def test_rebasing_what_builds_on_the_head_already_gives_it_back(disk: Lake) -> None:
    disk.ensure()
    run_id, written = disk.write(orders(1))
    assert disk.writer.rebase(disk.dataset, run_id, written, {}) == written
    disk.writer.publish(disk.dataset, run_id, written)
    assert disk.writer.rebase(disk.dataset, run_id, written, {}) == written


def test_a_merge_is_not_rebased(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1))
    run_id, written = disk.write(orders(2), replaces=disk.head.files)
    foreign_append(disk, 100)
    with pytest.raises(LostRaceError):
        disk.writer.publish(disk.dataset, run_id, written)
    with pytest.raises(NotAppendOnlyError):
        disk.writer.rebase(disk.dataset, run_id, written, {})
    disk.writer.drop_branch(disk.dataset, run_id)
    assert disk.ids() == [1, 100]


def test_two_governed_branches_on_one_base_do_not_drop_each_other(lake: Lake) -> None:
    lake.ensure()
    one, first = lake.write(orders(1))
    two, second = lake.write(orders(2))
    lake.writer.publish(lake.dataset, two, second)
    with pytest.raises(LostRaceError):
        lake.writer.publish(lake.dataset, one, first)
    lake.writer.publish(lake.dataset, one, lake.writer.rebase(lake.dataset, one, first, {}))
    assert lake.ids() == [1, 2]


def test_only_the_audited_snapshot_is_published_not_the_branch(disk: Lake) -> None:
    disk.ensure()
    run_id, written = disk.write(orders(1))
    table = disk.foreign
    table.append(fitted(orders(66), table.schema(), disk.dataset), branch=f"cp_{run_id}")
    disk.writer.publish(disk.dataset, run_id, written)
    assert disk.ids() == [1]


def test_a_foreign_rollback_to_an_ancestor_does_not_stop_what_was_audited(disk: Lake) -> None:
    base = disk.ensure()
    disk.put(orders(1))
    run_id, written = disk.write(orders(2))
    disk.foreign.manage_snapshots().rollback_to_snapshot(base).commit()
    disk.writer.publish(disk.dataset, run_id, written)
    # the audited snapshot builds on what was rolled back and on today's head: it is published whole, as it was audited
    assert disk.ids() == [1, 2]


def test_a_dropped_branch_leaves_main_alone_and_dropping_again_is_no_error(lake: Lake) -> None:
    lake.ensure()
    run_id, written = lake.write(orders(1))
    lake.writer.drop_branch(lake.dataset, run_id)
    lake.writer.drop_branch(lake.dataset, run_id)
    lake.writer.drop_branch(DatasetId("iceberg://test", "silver.nothing"), run_id)
    assert list(lake.foreign.refs()) == ["main"]
    assert lake.ids() == []
    with pytest.raises(LostRaceError, match="no open branch"):
        lake.writer.commit(lake.dataset, run_id, orders(1), replaces=None, properties={})
    with pytest.raises(SnapshotExpiredError):
        lake.writer.publish(lake.dataset, run_id, SnapshotId(written + 1))


def test_a_merge_whose_files_are_gone_is_planned_again(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1))
    stale = disk.head.files
    disk.put(orders(2), replaces=stale)
    with pytest.raises(LostRaceError, match="no longer has data file"):
        disk.write(orders(3), replaces=stale)


def test_files_written_under_an_older_partitioning_are_not_moved_into_a_newer_one(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1))
    run_id, written = disk.write(orders(2))
    foreign_append(disk, 100)
    with disk.foreign.update_spec() as update:
        update.add_field("order_id", BucketTransform(4))
    with pytest.raises(LostRaceError, match="was partitioned anew"):
        disk.writer.rebase(disk.dataset, run_id, written, {})
    disk.put(orders(3))
    assert disk.ids() == [1, 3, 100]


# errors


def test_a_catalog_that_cannot_be_opened_is_told_with_its_cause(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"this is no database" * 100)
    catalog = IcebergCatalog(
        name="lake", kind="sql", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=tmp_path.as_uri(), properties={}
    )
    with pytest.raises(CatalogUnavailableError, match="does not answer") as caught:
        IcebergReader(catalog).head(DatasetId("iceberg://test", "silver.orders"))
    assert caught.value.__cause__ is not None


def test_a_warehouse_that_is_gone_is_told(lake: Lake) -> None:
    lake.ensure()
    lake.put(orders(1))
    lake.foreign.io.delete(lake.foreign.metadata_location)
    lake.catalog.close()
    with pytest.raises(CatalogUnavailableError, match=r"does not answer for silver\.orders"):
        lake.reader.head(lake.dataset)


def test_a_name_without_namespace_is_refused(disk: Lake) -> None:
    with pytest.raises(ConfigurationError, match=r"NAMESPACE\.TABLE"):
        disk.reader.head(DatasetId("iceberg://test", "orders"))
