"""The one place that binds ports to adapters. Nothing here connects: adapters do, when they are first used."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alerting.loading import load_routes
from alerting.routing import DEFAULT_ROUTES
from controlplane.contracts.loading import load_contract, load_contracts
from controlplane.contracts.model import Contract, DatasetSpec
from controlplane.contracts.promises import guaranteed_latency
from controlplane.gate.model import InputRole
from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.ports import Clock, SqlRunner
from controlplane.settings import KeyReference, PipelineSettings, Project, load_project
from controlplane.settings_operation import Limits
from controlplane.slas.loading import load_promises
from controlplane.usecases.agenda import Agenda
from controlplane.usecases.check_dataset import check_rows
from controlplane.usecases.compiling.dataset import compile_dataset
from controlplane.usecases.facade import Plane
from controlplane.usecases.model import Pipeline, Platform, Ports
from controlplane.usecases.report import CheckReport
from controlplane.usecases.schedule import jobs_of
from controlplane.usecases.wires import Wire
from pii_policies.model import MasterKey
from pii_policies.ports import KeyProvider
from pii_policies.proving import Proof

_MEMORY = "2GB"
_TIMEOUT = 300.0


def open_plane(project: str | Path, *, clock: Clock | None = None) -> Plane:
    """Return the plane of a project. Raises ``ConfigurationError`` with every problem of its files."""
    return bind(load_project(project, os.environ), clock=clock or SystemClock())


def bind(settings: Project, *, clock: Clock) -> Plane:
    """Return the plane of loaded settings: each port gets its adapter, each adapter gets plain values."""
    from alerting.receivers import make_receiver  # noqa: PLC0415
    from checks.engines.native import NativeEngine  # noqa: PLC0415 (adapters are imported when a plane is made, not before)
    from controlplane.lakehouse.catalog import IcebergCatalog  # noqa: PLC0415
    from controlplane.lakehouse.housekeeping import IcebergKeeper  # noqa: PLC0415
    from controlplane.lakehouse.landing import FolderLandingZone  # noqa: PLC0415
    from controlplane.lakehouse.reading import IcebergReader  # noqa: PLC0415
    from controlplane.lakehouse.storage import filesystem  # noqa: PLC0415
    from controlplane.lakehouse.writing import IcebergWriter  # noqa: PLC0415
    from controlplane.persistence.store import Store  # noqa: PLC0415
    from lineage.transports import load_transport  # noqa: PLC0415

    places = settings.catalog
    catalog = IcebergCatalog(
        name=places.name, kind=places.type, uri=places.uri or "", warehouse=settings.warehouse, properties=places.properties
    )
    store = Store(settings.store_url, *filesystem(settings.state, dict(places.properties)))
    platform = load_platform(settings)
    ports = Ports(
        namespace=settings.namespace,
        time_zone=settings.time_zone,
        actor=getpass.getuser(),
        platform=platform,
        clock=clock,
        reader=IcebergReader(catalog),
        writer=IcebergWriter(catalog),
        keeper=IcebergKeeper(catalog, min_files=settings.housekeeping.small_files),
        landing=FolderLandingZone(settings.landing or f"{settings.root.as_uri()}/landing", properties=places.properties),
        journal=store.journal,
        leases=store.leases,
        kept_rows=store.kept_rows,
        dead_letters=store.dead_letters,
        records=store.records,
        outbox=store.outbox,
        audit_log=store.audit_log,
        runners=Runners(settings.limits),
        engine=NativeEngine(),
        tokens=_keys(settings, settings.tokens, "tokens"),
        seal=_keys(settings, settings.seal, "seal"),
        prove=lambda canaries: _prove(settings, store.values, canaries),
        views=store.views_of(settings.namespace),
        agenda=Agenda(jobs_of(platform, settings.intervals, settings.time_zone), store.slots),
        slots=store.slots,
        vitals=store.vitals,
        pruner=store.pruner,
        credentials=store.credentials,
        service_levels=store.service_levels_of(settings.namespace),
        alerts=store.alerts,
        receivers={
            name: make_receiver(entry, inbox=store.alerts, root=settings.root, environ=os.environ)
            for name, entry in platform.routes.receivers.items()
        },
        intervals=settings.intervals,
        retention=settings.retention,
        transports=[load_transport(entry, root=settings.root) for entry in settings.lineage],
        grace=settings.housekeeping.grace,
    )
    return Plane(ports, closers=(store.close, catalog.close))


def load_platform(settings: Project) -> Platform:
    """Return every dataset and pipeline of a project, compiled.

    Raises:
        ConfigurationError: contracts, promises or routes cannot be used, or a pipeline makes or reads a dataset without a
            contract.
    """
    epoch = settings.tokens.epoch if settings.tokens else 0
    contracts = load_contracts(settings.contracts)
    datasets = {
        spec.name: compile_dataset(contract, spec, namespace=settings.namespace, epoch=epoch)
        for contract in contracts
        for spec in contract.datasets
    }
    pipelines = tuple(_pipeline(entry) for entry in settings.pipelines)
    for pipeline in pipelines:
        for name in [pipeline.dataset, *pipeline.inputs]:
            if name not in datasets:
                known = ", ".join(sorted(datasets)) or "none"
                message = (
                    f"{settings.file}: pipeline {pipeline.name} names {name}, which no contract describes; known are {known}"
                )
                raise ConfigurationError(message)
    promises = load_promises(settings.promises, guaranteed_latency(contracts)) if settings.promises else None
    routes = load_routes(settings.routes, datasets, os.environ) if settings.routes else DEFAULT_ROUTES
    return Platform(datasets, pipelines, promises, routes)


def _pipeline(entry: PipelineSettings) -> Pipeline:
    return Pipeline(
        name=entry.name,
        dataset=entry.dataset,
        sql=entry.sql.read_text(encoding="utf-8") if entry.sql else None,
        sql_file=str(entry.sql or ""),
        engine=entry.engine,
        inputs={name: InputRole(role) for name, role in entry.inputs.items()},
        topic=entry.topic,
        wire=Wire(entry.format or Wire.format, entry.event_id or "", entry.event_time or ""),
    )


class Runners(Mapping[str, SqlRunner]):
    """SQL engines by name, each made when it is first asked for, so that a laptop without Java never needs Spark."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._made: dict[str, SqlRunner] = {}

    def __getitem__(self, name: str) -> SqlRunner:
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(("duckdb", "spark"))

    def __len__(self) -> int:
        return 2

    def _make(self, name: str) -> SqlRunner:
        timeout = self._limits.timeout.total_seconds() if self._limits.timeout else _TIMEOUT
        if name == "duckdb":
            from controlplane.compute.duckdb import DuckDbRunner  # noqa: PLC0415 (made when first asked for)

            memory = self._limits.memory or _MEMORY
            return DuckDbRunner(memory_limit=memory, threads=self._limits.threads, timeout=timeout)
        from controlplane.compute.spark import SparkRunner  # noqa: PLC0415 (an extra)

        return SparkRunner(timeout=timeout)


