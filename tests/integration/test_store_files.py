"""Files of kept rows: how many there are, what removes them, and what is said when one cannot be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import parquet
from pyarrow.fs import FileSelector, FileSystem, LocalFileSystem, S3FileSystem

from controlplane.gate.model import DeadLetter, KeptKind, KeptRow, RunState
from controlplane.kernel.errors import StoreUnavailableError
from controlplane.persistence.store import Store
from controlplane.usecases.ports import RunRecord
from tests.fakes.store_kit import NOON, ORDERS, SettableClock, a_plan, kept, located, planned

DAY = timedelta(days=1)


@pytest.fixture
def wall() -> SettableClock:
    return SettableClock()


@pytest.fixture
def store(tmp_path: Path, wall: SettableClock) -> Iterator[Store]:
    with located("sqlite", tmp_path) as url, Store(url, LocalFileSystem(), f"{tmp_path}/state/", wall=wall) as store:
        yield store


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder / "state")) for path in (folder / "state").rglob("*") if path.is_file())


def keep(store: Store, rows: Sequence[KeptRow], *, base: int = 1, reentering: Sequence[str] = ()) -> None:
    run = planned(store, a_plan(base=base, reentering=reentering))
    store.kept_rows.stage(run, rows)
    store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))


def test_a_run_has_one_file_a_kind_and_staging_again_leaves_none_behind(store: Store, tmp_path: Path) -> None:
    run = planned(store, a_plan())
    rows = [kept("a1"), kept("a2", KeptKind.WAITING), kept("a3"), kept("a4", KeptKind.TOMBSTONE)]
    store.kept_rows.stage(run, rows)
    store.kept_rows.stage(run, rows)
    store.dead_letters.stage(run, [DeadLetter("orders", "a.jsonl:1", "is no JSON", b"sealed")])
    names = files(tmp_path)
    assert all(name.startswith(f"kept/silver.orders/{run.run_id}/") for name in names)
    kinds = [name.rpartition("/")[2].partition("-")[0] for name in names]
    assert kinds == ["dead_letters", "quarantined", "tombstone", "waiting"]


def test_files_hold_masked_columns_and_sealed_originals_and_nothing_else(store: Store, tmp_path: Path) -> None:
    keep(store, [kept("a1")])
    [name] = files(tmp_path)
    table = parquet.read_table(tmp_path / "state" / name)
    assert table.to_pylist() == [
        {
            "id": "a1",
            "masked": '{"order_id":7,"amount":"-1.50","email":null,"__order":[12,0,4]}',
            "sealed": kept("a1").sealed,
        }
    ]


@pytest.mark.parametrize("end", ["unstaged", "failed"])
def test_what_is_forgotten_leaves_no_file(store: Store, tmp_path: Path, end: str) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1")])
    store.dead_letters.stage(run, [DeadLetter("orders", "a.jsonl:1", "is no JSON", b"sealed")])
    if end == "unstaged":
        store.kept_rows.unstage(run.run_id)
    else:
        store.records.record(RunRecord(run=run, state=RunState.FAILED))
    assert files(tmp_path) == []


def test_a_file_goes_when_nothing_in_it_is_open(store: Store, tmp_path: Path) -> None:
    keep(store, [kept("a1", KeptKind.WAITING), kept("a2", KeptKind.WAITING)])
    keep(store, [], base=2, reentering=["a1"])
    store.kept_rows.expire(ORDERS, NOON - DAY)
    assert len(files(tmp_path)) == 1
    keep(store, [], base=3, reentering=["a2"])
    store.kept_rows.expire(ORDERS, NOON - DAY)
    assert files(tmp_path) == []
    assert [(row.masked, row.sealed) for _, row in store.kept_rows.find("a")] == [({}, b""), ({}, b"")]


def test_expired_rows_lose_their_content(store: Store, tmp_path: Path) -> None:
    keep(store, [kept("a1")])
    assert store.kept_rows.expire(ORDERS, NOON + DAY) == 1
    assert files(tmp_path) == []


def test_housekeeping_leaves_the_files_of_open_and_held_runs(store: Store, tmp_path: Path) -> None:
    held = planned(store, a_plan())
    store.kept_rows.stage(held, [kept("a1")])
    store.records.record(RunRecord(run=held, state=RunState.HELD))
    under_way = planned(store, a_plan(base=2))
    store.kept_rows.stage(under_way, [kept("a2")])
    store.kept_rows.expire(ORDERS, NOON - DAY)
    assert len(files(tmp_path)) == 2
    store.kept_rows.expire(ORDERS, NOON + DAY)
    [name] = files(tmp_path)
    assert str(under_way.run_id) in name


def test_many_small_files_become_one_and_every_row_stays(store: Store, tmp_path: Path, wall: SettableClock) -> None:
    for base in range(1, 21):
        keep(store, [kept(f"{base:02d}-{row}") for row in range(3)], base=base)
    store.kept_rows.mark_retry(ORDERS, ["01-0", "07-2"])
    before = list(store.kept_rows.open(ORDERS))
    assert len(files(tmp_path)) == 20
    store.kept_rows.expire(ORDERS, NOON - DAY)
    assert len(files(tmp_path)) == 1
    assert list(store.kept_rows.open(ORDERS)) == before
    wall.pass_by(days=2)
    store.kept_rows.expire(ORDERS, NOON + DAY)
    assert files(tmp_path) == []


def test_what_a_killed_process_left_is_removed(store: Store, tmp_path: Path) -> None:
    run = planned(store, a_plan())
    store.kept_rows.stage(run, [kept("a1")])
    orphan = store.kept_rows._files.write(
        ORDERS, run.run_id, "waiting", parquet.read_table(tmp_path / "state" / files(tmp_path)[0])
    )
    assert len(files(tmp_path)) == 2
    store.kept_rows.expire(ORDERS, NOON - DAY)
    assert len(files(tmp_path)) == 2, f"file {orphan} may be in the making while its run is open"
    store.kept_rows.stage(run, [kept("a1")])
    assert len(files(tmp_path)) == 1


def test_a_missing_file_is_named(store: Store, tmp_path: Path) -> None:
    keep(store, [kept("a1")])
    [name] = files(tmp_path)
    (tmp_path / "state" / name).unlink()
    with pytest.raises(StoreUnavailableError, match=rf"{name} with kept rows cannot be read .* restore it"):
        store.kept_rows.open(ORDERS)
    assert store.kept_rows.count_open(ORDERS)[KeptKind.QUARANTINED] == 1


def test_a_damaged_file_is_named(store: Store, tmp_path: Path) -> None:
    keep(store, [kept("a1")])
    [name] = files(tmp_path)
    (tmp_path / "state" / name).write_bytes(b"no parquet")
    with pytest.raises(StoreUnavailableError, match=name):
        store.kept_rows.find("a1")


def test_a_state_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with located("sqlite", tmp_path) as url, Store(url, LocalFileSystem(), f"{tmp_path}/state") as store:
        run = planned(store, a_plan())
        with pytest.raises(StoreUnavailableError, match=rf"could not be written to {tmp_path}/state/kept"):
            store.kept_rows.stage(run, [kept("a1")])
        assert list(store.kept_rows.find("a1")) == []


@pytest.fixture
def bucket() -> Iterator[FileSystem]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    filesystem = S3FileSystem(
        access_key="testing", secret_key="testing", region="us-east-1", scheme="http",
        endpoint_override=f"{host}:{port}", allow_bucket_creation=True,
    )  # fmt: skip
    filesystem.create_dir("lake")
    yield filesystem
    server.stop()


def test_kept_rows_live_on_an_object_store_too(tmp_path: Path, bucket: FileSystem) -> None:
    with located("sqlite", tmp_path) as url, Store(url, bucket, "lake/plane") as store:
        run = planned(store, a_plan())
        store.kept_rows.stage(run, [kept("a1"), kept("a2")])
        store.kept_rows.stage(run, [kept("a1")])
        store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
        assert [(row.row_id, row.sealed) for _, row in store.kept_rows.open(ORDERS)] == [("a1", kept("a1").sealed)]
        objects = FileSelector("lake/plane", recursive=True, allow_not_found=True)
        assert len([found for found in bucket.get_file_info(objects) if found.is_file]) == 1
        assert store.kept_rows.expire(ORDERS, NOON + DAY) == 1
        assert [found for found in bucket.get_file_info(objects) if found.is_file] == []
