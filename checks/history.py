"""Comparison of a day with days before it: "as many rows as on a usual Monday by this hour" (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import mean, median

from checks.model import Check
from controlplane.kernel.errors import ConfigurationError

LOOK_BACK = timedelta(weeks=8)
"""How far back days are compared: long enough for eight like weekdays, short enough to follow a trend."""

_AGAINST: Mapping[str, Callable[[Sequence[Fraction]], Fraction]] = {"median": median, "mean": mean}
_LIKE = ("weekday", "day")


@dataclass(frozen=True)
class Change:
    """How a day compares with its like.

    Attributes:
        today: rows of the day so far.
        baseline: rows of a usual like day up to the same time of day; None without any such day.
        like_days: how many days the baseline is made of.
        points: earlier days with rows at all, within ``LOOK_BACK``.
    """

    today: int
    baseline: Fraction | None
    like_days: int
    points: int

    @property
    def percent(self) -> Decimal | None:
        """Difference from the baseline in percent of it; None without a baseline."""
        return None if not self.baseline else decimal(100 * (self.today - self.baseline) / self.baseline)

    @property
    def rows(self) -> Decimal | None:
        """Difference from the baseline in rows; None without a baseline."""
        return None if self.baseline is None else decimal(self.today - self.baseline)


def decimal(exact: Fraction) -> Decimal:
    """Return a fraction rounded once, so that a change of exactly 30 % is 30 and not 29.999."""
    return Decimal(exact.numerator) / Decimal(exact.denominator)


def compare(check: Check, days: Mapping[date, int], today: date) -> Change:
    """Compare the day so far with earlier like days; days without rows are no history (an outage is not a usual day).

    Args:
        check: its arguments say what is like what: ``like`` (``weekday``, ``day``) and ``against`` (``median``, ``mean``).
        days: local day to rows, each day only up to the time of day it is now.
        today: the day to compare.

    Raises:
        ConfigurationError: an argument is unknown.
    """
    like, against = str(check.arguments.get("like", "weekday")), str(check.arguments.get("against", "median"))
    if str(check.arguments.get("period", "P1D")) != "P1D":
        message = f"{check.id}: period {check.arguments['period']!r} is not possible; volumes are compared per day, P1D"
        raise ConfigurationError(message)
    if like not in _LIKE or against not in _AGAINST:
        message = (
            f"{check.id}: like is one of {', '.join(_LIKE)} and against one of {', '.join(_AGAINST)}; got {like}, {against}"
        )
        raise ConfigurationError(message)
    earlier = {day: rows for day, rows in days.items() if today - LOOK_BACK <= day < today and rows > 0}
    alike = [Fraction(rows) for day, rows in earlier.items() if like == "day" or day.weekday() == today.weekday()]
    baseline = _AGAINST[against](alike) if alike else None
    return Change(days.get(today, 0), baseline, len(alike), len(earlier))
