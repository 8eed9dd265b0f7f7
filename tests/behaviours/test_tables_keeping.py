"""Housekeeping throws away what nobody needs, and nothing else: the same on disk and on S3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pyarrow.fs import FileSelector, FileType

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import SnapshotExpiredError
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.lakehouse.housekeeping import IcebergKeeper
from controlplane.lakehouse.snapshots import fitted
from controlplane.lakehouse.storage import filesystem
from tests.fakes.tables import BUCKETED, NOON, ORDERS, Lake, lake_on_disk, lake_on_s3, orders, s3_server

HOUR = timedelta(hours=1)
AT_ONCE = timedelta(seconds=-60)
"""A grace that even files of this second are older than."""


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


def snapshots(lake: Lake) -> set[int]:
    return {one.snapshot_id for one in lake.foreign.snapshots()}


def stored(lake: Lake) -> set[str]:
    """Return the paths of all files below the table."""
    files, root = filesystem(lake.foreign.location(), lake.catalog.properties)
    return {info.path for info in files.get_file_info(FileSelector(root, recursive=True)) if info.type is FileType.File}


def expire(lake: Lake, hours: int, *, keep: tuple[SnapshotId, ...] = (), needed_from: SnapshotId | None = None) -> int:
    before = NOON + hours * HOUR
    return lake.keeper.expire(lake.dataset, published_before=before, keep=keep, needed_from=needed_from)


def hourly(lake: Lake, count: int) -> list[SnapshotId]:
    lake.ensure()
    return [lake.put(orders(number), at=NOON + number * HOUR) for number in range(1, count + 1)]


# expire


def test_snapshots_expire_by_the_planes_clock_and_rows_stay(lake: Lake) -> None:
    made = hourly(lake, 4)
    assert expire(lake, 3) == 3
    assert snapshots(lake) == {*made[2:]}
    assert lake.ids() == [1, 2, 3, 4]
    assert expire(lake, 3) == 0
    with pytest.raises(SnapshotExpiredError):
        lake.reader.snapshot(lake.dataset, made[0])


def test_heads_of_branches_and_tags_and_kept_snapshots_never_expire(disk: Lake) -> None:
    made = hourly(disk, 3)
    _, branched = disk.write(orders(9))
    disk.foreign.manage_snapshots().create_tag(made[0], "audited").commit()
    assert expire(disk, 1000, keep=(made[1],)) == 1
    assert snapshots(disk) == {*made, branched}


def test_nothing_newer_than_a_consumers_oldest_pin_expires(disk: Lake) -> None:
    made = hourly(disk, 4)
    assert expire(disk, 1000, needed_from=made[1]) == 2
    assert snapshots(disk) == {*made[1:]}
    rows = disk.reader.appended(disk.dataset, made[1], made[3], ["order_id"])
    assert sorted(rows.column("order_id").to_pylist()) == [3, 4]


def test_a_pin_the_table_does_not_have_keeps_everything(disk: Lake) -> None:
    made = hourly(disk, 3)
    assert expire(disk, 1000, needed_from=SnapshotId(made[0] + 1)) == 0


def test_foreign_snapshots_expire_by_their_own_time(disk: Lake) -> None:
    disk.ensure()
    disk.foreign.append(fitted(orders(1), disk.foreign.schema(), disk.dataset))
    foreign = disk.head.snapshot_id
    last = disk.put(orders(2), at=datetime(2999, 1, 1, tzinfo=UTC))
    assert expire(disk, 1000) == 1
    assert snapshots(disk) == {foreign, last}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert disk.keeper.expire(disk.dataset, published_before=tomorrow, keep=(), needed_from=None) == 1
    assert snapshots(disk) == {last}


# branches


def test_only_abandoned_audit_branches_are_dropped(lake: Lake) -> None:
    base = lake.ensure()
    opened, _ = lake.write(orders(1))
    lake.write(orders(2))
    lake.write(orders(3))
    lake.foreign.manage_snapshots().create_branch(base, "cp_mine").create_branch(base, "experiment").commit()
    assert lake.keeper.drop_branches(lake.dataset, keep=[opened, RunId(uuid4())]) == 2
    assert set(lake.foreign.refs()) == {"main", f"cp_{opened}", "cp_mine", "experiment"}
    assert lake.keeper.drop_branches(lake.dataset, keep=[opened]) == 0


# small files


def test_many_small_files_are_worth_a_rewrite_and_rows_stay(lake: Lake) -> None:
    lake.ensure()
    for number in range(7):
        lake.put(orders(number))
    assert lake.keeper.small_files(lake.dataset, lake.head.snapshot_id) == ()
    lake.put(orders(7))
    head = lake.head
    small = lake.keeper.small_files(lake.dataset, head.snapshot_id)
    assert {one.uri for one in small} == {one.uri for one in head.files}
    rows = lake.reader.rows(lake.dataset, head.snapshot_id, files=small).read_all()
    lake.put(rows, replaces=small, rewrite=True)
    assert len(lake.head.files) == 1
    assert lake.ids() == list(range(8))
    assert lake.keeper.small_files(lake.dataset, lake.head.snapshot_id) == ()


def test_partitions_are_looked_at_one_by_one(disk: Lake) -> None:
    disk.ensure(BUCKETED)
    for number in range(7):
        disk.put(orders(*range(number * 20, number * 20 + 20)))
    assert len(disk.head.files) == 28
    assert disk.keeper.small_files(disk.dataset, disk.head.snapshot_id) == ()
    keeper = IcebergKeeper(disk.catalog, min_files=7)
    assert len(keeper.small_files(disk.dataset, disk.head.snapshot_id)) == 28


def test_files_of_other_sizes_wait_for_their_like(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(*range(100, 40_000)))
    large = disk.head.files[0]
    for number in range(8):
        disk.put(orders(number))
    chosen = disk.keeper.small_files(disk.dataset, disk.head.snapshot_id)
    assert len(chosen) == 8
    assert large.uri not in {one.uri for one in chosen}
    limited = IcebergKeeper(disk.catalog, small_bytes=10)
    assert limited.small_files(disk.dataset, disk.head.snapshot_id) == ()
    bounded = IcebergKeeper(disk.catalog, most_bytes=sum(one.size_bytes for one in chosen[:3]))
    assert len(bounded.small_files(disk.dataset, disk.head.snapshot_id)) == 3


# unreferenced files


def test_only_what_nothing_names_is_deleted(lake: Lake) -> None:
    made = hourly(lake, 3)
    run_id, branched = lake.write(orders(9))
    lake.put(orders(50), replaces=lake.head.files, at=NOON + 4 * HOUR)
    before = stored(lake)
    assert lake.keeper.delete_unreferenced(lake.dataset, grace=AT_ONCE) == 0
    lake.writer.drop_branch(lake.dataset, run_id)
    expire(lake, 3)
    assert lake.keeper.delete_unreferenced(lake.dataset, grace=AT_ONCE) > 0
    assert lake.ids() == [50]
    assert lake.ids(made[2]) == [1, 2, 3]
    assert lake.reader.lineage_of(lake.dataset, lake.head.snapshot_id)[-1].snapshot_id == made[2]
    assert {path for path in stored(lake) if not path.endswith(".metadata.json")} < before
    assert lake.keeper.delete_unreferenced(lake.dataset, grace=AT_ONCE) == 0
    with pytest.raises(SnapshotExpiredError):
        lake.reader.rows(lake.dataset, branched)


def test_files_in_their_grace_period_and_files_of_other_kinds_stay(lake: Lake) -> None:
    lake.ensure()
    files, root = filesystem(lake.foreign.location(), lake.catalog.properties)
    for name in ("data/orphan.parquet", "data/readme.txt", "metadata/version-hint.text", "metadata/orphan-m0.avro"):
        with files.open_output_stream(f"{root}/{name}") as stream:
            stream.write(b"x")
    assert lake.keeper.delete_unreferenced(lake.dataset, grace=HOUR) == 0
    assert lake.keeper.delete_unreferenced(lake.dataset, grace=AT_ONCE) == 2
    left = {path.removeprefix(f"{root}/") for path in stored(lake)}
    assert {"data/readme.txt", "metadata/version-hint.text"} <= left
    assert not {"data/orphan.parquet", "metadata/orphan-m0.avro"} & left


def test_a_write_that_is_not_committed_yet_survives_a_sweep_with_grace(disk: Lake) -> None:
    base = disk.ensure()
    run_id = RunId(uuid4())
    disk.writer.open_branch(disk.dataset, run_id, base)
    sweeping = IcebergKeeper(disk.catalog)
    written = disk.writer.commit(disk.dataset, run_id, orders(1), replaces=None, properties={})
    sweeping.delete_unreferenced(disk.dataset, grace=HOUR)
    disk.writer.publish(disk.dataset, run_id, written)
    assert disk.ids() == [1]


def test_a_table_that_does_not_exist_has_nothing_to_delete(disk: Lake) -> None:
    assert disk.keeper.delete_unreferenced(DatasetId("iceberg://test", "silver.nothing"), grace=HOUR) == 0


def test_old_metadata_files_go_with_the_commits(disk: Lake) -> None:
    disk.ensure(TableDefinition(ORDERS.fields, properties={"write.metadata.previous-versions-max": "3"}))
    for number in range(6):
        disk.put(orders(number))
    metadata = [path for path in stored(disk) if path.endswith(".metadata.json")]
    assert len(metadata) == 4
    assert disk.ids() == list(range(6))


def test_manifests_do_not_pile_up_with_merges(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(0))
    for number in range(1, 25):
        disk.put(orders(number), replaces=disk.head.files)
    snapshot = disk.foreign.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(disk.foreign.io)) <= 2
    assert disk.ids() == [24]


def test_manifests_of_appends_are_merged_and_still_tell_what_was_appended(disk: Lake) -> None:
    made = hourly(disk, 20)
    snapshot = disk.foreign.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(disk.foreign.io)) < 16
    for after, upto in ((0, 19), (12, 18), (14, 15), (18, 19)):
        rows = disk.reader.appended(disk.dataset, made[after], made[upto], ["order_id"])
        assert sorted(rows.column("order_id").to_pylist()) == list(range(after + 2, upto + 2))
