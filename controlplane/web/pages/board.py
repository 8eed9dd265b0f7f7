"""The SLA board: is a promise broken or about to break, who is hit, how much is left? Stored answers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from controlplane.slas.status import PromiseState
from controlplane.usecases.views_ports import RunLine
from controlplane.web import alert_words, promises
from controlplane.web.paging import Pager
from controlplane.web.visiting import Page, Visit, VisitState

router = APIRouter()

_ROWS = 25
_ALERTS = 5
_HELD = 5
Choice = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class HeldBack:
    """What readers do not see yet: held batches, newest first, and how many there are."""

    lines: Sequence[RunLine]
    total: int


@router.get("/", response_class=HTMLResponse)
def board(visit: Visit, consumer: Choice = "", tier: Choice = "", state: Choice = "", page: Page = 1) -> Response:
    """Show where every promise stands, worst first, with what needs attention on top."""
    chosen = {"consumer": consumer, "tier": tier if tier in {"1", "2", "3"} else "", "state": _state(state)}
    found = visit.plane.sla_board(
        consumer=chosen["consumer"] or None,
        tier=int(chosen["tier"]) if chosen["tier"] else None,
        state=PromiseState(chosen["state"]) if chosen["state"] else None,
        limit=_ROWS,
        offset=(page - 1) * _ROWS,
    )
    rows = [promises.promise_row(status) for status in found.rows]
    open_alerts = visit.plane.alerts(state="open", limit=_ALERTS)
    return visit.draw(
        "board.html",
        active="board",
        chosen=chosen,
        found=found,
        headline=promises.headline(found.counts),
        tally=promises.tally(found.counts),
        worst=next((row.status for row in rows if row.status.state is PromiseState.BROKEN), None),
        worst_sentence=promises.worst_sentence,
        groups=promises.by_consumer(rows),
        consumer_words=promises.consumer_words,
        strips=promises.strips(found.rows),
        lost=promises.lost_days(found.rows),
        pager=Pager(page, _ROWS, found.total, "/", chosen),
        alerts=open_alerts,
        told=[alert_words.told(alert) for alert in open_alerts.alerts],
        held=_held(visit),
        consumers=_consumers(visit),
        states=[(one.value, one.value.replace("_", " ")) for one in PromiseState if found.counts.get(one)],
        maintenance=_maintenance(visit),
    )


def _state(text: str) -> str:
    return text if text in {state.value for state in PromiseState} else ""


def _held(visit: VisitState) -> HeldBack:
    lines = visit.plane.ports.views.held()
    return HeldBack(lines[:_HELD], len(lines))


def _consumers(visit: VisitState) -> Sequence[str]:
    levels = visit.plane.ports.platform.service_levels
    return sorted({promise.consumer for promise in levels.promises}) if levels else []


def _maintenance(visit: VisitState) -> Sequence[object]:
    """Return maintenance of the last 30 days and what is planned."""
    levels = visit.plane.ports.platform.service_levels
    if levels is None:
        return []
    return [entry for entry in levels.maintenance if (visit.now - entry.ends).days < 30][:_HELD]  # noqa: PLR2004 (days on the strip)
