"""What one small governed run costs, by write mode, and whether it costs more after many runs.

``python -m bench.runs [ROUNDS]`` (200 by default) feeds a project of four pipelines, one per write mode, with ten change events of
a few hundred keys an hour, and runs each pipeline twice an hour: once with something new and once with nothing. Printed is the
processor's time in milliseconds (user and system, all threads, which other work on the machine disturbs least): the mean of the
first and of the last 20 rounds and their ratio, and the same of the runs that found nothing new. The first round, in which tables
are made and SQL is read for the first time, is left out.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import controlplane
from controlplane.kernel.clock import ReplayClock
from pii_policies.keys.file import create_key_file

START = datetime(2017, 10, 9, tzinfo=UTC)
EDGE = 20
EVENTS = 10
KEYS = 300
TOPIC = "cdc.public.stock"
MODES = {"stock_events": "append", "stock": "merge", "stock_versions": "scd2", "stock_by_store": "overwrite"}

PROJECT = f"""
version: 1
name: bench
namespace: iceberg://bench
catalog: {{name: lake, type: sql, uri: "sqlite:///state/catalog.db"}}
warehouse: file://state/warehouse
store: {{url: "sqlite:///state/store.db"}}
state: file://state/plane
landing: file://state/landing
keys: {{seal: {{from: file, path: seal.key}}}}
contracts: [contracts]
pipelines:
- {{name: stock_events, dataset: bronze.stock_events, source: {{topic: {TOPIC}, format: debezium-json}}}}
- {{name: stock, dataset: silver.stock, sql: stock.sql, inputs: {{bronze.stock_events: new}}}}
- {{name: stock_versions, dataset: silver.stock_versions, sql: stock.sql, inputs: {{bronze.stock_events: new}}}}
- {{name: stock_by_store, dataset: gold.stock_by_store, sql: stock_by_store.sql, inputs: {{silver.stock: all}}}}
"""

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: {table}
version: 1.0.0
status: active
schema:
- name: {table}
  physicalName: {layer}.{table}
  customProperties:
  - {{property: controlplane.writeMode, value: {mode}}}
  - {{property: controlplane.history, value: P2D}}
  properties:
"""

EVENT_FIELDS = """
  - {name: topic, logicalType: string, required: true}
  - {name: source_partition, logicalType: integer, physicalType: int, required: true, primaryKey: true, primaryKeyPosition: 1}
  - {name: source_offset, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 2}
  - {name: source_lsn, logicalType: integer, required: true}
  - {name: source_ts, logicalType: timestamp, required: true}
  - name: op
    logicalType: string
    required: true
    quality: [{id: known, metric: invalidValues, arguments: {validValues: [c, u, d, r]}, mustBe: 0}]
  - {name: key, logicalType: string, required: true}
  - {name: after, logicalType: string}
"""

STOCK_FIELDS = """
  - {name: product_id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}
  - name: store_id
    logicalType: integer
    required: true
    quality: [{id: known, metric: invalidValues, arguments: {minimum: 1, maximum: 50}, mustBe: 0}]
  - name: quantity
    logicalType: integer
    required: true
    quality: [{id: positive, metric: invalidValues, arguments: {minimum: 0}, mustBe: 0}]
  - {name: price, logicalType: number, physicalType: "decimal(12,2)", required: true}
  - {name: status, logicalType: string, quality: [{id: known, metric: invalidValues, arguments: {validValues: [fine, low]}, mustBe: 0}]}
  - {name: source_lsn, logicalType: integer, required: true}
"""

INTERVAL_FIELDS = """
  - {name: source_ts, logicalType: timestamp, required: true}
  - {name: valid_from, logicalType: timestamp, required: true, primaryKey: true, primaryKeyPosition: 2}
  - {name: valid_to, logicalType: timestamp}
  - {name: is_current, logicalType: boolean, required: true}
"""

STORE_FIELDS = """
  - {name: store_id, logicalType: integer, required: true, primaryKey: true, primaryKeyPosition: 1}
  - {name: products, logicalType: integer, required: true}
  - {name: quantity, logicalType: integer, required: true}
"""

MERGE = "{mode: merge, keys: [product_id], orderBy: [source_lsn], deleteWhen: \"op = 'd'\"}"
SCD2 = (
    "{mode: scd2, keys: [product_id], orderBy: [source_lsn], deleteWhen: \"op = 'd'\", effectiveAt: source_ts, "
    "validFrom: valid_from, validTo: valid_to, isCurrent: is_current}"
)
CONTRACTS = (
    ("bronze", "stock_events", '{mode: append, partition: ["day(source_ts)"]}', EVENT_FIELDS),
    ("silver", "stock", MERGE, STOCK_FIELDS),
    ("silver", "stock_versions", SCD2, STOCK_FIELDS + INTERVAL_FIELDS),
    ("gold", "stock_by_store", "{mode: overwrite}", STORE_FIELDS),
)

