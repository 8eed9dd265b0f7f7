"""Alerts, silences and the notification log as rows of the store, and back."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Row, literal_column

from alerting.model import Alert, AlertKind, AlertState, Group, Priority, Silence
from alerting.stages import told_of, told_text
from controlplane.persistence.kept_files import json_text
from controlplane.usecases.alert_ports import InboxMessage

IS_OPEN: ColumnElement[bool] = literal_column("alerts.state <> 'resolved'")
"""Written out like the condition of the partial indexes, so that SQLite can use them."""


def alert_values(alert: Alert) -> dict[str, Any]:
    """Return an alert's columns, all but its number."""
    return {
        "fingerprint": alert.fingerprint,
        "kind": alert.kind.value,
        "dataset": alert.dataset,
        "priority": alert.priority.value,
        "state": alert.state.value,
        "labels": json_text(dict(alert.labels)),
        "annotations": json_text(dict(alert.annotations)),
        "priority_reason": alert.priority_reason,
        "started_at": alert.started_at,
        "fired_at": alert.fired_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": alert.resolved_at,
        "resolution": alert.resolution,
        "updated_at": alert.updated_at,
        "evidence_at": alert.evidence_at,
        "occurrences": alert.occurrences,
        "flaps": alert.flaps,
    }


def alert_of(row: Row[Any]) -> Alert:
    """Return the alert of a row."""
    return Alert(
        fingerprint=row.fingerprint,
        kind=AlertKind(row.kind),
        dataset=row.dataset,
        priority=Priority(row.priority),
        state=AlertState(row.state),
        labels=json.loads(row.labels),
        annotations=json.loads(row.annotations),
        priority_reason=row.priority_reason,
        started_at=row.started_at,
        updated_at=row.updated_at,
        evidence_at=row.evidence_at,
        alert_id=row.alert_id,
        fired_at=row.fired_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        resolution=row.resolution,
        occurrences=row.occurrences,
        flaps=row.flaps,
    )


def group_values(group: Group) -> dict[str, Any]:
    """Return all columns of what the notification log knows of a group."""
    return {
        "receiver": group.receiver,
        "group_key": group.key,
        "labels": json_text(dict(group.labels)),
        "due_at": group.due_at,
        "notified_at": group.notified_at,
        "sequence": group.sequence,
        "told": told_text(group.told),
    }


def group_of(row: Row[Any]) -> Group:
    """Return the group of a row."""
    labels, told = json.loads(row.labels), told_of(row.told)
    return Group(row.receiver, row.group_key, labels, row.due_at, row.notified_at, row.sequence, told)


def silence_of(row: Row[Any]) -> Silence:
    """Return the silence of a row."""
    return Silence(json.loads(row.matchers), row.starts, row.ends, row.actor, row.reason, row.silence_id)


def message_of(row: Row[Any]) -> InboxMessage:
    """Return the inbox's message of a row."""
    document = json.loads(row.document)
    return InboxMessage(row.message_id, row.at, row.receiver, Priority(row.priority), row.subject, document)
