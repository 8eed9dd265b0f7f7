"""Who watches the watcher: promises that nobody evaluates any more are one alert, raised by whoever notices."""

from __future__ import annotations

from datetime import UTC, datetime

from alerting.model import AlertKind, Finding
from controlplane.usecases.agenda import EVALUATION
from controlplane.usecases.health import PATIENCE, is_unwatched
from controlplane.usecases.model import Ports
from controlplane.usecases.raise_alerts import raise_for_plane

_LABELS = {"kind": AlertKind.PLANE_OUTAGE.value}


def notice_outage(ports: Ports) -> None:
    """Raise one alert when promises were evaluated by schedule once and are not any more."""
    now = datetime.now(UTC)
    last = ports.slots.last_done(EVALUATION)
    if last is None or not is_unwatched(ports, last, now):
        return
    minutes = int((now - last).total_seconds() // 60)
    finding = Finding(
        labels=_LABELS,
        kind=AlertKind.PLANE_OUTAGE,
        is_bad=True,
        at=ports.clock.now(),
        tier=1,
        summary=f"promises were not evaluated for {minutes} minutes; this can hide a breach",
        annotations={
            "measured": f"last evaluated {last.isoformat(timespec='seconds')}",
            "allowed": f"{PATIENCE} intervals of {int(ports.intervals.evaluation.total_seconds())} seconds",
            "since": last.isoformat(timespec="seconds"),
        },
    )
    raise_for_plane(ports, finding)


def outage_is_over(ports: Ports) -> None:
    """Resolve the alert: promises have just been evaluated."""
    finding = Finding(
        labels=_LABELS,
        kind=AlertKind.PLANE_OUTAGE,
        is_bad=False,
        at=ports.clock.now(),
        tier=1,
        summary="promises are evaluated again",
    )
    raise_for_plane(ports, finding)
