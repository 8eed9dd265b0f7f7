"""A plane of fakes for alerts: a small platform, a store in memory, a clock to set, receivers that remember."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

from alerting.model import Notification
from alerting.routing import INBOX, WEBHOOK, ReceiverSettings, Route, Routes
from controlplane.gate.model import InputRole, Run, RunState
from controlplane.kernel.identity import DatasetId
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Pipeline, Platform, Ports
from controlplane.usecases.ports import RunRecord, StoredResult
from tests.fakes.store import InMemoryStore
from tests.fakes.store_kit import MAIN, NOON, SettableClock, a_plan

TIERS = {"bronze.orders": 3, "silver.orders": 2, "gold.facts": 1, "silver.alone": 3}
AMOUNT = "silver.orders.amount"


@dataclass
class Remembering:
    """A receiver that keeps what it is handed; ``error`` is raised instead while it is set."""

    taken: list[Notification] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    pings: list[datetime] = field(default_factory=list)
    error: Exception | None = None

    def deliver(self, notification: Notification) -> None:
        self.tried.append(notification.message_id)
        if self.error is not None:
            raise self.error
        self.taken.append(notification)

    def ping(self, at: datetime) -> None:
        if self.error is not None:
            raise self.error
        self.pings.append(at)


def two_receivers(*below: Route, **options: object) -> Routes:
    """Return routes that tell the inbox and ``on_call`` about everything."""
    receivers = {INBOX: ReceiverSettings(INBOX), "on_call": ReceiverSettings("on_call", WEBHOOK, "http://x")}
    return Routes(Route((INBOX, "on_call"), routes=below, **options), receivers)  # type: ignore[arg-type]


def a_plane(routes: Routes | None = None) -> Ports:
    """Return ports of which only what alerts touch is there; its receivers are ``Remembering``."""
    clock = SettableClock()
    store = InMemoryStore(clock)
    datasets = {
        name: cast("Governed", SimpleNamespace(name=name, id=DatasetId("n", name), spec=SimpleNamespace(tier=tier), checks=[SimpleNamespace(id=AMOUNT)]))
        for name, tier in TIERS.items()
    }  # fmt: skip
    pipelines = (
        Pipeline("orders", "silver.orders", inputs={"bronze.orders": InputRole.NEW}),
        Pipeline("facts", "gold.facts", inputs={"silver.orders": InputRole.REFERENCE}),
    )
    platform = Platform(datasets, pipelines) if routes is None else Platform(datasets, pipelines, None, routes)
    ports = SimpleNamespace(
        platform=platform, clock=clock, actor="tester", alerts=store.alerts, outbox=store.outbox, journal=store.journal,
        records=store.records, audit_log=store.audit_log, transports=(), store=store,
        receivers={name: Remembering() for name in platform.routes.receivers},
    )  # fmt: skip
    return cast("Ports", ports)


def a_run(
    state: RunState = RunState.PUBLISHED,
    at: datetime = NOON,
    dataset: str = "silver.orders",
    base: int = MAIN,
    **changed: object,
) -> Run:
    """Return a run as it ended, unknown to any store."""
    plan = a_plan(DatasetId("n", dataset), base)
    return replace(Run(plan.run_id, plan, state, at, "orders"), **changed)  # type: ignore[arg-type]


def recorded(ports: Ports, run: Run, **facts: object) -> Run:
    """Put a run into the store, planned and ended."""
    planned = ports.journal.plan(run.plan, clock=run.clock, pipeline=run.pipeline)
    return ports.records.record(RunRecord(run=planned, state=run.state, reason=run.reason, **facts))  # type: ignore[arg-type]


def judged(outcome: str = "failed", check: str = AMOUNT, kind: str = "invalidValues", **changed: object) -> StoredResult:
    """Return one check's result."""
    result = StoredResult(
        check_id=check, kind=kind, stage="screen", segment=None, field="amount", dimension=None, severity="error",
        outcome=outcome, value=Decimal("120.0"), unit="rows", rows_total=1_000, rows_failed=120, quarantined=0,
        threshold={"mustBe": 0}, evidence="screening", reason="120 of 1000 rows have amount < 0; 0 allowed",
    )  # fmt: skip
    return replace(result, **changed)  # type: ignore[arg-type]
