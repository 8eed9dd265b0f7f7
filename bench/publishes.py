"""How long a small governed append takes, publish after publish, with and without housekeeping, against a bare commit.

Run:
    python bench/publishes.py                      # 2,000 publishes with housekeeping, 300 without
    python bench/publishes.py --publishes 500 --history 168

Printed are medians in milliseconds, of the clock and of the processor (which other work on the machine does not disturb): the
first and last 50 publishes and their ratio, and what the protocol (branch, commit, publish) costs over pyiceberg's bare append
of the same rows, and over the same append through our own single commit, to a table with as many snapshots.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

import pyarrow as pa

from controlplane.gate.model import TableDefinition
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.lakehouse.attempts import OneAttempt
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.housekeeping import IcebergKeeper
from controlplane.lakehouse.reading import IcebergReader
from controlplane.lakehouse.snapshots import add_snapshot, fitted, write_data_files
from controlplane.lakehouse.writing import IcebergWriter

Cost: TypeAlias = tuple[float, float]
"""Seconds of clock and of processor."""

START = datetime(2017, 10, 9, tzinfo=UTC)
ROWS = 160
EDGE = 50
FIELDS = (
    ("order_id", "long", True), ("line_no", "int", True), ("product_id", "long", False), ("quantity", "int", False),
    ("amount", "decimal(12, 2)", False), ("discount", "decimal(12, 2)", False), ("region", "string", False),
    ("created_at", "timestamptz", False),
)  # fmt: skip


class Bench:
    """One table in one temporary catalog, and the time as the plane sees it: an hour per publish."""

    def __init__(self, folder: Path, name: str) -> None:
        self.catalog = IcebergCatalog(
            name="bench", kind="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=(folder / "warehouse").as_uri()
        )
        self.dataset = DatasetId("bench", f"bench.{name}")
        self.reader = IcebergReader(self.catalog)
        self.writer = IcebergWriter(self.catalog)
        self.keeper = IcebergKeeper(self.catalog)
        self.hours = 0
        self.writer.ensure(self.dataset, TableDefinition(FIELDS), self.properties())

    def properties(self) -> dict[str, str]:
        """Return what a snapshot says about itself now."""
        return {"controlplane.published-at": (START + timedelta(hours=self.hours)).isoformat()}

    def rows(self) -> pa.Table:
        """Return one hour of order lines."""
        first = self.hours * ROWS
        return pa.table(
            {
                "order_id": pa.array(range(first, first + ROWS), pa.int64()),
                "line_no": pa.array([1] * ROWS, pa.int32()),
                "product_id": pa.array([number * 7919 % 92_331 for number in range(first, first + ROWS)], pa.int64()),
                "quantity": pa.array([1 + number % 5 for number in range(ROWS)], pa.int32()),
                "amount": pa.array([number * 37 % 9_999 for number in range(first, first + ROWS)], pa.int64()).cast(
                    pa.decimal128(21, 2)
                ),
                "discount": pa.array([0] * ROWS, pa.int64()).cast(pa.decimal128(21, 2)),
                "region": pa.array([f"region {number % 12}" for number in range(ROWS)], pa.large_string()),
                "created_at": pa.array([START + timedelta(hours=self.hours)] * ROWS, pa.timestamp("us", "UTC")),
            }
        )

    def publish(self, rows: pa.Table) -> Cost:
        """Publish one batch by the protocol and return what it cost."""
        started = now()
        run_id = RunId(uuid4())
        head = self.reader.head(self.dataset)
        assert head is not None
        self.writer.open_branch(self.dataset, run_id, head.snapshot_id)
        snapshot = self.writer.commit(self.dataset, run_id, rows, replaces=None, properties=self.properties())
        self.writer.publish(self.dataset, run_id, snapshot)
        self.hours += 1
        return since(started)

    def keep_house(self, history: timedelta, *, sweep: bool) -> Cost:
        """Expire, rewrite small files, and now and then sweep; return what it cost."""
        started = now()
        head = self.reader.head(self.dataset)
        assert head is not None
        small = self.keeper.small_files(self.dataset, head.snapshot_id)
        if small:
            self._rewrite(head.snapshot_id, small)
        before = START + timedelta(hours=self.hours) - history
        self.keeper.expire(self.dataset, published_before=before, keep=(), needed_from=None)
        if sweep:
            self.keeper.drop_branches(self.dataset, keep=())
            self.keeper.delete_unreferenced(self.dataset, grace=timedelta(seconds=1))
        return since(started)

    def _rewrite(self, base: SnapshotId, small: tuple[object, ...]) -> None:
        run_id = RunId(uuid4())
        rows = self.reader.rows(self.dataset, base, files=small).read_all()  # type: ignore[arg-type]
        self.writer.open_branch(self.dataset, run_id, base)
        marks = {**self.properties(), "controlplane.operation": "rewrite"}
        snapshot = self.writer.commit(self.dataset, run_id, rows, replaces=small, properties=marks)  # type: ignore[arg-type]
        self.writer.publish(self.dataset, run_id, snapshot)

    def bare(self, rows: pa.Table) -> Cost:
        """Append with pyiceberg alone and return what it cost."""
        table = self.catalog.table(self.dataset)
        fitting = fitted(rows, table.schema(), self.dataset)
        started = now()
        self.catalog.table(self.dataset).append(fitting, snapshot_properties=self.properties())
        self.hours += 1
        return since(started)

    def lean(self, rows: pa.Table) -> Cost:
        """Append by one commit of our own, without branch or publication, and return what it cost."""
        started = now()
        table = self.catalog.table(self.dataset)
        transaction = OneAttempt(table)
        added = write_data_files(table, self.dataset, rows)
        add_snapshot(transaction, "main", added=added, removed=(), properties=self.properties())
        transaction.commit_transaction()
        self.hours += 1
        return since(started)


def now() -> Cost:
    """Return clock and processor time of this process."""
    return time.perf_counter(), time.process_time()


def since(started: Cost) -> Cost:
    """Return what passed, in seconds of clock and processor."""
    return time.perf_counter() - started[0], time.process_time() - started[1]


def milliseconds(costs: Sequence[Cost]) -> tuple[float, float]:
    """Return the medians in milliseconds of clock and processor."""
    return statistics.median(cost[0] for cost in costs) * 1000, statistics.median(cost[1] for cost in costs) * 1000


def edges(costs: Sequence[Cost]) -> str:
    """Return first, last and ratio of a series."""
    first, last = milliseconds(costs[:EDGE]), milliseconds(costs[-EDGE:])
    return (
        f"first {EDGE}: {first[0]:.1f} ms ({first[1]:.1f} CPU), last {EDGE}: {last[0]:.1f} ms ({last[1]:.1f} CPU), "
        f"ratio {last[0] / first[0]:.2f} ({last[1] / first[1]:.2f} CPU)"
    )


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publishes", type=int, default=2000)
    parser.add_argument("--without", type=int, default=300, help="publishes without housekeeping")
    parser.add_argument("--history", type=int, default=48, help="hours of snapshots that are kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        kept = Bench(Path(temporary), "kept")
        history = timedelta(hours=options.history)
        for _ in range(options.history):
            kept.publish(kept.rows())
        publishes, chores = [], []
        for number in range(options.publishes):
            publishes.append(kept.publish(kept.rows()))
            chores.append(kept.keep_house(history, sweep=number % 10 == 9))
        print(f"with housekeeping ({options.history} h of history): {edges(publishes)}")
        mean = statistics.mean(cost[0] for cost in chores) * 1000
        print(f"  housekeeping itself: {edges(chores)}; mean {mean:.1f} ms")
        head = kept.reader.head(kept.dataset)
        assert head is not None
        print(f"  rows {head.row_count}, live files {len(head.files)}, files on disk {len(list(Path(temporary).rglob('*.*')))}")
        overhead(kept, history)
        bare = Bench(Path(temporary), "bare")
        print(f"without housekeeping: {edges([bare.publish(bare.rows()) for _ in range(options.without)])}")


def overhead(bench: Bench, history: timedelta) -> None:
    """Print what the protocol costs over a bare append, turn by turn on one table that is kept small."""
    costs: dict[str, list[Cost]] = {"governed": [], "pyiceberg's append": [], "one commit of our own": []}
    ways = dict(zip(costs, (bench.publish, bench.bare, bench.lean), strict=True))
    for _ in range(EDGE):
        for name, way in ways.items():
            costs[name].append(way(bench.rows()))
            bench.keep_house(history, sweep=False)
    for name, series in costs.items():
        clock, processor = milliseconds(series)
        print(f"{name}: {clock:.1f} ms ({processor:.1f} CPU)")


if __name__ == "__main__":
    main()
