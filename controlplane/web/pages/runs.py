"""Pages of runs: the list, one batch, and the release of a held one."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from controlplane.gate.model import RunState
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.views_ports import RunFilter
from controlplane.web.paging import link
from controlplane.web.results import measured, tally
from controlplane.web.visiting import Posted, Visit, VisitState

router = APIRouter()
_SHOWN = 50
_ENDED = (RunState.PUBLISHED, RunState.HELD, RunState.FAILED, RunState.SUPERSEDED, RunState.NOTHING_NEW, RunState.ABANDONED)


@router.get("/runs", response_class=HTMLResponse)
def runs(visit: Visit, dataset: str = "", state: str = "", since: str = "", until: str = "", after: str = "") -> Response:
    """Draw the list of runs, newest first."""
    wanted = RunFilter(
        dataset=dataset or None,
        states=(state,) if state else (),
        since=_day(visit, since, "since"),
        until=_day(visit, until, "until", days=1),
        after=_place(after),
    )
    query = {"dataset": dataset, "state": state, "since": since, "until": until}
    found = visit.plane.run_list(wanted)
    following = f"{found.after[0].isoformat()}~{found.after[1]}" if found.after else None
    return visit.draw(
        "runs.html",
        active="runs",
        found=found,
        query=query,
        states=[state.value for state in _ENDED],
        following=link("/runs", **query, after=following) if following else None,
        first=link("/runs", **query) if after else None,
    )


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def run(visit: Visit, run_id: str) -> Response:
    """Draw what became of one batch."""
    found = visit.plane.run_page(run_id)
    shown = [one for one in found.results if one[0].outcome != Outcome.PASSED or one[0].check_id in found.written][:_SHOWN]
    told = {id(one) for one in shown}
    return visit.draw(
        "run.html",
        active="runs",
        found=found,
        rows=[(result, title, measured(result)) for result, title in shown],
        folded=[one for one in found.results if id(one) not in told],
        outcomes=tally(result.outcome for result, _ in found.results),
        failed=[(result, title) for result, title in found.results if result.outcome == Outcome.FAILED],
    )


@router.post("/runs/{run_id}/release")
def release(visit: Visit, posted: Posted, run_id: str) -> Response:
    """Publish a held batch under a reason, in the name of who is signed in."""
    report = visit.plane.release(
        run_id, posted.text("reason", "why readers may have this batch all the same"), by=visit.subject
    )
    visit.house.navigation.forget()
    return visit.see(f"/runs/{run_id}", done=f"Released. Readers of {report.dataset} see this batch.")


def _day(visit: VisitState, text: str, name: str, *, days: int = 0) -> datetime | None:
    """Return the start of a local day (``days`` later) of a filter."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=visit.zone) + timedelta(days=days)
    except (ValueError, OverflowError):
        message = f"{name}={text!r} is no day; write it as 2017-10-09"
        raise ConfigurationError(message) from None


def _place(text: str) -> tuple[datetime, str] | None:
    """Return the place a page begins behind."""
    if not text:
        return None
    moment, _, run_id = text.partition("~")
    try:
        clock = datetime.fromisoformat(moment)
    except ValueError:
        clock = None
    if clock is None or clock.tzinfo is None:
        message = "this link to a page of runs is not complete; open the list again"
        raise ConfigurationError(message)
    return clock, run_id
