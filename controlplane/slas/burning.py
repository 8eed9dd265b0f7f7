"""Burn rates: how fast a budget is being spent, and from which rate on somebody is told.

A burn of 1 spends exactly the budget in exactly the window. Somebody is told when a long and a short stretch of time both burn
faster than a threshold: the long one so that it matters, the short one so that it still goes on. Stretches and shares of the
budget are those of the Google SRE Workbook, "Alerting on SLOs" (2 % of the budget in an hour, 5 % in six, 10 % in three days).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache

_HUNDRED = Decimal(100)
_MICROSECOND = timedelta(microseconds=1)
FEW = 4
"""A stretch of fewer slices than this says nothing: one bad slice would be a quarter of it or more. Nor do fewer lost rows."""


@dataclass(frozen=True)
class Stretch:
    """A pair of stretches of time that are judged together.

    Attributes:
        long, short: both must burn faster than ``threshold``.
        share: of the budget that is gone when the long one has burnt at the threshold.
        is_fast: whether it pages, or only asks for attention.
    """

    long: timedelta
    short: timedelta
    share: Decimal
    is_fast: bool
    threshold: Decimal = Decimal(1)


@dataclass(frozen=True)
class Burn:
    """How fast both parts of a stretch burn; None where it cannot be said.

    Attributes:
        counts: whether enough was lost to tell anybody.
    """

    stretch: Stretch
    long: Decimal | None
    short: Decimal | None
    counts: bool = True

    @property
    def is_told(self) -> bool:
        """Whether somebody is told."""
        bound = self.stretch.threshold
        return self.counts and self.long is not None and self.short is not None and self.long > bound and self.short > bound


_STRETCHES = (
    Stretch(timedelta(hours=1), timedelta(minutes=5), Decimal("0.02"), is_fast=True),
    Stretch(timedelta(hours=6), timedelta(minutes=30), Decimal("0.05"), is_fast=True),
    Stretch(timedelta(days=3), timedelta(hours=6), Decimal("0.10"), is_fast=False),
)


@cache
def stretches_for(window: timedelta, slices: timedelta | None) -> tuple[Stretch, ...]:
    """Return the stretches an objective is judged by, each with its threshold, the shortest first.

    The threshold is ``share * window / long``, and at least 1, because slower than that nothing is lost. A stretch that is as
    long as the window, or whose short part holds fewer than four slices, cannot be judged and is left out.
    """
    return tuple(
        Stretch(
            found.long,
            found.short,
            found.share,
            found.is_fast,
            max(Decimal(1), found.share * times_as_long(window, found.long)),
        )
        for found in _STRETCHES
        if found.long < window and (slices is None or found.short >= FEW * slices)
    )


def greatest_burn(target: Decimal) -> Decimal:
    """Return the burn when everything is lost: ``1 / (1 - target)``; no burn is greater."""
    return _HUNDRED / (_HUNDRED - target)


def unreachable(target: Decimal, window: timedelta, slices: timedelta | None) -> Stretch | None:
    """Return the stretch whose threshold no loss can exceed, None when every one can be reached."""
    greatest = greatest_burn(target)
    return next((found for found in stretches_for(window, slices) if found.threshold >= greatest), None)


def least_target(threshold: Decimal) -> Decimal:
    """Return the target in percent above which a burn can exceed the threshold."""
    return _HUNDRED - _HUNDRED / threshold


@cache
def times_as_long(window: timedelta, part: timedelta) -> Decimal:
    """Return how many times as long as a part a window is."""
    return Decimal(window // _MICROSECOND) / Decimal(part // _MICROSECOND)
