"""Pages of rows set aside: what waits for a decision, one dataset's rows, and the decisions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from controlplane.gate.model import KeptKind
from controlplane.kernel.errors import ConfigurationError
from controlplane.usecases.viewing.kept import all_of_reason
from controlplane.web.formatting import plural
from controlplane.web.kept import cell, telling
from controlplane.web.paging import link
from controlplane.web.visiting import FormRefusedError, Posted, PostedForm, Visit, VisitState

router = APIRouter()
_KINDS = {kind.value: kind for kind in (KeptKind.QUARANTINED, KeptKind.WAITING)}
_GROUPS, _ROWS = 50, 25
_SEPARATOR = " "


@router.get("/quarantine", response_class=HTMLResponse)
def quarantine(visit: Visit) -> Response:
    """Draw all that is kept beside tables, by dataset and reason."""
    found = visit.plane.quarantine_list()
    return visit.draw("quarantine_list.html", active="quarantine", found=found, room=_GROUPS, kinds=KeptKind, join=_joined)


@router.get("/quarantine/{dataset}", response_class=HTMLResponse)
def rows(visit: Visit, dataset: str, kind: str = "", reasons: str = "", after: str = "", fields: str = "") -> Response:
    """Draw what is kept beside one table, with a page of its rows, masked."""
    wanted = _split(reasons)
    found = visit.plane.quarantine_page(dataset, kind=_KINDS.get(kind), reasons=wanted, after=_place(after), limit=_ROWS)
    query = {"kind": kind, "reasons": reasons, "fields": fields}
    path = f"/quarantine/{dataset}"
    place = "~".join([found.after[0].isoformat(), *found.after[1:]]) if found.after else None
    columns = found.columns if fields == "all" else telling(found.columns, wanted, dataset)
    return visit.draw(
        "quarantine.html",
        active="quarantine",
        found=found,
        columns=columns,
        cell=cell,
        hidden=len(found.columns) - len(columns),
        wanted=reasons,
        following=link(path, **query, after=place) if place else None,
        all_fields=link(path, **{**query, "fields": "all"}),
        kinds=KeptKind,
        join=_joined,
        path=path,
    )


@router.post("/quarantine/{dataset}")
def decide(visit: Visit, posted: Posted, dataset: str) -> Response:
    """Let chosen rows try again or discard them, in the name of who is signed in."""
    chosen = _chosen(visit, posted, dataset)
    if posted.get("act") == "retry":
        count = visit.plane.retry(dataset, chosen, posted.get("reason"), by=visit.subject)
        done = f"{plural(count, 'row')} of {dataset} will be checked again in its next run."
    elif posted.get("act") == "discard":
        reason = posted.text("reason", "why nobody needs these rows")
        count = visit.plane.discard(dataset, chosen, reason, by=visit.subject)
        done = f"{plural(count, 'row')} of {dataset} discarded; the audit log has the reason."
    else:
        message = "Nothing was done: choose to re-check the rows or to discard them."
        raise FormRefusedError(message, 400)
    visit.house.navigation.forget()
    return visit.see(f"/quarantine/{dataset}", done=done)


def _chosen(visit: VisitState, posted: PostedForm, dataset: str) -> Sequence[str]:
    if posted.get("scope") == "all":
        chosen = all_of_reason(visit.plane.ports, dataset, _split(posted.get("reasons")))
    else:
        chosen = posted.many("row")
    if not chosen:
        message = "Nothing was done: no row is chosen. Go back and tick rows, or choose all of the reason."
        raise FormRefusedError(message, 400)
    return chosen


def _joined(reasons: Sequence[str]) -> str:
    """Return check ids as one query parameter; ids have no blanks."""
    return _SEPARATOR.join(reasons)


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split(_SEPARATOR)) if text else ()


def _place(text: str) -> tuple[datetime, str, str] | None:
    if not text:
        return None
    moment, _, rest = text.partition("~")
    row_id, _, run_id = rest.partition("~")
    try:
        since = datetime.fromisoformat(moment)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None:
        message = "this link to a page of rows is not complete; open the list again"
        raise ConfigurationError(message)
    return since, row_id, run_id