STOCK_SQL = """
SELECT coalesce(get_json_object(e.after, '$.product_id'), get_json_object(e.key, '$.product_id')) AS product_id,
       get_json_object(e.after, '$.store_id') AS store_id, get_json_object(e.after, '$.quantity') AS quantity,
       get_json_object(e.after, '$.price') AS price, get_json_object(e.after, '$.status') AS status,
       e.op AS op, e.source_lsn AS source_lsn, e.source_ts AS source_ts
FROM bronze.stock_events AS e
"""
STORE_SQL = """
SELECT s.store_id AS store_id, count(*) AS products, sum(s.quantity) AS quantity FROM silver.stock AS s GROUP BY s.store_id
"""


def make_project(folder: Path) -> None:
    """Write the project's files."""
    for part in ("contracts", f"state/landing/{TOPIC}"):
        (folder / part).mkdir(parents=True)
    (folder / "controlplane.yaml").write_text(PROJECT, encoding="utf-8")
    (folder / "stock.sql").write_text(STOCK_SQL, encoding="utf-8")
    (folder / "stock_by_store.sql").write_text(STORE_SQL, encoding="utf-8")
    create_key_file(folder / "seal.key")
    for layer, table, mode, fields in CONTRACTS:
        text = CONTRACT.format(layer=layer, table=table, mode=mode) + fields.lstrip("\n")
        (folder / "contracts" / f"{table}.odcs.yaml").write_text(text, encoding="utf-8")


def deliver(folder: Path, hour: int) -> None:
    """Write an hour's change events."""
    lines = [event(hour * EVENTS + number, START + timedelta(hours=hour)) for number in range(EVENTS)]
    (folder / "state/landing" / TOPIC / f"{hour:05}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def event(number: int, at: datetime) -> str:
    """Return one change event as Debezium writes it; the same for the same number."""
    key = {"product_id": number * 7 % KEYS}
    row = {**key, "store_id": 1 + number % 50, "quantity": number % 97, "price": f"{number % 900}.50", "status": "fine"}
    source = {"lsn": 1_000 + number, "ts_ms": int(at.timestamp() * 1000), "table": "stock"}
    value = {"before": None, "after": row, "source": source, "op": "u"}
    return json.dumps({"partition": 0, "offset": number, "key": key, "value": value})


def timed(plane: controlplane.Plane, name: str, expected: str) -> float:
    """Run a pipeline once and return its processor time in milliseconds."""
    started = time.process_time()
    state = plane.run(name).state
    spent = (time.process_time() - started) * 1000
    if state != expected:
        message = f"{name} ended {state}, not {expected}"
        raise RuntimeError(message)
    return spent


def measure(folder: Path, rounds: int) -> tuple[dict[str, list[float]], list[float]]:
    """Return the times of each pipeline's runs, and those of the runs that found nothing new."""
    clock = ReplayClock(START)
    spent: dict[str, list[float]] = {name: [] for name in MODES}
    idle: list[float] = []
    with controlplane.open(folder, clock=clock) as plane:
        for hour in range(rounds + 1):
            clock.instant = START + timedelta(hours=hour)
            deliver(folder, hour)
            times = {name: timed(plane, name, "published") for name in MODES}
            nothing = [timed(plane, name, "nothing_new") for name in MODES]
            if hour:
                idle += nothing
                for name, value in times.items():
                    spent[name].append(value)
    return spent, idle


def told(name: str, values: Sequence[float], edge: int) -> str:
    """Return one line of the table: how many, the mean of all, of the first and of the last, and their ratio."""
    first, last = statistics.mean(values[:edge]), statistics.mean(values[-edge:])
    return f"{name:<12}{len(values):>6}{statistics.mean(values):>9.1f}{first:>9.1f}{last:>9.1f}{last / first:>8.2f}"


def main() -> None:
    """Run the benchmark and print its table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        make_project(Path(folder))
        spent, idle = measure(Path(folder), rounds)
    edge = min(EDGE, rounds)
    print(f"{EVENTS} events of {KEYS} keys a run; milliseconds of the processor; first and last {edge} rounds")
    print(f"{'mode':<12}{'runs':>6}{'mean':>9}{'first':>9}{'last':>9}{'ratio':>8}")
    for name, values in spent.items():
        print(told(MODES[name], values, edge))
    print(told("all modes", [statistics.mean(values) for values in zip(*spent.values(), strict=True)], edge))
    print(told("nothing new", idle, edge * len(MODES)))


if __name__ == "__main__":
    main()
