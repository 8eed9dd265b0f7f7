"""What an ended run, a look at published data, or the state of a promise says about alerts. Pure: nothing is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median

from alerting.model import Alert, AlertKind, Finding
from alerting.priority import SLOW
from checks.model import CheckKind
from controlplane.gate.model import Run, RunState
from controlplane.kernel.outcome import Outcome, Severity
from controlplane.slas.model import Indicator
from controlplane.slas.status import ObjectiveStatus, PromiseState
from controlplane.usecases.alert_ports import Cost
from controlplane.usecases.ports import StoredResult

LIKE_RUNS = 14
"""Runs that a cost is compared with."""

OF_PROMISES = (AlertKind.SLA_BREACH, AlertKind.PREDICTED_BREACH, AlertKind.BUDGET_BURN)
"""Kinds that the states of promises decide."""

_OF_CHECKS = {
    CheckKind.SCHEMA_DRIFT.value: AlertKind.SCHEMA_DRIFT,
    CheckKind.VOLUME_CHANGE.value: AlertKind.ANOMALY,
    CheckKind.MASKED_FORMAT.value: AlertKind.PII_LEAK,
    CheckKind.LEAK.value: AlertKind.PII_LEAK,
}
_CHECK_KINDS = {AlertKind.CHECK_FAILURE, *_OF_CHECKS.values()}
_AT_ANY_SEVERITY = {AlertKind.SCHEMA_DRIFT, AlertKind.PII_LEAK}
_TIMES_THE_MEDIAN = 3
_LEAST_MORE = {"seconds": 5.0, "bytes_read": 10_000_000.0, "bytes_written": 10_000_000.0}
_RAN = {RunState.PUBLISHED, RunState.HELD, RunState.NOTHING_NEW}
_SAYS_NOTHING = {PromiseState.NO_EVIDENCE, PromiseState.MAINTENANCE, PromiseState.NOT_APPLICABLE}
_SHOWN = 3


@dataclass(frozen=True)
class Subject:
    """What findings are about: a dataset with its own tier, and when it was looked at.

    Attributes:
        checks: ids of every check that its contract states today.
    """

    dataset: str
    tier: int
    at: datetime
    checks: Collection[str] = ()


def of_run(run: Run, results: Sequence[StoredResult], subject: Subject) -> Iterator[Finding]:
    """Yield what an ended run says: whether its pipeline works, and of every judged check whether it is good or bad.

    A run that was held, published or had nothing to do shows that the pipeline works; one that was superseded says nothing.
    """
    pipeline = run.pipeline or subject.dataset
    if run.state is RunState.FAILED:
        yield of_failure(pipeline, run.reason or "no reason was recorded", subject, {"run_id": str(run.run_id)})
    if run.state in _RAN:
        yield works(pipeline, f"{pipeline} ran again: {run.state.value}", subject)
    if run.state in {RunState.PUBLISHED, RunState.HELD}:
        yield from of_results(results, subject, run)


def of_failure(pipeline: str, reason: str, subject: Subject, annotations: Mapping[str, str] | None = None) -> Finding:
    """Return the finding that a pipeline failed."""
    summary = f"{pipeline} failed: {reason}"
    said = {"reason": reason, "pipeline": pipeline, **(annotations or {})}
    return replace(works(pipeline, summary, subject), is_bad=True, annotations=said)


def works(pipeline: str, summary: str, subject: Subject) -> Finding:
    """Return the finding that a pipeline works."""
    labels = {"kind": AlertKind.PIPELINE_FAILURE.value, "dataset": subject.dataset, "pipeline": pipeline}
    return Finding(labels, AlertKind.PIPELINE_FAILURE, is_bad=False, at=subject.at, tier=subject.tier, summary=summary)


def of_results(results: Sequence[StoredResult], subject: Subject, run: Run | None = None) -> Iterator[Finding]:
    """Yield one finding for every check: bad where any of its results is, good where all of them passed.

    Args:
        results: of one run, or of one look at published data.
        subject: the dataset.
        run: the run; None where published data were looked at.
    """
    by_check: dict[str, list[StoredResult]] = {}
    for result in results:
        by_check.setdefault(result.check_id, []).append(result)
    for check_id, found in by_check.items():
        kind = _OF_CHECKS.get(found[0].kind, AlertKind.CHECK_FAILURE)
        bad = [result for result in found if _is_bad(result, kind, run)]
        passed = all(result.outcome == Outcome.PASSED for result in found)
        labels = {"kind": kind.value, "dataset": subject.dataset, "check": check_id}
        yield Finding(
            labels,
            kind,
            is_bad=True if bad else False if passed else None,
            at=subject.at,
            tier=subject.tier,
            summary=_sentence(check_id, bad or found),
            annotations=_numbers(bad[0], run) if bad else {},
        )


def _is_bad(result: StoredResult, kind: AlertKind, run: Run | None) -> bool:
    """Whether a result needs a person: it failed and matters, or it could not be judged and holds the batch."""
    if result.outcome == Outcome.FAILED:
        return kind in _AT_ANY_SEVERITY or Severity(result.severity).rank >= Severity.ERROR.rank
    holds = run is not None and run.state is RunState.HELD and f"{result.check_id}: {result.reason}" in (run.reason or "")
    return holds and result.outcome != Outcome.PASSED


def _sentence(check_id: str, found: Sequence[StoredResult]) -> str:
    reasons = list(dict.fromkeys(f"{f'[{one.segment}] ' if one.segment else ''}{one.reason}" for one in found))
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return f"{check_id}: {'; '.join(reasons[:_SHOWN])}{more}"


def _numbers(result: StoredResult, run: Run | None) -> dict[str, str]:
    measured = f"{result.value.normalize():f} {result.unit}" if result.value is not None and result.value.is_finite() else ""
    allowed = ", ".join(f"{name} {value}" for name, value in result.threshold.items())
    rows = "" if result.rows_failed is None else f"{result.rows_failed} of {result.rows_total}"
    said = {
        "check_id": result.check_id,
        "outcome": str(result.outcome),
        "severity": result.severity,
        "measured": measured,
        "allowed": f"{allowed} {result.unit}" if allowed else "",
        "rows_failed": rows,
        "reason": result.reason,
        "run_id": str(run.run_id) if run else "",
        "batch": {RunState.HELD: "held", RunState.PUBLISHED: "published"}.get(run.state, "") if run else "",
    }
    return {name: value for name, value in said.items() if value}


def no_longer_stated(known: Iterable[Alert], subject: Subject, judged: Collection[str]) -> Iterator[Finding]:
    """Yield good findings for open alerts of checks that were not judged and that the contract does not state any more."""
    for alert in known:
        check = alert.labels.get("check", "")
        if alert.kind in _CHECK_KINDS and check not in judged and check not in subject.checks:
            yield _over(alert, subject.at, subject.tier, f"{check} is not in the contract any more")


def of_cost(cost: Cost, before: Sequence[Cost], subject: Subject, run: Run) -> Iterator[Finding]:
    """Yield whether a published run cost more than three times the median of the last 14 like runs, measure by measure.

    Fewer than 14 known runs say nothing. What is at most 5 s or 10 MB above the median is no spike, whatever the ratio.
    """
    for measure, least in _LEAST_MORE.items():
        now = getattr(cost, measure)
        earlier = [value for value in (getattr(one, measure) for one in before) if value is not None]
        if now is None or len(earlier) < LIKE_RUNS:
            continue
        usual = float(median(earlier[:LIKE_RUNS]))
        is_bad = now > _TIMES_THE_MEDIAN * usual and now - usual > least
        unit = "s" if measure == "seconds" else "bytes"
        word = measure.replace("_", " ")
        annotations = {
            "measured": f"{now:.6g} {unit}",
            "allowed": f"{_TIMES_THE_MEDIAN * usual:.6g} {unit}",
            "usual": f"{usual:.6g} {unit}",
            "run_id": str(run.run_id),
        }
        yield Finding(
            {"kind": AlertKind.COST_SPIKE.value, "dataset": subject.dataset, "measure": measure},
            AlertKind.COST_SPIKE,
            is_bad=is_bad,
            at=subject.at,
            tier=subject.tier,
            summary=f"{word}: {now:.6g} {unit}, the median of the last {LIKE_RUNS} runs is {usual:.6g} {unit}",
            annotations=annotations,
        )


def of_objectives(states: Sequence[ObjectiveStatus], known: Sequence[Alert], at: datetime) -> Iterator[Finding]:
    """Yield what needs a person among the states of all objectives, and the evidence that ends what is open.

    Args:
        states: every objective there is.
        known: the open alerts of promises; one whose objective is none of ``states`` is over: nobody is promised it any more.
        at: when the states were computed.
    """
    waiting = {_place(alert.kind, alert.labels): alert for alert in known}
    for status in states:
        for kind in OF_PROMISES:
            is_open = waiting.pop((kind, status.promise, status.objective, status.dataset or ""), None) is not None
            is_bad = _promise_is_bad(kind, status.state)
            if is_bad or (is_open and is_bad is not None):
                yield _of_objective(status, kind, is_bad=is_bad)
    for alert in waiting.values():
        yield _over(alert, at, 3, "this is not promised any more")


def _of_objective(status: ObjectiveStatus, kind: AlertKind, *, is_bad: bool) -> Finding:
    unit = "s" if status.indicator is Indicator.FRESHNESS else "%"
    said = {
        "reason": status.reason,
        "state": status.state.value,
        "consumer": status.consumer,
        "measured": "" if status.value is None else f"{status.value} {unit} {status.value_basis}".strip(),
        "allowed": "" if status.bound is None else f"{status.bound} {unit}",
        "budget_left": "" if status.budget is None else f"{status.budget.left} {status.budget.unit}",
        "since": status.since.isoformat(),
        "deadline": "" if status.deadline is None else f"{status.deadline.isoformat()} ({status.deadline_is})",
        "burn": SLOW if status.state is PromiseState.SLOW_BURN else "",
    }
    where = f" for {status.dataset}" if status.dataset else ""
    summary = (
        f"{status.objective} promised to {status.consumer}{where} is {status.state.value.replace('_', ' ')}: {status.reason}"
    )
    annotations = {name: value for name, value in said.items() if value}
    labels = _labels(kind, status)
    return Finding(labels, kind, is_bad=is_bad, at=status.at, tier=status.tier, summary=summary, annotations=annotations)


def _promise_is_bad(kind: AlertKind, state: PromiseState) -> bool | None:
    """Return what a state says of one kind of alert; None where it says nothing.

    A promise that is broken is no longer predicted to break, and how fast its budget burns is hidden behind it.
    """
    if state in _SAYS_NOTHING:
        return None
    if kind is AlertKind.SLA_BREACH:
        return state is PromiseState.BROKEN
    if kind is AlertKind.PREDICTED_BREACH:
        return state is PromiseState.PREDICTED
    if state in {PromiseState.BROKEN, PromiseState.PREDICTED}:
        return None
    return state in {PromiseState.FAST_BURN, PromiseState.SLOW_BURN}


def _labels(kind: AlertKind, status: ObjectiveStatus) -> dict[str, str]:
    labels = {"kind": kind.value, "promise": status.promise, "objective": status.objective}
    return labels if status.dataset is None else {**labels, "dataset": status.dataset}


def _place(kind: AlertKind, labels: Mapping[str, str]) -> tuple[AlertKind, str, str, str]:
    return (kind, labels.get("promise", ""), labels.get("objective", ""), labels.get("dataset", ""))


def _over(alert: Alert, at: datetime, tier: int, summary: str) -> Finding:
    return Finding(alert.labels, alert.kind, is_bad=False, at=at, tier=tier, summary=summary)
