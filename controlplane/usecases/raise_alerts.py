"""Raise and resolve alerts from what was found, in one transaction with the messages that tell about it.

Nothing here ever raises: alerting that fails must not fail a run. What was not judged is found again by ``sweep``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.lifecycle import DAMPING, advance
from alerting.model import Alert, AlertKind, Finding
from alerting.priority import judge
from controlplane.gate.model import Run, RunState
from controlplane.kernel.errors import ControlPlaneError
from controlplane.kernel.logs import event
from controlplane.slas.status import ObjectiveStatus
from controlplane.usecases.alert_ports import OPEN, AlertBook, AlertFilter
from controlplane.usecases.findings import (
    LIKE_RUNS,
    OF_PROMISES,
    Subject,
    no_longer_stated,
    of_cost,
    of_failure,
    of_objectives,
    of_results,
    of_run,
)
from controlplane.usecases.model import Platform, Ports
from controlplane.usecases.notify import announce
from controlplane.usecases.ports import StoredResult

_SWEPT = timedelta(days=7)
_AT_ONCE = 200
_NAMED = 10

Found = Callable[[Sequence[Alert]], Collection[Finding]]
"""Findings, given the alerts that are open."""


def after_run(ports: Ports, run: Run, results: Sequence[StoredResult], *, at: datetime | None = None) -> None:
    """Raise and resolve what a run says; a backfill resolves only.

    Args:
        run: as it ended.
        results: of its checks.
        at: the plane's clock of the evidence; now when None.
    """
    with _never_failing(run_id=str(run.run_id), dataset=run.plan.dataset.name):
        subject = _subject(ports, run.plan.dataset.name, at)
        is_idle = run.state is RunState.NOTHING_NEW
        if is_idle and not ports.alerts.page(AlertFilter(OPEN, dataset=subject.dataset), 1).total:
            return
        found = list(of_run(run, results, subject))
        if run.state is RunState.PUBLISHED and run.plan.backfill is None:
            found += of_cost(*ports.alerts.costs(run.plan.dataset, run.run_id, LIKE_RUNS), subject, run)
        judged = {finding.labels.get("check", "") for finding in found}

        def all_findings(known: Sequence[Alert]) -> Collection[Finding]:
            ended = no_longer_stated(known, subject, judged) if run.state is RunState.PUBLISHED else ()
            return [finding for finding in (*found, *ended) if run.plan.backfill is None or not finding.is_bad]

        with ports.alerts.book() as book:
            _apply(ports, book, book.open_alerts(subject.dataset), all_findings)
            if not is_idle:
                book.mark(run.run_id)


def raise_for_stopped(ports: Ports, dataset: str, pipeline: str, reason: str) -> None:
    """Raise that a pipeline could not even plan a run."""
    with _never_failing(dataset=dataset):
        subject = _subject(ports, dataset, None)
        with ports.alerts.book() as book:
            _apply(ports, book, book.open_alerts(dataset), lambda _: [of_failure(pipeline, reason, subject)])


def raise_for_check(ports: Ports, dataset: str, results: Sequence[StoredResult]) -> None:
    """Raise and resolve what checks of published data say."""
    with _never_failing(dataset=dataset):
        found = list(of_results(results, _subject(ports, dataset, None)))
        with ports.alerts.book() as book:
            _apply(ports, book, book.open_alerts(dataset), lambda _: found)


def raise_for_objectives(ports: Ports, states: Sequence[ObjectiveStatus]) -> None:
    """Raise and resolve what the states of all objectives say; alerts of objectives that are not among them are over."""
    with _never_failing():
        at = ports.clock.now()
        with ports.alerts.book() as book:
            known = book.open_alerts(kinds=OF_PROMISES)
            _apply(ports, book, known, lambda known: list(of_objectives(states, known, at)))


def raise_for_plane(ports: Ports, finding: Finding) -> None:
    """Raise or resolve a finding about the plane itself."""
    with _never_failing(), ports.alerts.book() as book:
        _apply(ports, book, book.open_alerts(kinds=[AlertKind.PLANE_OUTAGE]), lambda _: [finding])


def sweep(ports: Ports) -> int:
    """Judge runs of the last week that were recorded and never judged; return how many."""
    swept = 0
    with _never_failing():
        for run_id in ports.alerts.unjudged(datetime.now(UTC) - _SWEPT, _AT_ONCE):
            run = ports.journal.find(run_id)
            if run is not None:
                after_run(ports, run, ports.records.results(run_id), at=run.clock)
                swept += 1
    return swept


@contextmanager
def _never_failing(**about: str) -> Iterator[None]:
    """Log what goes wrong in the block, and go on: data that are right must be published although nobody can be told."""
    try:
        yield
    except ControlPlaneError as error:
        event("alerts not raised", logging.ERROR, reason=str(error), **about)
    except Exception as error:  # noqa: BLE001 (a defect of alerting must not fail a run; the sweep comes back to it)
        event("alerts not raised", logging.ERROR, reason=f"internal error ({type(error).__name__})", **about)


def _subject(ports: Ports, dataset: str, at: datetime | None) -> Subject:
    governed = ports.platform.governed(dataset)
    return Subject(dataset, governed.spec.tier, at or ports.clock.now(), {check.id for check in governed.checks})


def _apply(ports: Ports, book: AlertBook, known: Sequence[Alert], find: Found) -> None:
    """Move alerts by findings, store them and what is told at once; what does not change is not written."""
    now = ports.clock.now()
    alive = {alert.fingerprint: alert for alert in known}
    places = [(finding.fingerprint, finding) for finding in find(known)]
    told = [(place, finding) for place, finding in places if finding.is_bad or place in alive]
    fresh = {place for place, _ in told if place not in alive}
    before = {**alive, **(book.newest(fresh, min(finding.at for _, finding in told) - DAMPING) if fresh else {})}
    after = dict(before)
    for place, finding in told:
        reached = _reached(ports.platform, finding)
        moved = advance(after.get(place), judge(_with_hits(finding, reached), reached))
        if moved is not None:
            after[place] = moved
    changed = [place for place, alert in after.items() if alert is not before.get(place)]
    saved = book.save([after[place] for place in changed])
    stored = [(_before(before.get(place), alert), alert) for place, alert in zip(changed, saved, strict=True)]
    if stored:
        announce(ports, book, stored, now)


def _before(known: Alert | None, alert: Alert) -> Alert | None:
    """Return what was known of an alert; an older one of the same labels is another alert."""
    return known if known is not None and known.alert_id == alert.alert_id else None


def _reached(platform: Platform, finding: Finding) -> dict[str, int]:
    dataset = finding.labels.get("dataset")
    if not finding.is_bad or dataset is None:
        return {}
    return {name: platform.datasets[name].spec.tier for name in platform.downstream(dataset) if name in platform.datasets}


def _with_hits(finding: Finding, reached: dict[str, int]) -> Finding:
    """Return a finding that names who reads the dataset, the most important first."""
    if not reached:
        return finding
    names = [f"{name} (tier {tier})" for name, tier in sorted(reached.items(), key=lambda item: (item[1], item[0]))]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return replace(finding, annotations={**finding.annotations, "hits": ", ".join(names[:_NAMED]) + more})
