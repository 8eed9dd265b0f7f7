"""What a project has: datasets with what readers see of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.gate.model import KeptKind
from controlplane.kernel.identity import SnapshotId
from controlplane.usecases.model import Ports


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset in one line.

    Attributes:
        rows: readers see; None before the first publish or where not countable.
        quarantined, waiting: rows kept beside the table.
    """

    name: str
    layer: str | None
    tier: int
    rows: int | None
    snapshot_id: SnapshotId | None
    published_at: datetime | None
    quarantined: int
    waiting: int


def datasets(ports: Ports) -> Sequence[DatasetSummary]:
    """Return every dataset of the project, in the order of their pipelines, then by name."""
    order = {pipeline.dataset: index for index, pipeline in enumerate(ports.platform.pipelines)}
    names = sorted(ports.platform.datasets, key=lambda name: (order.get(name, len(order)), name))
    return [_summary(ports, name) for name in names]


def _summary(ports: Ports, name: str) -> DatasetSummary:
    governed = ports.platform.datasets[name]
    head = ports.reader.head(governed.id)
    kept = ports.kept_rows.count_open(governed.id)
    return DatasetSummary(
        name=name,
        layer=governed.spec.layer.value if governed.spec.layer else None,
        tier=governed.spec.tier,
        rows=head.row_count if head else None,
        snapshot_id=head.snapshot_id if head else None,
        published_at=head.published_at if head else None,
        quarantined=kept[KeptKind.QUARANTINED],
        waiting=kept[KeptKind.WAITING],
    )
