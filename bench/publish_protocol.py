"""Prove the publish protocol: writers, a foreign writer and kills at every step, and count what went wrong (all must be 0).

Run:
    python bench/publish_protocol.py                                  # SQLite catalog in a temporary folder
    python bench/publish_protocol.py --catalog postgresql+psycopg://user@127.0.0.1:25432/lake

Two governed writers publish 200 batches each on one table while a plain pyiceberg writer appends to it and a reader looks.
Every tenth batch is bad and must never be seen. Then writers are killed with SIGKILL at each step and started again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import LostRaceError, SnapshotExpiredError
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.reading import IcebergReader
from controlplane.lakehouse.writing import IcebergWriter

STEPS = ("planned", "branched", "committed", "published")
ROWS = 5
PAUSE = 0.1
"""Seconds between two batches of a writer; without a pause the foreign writer hardly ever gets a turn."""

BAD_EVERY = 10
NAMES = UUID("5b1c1c53-0c43-4a86-9c2b-3ef2a3f0c1aa")
FOREIGN = 1000
DEFINITION = TableDefinition(
    (("writer", "int", True), ("batch", "long", True), ("item", "int", True), ("good", "boolean", True))
)


@dataclass(frozen=True)
class Place:
    """Where a scenario happens: catalog address, folder for warehouse and journals, table."""

    catalog: str
    folder: Path
    table: str

    def opened(self) -> IcebergCatalog:
        """Return the catalog's adapter."""
        warehouse = (self.folder / "warehouse").as_uri()
        return IcebergCatalog(name="bench", kind="sql", uri=self.catalog, warehouse=warehouse)

    @property
    def dataset(self) -> DatasetId:
        """The table as a dataset."""
        return DatasetId("bench", self.table)


class Journal:
    """What a writer remembers over a kill: the open run of its batch, and batches done; one JSON file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = json.loads(path.read_text()) if path.exists() else {"run": None, "done": [], "held": [], "lost": 0}

    def save(self, **values: object) -> None:
        """Set values and write the file in one step."""
        self.content.update(values)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.content))
        fresh.replace(self.path)


class Writer:
    """One governed writer: publishes its batches in order by the protocol of the gate."""

    def __init__(self, place: Place, number: int, mode: str, die_at: str | None) -> None:
        self.catalog = place.opened()
        self.dataset = place.dataset
        self.number = number
        self.mode = mode
        self.die_at = die_at
        self.pause = 0.0 if die_at else PAUSE
        self.journal = Journal(place.folder / f"{place.table}-{number}.json")
        self.reader = IcebergReader(self.catalog)
        self.writer = IcebergWriter(self.catalog)

    def publish(self, batches: int) -> None:
        """Publish (or hold) every batch that is not done yet."""
        for batch in range(batches):
            if batch not in self.journal.content["done"] and batch not in self.journal.content["held"]:
                while not self._once(batch):
                    self.journal.save(run=None, lost=self.journal.content["lost"] + 1)
                time.sleep(random.uniform(0, 2 * self.pause))

    def _once(self, batch: int) -> bool:
        run_id, base = self._planned(batch)
        try:
            written = self._written(run_id, base, batch)
            if batch % BAD_EVERY == BAD_EVERY - 1:
                self.writer.drop_branch(self.dataset, run_id)
                self.journal.save(run=None, held=[*self.journal.content["held"], batch])
                return True
            self._publish(run_id, written)
        except (LostRaceError, SnapshotExpiredError):
            self.writer.drop_branch(self.dataset, run_id)
            return False
        self._step("published")
        self.journal.save(run=None, done=[*self.journal.content["done"], batch])
        return True

    def _planned(self, batch: int) -> tuple[RunId, SnapshotId]:
        run = self.journal.content["run"]
        if run is None:
            head = self.reader.head(self.dataset)
            assert head is not None
            run = {"id": str(uuid5(NAMES, f"{self.number}/{batch}/{head.snapshot_id}")), "base": head.snapshot_id}
            self.journal.save(run=run)
        self._step("planned")
        return RunId(UUID(run["id"])), SnapshotId(run["base"])

    def _written(self, run_id: RunId, base: SnapshotId, batch: int) -> SnapshotId:
        written = self.writer.open_branch(self.dataset, run_id, base)
        self._step("branched")
        if written is None:
            rows, replaced = rows_of(self.number, batch), None
            if self.mode == "overwrite":
                rows = pa.concat_tables([self.reader.rows(self.dataset, base).read_all().cast(rows.schema), rows])
                replaced = self.reader.snapshot(self.dataset, base).files
            written = self.writer.commit(self.dataset, run_id, rows, replaces=replaced, properties={})
        self._step("committed")
        return written

    def _publish(self, run_id: RunId, written: SnapshotId) -> None:
        while True:
            try:
                self.writer.publish(self.dataset, run_id, written)
            except LostRaceError:
                if self.mode == "overwrite":
                    raise
                self.journal.save(lost=self.journal.content["lost"] + 1)
                written = self.writer.rebase(self.dataset, run_id, written, {})
            else:
                return

    def _step(self, name: str) -> None:
        if self.die_at == name:
            os.kill(os.getpid(), signal.SIGKILL)


def rows_of(writer: int, batch: int) -> pa.Table:
    """Return the rows of one batch; a bad batch's rows are marked."""
    good = writer >= FOREIGN or batch % BAD_EVERY != BAD_EVERY - 1
    return pa.table(
        {
            "writer": pa.array([writer] * ROWS, pa.int32()),
            "batch": pa.array([batch] * ROWS, pa.int64()),
            "item": pa.array(range(ROWS), pa.int32()),
            "good": pa.array([good] * ROWS, pa.bool_()),
        },
        schema=pa.schema(
            [pa.field("writer", pa.int32(), nullable=False), pa.field("batch", pa.int64(), nullable=False),
             pa.field("item", pa.int32(), nullable=False), pa.field("good", pa.bool_(), nullable=False)]
        ),
    )  # fmt: skip


