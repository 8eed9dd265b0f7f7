"""Completeness against history: a day should bring as many rows as like weekdays did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median_low
from zoneinfo import ZoneInfo

import numpy as np

from controlplane.slas.calendars import midnights
from controlplane.slas.history import micros
from controlplane.slas.ratios import Tally

LIKE_WEEKS = 4
"""So many earlier weeks are looked at for like weekdays."""

_DAY = timedelta(days=1)
_WEEK = 7


@dataclass(frozen=True)
class LikeDay:
    """A local day that has ended: the rows that like weekdays let expect, and how many of them are missing."""

    day: date
    expected: int
    lost: int


def like_days(tally: Tally, at: datetime, window: timedelta, zone: ZoneInfo) -> tuple[LikeDay, ...]:
    """Return the ended local days of a window, those left out that no like weekday was recorded for.

    Expected is the median (the lower one of two) of the same weekday of up to four weeks before; missing is by how much fewer
    landed and came through.
    """
    began = np.flatnonzero(tally.expected)
    if not len(began):
        return ()
    today, begins = at.astimezone(zone).date(), at - window
    first = begins.astimezone(zone).date() - timedelta(weeks=LIKE_WEEKS)
    dates = [first + _DAY * number for number in range((today - first).days + 1)]
    edges = midnights(dates, zone)
    landed, gone = (counts.tolist() for counts in tally.between(edges))
    recorded, opened = int(tally.at[began[0]]), micros(begins)
    found = []
    for number in range(_WEEK, len(dates) - 1):
        earlier = [number - _WEEK * week for week in range(1, LIKE_WEEKS + 1)]
        like = [landed[place] for place in earlier if place >= 0 and edges[place] >= recorded]
        if like and edges[number] >= opened:
            expected = median_low(like)
            found.append(LikeDay(dates[number], expected, max(expected - (landed[number] - gone[number]), 0)))
    return tuple(found)
