"""Every promise at one moment: a pure function of the facts recorded by then, so that a past minute is answered alike again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from controlplane.slas.calendars import Days, days_of, quiet_times
from controlplane.slas.freshness import Lags, lags_of
from controlplane.slas.history import EMPTY, PUBLISHED, History, micros
from controlplane.slas.judging_freshness import judge_freshness
from controlplane.slas.judging_rows import judge_rows, row_series
from controlplane.slas.model import Basis, Indicator, Objective, Promise, ServiceLevels
from controlplane.slas.ratios import Tally, accuracy_of, completeness_of
from controlplane.slas.status import ObjectiveStatus, Point, PromiseState
from controlplane.slas.verdicts import Case, Subject, Verdict, half_hours
from controlplane.slas.weekdays import LIKE_WEEKS

_DAY = timedelta(days=1)
_SECOND = 1_000_000
_LOWEST_TIER = 3


def evaluate(
    levels: ServiceLevels,
    subjects: Mapping[str, Subject],
    histories: Mapping[str, History],
    at: datetime,
    time_zone: str = "UTC",
) -> tuple[ObjectiveStatus, ...]:
    """Return where every objective stands on each of its datasets, in the order they are written.

    Args:
        subjects: every dataset that a promise names.
        histories: facts of every member of their paths, at least back to ``facts_needed``; later ones than ``at`` are left out.
        at: timezone-aware.
        time_zone: whose days rows are counted by.
    """
    moment = _Moment(levels, subjects, histories, at.astimezone(UTC), ZoneInfo(time_zone))
    return tuple(status for promise in levels.promises for status in moment.statuses(promise))


def facts_needed(levels: ServiceLevels) -> timedelta:
    """Return how far back facts are needed to judge a moment."""
    objectives = [objective for promise in levels.promises for objective in promise.objectives]
    weeks = timedelta(weeks=LIKE_WEEKS) if any(objective.basis is Basis.HISTORY for objective in objectives) else timedelta()
    return max((objective.window for objective in objectives), default=timedelta()) + weeks + 2 * _DAY


@dataclass(eq=False)
class _Moment:
    """One moment; what several objectives of a dataset need is computed once."""

    levels: ServiceLevels
    subjects: Mapping[str, Subject]
    histories: Mapping[str, History]
    at: datetime
    zone: ZoneInfo
    known: dict[str, History] = field(default_factory=dict)
    quiet: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    lags: dict[str, tuple[Lags, tuple[Point, ...]]] = field(default_factory=dict)
    tallies: dict[tuple[str, Indicator], Tally] = field(default_factory=dict)
    series: dict[tuple[str, Indicator, timedelta], tuple[Point, ...]] = field(default_factory=dict)
    days: dict[tuple[timedelta, str], Days] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = micros(self.at)

    def statuses(self, promise: Promise) -> Iterator[ObjectiveStatus]:
        """Yield a status per objective and dataset of a promise."""
        for objective in promise.objectives:
            for dataset in promise.datasets or (None,):
                subject = None if dataset is None else self.subjects[dataset]
                yield self._status(promise, objective, subject)

    def _status(self, promise: Promise, objective: Objective, subject: Subject | None) -> ObjectiveStatus:
        verdict = self._verdict(objective, subject)
        return ObjectiveStatus(
            promise=promise.id,
            objective=objective.id,
            consumer=promise.consumer,
            dataset=subject.dataset if subject else None,
            tier=subject.tier if subject else _LOWEST_TIER,
            indicator=objective.indicator,
            at=self.at,
            target=objective.target,
            window_days=max(1, objective.window // _DAY),
            basis=objective.basis,
            **vars(verdict),
        )

    def _verdict(self, objective: Objective, subject: Subject | None) -> Verdict:
        if objective.indicator is Indicator.QUERY_TIME or subject is None:
            reason = "nothing that this plane governs serves queries, so their times are not known"
            bound = Decimal(objective.within.total_seconds()) if objective.within else None
            return Verdict(PromiseState.NOT_APPLICABLE, self.at, reason, bound=bound)
        case = self._case(objective, subject)
        if PUBLISHED not in case.own.state:
            return Verdict(PromiseState.NOT_APPLICABLE, self.at, f"nothing was published to {subject.dataset} yet")
        if objective.indicator is Indicator.FRESHNESS:
            return judge_freshness(case, *self._lags(subject.dataset))
        tally = self._tally(subject, objective.indicator)
        key = (subject.dataset, objective.indicator, objective.window)
        if key not in self.series:
            self.series[key] = row_series(tally, self.at, objective.window)
        return judge_rows(case, tally, self.series[key], self.zone)

    def _case(self, objective: Objective, subject: Subject) -> Case:
        name, zone = subject.dataset, objective.time_zone or self.zone.key
        if name not in self.quiet:
            self.quiet[name] = quiet_times(self.levels.maintenance, name)
        if (objective.window, zone) not in self.days:
            self.days[objective.window, zone] = days_of(self.at, objective.window, ZoneInfo(zone))
        days = self.days[objective.window, zone]
        return Case(objective, subject, self.at, self.now, self._history(name), self.quiet[name], days)

    def _history(self, name: str) -> History:
        if name not in self.known:
            self.known[name] = self.histories.get(name, EMPTY).until(self.now)
        return self.known[name]

    def _lags(self, name: str) -> tuple[Lags, tuple[Point, ...]]:
        if name not in self.lags:
            lags = lags_of(self._history(name))
            self.lags[name] = (lags, _lag_series(lags, self.at))
        return self.lags[name]

    def _tally(self, subject: Subject, indicator: Indicator) -> Tally:
        key = (subject.dataset, indicator)
        if key not in self.tallies:
            known = {member: self._history(member) for member in subject.path.members}
            is_accuracy = indicator is Indicator.ACCURACY
            self.tallies[key] = accuracy_of(known[subject.dataset]) if is_accuracy else completeness_of(subject.path, known)
        return self.tallies[key]


def _lag_series(lags: Lags, at: datetime) -> tuple[Point, ...]:
    times, edges = half_hours(at)
    return tuple(
        Point(time, None if lag is None else Decimal(lag // _SECOND))
        for time, lag in zip(times, lags.worst(edges), strict=True)
    )


def members_of(subjects: Iterable[Subject]) -> frozenset[str]:
    """Return every dataset whose facts are needed to judge the subjects."""
    return frozenset(member for subject in subjects for member in subject.path.members)
