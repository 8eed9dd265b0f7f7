"""Alerts: what is wrong now and was before, why it has its priority, who is hit, and what a person answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from alerting.model import Alert, AlertState, Priority
from controlplane.usecases.ports import AuditEntry
from controlplane.web import alert_words, results
from controlplane.web.impact import Impact, graph, impact
from controlplane.web.paging import Pager
from controlplane.web.promises import PromiseRow, promise_row
from controlplane.web.visiting import FormRefusedError, Page, Posted, Visit, VisitState

router = APIRouter()

_ROWS = 50
_STATES = ("open", *(state.value for state in AlertState))
_SILENCES = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "7 days"}
_RUNS = 24
Choice = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Path(ge=1, le=2**53)]


@dataclass(frozen=True)
class Happened:
    """One point of an alert's timeline."""

    at: datetime
    symbol: str
    tone: str
    words: str
    more: str = ""


@router.get("/alerts", response_class=HTMLResponse)
def alert_list(visit: Visit, state: Choice = "open", priority: Choice = "", dataset: Choice = "", page: Page = 1) -> Response:
    """Show alerts, open and worst first, with filters in the address."""
    chosen = {
        "state": state if state in {*_STATES, "all"} else "open",
        "priority": priority if priority in set(Priority) else "",
        "dataset": dataset,
    }
    found = visit.plane.alerts(
        state=None if chosen["state"] == "all" else chosen["state"],
        priority=Priority(chosen["priority"]) if chosen["priority"] else None,
        dataset=dataset or None,
        limit=_ROWS,
        offset=(page - 1) * _ROWS,
    )
    return visit.draw(
        "alerts.html",
        active="alerts",
        chosen=chosen,
        found=found,
        told=[alert_words.told(alert) for alert in found.alerts],
        pager=Pager(page, _ROWS, found.total, "/alerts", chosen),
        states=_STATES,
        silences=visit.plane.silences(),
    )


@router.get("/alerts/{alert_id}", response_class=HTMLResponse)
def alert_page(visit: Visit, alert_id: Number) -> Response:
    """Show one alert: what broke, why it matters, who is hit, what to do, and what was done."""
    alert = visit.plane.alert(alert_id)
    audit = visit.plane.ports.audit_log.entries(f"alert:{alert_id}")
    found = _impact(visit, alert)
    return visit.draw(
        "alert.html",
        active="alerts",
        alert=alert,
        told=alert_words.told(alert),
        state_words=alert_words.state_words(alert),
        steps=alert_words.steps(alert) if alert.is_open else (),
        check=alert_words.check_name(alert),
        numbers=alert_words.numbers(alert),
        promise=_promise(visit, alert),
        chart=_chart(visit, alert),
        impact=found,
        graph=graph(found) if found and len(found.nodes) > 1 else None,
        timeline=timeline(alert, audit),
        silences=[
            silence for silence in visit.plane.silences() if dict(silence.matchers).items() <= dict(alert.labels).items()
        ],
        lengths=_SILENCES,
        states=_states(visit, found),
    )


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(visit: Visit, posted: Posted, alert_id: Number) -> Response:
    """Take an alert over, with a comment for those who come after."""
    visit.plane.acknowledge(alert_id, by=visit.subject, comment=posted.get("comment"))
    return visit.see(f"/alerts/{alert_id}", done="Acknowledged. Nobody is told again until it is over or gets worse.")


@router.post("/alerts/{alert_id}/silence")
def silence(visit: Visit, posted: Posted, alert_id: Number) -> Response:
    """Let nobody be told of exactly this alert for a while, under a reason."""
    alert, hours = visit.plane.alert(alert_id), posted.get("hours")
    if hours not in _SILENCES:
        message = f"Nothing was done: {hours!r} is no length of a silence; allowed are {', '.join(_SILENCES)} hours."
        raise FormRefusedError(message, 400)
    reason = posted.text("reason", "why nobody should be told")
    visit.plane.silence(dict(alert.labels), ends=visit.now + timedelta(hours=int(hours)), by=visit.subject, reason=reason)
    return visit.see(f"/alerts/{alert_id}", done=f"Silenced for {_SILENCES[hours]}. It is still shown here.")


@router.post("/silences/{silence_id}/end")
def end_silence(visit: Visit, posted: Posted, silence_id: Number) -> Response:
    """Let people be told again."""
    visit.plane.unsilence(silence_id, by=visit.subject)
    back = posted.get("to")
    return visit.see(f"/alerts/{back}" if back.isdigit() else "/alerts", done="The silence is over. People are told again.")


def timeline(alert: Alert, audit: Sequence[AuditEntry]) -> Sequence[Happened]:
    """Return what happened to an alert, newest first; of what people did, the audit log is the record."""
    found = [Happened(alert.started_at, "failed", "bad", "First found")]
    if alert.fired_at:
        found.append(Happened(alert.fired_at, "dot", "bad", "Told, by the routes of this project"))
    if alert.evidence_at > alert.started_at and alert.is_open:
        again = f"{alert.occurrences} times so far" if alert.occurrences > 1 else ""
        found.append(Happened(alert.evidence_at, "failed", "bad", "Found again", again))
    for entry in audit:
        words = {"alert.acknowledge": f"Acknowledged by {entry.actor}"}.get(entry.verb, f"{entry.verb}, {entry.actor}")
        found.append(Happened(entry.clock, "dot", "mut", words, entry.reason))
    if alert.resolved_at:
        found.append(Happened(alert.resolved_at, "passed", "ok", "Resolved", alert.resolution or ""))
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _impact(visit: VisitState, alert: Alert) -> Impact | None:
    platform = visit.plane.ports.platform
    if alert.dataset is None or alert.dataset not in platform.datasets:
        return None
    views = visit.plane.ports.views
    return impact(platform, alert.dataset, lambda names: {name: state.state for name, state in views.states(names).items()})


def _states(visit: VisitState, found: Impact | None) -> dict[str, list[str]]:
    """Return the consumers that were promised something about each dataset of the graph."""
    levels = visit.plane.ports.platform.service_levels
    if found is None or levels is None:
        return {}
    return {
        node.name: sorted({promise.consumer for promise in levels.promises if node.name in promise.datasets})
        for node in found.nodes
    }


def _promise(visit: VisitState, alert: Alert) -> PromiseRow | None:
    """Return where the promise of an alert stands now, None where the alert is about none."""
    promise, objective = alert.labels.get("promise"), alert.labels.get("objective")
    if promise is None or objective is None:
        return None
    rows = visit.plane.sla_board(promise=promise, dataset=alert.dataset, limit=_ROWS).rows
    return next((promise_row(status) for status in rows if status.objective == objective), None)


def _chart(visit: VisitState, alert: Alert) -> Markup | None:
    """Return how the check of an alert went in its last runs, up to the one that ended it."""
    wanted, dataset = alert_words.check_id(alert), alert.dataset
    if not wanted or dataset is None or dataset not in visit.plane.ports.platform.datasets:
        return None
    checks = visit.plane.ports.platform.datasets[dataset].checks
    check = next((check for check in checks if check.id == wanted), None)
    history = visit.plane.ports.views.history(dataset, wanted, _RUNS, alert.resolved_at)
    return results.history_chart(history, check, visit.zone) if check is not None and history else None
