"""``sla``: what consumers were promised, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from controlplane import open as open_project
from controlplane.cli import codes
from controlplane.cli.options import MOMENT, find_project, format_option, print_json, project_option
from controlplane.cli.rendering import table
from controlplane.slas.documents import status_document
from controlplane.slas.model import Indicator
from controlplane.slas.status import ObjectiveStatus, PromiseState
from controlplane.slas.wording import duration, number

_CODES = {PromiseState.BROKEN: codes.FAILED, PromiseState.NO_EVIDENCE: codes.UNEVALUATED}


@click.group("sla")
def sla_command() -> None:
    """See what consumers were promised, and where it stands."""


@sla_command.command("status")
@click.option("--at", "at", type=MOMENT, help="Judge this moment instead of now, from what was known then.")
@click.option("--promise", metavar="ID", help="Only this promise.")
@click.option("--consumer", metavar="NAME", help="Only what this consumer was promised.")
@project_option
@format_option()
def sla_status(at: datetime | None, promise: str | None, consumer: str | None, project: Path | None, form: str) -> int:
    """Judge every promise now, or at any minute before, worst first.

    Exit code 0: none is broken; 1: one is broken; 3: one cannot be judged for lack of evidence.
    """
    with open_project(find_project(project)) as plane:
        moment = at or plane.ports.clock.now()
        moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(plane.ports.time_zone))
        levels = plane.ports.platform.service_levels
        promises = levels.promises if levels else ()
        _known("promise", promise, [entry.id for entry in promises])
        _known("consumer", consumer, [entry.consumer for entry in promises])
        found = plane.sla_status(moment)
    wanted = [status for status in found if promise in {None, status.promise} and consumer in {None, status.consumer}]
    wanted.sort(key=lambda status: status.state.rank)
    if form == "json":
        print_json({"at": moment.isoformat(), "objectives": [status_document(status) for status in wanted]})
    else:
        _show(wanted)
    return codes.highest(_CODES.get(status.state, codes.PASSED) for status in wanted)


def _known(what: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        message = f"there is no {what} {name!r}; known are {', '.join(dict.fromkeys(known)) or 'none'}"
        raise click.UsageError(message)


def _show(statuses: Sequence[ObjectiveStatus]) -> None:
    if not statuses:
        click.echo("nothing is promised: name a file under promises in controlplane.yaml")
        return
    names = ("state", "promise", "consumer", "dataset", "objective", "now", "promised", "budget left")
    rows = [
        (
            status.state.value,
            status.promise,
            status.consumer,
            status.dataset,
            status.objective,
            _value(status, status.value),
            _value(status, status.bound),
            f"{status.budget.left_percent:.0f} %" if status.budget else None,
        )
        for status in statuses
    ]
    table(names, rows)
    for status in statuses:
        if status.state is not PromiseState.KEPT:
            click.echo(f"{status.promise}.{status.objective}{f' {status.dataset}' if status.dataset else ''}: {status.reason}")


def _value(status: ObjectiveStatus, value: Decimal | None) -> str | None:
    if value is None:
        return None
    is_time = status.indicator in {Indicator.FRESHNESS, Indicator.QUERY_TIME}
    return duration(float(value)) if is_time else f"{number(value)} %"
