"""How completeness and accuracy objectives stand, from the rows expected and lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np

from controlplane.slas.burning import FEW, Burn, stretches_for
from controlplane.slas.history import moment, span
from controlplane.slas.model import Basis, Indicator
from controlplane.slas.ratios import Tally
from controlplane.slas.status import Budget, Day, Point, PromiseState
from controlplane.slas.verdicts import Case, Verdict, budget_left, day_list, half_hours, tolerance, while_burning
from controlplane.slas.weekdays import LIKE_WEEKS, LikeDay, like_days
from controlplane.slas.wording import percent, rounded

_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Counted:
    """Rows of one window.

    Attributes:
        expected, lost: of the window.
        series: percent present or right at each of the last 48 half hours; days: as in a status.
        burns: how fast each stretch burns; none where rows are compared day by day.
    """

    expected: int
    lost: int
    series: tuple[Point, ...]
    days: tuple[Day, ...]
    burns: Sequence[Burn] = ()


def judge_rows(case: Case, tally: Tally, series: tuple[Point, ...], zone: ZoneInfo) -> Verdict:
    """Return how a completeness or accuracy objective stands.

    Args:
        tally: rows expected and lost, as known at the moment of the case.
        series: percent of the last 48 half hours.
        zone: whose days are compared with like weekdays.
    """
    if case.objective.basis is Basis.SOURCE:
        reason = f"no manifest of the sources of {case.subject.dataset} says how many rows it sent, so nothing can be compared"
        return Verdict(PromiseState.NO_EVIDENCE, case.at, reason, bound=case.objective.target)
    if case.objective.basis is Basis.HISTORY:
        found = like_days(tally, case.at, case.objective.window, zone)
        counted = Counted(sum(day.expected for day in found), sum(day.lost for day in found), (), _like_days(case, found))
    else:
        counted = _counted(case, tally, series)
    if not counted.expected:
        return Verdict(PromiseState.NO_EVIDENCE, case.at, _nothing(case), bound=case.objective.target, days=counted.days)
    return _in_state(case, _verdict(case, counted, zone), counted)


def row_series(tally: Tally, at: datetime, window: timedelta) -> tuple[Point, ...]:
    """Return the percent that was not lost of the windows that end at each of the last 48 half hours."""
    times, edges = half_hours(at)
    expected, lost = tally.windows(edges[1:], span(window))
    return tuple(
        Point(time, percent(of - gone, of) if of else None)
        for time, of, gone in zip(times, expected.tolist(), lost.tolist(), strict=True)
    )


def _counted(case: Case, tally: Tally, series: tuple[Point, ...]) -> Counted:
    window = span(case.objective.window)
    expected, lost = (int(found[0]) for found in tally.windows(np.array([case.now]), window))
    of_days, lost_on = (column.tolist() for column in tally.between(case.days.edges))
    days = day_list(case, lost_on, of_days)
    burns = _burns(case, tally, expected) if expected else ()
    return Counted(expected, lost, series, days, burns)


def _burns(case: Case, tally: Tally, expected: int) -> Sequence[Burn]:
    """Return how fast each stretch burns; each reaches back to the newest rows at least, so that silence heals nothing.

    A burn is the share of the stretch's rows that were lost, over the share that may be. It is told when what was lost also is
    the stretch's share of the window's budget: rows come in bursts, and a few of a small one are no fire.
    """
    landed = np.flatnonzero((tally.expected != 0) | (tally.expected_level != 0))
    newest = int(tally.at[landed[-1]]) - 1 if len(landed) else case.now
    total = expected * tolerance(case.objective)

    stretches = stretches_for(case.objective.window, None)
    parts = [part for stretch in stretches for part in (stretch.long, stretch.short)]
    since = tally.since(np.array([min(case.now - span(part), newest) for part in parts], dtype=np.int64))
    expected_in, lost = (column.tolist() for column in since)
    allowed = tolerance(case.objective)
    rates = [gone / (of * allowed) if of else Decimal(0) for of, gone in zip(expected_in, lost, strict=True)]
    return [
        Burn(stretch, rates[place], rates[place + 1], counts=lost[place + 1] >= FEW and lost[place] >= stretch.share * total)
        for stretch, place in zip(stretches, range(0, len(parts), 2), strict=True)
    ]


def _verdict(case: Case, counted: Counted, zone: ZoneInfo) -> Verdict:
    value = percent(counted.expected - counted.lost, counted.expected)
    budget = Budget("rows", rounded(counted.expected * tolerance(case.objective)), Decimal(counted.lost))
    basis = _basis(case, counted)
    midnight = datetime.combine(case.at.astimezone(zone).date() + timedelta(days=1), datetime.min.time(), tzinfo=zone)
    stretches = stretches_for(case.objective.window, None)
    return Verdict(
        state=PromiseState.KEPT,
        since=case.at,
        reason=f"{value:f} % {basis}, {case.objective.target:f} % promised; {budget_left(budget)}",
        value=value,
        bound=case.objective.target,
        value_basis=basis,
        budget=budget,
        burn=rounded(counted.burns[0].long) if counted.burns and counted.burns[0].long is not None else None,
        burn_alert=stretches[0].threshold if stretches else None,
        deadline=midnight,
        deadline_is="day closes",
        day_series=counted.series,
        days=counted.days,
    )


def _in_state(case: Case, verdict: Verdict, counted: Counted) -> Verdict:
    """Return the verdict with its state and the reason for it."""
    if case.in_maintenance:
        begins = max(begins for begins, _ in case.quiet if begins <= case.now)
        return replace(
            verdict, state=PromiseState.MAINTENANCE, since=moment(begins), reason=f"in maintenance; {verdict.reason}"
        )
    if verdict.budget is not None and verdict.budget.left < 0:
        return replace(verdict, state=PromiseState.BROKEN, deadline=None, deadline_is="")
    return while_burning(case, verdict, counted.burns)


def _basis(case: Case, counted: Counted) -> str:
    if case.objective.indicator is Indicator.ACCURACY:
        return f"of {counted.expected:,} published"
    like = f", from like weekdays of {LIKE_WEEKS} weeks" if case.objective.basis is Basis.HISTORY else ""
    return f"of {counted.expected:,} expected{like}"


def _nothing(case: Case) -> str:
    if case.objective.basis is Basis.HISTORY:
        return f"no day of the window has a like weekday in the {LIKE_WEEKS} weeks before it to be compared with"
    if case.objective.indicator is Indicator.ACCURACY:
        return "no row was published in the window"
    return "no row landed in the window"


def _like_days(case: Case, found: Sequence[LikeDay]) -> tuple[Day, ...]:
    by_date = {day.day: day for day in found}
    known = [by_date.get(date) for date in case.days.dates]
    return day_list(case, [day.lost if day else 0 for day in known], [day.expected if day else 0 for day in known])
