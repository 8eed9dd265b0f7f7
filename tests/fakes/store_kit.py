"""What tests of the store share: stores of every kind, each empty and of its own, and small plans, rows and results."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from pyarrow.fs import LocalFileSystem
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from checks.model import Check, CheckKind, CheckResult, Measurement, Operator, Threshold
from controlplane.gate.model import InputPin, InputRole, KeptKind, KeptRow, Run, RunPlan, RunState
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.outcome import Evidence, Outcome, Severity, Stage
from controlplane.persistence.store import Store
from controlplane.usecases.ports import RunRecord
from tests.fakes.store import InMemoryStore

ORDERS = DatasetId("iceberg://shop", "silver.orders")
ITEMS = DatasetId("iceberg://shop", "silver.order_items")
NOON = datetime(2017, 10, 9, 12, 0, 0, 123456, tzinfo=UTC)
MAIN = SnapshotId(8_912_345_678_901_234_567)

STORES = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
FILE_STORES = STORES[1:]

AnyStore = Store | InMemoryStore


@dataclass
class SettableClock:
    instant: datetime = NOON

    def now(self) -> datetime:
        return self.instant

    def pass_by(self, **duration: float) -> None:
        self.instant += timedelta(**duration)


@contextmanager
def opened(kind: str, folder: Path, wall: SettableClock | None = None, holder: str | None = None) -> Iterator[AnyStore]:
    """Open an empty store of a kind; ``postgres`` takes a schema of its own in the database of STORE_URL."""
    if kind == "memory":
        yield InMemoryStore(wall)
        return
    with located(kind, folder) as url, Store(url, LocalFileSystem(), f"{folder}/state", wall=wall, holder=holder) as store:
        yield store


@contextmanager
def located(kind: str, folder: Path) -> Iterator[str]:
    """Make an empty store of a kind and return its URL."""
    if kind == "sqlite":
        shutil.copy(_template(), folder / "store.db")
        yield f"sqlite:///{folder}/store.db"
        return
    with schema() as url:
        yield url


@contextmanager
def schema() -> Iterator[str]:
    """Make an empty schema in the PostgreSQL of STORE_URL and return a URL that works in it."""
    server = os.environ.get("STORE_URL")
    if not server:
        pytest.skip("set STORE_URL to a PostgreSQL database, or run: python -m bench.store_postgres --tests")
    name = f"test_{uuid4().hex[:12]}"
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    try:
        url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()


@cache
def _template() -> Path:
    """Make one upgraded store to copy from: upgrading is proven elsewhere and takes longer than most tests."""
    folder = tempfile.mkdtemp(prefix="store-template-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "store.db"
    with Store(f"sqlite:///{path}", LocalFileSystem(), str(path.parent)) as store:
        store.check()
    return path


def a_plan(
    dataset: DatasetId = ORDERS,
    base: int = MAIN,
    *,
    files: Sequence[str] = (),
    batch: str | None = None,
    reentering: Sequence[str] = (),
) -> RunPlan:
    pins = [InputPin(InputRole.LANDING, name, sha256=name.encode().hex().ljust(64, "0")[:64]) for name in files]
    pins.append(InputPin(InputRole.NEW, "bronze.cdc_orders", after=None, upto=SnapshotId(2**62 + 1)))
    if batch is not None:
        pins.append(InputPin(InputRole.BATCH, batch, sha256="b" * 64))
    return RunPlan(
        dataset=dataset,
        base=SnapshotId(base),
        inputs=tuple(pins),
        contract_sha256="c" * 64,
        sql_sha256="s" * 64,
        policy_sha256="p" * 64,
        key_epoch=3,
        reentering=tuple(reentering),
    )


def planned(store: AnyStore, plan: RunPlan, clock: datetime = NOON) -> Run:
    return store.journal.plan(plan, clock=clock, pipeline="orders")


def published(store: AnyStore, plan: RunPlan, clock: datetime = NOON, **facts: object) -> Run:
    """Take a run from plan to a recorded end; ``facts`` are those of RunRecord."""
    run = planned(store, plan, clock)
    return store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, **facts))  # type: ignore[arg-type]


def kept(row_id: str, kind: KeptKind = KeptKind.QUARANTINED, *, key: str | None = None, since: datetime = NOON) -> KeptRow:
    return KeptRow(
        row_id=row_id,
        kind=kind,
        key=key or f"order-{row_id}",
        reasons=("silver.orders.amount.amount_range",),
        masked={"order_id": 7, "amount": "-1.50", "email": None, "__order": [12, 0, 4]},
        sealed=b"\x00\xffsealed " + row_id.encode(),
        since=since,
    )


def a_result(check_id: str = "silver.orders.amount.amount_range", *, segment: str | None = None) -> CheckResult:
    check = Check(
        id=check_id,
        dataset="silver.orders",
        kind=CheckKind.INVALID_VALUES,
        fields=("amount",),
        arguments={"minimum": 0},
        threshold=Threshold(Operator.MUST_BE_BETWEEN, (Decimal(0), Decimal("2.5"))),
        unit="percent",
        severity=Severity.CRITICAL,
    )
    measured = Measurement(
        check.id,
        value=Decimal("123456789012345678901234567890.120"),
        rows_total=2**40,
        rows_failed=12,
        segment=segment,
        evidence=Evidence.SCREENING,
    )
    return CheckResult(check, measured, Outcome.FAILED, Stage.SCREEN, "12 rows have amount < 0; 0 allowed", quarantined=4)