def foreign(place: Place, stop: Path) -> None:
    """Append batches with plain pyiceberg until told to stop; remember those that were acknowledged."""
    table = place.opened().table(place.dataset)
    journal = Journal(place.folder / f"{place.table}-{FOREIGN}.json")
    batch = 0
    while not stop.exists():
        try:
            table.refresh()
            table.append(rows_of(FOREIGN, batch))
        except (CommitFailedException, ValueError):
            journal.save(lost=journal.content["lost"] + 1)
            continue
        journal.save(done=[*journal.content["done"], batch])
        batch += 1
        time.sleep(0.2)


def look(place: Place, stop: Path) -> None:
    """Read main again and again; note heads that show bad or half batches, or that lost rows seen before."""
    reader = IcebergReader(place.opened())
    journal = Journal(place.folder / f"{place.table}-reader.json")
    looks, bad, seen = 0, 0, set[tuple[int, int]]()
    while not stop.exists():
        head = reader.head(place.dataset)
        assert head is not None
        counted = counts(reader, place.dataset, head.snapshot_id)
        bad += int(any(not good or number != ROWS for (_, _, good), number in counted.items()))
        now = {(writer, batch) for writer, batch, _ in counted}
        bad += int(not seen <= now)
        seen, looks = now, looks + 1
        time.sleep(0.05)
    journal.save(looks=looks, bad=bad)


def counts(reader: IcebergReader, dataset: DatasetId, snapshot_id: SnapshotId) -> Counter[tuple[int, int, bool]]:
    """Return how many rows each (writer, batch, good) has in a snapshot."""
    rows = reader.rows(dataset, snapshot_id).read_all()
    columns = [rows.column(name).to_pylist() for name in ("writer", "batch", "good")]
    return Counter(zip(*columns, strict=True))


def verdict(place: Place, writers: int) -> dict[str, object]:
    """Compare the table with what the writers were told, and return the figures; the first five must be 0."""
    reader = IcebergReader(place.opened())
    head = reader.head(place.dataset)
    assert head is not None
    counted = counts(reader, place.dataset, head.snapshot_id)
    journals = {number: Journal(path).content for number, path in journal_paths(place, writers).items()}
    told = {(number, batch) for number, content in journals.items() for batch in content["done"]}
    present = {(writer, batch) for writer, batch, _ in counted}
    looked = Journal(place.folder / f"{place.table}-reader.json").content
    refs = place.opened().table(place.dataset).metadata.refs
    return {
        "lost commits": len(told - present),
        "visible bad rows": sum(number for (_, _, good), number in counted.items() if not good),
        "duplicates": sum(number - ROWS for number in counted.values() if number > ROWS),
        "half or vanished batches seen": looked.get("bad", 0),
        "branches left": len(refs) - 1,
        "published": sum(len(content["done"]) for number, content in journals.items() if number < FOREIGN),
        "held": sum(len(content["held"]) for content in journals.values()),
        "lost races, won later": sum(content["lost"] for number, content in journals.items() if number < FOREIGN),
        "foreign appends": len(journals.get(FOREIGN, {"done": []})["done"]),
        "looks": looked.get("looks", 0),
    }


