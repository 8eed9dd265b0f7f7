"""The one place that binds ports to adapters. Nothing here connects: adapters do, when they are first used."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from controlplane.contracts.loading import load_contract, load_contracts
from controlplane.contracts.model import Contract
from controlplane.gate.model import InputRole
from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.ports import Clock, SqlRunner
from controlplane.settings import Project, load_project
from controlplane.usecases.compiling.dataset import Governed, compile_dataset
from controlplane.usecases.facade import Plane
from controlplane.usecases.model import Pipeline, Platform, Ports

if TYPE_CHECKING:
    from controlplane.usecases.report import CheckReport
    from pii_policies.proving import Proof


def open_plane(project: str | Path, *, clock: Clock | None = None) -> Plane:
    """Return the plane of a project. Raises ``ConfigurationError`` with every problem of its files."""
    settings = load_project(project, os.environ)
    return bind(settings, clock=clock or SystemClock())


def bind(settings: Project, *, clock: Clock) -> Plane:
    """Return the plane of loaded settings: each port gets its adapter, each adapter gets plain values."""
    from checks.engines.native import NativeEngine  # noqa: PLC0415 (adapters are imported when a plane is made, not before)
    from controlplane.lakehouse.catalog import IcebergCatalog  # noqa: PLC0415
    from controlplane.lakehouse.housekeeping import IcebergKeeper  # noqa: PLC0415
    from controlplane.lakehouse.landing import FolderLandingZone  # noqa: PLC0415
    from controlplane.lakehouse.reading import IcebergReader  # noqa: PLC0415
    from controlplane.lakehouse.storage import filesystem  # noqa: PLC0415
    from controlplane.lakehouse.writing import IcebergWriter  # noqa: PLC0415
    from controlplane.persistence.store import Store  # noqa: PLC0415
    from lineage.transports import load_transport  # noqa: PLC0415
    from pii_policies.keys import key_provider  # noqa: PLC0415

    catalog = IcebergCatalog(
        name=settings.catalog.name,
        type=settings.catalog.type,
        uri=settings.catalog.uri,
        warehouse=settings.warehouse,
        properties=settings.catalog.properties,
    )
    state = filesystem(settings.state, dict(settings.catalog.properties))
    store = Store(settings.store.url, *state)
    tokens = key_provider(_reference(settings.keys.tokens), root=settings.root, environ=os.environ)
    ports = Ports(
        namespace=settings.namespace,
        time_zone=settings.calendar.time_zone,
        actor=getpass.getuser(),
        platform=platform(settings),
        clock=clock,
        reader=IcebergReader(catalog),
        writer=IcebergWriter(catalog),
        keeper=IcebergKeeper(catalog),
        landing=FolderLandingZone(settings.landing, properties=settings.catalog.properties),
        journal=store.journal,
        leases=store.leases,
        kept_rows=store.kept_rows,
        dead_letters=store.dead_letters,
        records=store.records,
        outbox=store.outbox,
        audit_log=store.audit_log,
        runners=Runners(settings),
        engine=NativeEngine(),
        tokens=tokens,
        seal=key_provider(_reference(settings.keys.seal), root=settings.root, environ=os.environ),
        prove=proof_of(settings),
        transports=[load_transport(entry, root=settings.root) for entry in settings.lineage],
    )
    return Plane(ports, closers=(store.close, catalog.close))
