"""Somebody commits between our look at a table and our own commit: nothing is lost, nothing is doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from controlplane.kernel.errors import LostRaceError
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.lakehouse.attempts import OneAttempt, attempt
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.housekeeping import IcebergKeeper
from controlplane.lakehouse.snapshots import add_snapshot, fitted
from controlplane.lakehouse.writing import IcebergWriter
from tests.fakes.tables import NOON, Lake, lake_on_disk, orders, stamped


class BusyCatalog(IcebergCatalog):
    """A catalog in which somebody else acts right after a handle was given out, once for each action planned."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            name="lake", kind="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=(folder / "warehouse").as_uri()
        )
        self.planned: list[Callable[[], None] | None] = []

    def table(self, dataset: DatasetId) -> Table:
        """Return a handle that is outdated when the action has happened."""
        handle = super().table(dataset)
        action = self.planned.pop(0) if self.planned else None
        if action is not None:
            action()
        return handle


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Lake]:
    with lake_on_disk(tmp_path) as made:
        made.ensure()
        yield made


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[BusyCatalog]:
    catalog = BusyCatalog(tmp_path)
    yield catalog
    catalog.close()


def foreign_append(lake: Lake, *ids: int) -> Callable[[], None]:
    def act() -> None:
        table = lake.foreign
        table.append(fitted(orders(*ids, status="foreign"), table.schema(), lake.dataset))

    return act


def test_main_that_moves_during_publication_is_not_overwritten(disk: Lake, busy: BusyCatalog) -> None:
    run_id, written = disk.write(orders(1))
    busy.planned = [foreign_append(disk, 100)]
    with pytest.raises(LostRaceError, match="has moved to snapshot"):
        IcebergWriter(busy).publish(disk.dataset, run_id, written)
    assert busy.planned == []
    assert disk.ids() == [100]
    assert f"cp_{run_id}" in disk.foreign.refs()


def test_main_that_moves_while_a_batch_is_written_does_not_double_it(disk: Lake, busy: BusyCatalog) -> None:
    writer, run_id = IcebergWriter(busy), RunId(uuid4())
    base = disk.head.snapshot_id
    assert writer.open_branch(disk.dataset, run_id, base) is None
    busy.planned = [None, foreign_append(disk, 100), foreign_append(disk, 101)]
    written = writer.commit(disk.dataset, run_id, orders(1, 2), replaces=None, properties=stamped(NOON))
    assert busy.planned == []
    assert disk.reader.snapshot(disk.dataset, written).parent_id == base
    assert disk.ids(written) == [1, 2]
    assert disk.ids() == [100, 101]


def test_main_that_moves_during_a_rebase_is_built_upon(disk: Lake, busy: BusyCatalog) -> None:
    run_id, written = disk.write(orders(1))
    foreign_append(disk, 100)()
    busy.planned = [foreign_append(disk, 101)]
    moved = IcebergWriter(busy).rebase(disk.dataset, run_id, written, stamped(NOON))
    disk.writer.publish(disk.dataset, run_id, moved)
    assert disk.ids() == [1, 100, 101]


def test_the_same_run_writing_twice_at_once_leaves_one_snapshot(disk: Lake, busy: BusyCatalog) -> None:
    first, second, run_id = IcebergWriter(busy), IcebergWriter(disk.catalog), RunId(uuid4())
    base = disk.head.snapshot_id
    for writer in (first, second):
        assert writer.open_branch(disk.dataset, run_id, base) is None
    won: list[int] = []

    def twin() -> None:
        won.append(second.commit(disk.dataset, run_id, orders(1), replaces=None, properties={}))

    busy.planned = [None, twin]
    assert first.commit(disk.dataset, run_id, orders(1), replaces=None, properties={}) == won[0]
    first.publish(disk.dataset, run_id, first.open_branch(disk.dataset, run_id, base) or base)
    assert disk.ids() == [1]


def test_a_branch_moved_during_publication_is_seen(disk: Lake, busy: BusyCatalog) -> None:
    run_id, written = disk.write(orders(1))

    def append_to_branch() -> None:
        table = disk.foreign
        table.append(fitted(orders(66), table.schema(), disk.dataset), branch=f"cp_{run_id}")

    busy.planned = [append_to_branch]
    IcebergWriter(busy).publish(disk.dataset, run_id, written)
    assert disk.ids() == [1]
    assert list(disk.foreign.refs()) == ["main"]


def test_expiring_notices_a_rollback_to_an_old_snapshot(disk: Lake, busy: BusyCatalog) -> None:
    old = disk.put(orders(1))
    disk.put(orders(2), at=NOON + timedelta(hours=2))
    busy.planned = [lambda: disk.foreign.manage_snapshots().rollback_to_snapshot(old).commit()]
    gone = IcebergKeeper(busy).expire(disk.dataset, published_before=NOON + timedelta(hours=1), keep=(), needed_from=None)
    assert disk.head.snapshot_id == old
    assert disk.ids() == [1]
    assert gone == 1


def test_a_table_written_by_others_all_the_time_is_given_up(disk: Lake, busy: BusyCatalog) -> None:
    def append(table: Table) -> None:
        transaction = OneAttempt(table)
        add_snapshot(transaction, "main", added=(), removed=(), properties={})
        transaction.commit_transaction()

    busy.planned = [foreign_append(disk, number) for number in range(3)]
    with pytest.raises(LostRaceError, match="written by others all the time, 3 commits were refused") as caught:
        attempt(busy, disk.dataset, append, attempts=3)
    assert isinstance(caught.value.__cause__, CommitFailedException)
    assert disk.ids() == [0, 1, 2]