@dataclass(frozen=True)
class MissingKey(KeyProvider):
    """Stands where a project names no key; says so when a key is needed."""

    file: Path
    name: str

    def master(self) -> MasterKey:
        """Raise ``ConfigurationError``: there is no key."""
        message = (
            f"{self.file}: keys.{self.name} is not given, and this needs it; "
            f"add keys: {{{self.name}: {{from: file, path: secrets/{self.name}.key}}}}, or from: env"
        )
        raise ConfigurationError(message)


def _keys(settings: Project, reference: KeyReference | None, name: str) -> KeyProvider:
    from pii_policies.keys import key_provider  # noqa: PLC0415 (an adapter)

    if reference is None:
        return MissingKey(settings.file, name)
    return key_provider(reference.as_mapping(), root=settings.root, environ=os.environ)


def _prove(settings: Project, values: Callable[[], Iterator[tuple[str, object]]], canaries: Sequence[str]) -> Proof:
    """Decode what the project wrote: all tables above bronze, kept rows, the store, lineage events in files, and logs."""
    from controlplane.lakehouse.storage import filesystem  # noqa: PLC0415 (an adapter)
    from pii_policies.detection.proof import prove  # noqa: PLC0415 (an adapter)

    properties = dict(settings.catalog.properties)
    warehouse, base = filesystem(settings.warehouse, properties)
    state, kept = filesystem(settings.state, properties)
    layers = {spec.name.partition(".")[0] for spec in _specs(settings) if spec.layer != "bronze"}
    roots = [(warehouse, f"{base}/{layer}") for layer in sorted(layers)]
    files = [settings.root / str(entry["path"]) for entry in settings.lineage if entry.get("to") == "file"]
    if settings.logs is not None:
        files += sorted(settings.logs.parent.glob(f"{settings.logs.name}*"))  # the file, and those it was turned over to
    return prove([*roots, (state, kept), *(file for file in files if file.exists())], canaries, values=values())


def _specs(settings: Project) -> Sequence[DatasetSpec]:
    return [spec for contract in load_contracts(settings.contracts) for spec in contract.datasets]


def check_loose(data: str, contract_file: Path, *, chosen: str | None, snapshot_id: int | None) -> CheckReport:
    """Return what a contract says of a file or table outside any project.

    Args:
        data: path or URI of a Parquet or CSV file, a folder of Parquet files, or an Iceberg table.
        chosen: which dataset of the contract, where it has several.

    Raises:
        ConfigurationError: the contract or the data cannot be used.
    """
    from checks.engines.native import NativeEngine  # noqa: PLC0415 (an adapter)
    from controlplane.lakehouse.loose import read_loose  # noqa: PLC0415 (an adapter)

    contract = load_contract(contract_file)
    governed = compile_dataset(contract, _chosen(contract, chosen), namespace="file", epoch=None)
    loose = read_loose(data, snapshot_id=snapshot_id)
    return check_rows(
        governed,
        loose.rows,
        runner=Runners(Limits())["duckdb"],
        engine=NativeEngine(),
        clock=SystemClock(),
        evidence=loose.evidence,
        snapshot_id=loose.snapshot_id,
    )


def _chosen(contract: Contract, chosen: str | None) -> DatasetSpec:
    names = [spec.name for spec in contract.datasets]
    for spec in contract.datasets:
        if chosen in {spec.name, spec.object_name} or (chosen is None and len(names) == 1):
            return spec
    wanted = f"has no dataset {chosen!r}" if chosen else "has no dataset" if not names else "describes several datasets"
    message = f"{contract.place.file} {wanted}; choose one with --object: {', '.join(names) or 'none'}"
    raise ConfigurationError(message)
