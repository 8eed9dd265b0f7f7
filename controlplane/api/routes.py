"""The JSON API: the facade's answers, read from the store.

Decimal numbers are texts, so that they stay exact; times are ISO 8601.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from alerting.model import Alert, Priority, Silence
from controlplane.api.callers import Caller
from controlplane.slas.status import PromiseState
from controlplane.usecases.alert_ports import AlertPage
from controlplane.usecases.health import Health, health
from controlplane.usecases.sla_ports import Board
from controlplane.usecases.viewing.datasets import DatasetFilter, DatasetList
from controlplane.usecases.viewing.runs import RunList
from controlplane.usecases.views_ports import RunFilter

router = APIRouter(
    responses={
        401: {"description": "No token, or one that is not good"},
        503: {"description": "The store or another system does not answer"},
    }
)

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to leave out first")]
Number = Annotated[int, Path(ge=1, le=2**53)]
_STATES = "^(open|pending|firing|acknowledged|resolved)$"
OpenState = Annotated[str | None, Query(pattern=_STATES, description="`open`: not resolved")]


class Acknowledgement(BaseModel):
    """What is said when an alert is taken over."""

    comment: str = Field("", max_length=2000)


@router.get("/sla", tags=["promises"])
def sla(  # noqa: PLR0913, PLR0917 (filters of one list; FastAPI passes them by name)
    call: Caller,
    consumer: str | None = None,
    tier: Annotated[int | None, Query(ge=1, le=3)] = None,
    state: PromiseState | None = None,
    dataset: str | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Board:
    """Where every promise stood when it was last evaluated, worst first."""
    return call.plane.sla_board(consumer=consumer, tier=tier, state=state, dataset=dataset, limit=limit, offset=offset)


@router.get("/alerts", tags=["alerts"])
def alerts(
    call: Caller,
    state: OpenState = "open",
    priority: Priority | None = None,
    dataset: str | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> AlertPage:
    """Alerts, open and worst first."""
    return call.plane.alerts(state=state, priority=priority, dataset=dataset, limit=limit, offset=offset)


@router.get("/alerts/{alert_id}", tags=["alerts"])
def alert(call: Caller, alert_id: Number) -> Alert:
    """One alert."""
    return call.plane.alert(alert_id)


@router.post("/alerts/{alert_id}/acknowledge", tags=["alerts"])
def acknowledge(call: Caller, alert_id: Number, said: Acknowledgement | None = None) -> Alert:
    """Take an alert over: nobody is told again until it is over or gets worse."""
    return call.plane.acknowledge(alert_id, by=call.subject, comment=said.comment if said else "")


@router.get("/silences", tags=["alerts"])
def silences(call: Caller) -> list[Silence]:
    """Silences that have not ended."""
    return list(call.plane.silences())


@router.get("/datasets", tags=["datasets"])
def datasets(
    call: Caller,
    text: Annotated[str, Query(max_length=200)] = "",
    layer: str = "",
    tier: Annotated[int | None, Query(ge=1, le=3)] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> DatasetList:
    """Datasets with what readers see of them, worst first."""
    return call.plane.dataset_list(DatasetFilter(text=text, layer=layer, tier=tier), limit=limit, offset=offset)


@router.get("/runs", tags=["runs"])
def runs(call: Caller, dataset: str | None = None, state: str | None = None, limit: Limit = 50) -> RunList:
    """Runs, newest first."""
    return call.plane.run_list(RunFilter(dataset=dataset, states=(state,) if state else ()), limit=limit)


@router.get("/runs/{run_id}", tags=["runs"])
def run(call: Caller, run_id: str) -> dict[str, Any]:
    """One run as `controlplane runs show --format json` prints it: balance, inputs, results of its checks."""
    return call.plane.report(run_id).document()


@router.get("/health", tags=["health"])
def plane_health(call: Caller) -> Health:
    """How the plane itself is: the watcher, waiting messages, overdue jobs."""
    return health(call.plane.ports)
