"""A small shop to test with: the reference platform's own contracts and SELECTs over a handful of hand-written events."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import controlplane
from controlplane.kernel.clock import ReplayClock
from pii_policies.keys.file import create_key_file

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
TABLES = ("customers", "products", "orders", "order_items")
STREAMS = ("clickstream.events", "payments.status")
KEYS = {
    "customers": ("customer_id",),
    "products": ("product_id",),
    "orders": ("order_id",),
    "order_items": ("order_id", "line_number"),
}


def make_shop(folder: Path) -> Path:
    """Write the reference platform's project into a folder, with new keys and an empty landing zone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("controlplane.yaml", "slas.yaml"):
        shutil.copy(ROOT / name, folder)
    for part in ("contracts", "silver", "gold"):
        shutil.copytree(ROOT / "pipelines" / part, folder / "pipelines" / part)
    for key in ("tokens", "seal"):
        create_key_file(folder / "secrets" / f"{key}.key")
    for table in TABLES:
        (folder / "state/landing" / f"cdc.public.{table}").mkdir(parents=True)
    return folder


def open_shop(folder: Path, at: datetime = NOON) -> controlplane.Plane:
    """Open the shop's plane at a standing time."""
    return controlplane.open(folder, clock=ReplayClock(at))


@dataclass
class Feed:
    """Writes change events as Debezium does, one file a flush."""

    folder: Path
    lsn: int = 1000
    offsets: dict[str, int] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    files: int = 0

    def event(self, table: str, op: str, at: datetime = NOON, **row: object) -> str:
        """Queue one change event and return its line."""
        self.lsn += 1
        offset = self.offsets[table] = self.offsets.get(table, -1) + 1
        key = {name: row[name] for name in KEYS[table]}
        source = {"lsn": self.lsn, "ts_ms": int(at.timestamp() * 1000), "table": table, "schema": "public", "db": "shop"}
        value = {"before": key if op == "d" else None, "after": None if op == "d" else row, "source": source, "op": op}
        line = json.dumps({"partition": 0, "offset": offset, "key": key, "value": value})
        self.raw(table, line)
        return line

    def raw(self, table: str, line: str) -> None:
        """Queue a line as it is."""
        self.lines.setdefault(table, []).append(line)

    def customer(self, op: str, customer_id: int, at: datetime = NOON, **changed: object) -> str:
        """Queue a change of a customer."""
        row: dict[str, object] = {
            "customer_id": customer_id, "full_name": f"Customer Number{customer_id}", "email": f"customer{customer_id}@example.org",
            "phone": f"+1 555 010 {customer_id:04}", "birth_date": "1980-05-17", "street": f"{customer_id} Long Street",
            "postcode": "45202", "region": "north", "created_at": _text(at), "updated_at": _text(at),
        }  # fmt: skip
        return self.event("customers", op, at, **(row | changed))

    def order(self, op: str, order_id: int, customer_id: int, at: datetime = NOON, **changed: object) -> str:
        """Queue a change of an order."""
        row: dict[str, object] = {
            "order_id": order_id, "customer_id": customer_id, "store_id": 1, "status": "placed", "amount": "19.90",
            "created_at": _text(at), "updated_at": _text(at),
        }  # fmt: skip
        return self.event("orders", op, at, **(row | changed))

    def flush(self, watermark: datetime = NOON) -> None:
        """Write what is queued, one file a topic, and move every topic's watermark."""
        self.files += 1
        for topic in STREAMS:
            quiet = self.folder / "state/landing" / topic / "_manifest.json"
            quiet.parent.mkdir(exist_ok=True)
            quiet.write_text(json.dumps({"watermark": _text(watermark)}), encoding="utf-8")
        for table in TABLES:
            topic = self.folder / "state/landing" / f"cdc.public.{table}"
            lines = self.lines.pop(table, [])
            if lines:
                (topic / f"{self.files:04}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (topic / "_manifest.json").write_text(json.dumps({"watermark": _text(watermark)}), encoding="utf-8")


def rows_of(plane: controlplane.Plane, dataset: str) -> list[dict[str, object]]:
    """Return what readers see of a dataset, in a fixed order."""
    governed = plane.ports.platform.governed(dataset)
    head = plane.ports.reader.head(governed.id)
    if head is None:
        return []
    rows = plane.ports.reader.rows(governed.id, head.snapshot_id).read_all().to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True, default=str))


def later(hours: float) -> datetime:
    """Return a time after noon."""
    return NOON + timedelta(hours=hours)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
