"""Statuses as plain data, for the store and for ``sla status --format json`` (``sla_status.schema.json``).

Points and days stand in columns, because a page reads hundreds of statuses: points are evenly spaced and days follow each
other, as evaluation makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from controlplane.slas.model import Basis, Indicator
from controlplane.slas.status import Budget, Day, ObjectiveStatus, Point, PromiseState

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


def status_document(status: ObjectiveStatus) -> dict[str, Any]:
    """Return a status as plain data; ``status_of`` reads it back equal."""
    budget = status.budget
    return {
        "promise": status.promise,
        "objective": status.objective,
        "consumer": status.consumer,
        "dataset": status.dataset,
        "tier": status.tier,
        "indicator": status.indicator.value,
        "basis": status.basis.value if status.basis else None,
        "state": status.state.value,
        "since": status.since.isoformat(),
        "at": status.at.isoformat(),
        "reason": status.reason,
        "target": _number(status.target),
        "window_days": status.window_days,
        "value": _number(status.value),
        "bound": _number(status.bound),
        "value_basis": status.value_basis,
        "budget": {"unit": budget.unit, "total": _number(budget.total), "spent": _number(budget.spent)} if budget else None,
        "burn": _number(status.burn),
        "burn_alert": _number(status.burn_alert),
        "deadline": status.deadline.isoformat() if status.deadline else None,
        "deadline_is": status.deadline_is,
        "day_series": _points(status.day_series),
        "days": _days(status.days),
    }


def status_of(document: Mapping[str, Any]) -> ObjectiveStatus:
    """Return the status of its plain data."""
    budget, basis, deadline = document["budget"], document["basis"], document["deadline"]
    return ObjectiveStatus(
        promise=document["promise"],
        objective=document["objective"],
        consumer=document["consumer"],
        dataset=document["dataset"],
        tier=document["tier"],
        indicator=Indicator(document["indicator"]),
        basis=Basis(basis) if basis else None,
        state=PromiseState(document["state"]),
        since=datetime.fromisoformat(document["since"]),
        at=datetime.fromisoformat(document["at"]),
        reason=document["reason"],
        target=Decimal(str(document["target"])),
        window_days=document["window_days"],
        value=_decimal(document["value"]),
        bound=_decimal(document["bound"]),
        value_basis=document["value_basis"],
        budget=Budget(budget["unit"], Decimal(str(budget["total"])), Decimal(str(budget["spent"]))) if budget else None,
        burn=_decimal(document["burn"]),
        burn_alert=_decimal(document["burn_alert"]),
        deadline=datetime.fromisoformat(deadline) if deadline else None,
        deadline_is=document["deadline_is"],
        day_series=_read_points(document["day_series"]),
        days=_read_days(document["days"]),
    )


def _points(points: Sequence[Point]) -> dict[str, Any] | None:
    if not points:
        return None
    step = (points[-1].at - points[0].at) // _SECOND // max(len(points) - 1, 1)
    return {"from": points[0].at.isoformat(), "step": step, "values": [_number(point.value) for point in points]}


def _read_points(column: Mapping[str, Any] | None) -> tuple[Point, ...]:
    if column is None:
        return ()
    first, step = datetime.fromisoformat(column["from"]), timedelta(seconds=column["step"])
    return tuple(Point(first + step * place, _decimal(value)) for place, value in enumerate(column["values"]))


def _days(days: Sequence[Day]) -> dict[str, Any] | None:
    if not days:
        return None
    return {
        "from": days[0].day.isoformat(),
        "lost": [_number(day.lost) for day in days],
        "share": [_number(day.share) for day in days],
        "state": [day.state for day in days],
    }


def _read_days(columns: Mapping[str, Any] | None) -> tuple[Day, ...]:
    if columns is None:
        return ()
    first = date.fromisoformat(columns["from"])
    rows = zip(columns["lost"], columns["share"], columns["state"], strict=True)
    return tuple(
        Day(first + _DAY * place, Decimal(str(lost)), Decimal(str(share)), state)
        for place, (lost, share, state) in enumerate(rows)
    )


@lru_cache(maxsize=1 << 16)
def _number(value: Decimal | None) -> int | float | None:
    """Return a number as JSON has it, a whole one without a point."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value else float(value)


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))
