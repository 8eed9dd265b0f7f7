"""Names of things: datasets, runs, snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType
from uuid import UUID

RunId = NewType("RunId", UUID)
"""A UUID because OpenLineage's ``run.runId`` must be one."""

SnapshotId = NewType("SnapshotId", int)


@dataclass(frozen=True, order=True)
class DatasetId:
    """A dataset as OpenLineage names it: ``(namespace, name)``, e.g. ``("iceberg://grocery", "silver.orders")``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return self.name
