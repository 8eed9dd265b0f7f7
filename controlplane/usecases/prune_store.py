"""Store retention: forget what is old and what nothing names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from controlplane.gate.properties import RUN_ID
from controlplane.kernel.identity import RunId
from controlplane.usecases.model import Ports


def prune_store(ports: Ports) -> Mapping[str, int]:
    """Delete rows of the store that are older than their retention and return how many went, by table.

    Raises:
        CatalogUnavailableError: the snapshots that name runs cannot be read; then nothing is deleted.
        StoreUnavailableError: the store does not answer; what went before stays gone.
    """
    named = frozenset(_named_by_snapshots(ports))
    return ports.pruner.prune(ports.retention, wall=datetime.now(UTC), clock=ports.clock.now(), keep=named)


def _named_by_snapshots(ports: Ports) -> Iterator[RunId]:
    for governed in ports.platform.datasets.values():
        head = ports.reader.head(governed.id)
        for snapshot in ports.reader.lineage_of(governed.id, head.snapshot_id) if head else ():
            with suppress(KeyError, ValueError):  # written by others
                yield RunId(UUID(snapshot.properties[RUN_ID]))
