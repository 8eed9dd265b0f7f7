"""Where a promise stands: what evaluation says of one objective on one dataset at one minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from controlplane.slas.model import Basis, Indicator


class PromiseState(StrEnum):
    """Where a promise stands, worst first (``rank``)."""

    BROKEN = "broken"
    NO_EVIDENCE = "no_evidence"
    PREDICTED = "predicted"
    FAST_BURN = "fast_burn"
    SLOW_BURN = "slow_burn"
    KEPT = "kept"
    MAINTENANCE = "maintenance"
    NOT_APPLICABLE = "not_applicable"

    @property
    def rank(self) -> int:
        """0 for ``broken`` up to 7 for ``not_applicable``."""
        return list(PromiseState).index(self)


@dataclass(frozen=True)
class Fact:
    """What one ended run says about a dataset: what evaluation is computed from, for any past minute too.

    Attributes:
        at: the plane's clock when the run was recorded; the fact is known from then on.
        state: how the run ended: ``published``, ``held``, ``nothing_new`` or ``failed``.
        watermark: everything that the sources made up to it is in what readers see; None when no source says so.
        offered .. quarantined: as in the run's balance; waiting: rows waiting for a parent after the run.
        published: rows the run published; wrong: of these, rows that fail a check that does not block.
    """

    dataset: str
    at: datetime
    state: str
    watermark: datetime | None = None
    offered: int = 0
    duplicates: int = 0
    dead_lettered: int = 0
    waiting: int = 0
    quarantined: int = 0
    published: int = 0
    wrong: int = 0
    run_id: str | None = None


@dataclass(frozen=True)
class Budget:
    """How much may still go wrong in the window.

    Attributes:
        unit: ``min`` (bad time slices, in minutes) or ``rows``.
        total: what the target allows; spent: what is gone; left may be below 0.
    """

    unit: str
    total: Decimal
    spent: Decimal

    @property
    def left(self) -> Decimal:
        """What is left, below 0 when more was spent than allowed."""
        return self.total - self.spent

    @property
    def left_percent(self) -> Decimal:
        """What is left in percent of the total, 0 at least; 100 while nothing was promised yet."""
        if self.total <= 0:
            return Decimal(100) if self.spent <= 0 else Decimal(0)
        return max(Decimal(0), self.left / self.total * 100)


@dataclass(frozen=True)
class Point:
    """One point of the last 24 hours: the worst value until ``at``; None where there was no evidence."""

    at: datetime
    value: Decimal | None


@dataclass(frozen=True)
class Day:
    """One local day of the window: minutes outside the promise (freshness) or rows missing or wrong, and how it is to be read.

    Attributes:
        state: ``kept``, ``lost``, ``no_evidence`` or ``planned`` (wholly in maintenance).
    """

    day: date
    lost: Decimal
    share: Decimal
    state: str


@dataclass(frozen=True)
class ObjectiveStatus:
    """One objective of one promise on one dataset at one minute.

    Attributes:
        tier: of the dataset; 3 for objectives without one.
        since: when this state began.
        value: now: seconds (freshness) or percent (completeness, accuracy); None when not known.
        bound: what is allowed now: seconds at most (freshness), percent at least.
        value_basis: the sentence below the number, e.g. ``of 28,400 expected``.
        burn: multiple of the rate that spends exactly the budget, over the last hour; None where it cannot be said.
        burn_alert: the burn at which somebody is told; None where it is unreachable.
        deadline: what comes next if nothing changes (breach, budget spent, day closes), and what it is.
        reason: why the state is what it is, with its numbers.
    """

    promise: str
    objective: str
    consumer: str
    dataset: str | None
    tier: int
    indicator: Indicator
    state: PromiseState
    at: datetime
    since: datetime
    target: Decimal
    window_days: int
    reason: str
    value: Decimal | None = None
    bound: Decimal | None = None
    value_basis: str = ""
    basis: Basis | None = None
    budget: Budget | None = None
    burn: Decimal | None = None
    burn_alert: Decimal | None = None
    deadline: datetime | None = None
    deadline_is: str = ""
    day_series: tuple[Point, ...] = ()
    days: tuple[Day, ...] = ()
