"""Words of alerting. Identity is the label set; numbers live in annotations and never make a second alert.

The life of an alert and the words for it follow Prometheus Alertmanager, with one difference that data need:
no new evaluation is not recovery, so an alert is resolved by evidence only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from hashlib import sha256

LABELS = ("kind", "dataset", "pipeline", "check", "promise", "objective", "measure")
"""Labels that identify alerts, each kind with its own choice of them."""

MATCHABLE = (*LABELS, "priority")
"""What matchers may name: the labels, and the priority."""


class Priority(StrEnum):
    """How soon a person must look: now, today, this week."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"

    @property
    def rank(self) -> int:
        """0 for P1, 2 for P3."""
        return list(Priority).index(self)


class AlertKind(StrEnum):
    """What is wrong, as a kind; the kind alone decides the base priority."""

    PIPELINE_FAILURE = "pipeline_failure"
    SLA_BREACH = "sla_breach"
    PII_LEAK = "pii_leak"
    PLANE_OUTAGE = "plane_outage"
    CHECK_FAILURE = "check_failure"
    ANOMALY = "anomaly"
    PREDICTED_BREACH = "predicted_breach"
    BUDGET_BURN = "budget_burn"
    SCHEMA_DRIFT = "schema_drift"
    COST_SPIKE = "cost_spike"


class AlertState(StrEnum):
    """Life of an alert: seen, told, taken over by somebody, over."""

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the identity of a label set: SHA-256 over its canonical JSON, in hex."""
    return sha256(json.dumps(dict(labels), sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def matches(matchers: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Return whether every matcher's value or pattern (``gold.*``, ``P[12]``) fits; a missing label is an empty one."""
    return all(fnmatchcase(labels.get(name, ""), pattern) for name, pattern in matchers.items())


@dataclass(frozen=True)
class Finding:
    """What one evaluation says about one label set: bad, good, or (``is_bad`` None) not known, which changes nothing.

    Attributes:
        labels: identity; always with ``kind``, and ``dataset`` where there is one.
        tier: of the dataset, 1 to 3.
        summary: one plain sentence with the numbers.
        annotations: what a person needs: ``measured``, ``allowed``, ``reason``, ``run_id``, ``check_id``, ``since`` ...
        at: the plane's clock of the evaluation.
    """

    labels: Mapping[str, str]
    kind: AlertKind
    is_bad: bool | None
    at: datetime
    tier: int = 3
    summary: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Identity of the finding's labels."""
        return fingerprint(self.labels)


@dataclass(frozen=True)
class Judged:
    """A finding with how urgent it is, and why."""

    finding: Finding
    priority: Priority
    reason: str


@dataclass(frozen=True)
class Alert:
    """One alert as the store knows it.

    Attributes:
        alert_id: number in the store; 0 before it is stored.
        priority_reason: how the priority came about, e.g. ``P1: sla_breach, tier 1 (gold.fact_orders reads it)``.
        annotations: of the last bad finding, with ``summary``.
        started_at: first bad finding; fired_at: when it was told; evidence_at: last finding that was known.
        resolution: the evidence that ended it.
        occurrences: bad findings so far; flaps: how often it came back within the damping time.
    """

    fingerprint: str
    kind: AlertKind
    dataset: str | None
    priority: Priority
    state: AlertState
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    priority_reason: str
    started_at: datetime
    updated_at: datetime
    evidence_at: datetime
    alert_id: int = 0
    fired_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    occurrences: int = 1
    flaps: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state is not AlertState.RESOLVED

    @property
    def routed_by(self) -> Mapping[str, str]:
        """What matchers look at: the labels and the priority."""
        return {**self.labels, "priority": self.priority.value}

    @property
    def summary(self) -> str:
        """The sentence of the last bad finding."""
        return self.annotations.get("summary", "")


@dataclass(frozen=True)
class Silence:
    """Nobody is told about matching alerts for a while; they are still seen on pages.

    Attributes:
        matchers: label to value or pattern (``gold.*``); all must match.
    """

    matchers: Mapping[str, str]
    starts: datetime
    ends: datetime
    actor: str
    reason: str
    silence_id: int = 0

    def covers(self, alert: Alert, at: datetime) -> bool:
        """Return whether nobody is told about an alert at an instant; ``starts`` is inclusive, ``ends`` exclusive."""
        return self.starts <= at < self.ends and matches(self.matchers, alert.routed_by)


@dataclass(frozen=True)
class Group:
    """What one receiver knows of one group of alerts: the notification log.

    Attributes:
        key: identity of the group for the receiver, 64 hex digits.
        labels: that the group's alerts share.
        due_at: when the group is looked at next, on the plane's clock; None while there is nothing to wait for.
        notified_at: of the last message; sequence: how many there were.
        told: number of each alert that a message named as firing and none as resolved, to the priority that was told.
    """

    receiver: str
    key: str
    labels: Mapping[str, str]
    due_at: datetime | None = None
    notified_at: datetime | None = None
    sequence: int = 0
    told: Mapping[int, Priority] = field(default_factory=dict)


@dataclass(frozen=True)
class Notification:
    """One message to one receiver about one group of alerts.

    Attributes:
        message_id: the idempotency key: the same message keeps it however often it is sent.
        kind: of the receiver: ``webhook``, ``inbox`` ...
        document: plain data; every alert that fits, and the count of all.
    """

    message_id: str
    receiver: str
    kind: str
    priority: Priority
    subject: str
    document: Mapping[str, object]
