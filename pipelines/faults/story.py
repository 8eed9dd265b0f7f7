"""The faults of the fortnight as data, and the window that has them.

A fault changes what a window's sources deliver, never the real events: the window without it stays as it was. A window that
ends before a fault begins does not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.faults.deploy import with_negative_amounts
from pipelines.faults.drift import with_new_column
from pipelines.faults.outage import with_stopped_feeds
from pipelines.sources import EVENT_TOPICS, TOPICS, Window
from pipelines.sources.facts import facts_of

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: short, for tables.
        starts, ends: when its cause is there, timezone-aware.
        topics: of the landing zone, whose deliveries it touches.
        dataset: whose alert tells it.
        kind: of that alert.
        what: one sentence.
    """

    name: str
    starts: datetime
    ends: datetime
    topics: tuple[str, ...]
    dataset: str
    kind: str
    what: str


def faults_of(start: datetime) -> tuple[Fault, ...]:
    """Return the faults of a window by when they begin, given its first instant."""
    return (
        Fault(
            name="outage",
            starts=start + 3 * _DAY + 8 * _HOUR,
            ends=start + 3 * _DAY + 11 * _HOUR,
            topics=(TOPICS["orders"], TOPICS["order_items"], EVENT_TOPICS["payments"]),
            dataset="gold.fact_orders",
            kind="sla_breach",
            what="Orders, lines and payments stop coming: what is due at 08:00 comes at 11:00, with all that is newer",
        ),
        Fault(
            name="bad deploy",
            starts=start + 6 * _DAY + 14 * _HOUR + 10 * _MINUTE,
            ends=start + 6 * _DAY + 17 * _HOUR,
            topics=(TOPICS["orders"],),
            dataset="silver.orders",
            kind="check_failure",
            what="Orders placed from 14:10 to 15:50 carry negative amounts; the fix of 17:00 corrects each of them",
        ),
        Fault(
            name="schema drift",
            starts=start + 8 * _DAY + 9 * _HOUR,
            ends=start + 8 * _DAY + 14 * _HOUR,
            topics=(TOPICS["customers"],),
            dataset="bronze.cdc_customers",
            kind="schema_drift",
            what="A deploy adds a column loyalty_tier to the customers, which nobody announced, and is rolled back at 14:00",
        ),
    )


def with_faults(window: Window) -> Window:
    """Return the window with the faults that begin before its end; its facts are counted anew."""
    faults = {fault.name: fault for fault in faults_of(window.start) if fault.starts < window.end}
    for name, change in _CHANGES.items():
        if name in faults:
            window = change(window, faults[name])
    return replace(window, facts=facts_of(window.feeds, window.streams, window.start)) if faults else window


def _outage(window: Window, fault: Fault) -> Window:
    return with_stopped_feeds(window, frozenset(fault.topics), fault.starts, fault.ends)


def _deploy(window: Window, fault: Fault) -> Window:
    return with_negative_amounts(window, fault.starts, fault.starts + 100 * _MINUTE, fault.ends)


def _drift(window: Window, fault: Fault) -> Window:
    return with_new_column(window, "loyalty_tier", fault.starts, fault.ends)


_CHANGES: Mapping[str, Callable[[Window, Fault], Window]] = {"bad deploy": _deploy, "schema drift": _drift, "outage": _outage}
"""The outage comes last: it moves deliveries, which the others make anew."""
