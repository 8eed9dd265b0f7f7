"""Words of the use cases: a pipeline, and what everything that is governed is bound to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from hashlib import sha256

from alerting.ports import Receiver
from alerting.routing import DEFAULT_ROUTES, Routes
from checks.ports import CheckEngine
from controlplane.gate.model import InputRole
from controlplane.gate.ports import (
    DeadLetters,
    KeptRows,
    LandingZone,
    RunJournal,
    TableKeeper,
    TableWriter,
    WriterLease,
)
from controlplane.kernel.errors import DatasetUnknownError
from controlplane.kernel.ports import Clock, SqlRunner, TableReader
from controlplane.slas.model import ServiceLevels
from controlplane.usecases.access_ports import Credentials
from controlplane.usecases.agenda import Agenda
from controlplane.usecases.alert_ports import AlertStore
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.ports import AuditLog, Outbox, Records
from controlplane.usecases.retention_ports import Pruner, Retention
from controlplane.usecases.schedule_ports import Intervals, Slots
from controlplane.usecases.sla_ports import ServiceLevelStore
from controlplane.usecases.views_ports import Views
from controlplane.usecases.vitals_ports import Vitals
from controlplane.usecases.wires import Wire
from lineage.graph import LineageGraph, build_graph
from lineage.ports import LineageTransport
from pii_policies.ports import KeyProvider
from pii_policies.proving import Proof


@dataclass(frozen=True)
class Pipeline:
    """How a dataset is made: one SELECT over other datasets, or the messages of one landing topic.

    Attributes:
        sql: text of the SELECT; None for ingestion.
        sql_file: where the text stands, for messages.
        engine: ``duckdb`` or ``spark``: who runs the SELECT.
        inputs: dataset name to role (``new``, ``all``, ``reference``); empty for ingestion.
        topic: landing topic; None for a SELECT.
        wire: how the topic's messages are written.
    """

    name: str
    dataset: str
    sql: str | None = None
    sql_file: str = ""
    engine: str = "duckdb"
    inputs: Mapping[str, InputRole] = field(default_factory=dict)
    topic: str | None = None
    wire: Wire = field(default_factory=Wire)

    @property
    def sql_sha256(self) -> str:
        """Digest of the SELECT's text (of the topic and its wire for ingestion)."""
        fields = f" {self.wire.id} {self.wire.event_time}" if self.wire.format == "json" else ""
        return sha256((self.sql or f"topic:{self.topic}{fields}").encode()).hexdigest()


@dataclass(frozen=True)
class Platform:
    """Every governed dataset of a project and the pipelines that make them, in lineage order."""

    datasets: Mapping[str, Governed]
    pipelines: tuple[Pipeline, ...] = ()
    service_levels: ServiceLevels | None = None
    routes: Routes = DEFAULT_ROUTES

    def governed(self, name: str) -> Governed:
        """Return a dataset by name. Raises ``DatasetUnknownError`` naming the known ones."""
        try:
            return self.datasets[name]
        except KeyError:
            known = ", ".join(sorted(self.datasets)) or "none: no contract was found"
            message = f"dataset {name!r} is not in any contract of this project; known are {known}"
            raise DatasetUnknownError(message) from None

    def pipeline(self, name: str) -> Pipeline:
        """Return a pipeline by its name or its dataset's name. Raises ``DatasetUnknownError`` naming the known ones."""
        for pipeline in self.pipelines:
            if name in {pipeline.name, pipeline.dataset}:
                return pipeline
        known = ", ".join(pipeline.name for pipeline in self.pipelines) or "none"
        message = f"{name!r} is neither a pipeline nor the dataset of one; pipelines are {known}"
        raise DatasetUnknownError(message)

    def making(self, dataset: str) -> Pipeline | None:
        """Return the pipeline that makes a dataset, None where others write it."""
        return next((pipeline for pipeline in self.pipelines if pipeline.dataset == dataset), None)

    def consumers(self, dataset: str) -> Sequence[Pipeline]:
        """Return the pipelines that read a dataset."""
        return tuple(pipeline for pipeline in self.pipelines if dataset in pipeline.inputs)

    def downstream(self, dataset: str) -> tuple[str, ...]:
        """Return every dataset that is made from this one, in however many steps, sorted, without itself."""
        if dataset not in self._downstream:
            self._downstream[dataset] = self._lineage.downstream(dataset)
        return self._downstream[dataset]

    @cached_property
    def _downstream(self) -> dict[str, tuple[str, ...]]:
        return {}

    @cached_property
    def _lineage(self) -> LineageGraph:
        return build_graph((), ((name, pipeline.dataset) for pipeline in self.pipelines for name in pipeline.inputs))

    def topics(self, dataset: str) -> frozenset[str]:
        """Return the landing topics a dataset is made from, however far upstream; parents do not count."""
        pipeline = self.making(dataset)
        if pipeline is None:
            return frozenset()
        if pipeline.topic is not None:
            return frozenset({pipeline.topic})
        feeding = [name for name, role in pipeline.inputs.items() if role is not InputRole.REFERENCE and name != dataset]
        return frozenset().union(*(self.topics(name) for name in feeding))


@dataclass(frozen=True)
class Ports:
    """Everything a use case may touch, bound once by ``controlplane.bootstrap``.

    Attributes:
        actor: who acts, for leases and the audit log.
        runners: SQL engines by name; ``duckdb`` is always there and runs the gate's own queries.
        prove: the decoding proof of masking over everything the project has written above bronze.
        views: what pages read, of the project's namespace.
        agenda, slots: which scheduled jobs are due, and who works on them; intervals: how often the plane's own are due.
        pruner, retention: what forgets, and after how long.
        service_levels: facts, and where every promise stands.
        alerts: alerts, silences and who was told; receivers: who can be told, by the name the routes give them.
        drift: how far ahead of the plane's clock a source's time may be before it counts as a future timestamp, in seconds.
        grace: how long a file that nothing refers to is left alone (it may belong to a write under way), in wall time.
    """

    namespace: str
    time_zone: str
    actor: str
    platform: Platform
    clock: Clock
    reader: TableReader
    writer: TableWriter
    keeper: TableKeeper
    landing: LandingZone
    journal: RunJournal
    leases: WriterLease
    kept_rows: KeptRows
    dead_letters: DeadLetters
    records: Records
    outbox: Outbox
    audit_log: AuditLog
    runners: Mapping[str, SqlRunner]
    engine: CheckEngine
    tokens: KeyProvider
    seal: KeyProvider
    prove: Callable[[Sequence[str]], Proof]
    views: Views
    agenda: Agenda
    slots: Slots
    vitals: Vitals
    pruner: Pruner
    credentials: Credentials
    service_levels: ServiceLevelStore
    alerts: AlertStore
    receivers: Mapping[str, Receiver]
    transports: Sequence[LineageTransport] = ()
    drift: int = 300
    grace: timedelta = timedelta(hours=24)
    intervals: Intervals = field(default_factory=Intervals)
    retention: Retention = field(default_factory=Retention)
