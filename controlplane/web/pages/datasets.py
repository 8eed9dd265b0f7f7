"""Pages of datasets and their checks: the list, one dataset, one check, all checks."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from controlplane.kernel.outcome import Outcome, Severity
from controlplane.usecases.viewing.checks import MOST, CheckFilter
from controlplane.usecases.viewing.datasets import DatasetFilter, Judged, Standing
from controlplane.web.kept import cell, telling
from controlplane.web.paging import Pager
from controlplane.web.results import Measured, allowed_of, history_chart, measured, quantity, tally, trend
from controlplane.web.visiting import Page, Visit

router = APIRouter()
_SIZE = 50
_SHOWN = 25


@dataclass(frozen=True)
class Row:
    """One check of a table, ready to be written."""

    judged: Judged
    measured: Measured
    allowed: str
    trend: Markup


@router.get("/datasets", response_class=HTMLResponse)
def datasets(  # noqa: PLR0913, PLR0917 (each filter of the list is a parameter of its address)
    visit: Visit, q: str = "", layer: str = "", tier: str = "", owner: str = "", state: str = "", page: Page = 1
) -> Response:
    """Draw the list of datasets, worst first."""
    number = int(tier) if tier in {"1", "2", "3"} else None
    wanted = DatasetFilter(text=q.strip(), layer=layer, tier=number, owner=owner, standing=state)
    found = visit.plane.dataset_list(wanted, limit=_SIZE, offset=(page - 1) * _SIZE)
    query = {"q": q, "layer": layer, "tier": tier, "owner": owner, "state": state}
    pager = Pager(page, _SIZE, found.total, "/datasets", query)
    return visit.draw("datasets.html", active="datasets", found=found, query=query, pager=pager, Standing=Standing)


@router.get("/datasets/{name}", response_class=HTMLResponse)
def dataset(visit: Visit, name: str) -> Response:
    """Draw all there is to know of a dataset."""
    found = visit.plane.dataset_page(name)
    shown = [one for one in found.results if one.result.outcome != Outcome.PASSED or not one.implied][:_SHOWN]
    told = {id(one) for one in shown}
    return visit.draw(
        "dataset.html",
        active="datasets",
        found=found,
        rows=[_row(judged) for judged in shown],
        folded=[judged for judged in found.results if id(judged) not in told],
        outcomes=tally(judged.result.outcome for judged in found.results),
        last=next((run.balance.passed for run in reversed(found.batches) if run.state == "published" and run.balance), None),
        blocking=[judged for judged in found.results if judged.check and judged.check.blocking],
        promises=visit.plane.sla_board(dataset=name, limit=_SHOWN),
        alerts=visit.plane.alerts(state="open", dataset=name, limit=5),
    )


@router.get("/datasets/{name}/checks/{check_id}", response_class=HTMLResponse)
def check(visit: Visit, name: str, check_id: str) -> Response:
    """Draw one check with its history and a masked sample of the rows it set aside."""
    found = visit.plane.check_page(name, check_id)
    return visit.draw(
        "check.html",
        active="checks",
        found=found,
        results=[(result, measured(result), allowed_of(result, found.check)) for result in found.results],
        chart=history_chart(found.history, found.check, visit.zone) if found.history else None,
        outcomes=tally(one.outcome for one in found.history),
        quantity=quantity,
        cell=cell,
        most=MOST,
        columns=telling(found.columns, [check_id], name),
        alerts=visit.plane.alerts(state="open", dataset=name, limit=5),
    )


@router.get("/checks", response_class=HTMLResponse)
def checks(  # noqa: PLR0913, PLR0917 (each filter of the list is a parameter of its address)
    visit: Visit, q: str = "", outcome: str = "", kind: str = "", severity: str = "", dataset: str = "", page: Page = 1
) -> Response:
    """Draw the list of all checks, what needs a person first."""
    wanted = CheckFilter(text=q.strip(), outcome=outcome, kind=kind, severity=severity, dataset=dataset)
    found = visit.plane.check_list(wanted, limit=_SIZE, offset=(page - 1) * _SIZE)
    query = {"q": q, "outcome": outcome, "kind": kind, "severity": severity, "dataset": dataset}
    return visit.draw(
        "checks.html",
        active="checks",
        found=found,
        rows=[
            (line, measured(line.result) if line.result else None, allowed_of(line.result, line.check) if line.result else "")
            for line in found.lines
        ],
        query=query,
        pager=Pager(page, _SIZE, found.total, "/checks", query),
        severities=[severity.value for severity in Severity],
    )


def _row(judged: Judged) -> Row:
    result = judged.result
    return Row(judged, measured(result), allowed_of(result, judged.check), trend(judged.past, judged.check))
