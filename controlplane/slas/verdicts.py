"""What is said of one objective on one dataset: the part of a status that depends on the indicator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import repeat

import numpy as np

from controlplane.slas.burning import Burn
from controlplane.slas.calendars import Days, are_quiet
from controlplane.slas.history import History, Numbers, micros
from controlplane.slas.model import Objective
from controlplane.slas.ratios import Path
from controlplane.slas.status import Budget, Day, Point, PromiseState
from controlplane.slas.wording import number, percent, rounded, span_text, times

HALF_HOUR = timedelta(minutes=30)
POINTS = 48
_HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Subject:
    """A dataset that is judged.

    Attributes:
        tier: of its contract; path: where its rows come from.
    """

    dataset: str
    tier: int
    path: Path


@dataclass(frozen=True, eq=False)
class Case:
    """One objective on one dataset at one moment, with what is needed to judge it.

    Attributes:
        at: the moment, to the microsecond; now: the same in microseconds since 1970.
        own: facts of the dataset known then; quiet: its maintenance; days: local days of the window.
    """

    objective: Objective
    subject: Subject
    at: datetime
    now: int
    own: History
    quiet: tuple[tuple[int, int], ...]
    days: Days

    @property
    def in_maintenance(self) -> bool:
        """Whether the dataset is in maintenance now."""
        return any(begins <= self.now < ends for begins, ends in self.quiet)


@dataclass(frozen=True)
class Verdict:
    """What a status says beside who was promised what; see ``ObjectiveStatus``."""

    state: PromiseState
    since: datetime
    reason: str
    value: Decimal | None = None
    bound: Decimal | None = None
    value_basis: str = ""
    budget: Budget | None = None
    burn: Decimal | None = None
    burn_alert: Decimal | None = None
    deadline: datetime | None = None
    deadline_is: str = ""
    day_series: tuple[Point, ...] = ()
    days: tuple[Day, ...] = ()


def tolerance(objective: Objective) -> Decimal:
    """Return the share that may be lost, from 0 to 1."""
    return (_HUNDRED - objective.target) / _HUNDRED


def budget_left(budget: Budget) -> str:
    """Return a budget in words: ``12 of 216 min of the budget are spent``."""
    return f"{number(budget.spent)} of {number(budget.total)} {budget.unit} of the budget are spent"


def while_burning(case: Case, verdict: Verdict, burns: Sequence[Burn]) -> Verdict:
    """Return a verdict that is still good as it is when the budget lasts, and burning or overspent when it does not."""
    told = next((burn for burn in burns if burn.is_told), None)
    budget = verdict.budget
    if told is not None and told.long is not None and told.short is not None:
        state = PromiseState.FAST_BURN if told.stretch.is_fast else PromiseState.SLOW_BURN
        reason = (
            f"the budget is spent {times(told.long)} times as fast as it lasts over {span_text(told.stretch.long)} and "
            f"{times(told.short)} times over {span_text(told.stretch.short)}, {times(told.stretch.threshold)} at most "
            f"is well; {verdict.reason}"
        )
        spent = case.at + case.objective.window * float(budget.left / budget.total / told.long) if budget else None
        if verdict.deadline is None or (spent is not None and spent < verdict.deadline):
            return replace(verdict, state=state, reason=reason, deadline=spent, deadline_is="budget spent")
        return replace(verdict, state=state, reason=reason)
    if budget is not None and budget.left < 0:
        return replace(verdict, state=PromiseState.SLOW_BURN, reason=f"good now, but the budget is overspent; {verdict.reason}")
    return verdict


@lru_cache(maxsize=8)
def half_hours(at: datetime) -> tuple[tuple[datetime, ...], Numbers]:
    """Return the ends of the last 48 half hours, the oldest first, and their edges in microseconds since 1970, one more."""
    times = tuple(at - HALF_HOUR * back for back in range(POINTS, -1, -1))
    return times[1:], np.array([micros(time) for time in times], dtype=np.int64)


def day_list(case: Case, lost: Sequence[int], counted: Sequence[int], each: Decimal = Decimal(1)) -> tuple[Day, ...]:
    """Return the days of a window from what was counted and lost on each.

    A day is ``lost`` when it lost more than its even share of the budget.

    Args:
        each: what one of the counted is in the unit of the budget: minutes of a slice, or 1 for rows.
    """
    allowed, unit = tolerance(case.objective).as_integer_ratio(), each.as_integer_ratio()
    quiet = are_quiet(case.quiet, case.days.edges) if case.quiet else (False,) * len(case.days.dates)
    return tuple(map(_day, case.days.dates, lost, counted, repeat(allowed), repeat(unit), quiet))


@lru_cache(maxsize=1 << 16)
def _day(
    day: date,
    lost: int,
    counted: int,
    allowed: tuple[int, int],
    each: tuple[int, int],
    is_planned: bool,  # noqa: FBT001 (mapped)
) -> Day:
    if not counted and not lost:
        return Day(day, Decimal(0), Decimal(0), "planned" if is_planned else "no_evidence")
    share = _HUNDRED - percent(counted - lost, counted) if lost < counted else _HUNDRED
    state = "planned" if is_planned else "lost" if lost * allowed[1] > counted * allowed[0] else "kept"
    return Day(day, rounded(Decimal(lost * each[0]) / each[1]), share, state)
