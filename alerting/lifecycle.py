"""The life of one alert as a pure state machine: pending, firing, acknowledged, resolved; moved by evidence only.

A finding that knows nothing changes nothing, and neither does one that is older than what is known. An alert that keeps coming
back stays open until it has been good for a whole damping time, so that nobody is told the same story twice an hour.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from alerting.model import Alert, AlertState, Judged

DAMPING = timedelta(hours=4)
"""An alert that comes back within this time is the same alert; a flapping one must be good for as long."""

FLAPPING = 3
"""How often an alert has come back when it counts as flapping."""

GOOD_SINCE = "good_since"
"""Annotation of a flapping alert: since when it has been good again."""


def advance(known: Alert | None, judged: Judged) -> Alert | None:
    """Return the alert as it is after a finding; the very same object where nothing changed.

    Args:
        known: the open alert of the finding's labels, else the one that was resolved last; None where there is none.
        judged: the finding and how urgent it is.
    """
    finding = judged.finding
    if finding.is_bad is None:
        return known
    if known is None:
        return _new(judged) if finding.is_bad else None
    if finding.at < known.evidence_at or _is_known(known, judged):
        return known
    if not finding.is_bad:
        return _good(known, judged) if known.is_open else known
    if known.is_open:
        return _still_bad(known, judged)
    return _back(known, judged) if comes_back(known, finding.at) else _new(judged)


def comes_back(known: Alert, at: datetime) -> bool:
    """Return whether a resolved alert that is bad again at an instant is still the same one."""
    return known.resolved_at is not None and at - known.resolved_at <= DAMPING


def acknowledge(alert: Alert, by: str, at: datetime) -> Alert:
    """Return an open alert taken over by somebody: nothing more is told about it until it is over or gets more urgent.

    Raises:
        ValueError: the alert is over.
    """
    if not alert.is_open:
        message = f"alert {alert.alert_id} is resolved, so there is nothing to take over"
        raise ValueError(message)
    return replace(alert, state=AlertState.ACKNOWLEDGED, acknowledged_at=at, acknowledged_by=by, updated_at=at)


def tell(alert: Alert, at: datetime) -> Alert:
    """Return an alert that a message names from now on; only a pending one changes."""
    if alert.state is not AlertState.PENDING:
        return alert
    return replace(alert, state=AlertState.FIRING, fired_at=at, updated_at=at)


def _is_known(known: Alert, judged: Judged) -> bool:
    """Whether exactly this was said before: the same instant, run and verdict."""
    finding = judged.finding
    same_verdict = known.is_open and GOOD_SINCE not in known.annotations and finding.is_bad
    same_run = known.annotations.get("run_id") == finding.annotations.get("run_id")
    return bool(same_verdict) and same_run and finding.at == known.evidence_at


def _new(judged: Judged) -> Alert:
    finding = judged.finding
    return Alert(
        fingerprint=finding.fingerprint,
        kind=finding.kind,
        dataset=finding.labels.get("dataset"),
        priority=judged.priority,
        state=AlertState.PENDING,
        labels=dict(finding.labels),
        annotations={**finding.annotations, "summary": finding.summary},
        priority_reason=judged.reason,
        started_at=finding.at,
        updated_at=finding.at,
        evidence_at=finding.at,
    )


def _still_bad(known: Alert, judged: Judged) -> Alert:
    alert = _said(known, judged)
    if known.state is AlertState.ACKNOWLEDGED and judged.priority.rank < known.priority.rank:
        return replace(alert, state=AlertState.FIRING, acknowledged_at=None, acknowledged_by=None)
    return alert


def _back(known: Alert, judged: Judged) -> Alert:
    alert = _said(known, judged)
    return replace(
        alert,
        state=AlertState.PENDING,
        fired_at=None,
        acknowledged_at=None,
        acknowledged_by=None,
        resolved_at=None,
        resolution=None,
        flaps=alert.flaps + 1,
    )


def _said(known: Alert, judged: Judged) -> Alert:
    finding = judged.finding
    return replace(
        known,
        priority=judged.priority,
        priority_reason=judged.reason,
        annotations={**finding.annotations, "summary": finding.summary},
        updated_at=finding.at,
        evidence_at=finding.at,
        occurrences=known.occurrences + 1,
        flaps=known.flaps + (GOOD_SINCE in known.annotations),
    )


def _good(known: Alert, judged: Judged) -> Alert:
    finding = judged.finding
    if known.state is not AlertState.PENDING and known.flaps >= FLAPPING:
        since = datetime.fromisoformat(known.annotations.get(GOOD_SINCE, finding.at.isoformat()))
        if finding.at - since < DAMPING:
            annotations = {**known.annotations, GOOD_SINCE: since.isoformat()}
            return replace(known, annotations=annotations, updated_at=finding.at, evidence_at=finding.at)
    return replace(
        known,
        state=AlertState.RESOLVED,
        resolved_at=finding.at,
        resolution=finding.summary or "it is good again",
        updated_at=finding.at,
        evidence_at=finding.at,
    )
