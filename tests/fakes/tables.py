"""A small lakehouse for tests: a SQLite catalog over a warehouse on disk or on S3 (moto in a thread), with short verbs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pyarrow as pa
from moto.server import ThreadedMotoServer
from pyiceberg.table import Table

from controlplane.gate.model import TableDefinition
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.table import DataFile, Snapshot
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.housekeeping import IcebergKeeper
from controlplane.lakehouse.reading import IcebergReader
from controlplane.lakehouse.writing import IcebergWriter

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
ORDERS = TableDefinition(
    fields=(
        ("order_id", "long", True),
        ("status", "string", False),
        ("amount", "decimal(12, 2)", False),
        ("created_at", "timestamptz", False),
    ),
    hidden_bounds=("status",),
)
BUCKETED = TableDefinition(ORDERS.fields, partition=("bucket(4, order_id)",))
SCHEMA = pa.schema(
    [
        ("order_id", pa.int64()),
        ("status", pa.large_string()),
        ("amount", pa.decimal128(12, 2)),
        ("created_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass
class Lake:
    """One catalog, its adapters, and one dataset in it."""

    catalog: IcebergCatalog
    dataset: DatasetId
    warehouse: str

    def __post_init__(self) -> None:
        self.reader = IcebergReader(self.catalog)
        self.writer = IcebergWriter(self.catalog)
        self.keeper = IcebergKeeper(self.catalog)

    @property
    def foreign(self) -> Table:
        """The table as any pyiceberg program sees it."""
        return self.catalog.table(self.dataset)

    @property
    def head(self) -> Snapshot:
        """What readers see."""
        head = self.reader.head(self.dataset)
        assert head is not None
        return head

    def ensure(self, definition: TableDefinition = ORDERS, at: datetime = NOON) -> SnapshotId:
        """Create or evolve the table."""
        return self.writer.ensure(self.dataset, definition, stamped(at))

    def write(
        self,
        rows: pa.Table,
        *,
        replaces: Sequence[DataFile] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> tuple[RunId, SnapshotId]:
        """Write one batch to a branch of its own at main's head."""
        run_id = RunId(uuid4())
        assert self.writer.open_branch(self.dataset, run_id, self.head.snapshot_id) is None
        given = stamped(NOON) if properties is None else properties
        return run_id, self.writer.commit(self.dataset, run_id, rows, replaces=replaces, properties=given)

    def put(
        self,
        rows: pa.Table,
        *,
        replaces: Sequence[DataFile] | None = None,
        at: datetime = NOON,
        rewrite: bool = False,
    ) -> SnapshotId:
        """Write one batch and publish it."""
        marks = {"controlplane.operation": "rewrite"} if rewrite else {}
        run_id, snapshot_id = self.write(rows, replaces=replaces, properties={**stamped(at), **marks})
        self.writer.publish(self.dataset, run_id, snapshot_id)
        return snapshot_id

    def ids(self, at: SnapshotId | None = None, files: Sequence[DataFile] | None = None) -> list[int]:
        """Return the order ids of a snapshot (None: main's head), sorted."""
        rows = self.reader.rows(self.dataset, self.head.snapshot_id if at is None else at, ["order_id"], files)
        return sorted(rows.read_all().column("order_id").to_pylist())


def stamped(at: datetime) -> dict[str, str]:
    """Return the snapshot property that says when the plane published."""
    return {"controlplane.published-at": at.isoformat()}


def orders(*ids: int, status: str | None = "placed") -> pa.Table:
    """Return one order per id."""
    count = len(ids)
    columns = [
        pa.array(ids, pa.int64()),
        pa.array([status] * count, pa.large_string()),
        pa.array([number * 100 for number in ids], pa.int64()).cast(pa.decimal128(21, 2)).cast(pa.decimal128(12, 2)),
        pa.array([NOON + timedelta(minutes=number) for number in ids], pa.timestamp("us", tz="UTC")),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


@contextmanager
def lake_on_disk(folder: Path) -> Iterator[Lake]:
    """Give a lakehouse below a folder."""
    yield from _lake(folder, (folder / "warehouse").as_uri(), {})


@contextmanager
def lake_on_s3(folder: Path, endpoint: str) -> Iterator[Lake]:
    """Give a lakehouse in a bucket of its own; the catalog's database is below the folder."""
    properties = s3_properties(endpoint)
    yield from _lake(folder, f"s3://{bucket(endpoint)}/warehouse", properties)


@contextmanager
def s3_server() -> Iterator[str]:
    """Run an S3 server on a free port of the loopback interface; gives its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def s3_properties(endpoint: str) -> dict[str, str]:
    """Return the settings to reach the server."""
    return {
        "s3.endpoint": endpoint,
        "s3.access-key-id": "test",
        "s3.secret-access-key": "test",
        "s3.region": "us-east-1",
    }


def bucket(endpoint: str) -> str:
    """Make a new bucket and return its name."""
    name = f"lake-{uuid4().hex[:12]}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    client.create_bucket(Bucket=name)
    return name


def _lake(folder: Path, warehouse: str, properties: Mapping[str, str]) -> Iterator[Lake]:
    catalog = IcebergCatalog(
        name="lake", kind="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=warehouse, properties=properties
    )
    try:
        yield Lake(catalog, DatasetId("iceberg://test", "silver.orders"), warehouse)
    finally:
        catalog.close()
