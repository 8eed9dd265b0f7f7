"""A project whose one table is written by its callers (append), for races and housekeeping."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

import controlplane
from controlplane.kernel.clock import ReplayClock
from controlplane.kernel.ports import Clock
from pii_policies.keys.file import create_key_file

PROJECT = """
version: 1
name: own
namespace: iceberg://own
catalog: {name: lake, type: sql, uri: "sqlite:///state/catalog.db"}
warehouse: file://state/warehouse
store: {url: "sqlite:///state/store.db"}
state: file://state/plane
keys: {seal: {from: file, path: secrets/seal.key}}
contracts: [visits.odcs.yaml]
HOUSEKEEPING
"""

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: visits
version: 1.0.0
status: active
schema:
- name: visits
  physicalName: silver.visits
  customProperties:
  - {property: controlplane.tier, value: 1}
  - {property: controlplane.history, value: PT2H}
  properties:
  - {name: visit_id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
  - name: pages
    logicalType: integer
    quality: [{id: pages_positive, metric: invalidValues, arguments: {minimum: 1}, mustBe: 0, severity: error}]
"""

START = datetime(2017, 10, 9, tzinfo=UTC)


def make_project(folder: Path, housekeeping: str = "") -> Path:
    """Write the project into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "controlplane.yaml").write_text(PROJECT.replace("HOUSEKEEPING", housekeeping), encoding="utf-8")
    (folder / "visits.odcs.yaml").write_text(CONTRACT, encoding="utf-8")
    create_key_file(folder / "secrets/seal.key")
    return folder


def open_project(folder: Path, clock: Clock | None = None) -> controlplane.Plane:
    """Open it, by default at a standing time."""
    return controlplane.open(folder, clock=clock or ReplayClock(START))


def batch(name: str, *, pages: int = 3, rows: int = 2) -> pa.Table:
    """Return a small batch whose visit ids tell where it comes from."""
    return pa.table({"visit_id": [f"{name}-{row}" for row in range(rows)], "pages": [pages] * rows})


def governed_writer(folder: str, name: str, count: int) -> None:
    """Hand over batches until each is published, whoever else writes."""
    with open_project(Path(folder)) as plane:
        for number in range(count):
            for _attempt in range(400):
                with plane.govern("silver.visits", job=name, batch=f"{name}-{number}") as run:
                    run.append(batch(f"{name}-{number}"))
                if run.outcome == "published":
                    break
                time.sleep(0.02)  # another writer holds the lease
            else:
                os._exit(3)
            with plane.govern("silver.visits", job=name, batch=f"{name}-{number}-bad") as bad:
                bad.append(batch(f"{name}-{number}-bad", pages=0))
            if bad.outcome == "published":
                os._exit(4)


def foreign_writer(folder: str, name: str, count: int) -> None:
    """Append with plain pyiceberg, past the gate, as a pipeline that nobody wrapped would."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/state/catalog.db", warehouse=f"file://{folder}/state/warehouse")
    for number in range(count):
        for _attempt in range(400):
            try:
                table = catalog.load_table("silver.visits")
                rows = batch(f"{name}-{number}").cast(pa.schema([("visit_id", pa.string(), False), ("pages", pa.int64())]))  # type: ignore[arg-type]
                table.append(rows, snapshot_properties={"who": str(uuid4())})
                break
            except (CommitFailedException, ValueError):
                continue
        else:
            os._exit(5)
