"""Alerts as people read them: a headline, its symbol, who is hit, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from alerting.model import Alert, AlertKind, AlertState
from controlplane.web.words import Status, status

_OUTSIDE = "The control plane"


@dataclass(frozen=True)
class Told:
    """An alert with its words.

    Attributes:
        shown: how its kind is shown; summary: one sentence with the numbers.
        hits: datasets downstream, as text; empty where nobody else is hit.
    """

    alert: Alert
    headline: str
    shown: Status
    summary: str
    hits: str


@dataclass(frozen=True)
class Step:
    """One way out: what to look at or do, why, and where."""

    title: str
    why: str
    href: str
    button: str


def told(alert: Alert) -> Told:
    """Return an alert with its words."""
    kind = "errored" if alert.annotations.get("outcome") == "errored" else alert.kind.value
    return Told(
        alert=alert,
        headline=headline(alert),
        shown=status(kind),
        summary=alert.annotations.get("summary", "").removeprefix(f"{check_id(alert)}: "),
        hits=alert.annotations.get("hits", ""),
    )


def headline(alert: Alert) -> str:
    """Return what is wrong in a few words; numbers stand in the summary."""
    name = alert.dataset or _OUTSIDE
    check = check_name(alert)
    if alert.annotations.get("outcome") == "errored":
        return f"A check of {name} cannot be evaluated" + (f": {check}" if check else "")
    said = {
        AlertKind.PIPELINE_FAILURE: f"{name} could not be refreshed",
        AlertKind.SLA_BREACH: f"{name} breaks a promise to its readers",
        AlertKind.PII_LEAK: f"Personal data stands in clear in {name}",
        AlertKind.PLANE_OUTAGE: "Nobody evaluates the promises",
        AlertKind.CHECK_FAILURE: f"{check or 'A check'} fails on {name}",
        AlertKind.ANOMALY: f"{name} looks unlike before",
        AlertKind.PREDICTED_BREACH: f"{name} is about to break a promise",
        AlertKind.BUDGET_BURN: f"{name} spends its budget too fast",
        AlertKind.SCHEMA_DRIFT: f"The schema of {name} drifts",
        AlertKind.COST_SPIKE: f"{name} costs more than usual",
    }
    return said[alert.kind]


def check_name(alert: Alert) -> str:
    """Return the check an alert is about without its dataset's name; empty where it is about none."""
    check = alert.annotations.get("check_id") or alert.labels.get("check", "")
    return check.removeprefix(f"{alert.dataset}.")


def check_id(alert: Alert) -> str:
    """Return the id of the check an alert is about, empty where it is about none."""
    return alert.annotations.get("check_id") or alert.labels.get("check", "")


def steps(alert: Alert) -> tuple[Step, ...]:
    """Return at most three things to look at next, the most telling first."""
    found = []
    dataset, run, check = alert.dataset, alert.annotations.get("run_id"), check_id(alert)
    if dataset and check:
        href = f"/datasets/{quote(dataset, safe='')}/checks/{quote(check, safe='')}"
        why = "What it says in plain words, how it went in the last runs, and rows it set aside, masked."
        found.append(Step("Look at the check and a sample of its rows", why, href, "Open the check"))
    if run:
        why = "Where every row of the batch went, and, where it is held, publishing it with a reason."
        found.append(Step("Look at the batch", why, f"/runs/{quote(run, safe='')}", "Open the run"))
    if alert.kind is AlertKind.PLANE_OUTAGE:
        why = "When promises were last evaluated, what waits, and what keeps it. `controlplane serve` evaluates every minute."
        found.append(Step("Look at the watcher", why, "/#watch", "Open the watcher"))
    if dataset and len(found) < 3:  # noqa: PLR2004 (three ways are what a person weighs)
        why = "What readers see now, what is held back, and what feeds it."
        found.append(Step("Look at the dataset", why, f"/datasets/{quote(dataset, safe='')}", "Open the dataset"))
    return tuple(found)


def numbers(alert: Alert) -> tuple[tuple[str, str], ...]:
    """Return what was found, as (label, text): the reason, which has its numbers in it, else the bare numbers."""
    told = alert.annotations
    names = ["reason"] if told.get("reason") else ["measured", "allowed"]
    return tuple((name.capitalize(), told[name]) for name in [*names, "pipeline", "consumer"] if told.get(name))


def state_words(alert: Alert) -> str:
    """Return where an alert stands in a few words."""
    if alert.state is AlertState.FIRING:
        return "firing, nobody has acknowledged"
    if alert.state is AlertState.ACKNOWLEDGED:
        return f"acknowledged by {alert.acknowledged_by}" if alert.acknowledged_by else "acknowledged"
    return "seen, nobody told yet" if alert.state is AlertState.PENDING else "resolved"
