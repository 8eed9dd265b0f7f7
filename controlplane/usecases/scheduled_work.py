"""What each scheduled job does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from controlplane.gate.model import RunState
from controlplane.kernel.errors import LeaseTakenError
from controlplane.kernel.logs import event
from controlplane.usecases import notify, raise_alerts
from controlplane.usecases.agenda import Job, Work
from controlplane.usecases.check_dataset import check_dataset
from controlplane.usecases.delivering import deliver
from controlplane.usecases.evaluate_slas import evaluate
from controlplane.usecases.govern_run import LEASE, govern_pipeline
from controlplane.usecases.housekeeping import keep_house
from controlplane.usecases.model import Ports
from controlplane.usecases.prune_store import prune_store
from controlplane.usecases.watching import notice_outage, outage_is_over


def perform(ports: Ports, job: Job) -> None:
    """Do a scheduled job once.

    Raises:
        ControlPlaneError: it could not be done; an ``UnavailableError`` is worth another try.
    """
    _DOES[job.work](ports, job)


def _run(ports: Ports, job: Job) -> None:
    run = govern_pipeline(ports, ports.platform.pipeline(job.subject))
    event("pipeline ended", run_id=str(run.run_id), dataset=run.plan.dataset.name, state=run.state.value)


def _check(ports: Ports, job: Job) -> None:
    if ports.reader.head(ports.platform.governed(job.subject).id) is None:
        return  # nothing was published yet: there is nothing to observe
    report = check_dataset(ports, job.subject, only=job.checks)
    raise_alerts.raise_for_check(ports, job.subject, report.results)
    event("checks judged", dataset=job.subject, checks=len(report.results), outcome=report.outcome.value)


def _evaluate(ports: Ports, job: Job) -> None:  # noqa: ARG001 (every job is done the same way)
    notice_outage(ports)
    evaluation = evaluate(ports)
    outage_is_over(ports)
    notify.heartbeat(ports)
    event("promises evaluated", judged=evaluation.judged, seconds=round(evaluation.seconds, 3))


def _notify(ports: Ports, job: Job) -> None:  # noqa: ARG001 (every job is done the same way)
    swept, queued, sent = raise_alerts.sweep(ports), notify.tick(ports), deliver(ports)
    if swept or queued or sent:
        event("alerts sent", runs_swept=swept, groups=queued, delivered=sent)


def _keep_house(ports: Ports, job: Job) -> None:  # noqa: ARG001 (every job is done the same way)
    """Keep house thoroughly, also where no run has ended lately; a dataset that is being written keeps its own."""
    for governed in ports.platform.datasets.values():
        for run in ports.journal.runs(governed.id, state=RunState.PUBLISHED, limit=1):
            with suppress(LeaseTakenError), ports.leases.hold(governed.id, LEASE):
                keep_house(ports, governed, replace(run, clock=ports.clock.now()), thorough=True)


def _forget(ports: Ports, job: Job) -> None:  # noqa: ARG001 (every job is done the same way)
    gone = prune_store(ports)
    event("store pruned", **{table: count for table, count in gone.items() if count})


_DOES: Mapping[Work, Callable[[Ports, Job], None]] = {
    Work.RUN: _run,
    Work.CHECK: _check,
    Work.EVALUATE: _evaluate,
    Work.NOTIFY: _notify,
    Work.KEEP_HOUSE: _keep_house,
    Work.FORGET: _forget,
}
