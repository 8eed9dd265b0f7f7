"""Properties: whatever writers do in whatever order, main is what a plain model says; pruning never leaves out a file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import LostRaceError, NotAppendOnlyError
from controlplane.kernel.identity import RunId, SnapshotId
from controlplane.lakehouse.snapshots import fitted
from tests.fakes.tables import BUCKETED, NOON, ORDERS, SCHEMA, Lake, lake_on_disk, orders, stamped

QUICK = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], derandomize=True
)


@contextmanager
def fresh_lake() -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder, lake_on_disk(Path(folder)) as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Lake]:
    with lake_on_disk(tmp_path) as made:
        yield made


@dataclass
class Modelled:
    """A run as the model sees it."""

    run_id: RunId
    appends: bool
    own: int
    base: SnapshotId
    rows: list[int]
    snapshot: SnapshotId


class World:
    """A table, and what it should hold."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.main = lake.ensure()
        self.rows: list[int] = []
        self.runs: dict[int, Modelled] = {}
        self.number = 0

    def write(self, slot: int, *, appends: bool) -> None:
        if slot in self.runs:
            return
        self.number += 1
        run_id = RunId(uuid4())
        assert self.lake.writer.open_branch(self.lake.dataset, run_id, self.main) is None
        replaced = None if appends else self.lake.head.files
        snapshot = self.lake.writer.commit(
            self.lake.dataset, run_id, orders(self.number), replaces=replaced, properties=stamped(NOON)
        )
        rows = [*self.rows, self.number] if appends else [self.number]
        appending = appends or not replaced
        self.runs[slot] = Modelled(run_id, appending, self.number, self.main, rows, snapshot)

    def publish(self, slot: int) -> None:
        run = self.runs.get(slot)
        if run is None:
            return
        if run.base == self.main:
            self.lake.writer.publish(self.lake.dataset, run.run_id, run.snapshot)
            self.main, self.rows = run.snapshot, run.rows
            del self.runs[slot]
        else:
            with pytest.raises(LostRaceError):
                self.lake.writer.publish(self.lake.dataset, run.run_id, run.snapshot)

    def rebase(self, slot: int) -> None:
        run = self.runs.get(slot)
        if run is None:
            return
        if not run.appends and run.base != self.main:
            with pytest.raises(NotAppendOnlyError):
                self.lake.writer.rebase(self.lake.dataset, run.run_id, run.snapshot, stamped(NOON))
            return
        moved = self.lake.writer.rebase(self.lake.dataset, run.run_id, run.snapshot, stamped(NOON))
        assert (moved == run.snapshot) is (run.base == self.main)
        if run.base != self.main:
            run.base, run.rows, run.snapshot = self.main, [*self.rows, run.own], moved

    def drop(self, slot: int) -> None:
        run = self.runs.pop(slot, None)
        if run is not None:
            self.lake.writer.drop_branch(self.lake.dataset, run.run_id)

    def foreign(self) -> None:
        self.number += 1
        table = self.lake.foreign
        table.append(fitted(orders(self.number), table.schema(), self.lake.dataset))
        self.main, self.rows = self.lake.head.snapshot_id, [*self.rows, self.number]

    def sweep(self) -> None:
        keep = [run.base for run in self.runs.values()]
        self.lake.keeper.expire(self.lake.dataset, published_before=NOON + timedelta(hours=1), keep=keep, needed_from=None)
        self.lake.keeper.drop_branches(self.lake.dataset, keep=[run.run_id for run in self.runs.values()])
        self.lake.keeper.delete_unreferenced(self.lake.dataset, grace=timedelta(seconds=-60))

    def check(self) -> None:
        assert self.lake.head.snapshot_id == self.main
        assert self.lake.ids() == sorted(self.rows)
        assert set(self.lake.foreign.refs()) == {"main", *(f"cp_{run.run_id}" for run in self.runs.values())}
        for run in self.runs.values():
            assert self.lake.ids(run.snapshot) == sorted(run.rows)


