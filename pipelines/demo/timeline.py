"""From the faults that were planted to the alerts that told them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import controlplane
from pipelines.expected import Noticed
from pipelines.faults import Fault

_SOON = timedelta(hours=12)
_MOST = 500


def noticed_faults(plane: controlplane.Plane, faults: Sequence[Fault]) -> dict[str, Noticed]:
    """Return the alert about each fault that was told and is over: of its kind and dataset, the first since the fault began."""
    return {fault.name: seen for fault in faults for seen in list(_alerts_about(plane, fault))[:1]}


def _alerts_about(plane: controlplane.Plane, fault: Fault) -> Iterator[Noticed]:
    page = plane.alerts(dataset=fault.dataset, limit=_MOST)
    for alert in sorted(page.alerts, key=lambda one: one.started_at):
        about = alert.kind == fault.kind and fault.starts <= alert.started_at <= fault.ends + _SOON
        if about and alert.resolved_at is not None:
            yield Noticed(alert.started_at, alert.resolved_at, f"{alert.priority} {alert.kind} {alert.dataset}")
