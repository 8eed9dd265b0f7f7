"""How a freshness objective stands, from the lags of its dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from controlplane.slas.burning import FEW, Burn, greatest_burn, stretches_for
from controlplane.slas.freshness import Lags, Slices, predicted_breach, slices_of
from controlplane.slas.history import moment, span
from controlplane.slas.status import Budget, Day, Point, PromiseState
from controlplane.slas.verdicts import Case, Verdict, budget_left, day_list, tolerance, while_burning
from controlplane.slas.wording import duration, moment_text, rounded, span_text

_SECOND = 1_000_000
_MINUTE = Decimal(60 * _SECOND)


def judge_freshness(case: Case, lags: Lags, series: tuple[Point, ...]) -> Verdict:
    """Return how a freshness objective stands.

    Args:
        lags: of the dataset, as known at the moment of the case.
        series: the lags of the last 24 hours.
    """
    within = case.objective.within or timedelta()
    length = case.objective.slice or timedelta(minutes=1)
    slices = slices_of(lags, span(within), span(length), case.quiet)
    if slices is None:
        reason = f"no source of {case.subject.dataset} says up to when it has delivered, so nobody can say how old the data is"
        return Verdict(PromiseState.NO_EVIDENCE, case.at, reason, bound=_seconds(span(within)))
    lag = int(lags.of(np.array([case.now]))[0])
    budget, days, burns = _counted(case, slices, span(length))
    breach = moment(case.now - lag + span(within))
    verdict = Verdict(
        state=PromiseState.KEPT,
        since=case.at,
        reason=f"data is {duration(lag / _SECOND)} old, {span_text(within)} are allowed; {budget_left(budget)}",
        value=_seconds(lag),
        bound=_seconds(span(within)),
        value_basis=f"old, {span_text(within)} allowed",
        budget=budget,
        burn=None if not burns or burns[0].long is None else rounded(burns[0].long),
        burn_alert=_told_from(case, burns),
        deadline=breach if lag <= span(within) else _spent_at(case, budget),
        deadline_is="breach" if lag <= span(within) else "budget spent" if budget.left > 0 else "",
        day_series=series,
        days=days,
    )
    return _in_state(case, verdict, lags, slices, burns)


def _in_state(case: Case, verdict: Verdict, lags: Lags, slices: Slices, burns: Sequence[Burn]) -> Verdict:
    """Return the verdict with its state, the reason for it, and since when."""
    if case.in_maintenance:
        begins = max(begins for begins, _ in case.quiet if begins <= case.now)
        return replace(
            verdict, state=PromiseState.MAINTENANCE, since=moment(begins), reason=f"in maintenance; {verdict.reason}"
        )
    within = case.objective.within or timedelta()
    since = slices.since(case.now)
    if since is not None:
        late = duration((case.now - since) / _SECOND)
        return replace(verdict, state=PromiseState.BROKEN, since=moment(since), reason=f"{verdict.reason}; too old for {late}")
    if predicted_breach(lags, span(within), case.now) is not None:
        pause, usual = case.now - int(lags.moved[-1]), lags.usual_pause or 0
        reason = (
            f"no newer data for {duration(pause / _SECOND)}, at most {duration(usual / _SECOND)} is usual; "
            f"unless some comes, {span_text(within)} are exceeded at {moment_text(verdict.deadline or case.at)}"
        )
        return replace(verdict, state=PromiseState.PREDICTED, reason=reason)
    return while_burning(case, verdict, burns)


def _counted(case: Case, slices: Slices, length: int) -> tuple[Budget, tuple[Day, ...], Sequence[Burn]]:
    """Return what the window lost, day by day, and how fast it burns: every moment that matters is asked for at once."""
    window = span(case.objective.window)
    stretches = stretches_for(case.objective.window, case.objective.slice)
    parts = [span(part) for stretch in stretches for part in (stretch.long, stretch.short)]
    days = case.days.edges
    edges = np.concatenate(([case.now - window, *(case.now - part for part in parts)], days))
    lost, counted = slices.upto(edges)
    of_window, of_days = lost[-1] - lost[0], len(parts) + 1
    minutes = Decimal(length) / _MINUTE
    promised = Decimal(window - _asleep(case, window)) / _MINUTE
    budget = Budget("min", rounded(promised * tolerance(case.objective)), rounded(int(of_window) * minutes))
    day_lost, day_counted = ((column[of_days + 1 :] - column[of_days:-1]).tolist() for column in (lost, counted))
    rates = [_rate(int(lost[-1] - lost[place]), int(counted[-1] - counted[place]), case) for place in range(1, len(parts) + 1)]
    burns = [Burn(stretch, rates[2 * place], rates[2 * place + 1]) for place, stretch in enumerate(stretches)]
    return budget, day_list(case, day_lost, day_counted, minutes), burns


def _asleep(case: Case, window: int) -> int:
    """Return how much of the window is maintenance, in microseconds."""
    begins = case.now - window
    return sum(max(0, min(until, case.now) - max(since, begins)) for since, until in case.quiet)


def _rate(lost: int, counted: int, case: Case) -> Decimal | None:
    return Decimal(lost) / counted * greatest_burn(case.objective.target) if counted >= FEW else None


def _told_from(case: Case, burns: Sequence[Burn]) -> Decimal | None:
    """Return the burn from which somebody is told, None where it cannot be reached."""
    if not burns or burns[0].stretch.threshold >= greatest_burn(case.objective.target):
        return None
    return burns[0].stretch.threshold


def _spent_at(case: Case, budget: Budget) -> datetime | None:
    """Return when the budget is spent if data stays too old, None when it is already."""
    return case.at + timedelta(minutes=float(budget.left)) if budget.left > 0 else None


def _seconds(microseconds: int) -> Decimal:
    return Decimal(microseconds // _SECOND)