SLOTS = st.integers(0, 2)
STEPS: st.SearchStrategy[Callable[[World], None]] = st.one_of(
    st.builds(lambda slot, appends: lambda world: world.write(slot, appends=appends), SLOTS, st.booleans()),
    st.builds(lambda slot: lambda world: world.publish(slot), SLOTS),
    st.builds(lambda slot: lambda world: world.rebase(slot), SLOTS),
    st.builds(lambda slot: lambda world: world.drop(slot), SLOTS),
    st.just(lambda world: world.foreign()),
    st.just(lambda world: world.sweep()),
)


@QUICK
@given(steps=st.lists(STEPS, min_size=4, max_size=10))
def test_main_is_what_the_model_says_after_any_steps(steps: list[Callable[[World], None]]) -> None:
    with fresh_lake() as lake:
        world = World(lake)
        for step in steps:
            step(world)
            world.check()


ROW = st.fixed_dictionaries(
    {
        "order_id": st.integers(-(2**40), 2**40),
        "status": st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=24)),
        "amount": st.one_of(st.none(), st.decimals(Decimal(-10_000), Decimal(10_000), places=2)),
        "created_at": st.integers(-2_000_000, 2_000_000).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    }
)
LAYOUTS = st.sampled_from(
    [
        (),
        ("bucket(4, order_id)",),
        ("day(created_at)",),
        ("truncate(2, status)",),
        ("status", "bucket(3, order_id)"),
        ("amount",),
    ]
)
KEYS = st.sampled_from(
    [("order_id",), ("status",), ("amount",), ("created_at",), ("order_id", "status"), ("status", "created_at")]
)


@QUICK
@given(
    batches=st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=3), layout=LAYOUTS, names=KEYS, data=st.data()
)
def test_no_file_that_holds_a_key_is_left_out(
    batches: list[list[dict[str, object]]], layout: tuple[str, ...], names: tuple[str, ...], data: st.DataObject
) -> None:
    every = [row for batch in batches for row in batch]
    chosen = data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=4))
    keys = pa.Table.from_pylist(chosen, schema=SCHEMA).select(list(names))
    wanted = {tuple(row[name] for name in names) for row in chosen}
    with fresh_lake() as lake:
        lake.ensure(TableDefinition(ORDERS.fields, partition=layout))
        for batch in batches:
            lake.put(pa.Table.from_pylist(batch, schema=SCHEMA))
        found = {one.uri for one in lake.writer.files_of(lake.dataset, lake.head.snapshot_id, keys)}
        for data_file in lake.head.files:
            rows = lake.reader.rows(lake.dataset, lake.head.snapshot_id, files=[data_file]).read_all().to_pylist()
            if any(tuple(row[name] for name in names) in wanted for row in rows):
                assert data_file.uri in found


def test_keys_choose_few_files_by_bucket_and_by_bounds(disk: Lake) -> None:
    disk.ensure(BUCKETED)
    disk.put(orders(*range(100)))
    disk.put(orders(*range(100, 200)))
    assert len(disk.head.files) == 8
    at = disk.head.snapshot_id

    def chosen(keys: pa.Table) -> int:
        return len(disk.writer.files_of(disk.dataset, at, keys))

    assert chosen(pa.table({"order_id": pa.array([5], pa.int64())})) == 1
    assert chosen(pa.table({"order_id": pa.array([5, 105], pa.int32())})) <= 2
    assert chosen(pa.table({"order_id": pa.array([5000], pa.int64())})) == 0
    assert chosen(pa.table({"created_at": pa.array([NOON + timedelta(minutes=150)], pa.timestamp("us", "UTC"))})) == 4
    assert chosen(pa.table({"order_id": pa.array([], pa.int64())})) == 0
    # keys that cannot be compared with the column decide nothing
    assert chosen(pa.table({"order_id": pa.array(["five"])})) == 8


def test_files_without_bounds_are_always_chosen(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1, status="a"))
    keys = pa.table({"status": pa.array(["zzz"], pa.large_string())})
    assert len(disk.writer.files_of(disk.dataset, disk.head.snapshot_id, keys)) == 1
