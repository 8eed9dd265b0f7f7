"""Every state the product knows as a symbol, a word and a tone: status is never told by colour alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Status:
    """How a state is shown.

    Attributes:
        tone: class of the chip; symbol: name in the sprite.
    """

    tone: str
    symbol: str
    word: str


_STATES = {
    # outcomes of checks
    "passed": Status("passed", "passed", "passed"),
    "failed": Status("failed", "failed", "failed"),
    "errored": Status("errored", "errored", "errored"),
    "no_evidence": Status("none", "none", "no evidence"),
    # batches
    "planned": Status("live", "risk", "planned"),
    "screened": Status("live", "risk", "screened"),
    "written": Status("live", "risk", "written"),
    "audited": Status("live", "risk", "audited"),
    "published": Status("published", "published", "published"),
    "held": Status("held", "held", "held"),
    "nothing_new": Status("still", "dot", "nothing new"),
    "abandoned": Status("still", "dot", "abandoned"),
    "superseded": Status("still", "dot", "superseded"),
    # promises
    "broken": Status("broken", "failed", "broken"),
    "predicted": Status("risk", "risk", "predicted"),
    "fast_burn": Status("risk", "risk", "fast burn"),
    "slow_burn": Status("risk", "risk", "slow burn"),
    "kept": Status("passed", "passed", "kept"),
    "maintenance": Status("still", "held", "maintenance"),
    "not_applicable": Status("still", "none", "not applicable"),
    # alerts
    "pending": Status("risk", "risk", "pending"),
    "firing": Status("broken", "failed", "firing"),
    "acknowledged": Status("live", "dot", "acknowledged"),
    "resolved": Status("passed", "passed", "resolved"),
    # kinds of alerts, beside their state
    "pipeline_failure": Status("failed", "failed", "run failed"),
    "sla_breach": Status("broken", "failed", "promise broken"),
    "pii_leak": Status("failed", "lock", "personal data in clear"),
    "plane_outage": Status("failed", "errored", "watcher stopped"),
    "check_failure": Status("failed", "failed", "check failed"),
    "anomaly": Status("risk", "risk", "anomaly"),
    "predicted_breach": Status("risk", "risk", "predicted"),
    "budget_burn": Status("risk", "risk", "budget burns"),
    "schema_drift": Status("drift", "risk", "schema drift"),
    "cost_spike": Status("drift", "risk", "cost spike"),
    # kept rows
    "quarantined": Status("quarantined", "quarantined", "quarantined"),
    "waiting": Status("risk", "risk", "waiting"),
    "dead_letter": Status("quarantined", "quarantined", "dead letter"),
    "tombstone": Status("still", "dot", "deleted"),
    "retrying": Status("live", "risk", "re-enters next run"),
    "discarded": Status("still", "dot", "discarded"),
    "released": Status("published", "published", "released"),
    # the watcher
    "ok": Status("passed", "passed", "on time"),
    "late": Status("risk", "risk", "late"),
    "stopped": Status("broken", "failed", "stopped"),
    "unknown": Status("errored", "errored", "unknown"),
    "never": Status("none", "none", "never evaluated"),
}


def status(state: str) -> Status:
    """Return how a state is shown; one without a place here is shown as its plain word with the sign for not known."""
    known = _STATES.get(str(state))
    return known or Status("still", "none", str(state).replace("_", " "))