def journal_paths(place: Place, writers: int) -> dict[int, Path]:
    """Return the journals of the scenario by writer."""
    named = {number: place.folder / f"{place.table}-{number}.json" for number in [*range(writers), FOREIGN]}
    return {number: path for number, path in named.items() if path.exists()}


def child(place: Place, *arguments: str) -> subprocess.Popen[bytes]:
    """Start this script as one of the actors."""
    given = ["--catalog", place.catalog, "--folder", str(place.folder), "--table", place.table, *arguments]
    return subprocess.Popen([sys.executable, __file__, *given])


def race(place: Place, mode: str, publishes: int) -> dict[str, object]:
    """Let two writers, a foreign one and a reader loose on one table."""
    IcebergWriter(place.opened()).ensure(place.dataset, DEFINITION, {})
    stop = place.folder / f"{place.table}.stop"
    others = [child(place, "--act", "foreign"), child(place, "--act", "look")]
    started = time.perf_counter()
    writers = [child(place, "--act", mode, "--number", str(number), "--publishes", str(publishes)) for number in range(2)]
    failed = [process.wait() for process in writers]
    seconds = time.perf_counter() - started
    stop.touch()
    failed += [process.wait() for process in others]
    return {**verdict(place, 2), "actors that failed": sum(map(bool, failed)), "seconds": round(seconds, 1)}


def kill(place: Place, mode: str, rounds: int, rng: random.Random) -> dict[str, object]:
    """Kill one writer at each step, then at random moments, start it again each time, and let another one write between."""
    IcebergWriter(place.opened()).ensure(place.dataset, DEFINITION, {})
    batches, kills = 0, 0
    for step in STEPS * rounds:
        batches += 1
        process = child(place, "--act", mode, "--number", "0", "--publishes", str(batches), "--die-at", step)
        kills += int(process.wait() == -signal.SIGKILL)
        if rng.random() < 0.5:
            finish(place, mode, 1, batches)
        finish(place, mode, 0, batches)
    for _ in range(4 * rounds):
        batches += 3
        process = child(place, "--act", mode, "--number", "0", "--publishes", str(batches))
        time.sleep(rng.uniform(1.0, 3.0))
        process.kill()
        kills += int(process.wait() == -signal.SIGKILL)
    finish(place, mode, 0, batches)
    finish(place, mode, 1, batches)
    return {**verdict(place, 2), "kills": kills}


def finish(place: Place, mode: str, number: int, batches: int) -> None:
    """Let a writer do all its batches."""
    if child(place, "--act", mode, "--number", str(number), "--publishes", str(batches)).wait():
        message = f"writer {number} failed"
        raise SystemExit(message)


def act(options: argparse.Namespace) -> None:
    """Be one actor of a scenario."""
    place = Place(options.catalog, Path(options.folder), options.table)
    stop = place.folder / f"{place.table}.stop"
    if options.act == "foreign":
        foreign(place, stop)
    elif options.act == "look":
        look(place, stop)
    else:
        Writer(place, options.number, options.act, options.die_at).publish(options.publishes)


def main() -> int:
    """Run all scenarios and print a table of figures; the exit code is 1 when a figure that must be 0 is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", help="SQLAlchemy address of the catalog's database (default: SQLite in the folder)")
    parser.add_argument("--folder", help="where warehouse and journals go (default: a temporary folder)")
    parser.add_argument("--publishes", type=int, default=200, help="batches of each of the two writers")
    parser.add_argument("--rounds", type=int, default=2, help="how often each step is killed")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--table", help=argparse.SUPPRESS)
    parser.add_argument("--act", help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--die-at", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        act(options)
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        catalog = options.catalog or f"sqlite:///{folder}/catalog.db"
        unique = uuid4().hex[:8]
        wrong = 0
        for mode in ("append", "overwrite"):
            for name, figures in (
                ("race", race(Place(catalog, folder, f"bench.race_{mode}_{unique}"), mode, options.publishes)),
                (
                    "kill",
                    kill(
                        Place(catalog, folder, f"bench.kill_{mode}_{unique}"), mode, options.rounds, random.Random(options.seed)
                    ),
                ),
            ):
                print(f"{name} {mode}: {figures}", flush=True)
                wrong += sum(int(str(figures[key])) for key in list(figures)[:5])
        return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())
