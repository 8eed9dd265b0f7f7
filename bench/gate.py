"""What the gate costs on one batch: screen, audit and publish beside the transform and the write they protect.

``python -m bench.gate [ROWS]`` carries a batch of 500,000 rows with 12 checks and no masking through a pipeline's whole way, five
times into fresh tables, and prints the seconds of each step (minimum and median), and the gate's share of transform + write.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

import controlplane
from controlplane.kernel.clock import ReplayClock
from controlplane.usecases import govern_run
from pii_policies.keys.file import create_key_file

PROJECT = """
version: 1
name: bench
namespace: iceberg://bench
catalog: {name: lake, type: sql, uri: "sqlite:///state/catalog.db"}
warehouse: file://state/warehouse
store: {url: "sqlite:///state/store.db"}
state: file://state/plane
keys: {seal: {from: file, path: seal.key}}
contracts: [contracts]
pipelines:
- {name: sales, dataset: silver.sales, sql: sales.sql, inputs: {bronze.sales: new}}
"""

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: NAME
version: 1.0.0
status: active
schema:
- name: sales
  physicalName: LAYER.sales
  customProperties:
  - {property: controlplane.writeMode, value: {mode: append}}
  properties:
  - {name: sale_id, logicalType: integer, REQUIRED}
  - {name: customer_id, logicalType: integer, REQUIRED}
  - {name: store_id, logicalType: integer, REQUIRED}
  - {name: quantity, logicalType: integer, QUANTITY}
  - {name: price, logicalType: number, physicalType: "decimal(12,2)", PRICE}
  - {name: status, logicalType: string, STATUS}
  - {name: sold_at, logicalType: timestamp, REQUIRED}
TABLE
"""

SILVER = {
    "NAME": "silver_sales",
    "LAYER": "silver",
    "REQUIRED": "required: true",
    "QUANTITY": "quality: [{id: positive, metric: invalidValues, arguments: {minimum: 1}, mustBe: 0}, {id: there, metric: nullValues, mustBe: 0}, {id: few, metric: invalidValues, arguments: {maximum: 1000}, mustBe: 0}]",
    "PRICE": "quality: [{id: range, metric: invalidValues, arguments: {minimum: 0, maximum: 100000}, mustBe: 0}]",
    "STATUS": "quality: [{id: known, metric: invalidValues, arguments: {validValues: [placed, paid, shipped]}, mustBe: 0}]",
    "TABLE": """  quality:
  - {id: some_rows, metric: rowCount, mustBeGreaterThan: 0}
  - {id: worth, type: custom, engine: controlplane, implementation: {kind: aggregate, function: sum, field: price, mustBeGreaterThan: 0, unit: dollars}}
  - {id: order, type: sql, query: "SELECT count(*) FROM {object} WHERE price < 0 AND status = 'paid'", mustBe: 0}
""",
}
BRONZE = {"NAME": "bronze_sales", "LAYER": "bronze", "REQUIRED": "required: false", "QUANTITY": "required: false",
          "PRICE": "required: false", "STATUS": "required: false", "TABLE": ""}  # fmt: skip

SQL = """
SELECT s.sale_id AS sale_id, s.customer_id AS customer_id, s.store_id AS store_id, s.quantity AS quantity,
       cast(s.price AS decimal(28, 2)) * s.quantity AS price, s.status AS status, s.sold_at AS sold_at
FROM bronze.sales AS s
"""

STEPS = ("transform", "screen", "write", "audit", "publish", "record")


def contract(words: dict[str, str]) -> str:
    text = CONTRACT
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def batch(rows: int) -> pa.Table:
    return pa.table({
        "sale_id": pa.array(range(rows), pa.int64()),
        "customer_id": pa.array([row % 5000 for row in range(rows)], pa.int64()),
        "store_id": pa.array([row % 50 for row in range(rows)], pa.int64()),
        "quantity": pa.array([1 + row % 7 for row in range(rows)], pa.int64()),
        "price": pa.array([(row % 9000) for row in range(rows)], pa.int32()).cast(pa.decimal128(12, 2)),
        "status": pa.array([("placed", "paid", "shipped")[row % 3] for row in range(rows)]),
        "sold_at": pa.array([datetime(2017, 10, 9, tzinfo=UTC)] * rows, pa.timestamp("us", tz="UTC")),
    })  # fmt: skip


def once(rows: pa.Table) -> dict[str, float]:
    seconds = dict.fromkeys(STEPS, 0.0)

    def timed(step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **keywords: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*arguments, **keywords)
            finally:
                seconds[step] += time.perf_counter() - started

        return measured

    names = {
        "transform": "transform",
        "screen": "screen",
        "write": "_written",
        "audit": "audit",
        "publish": "_publish",
        "record": "_record",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "contracts").mkdir()
        (root / "controlplane.yaml").write_text(PROJECT, encoding="utf-8")
        (root / "contracts/silver.odcs.yaml").write_text(contract(SILVER), encoding="utf-8")
        (root / "contracts/bronze.odcs.yaml").write_text(contract(BRONZE), encoding="utf-8")
        (root / "sales.sql").write_text(SQL, encoding="utf-8")
        create_key_file(root / "seal.key")
        with controlplane.open(root, clock=ReplayClock(datetime(2017, 10, 9, tzinfo=UTC))) as plane:
            with plane.govern("bronze.sales", job="load") as loading:
                loading.append(rows)
            assert loading.outcome == "published", loading.report
            before = {step: getattr(govern_run, name) for step, name in names.items()}
            for step, name in names.items():
                setattr(govern_run, name, timed(step, before[step]))
            try:
                report = plane.run("sales")
            finally:
                for step, name in names.items():
                    setattr(govern_run, name, before[step])
            assert report.state == "published", report.reason
            asked = [result for result in report.results if not result.check_id.endswith((".type", ".schema"))]
            assert len(asked) == 12, [result.check_id for result in asked]
    return seconds


def main() -> None:
    rows = batch(int(sys.argv[1]) if len(sys.argv) > 1 else 500_000)
    runs = [once(rows) for _ in range(5)]
    print(f"{rows.num_rows:,} rows, 12 checks and an exact cast of each column, no masking; seconds")
    print(f"{'step':<12}{'minimum':>10}{'median':>10}")
    for step in STEPS:
        values = [run[step] for run in runs]
        print(f"{step:<12}{min(values):>10.3f}{statistics.median(values):>10.3f}")
    gate = [run["screen"] + run["audit"] + run["publish"] for run in runs]
    work = [run["transform"] + run["write"] for run in runs]
    print(f"{'gate':<12}{min(gate):>10.3f}{statistics.median(gate):>10.3f}")
    shares = [one / other for one, other in zip(gate, work, strict=True)]
    print(f"gate / (transform + write): {min(shares):.2f} at best, {statistics.median(shares):.2f} in the median")


if __name__ == "__main__":
    main()
