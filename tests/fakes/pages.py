"""A day on which everything that pages show is there: promises in every state, alerts of several kinds, hostile names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from alerting.model import Alert, AlertKind, AlertState, Priority, fingerprint
from controlplane.slas.model import Indicator
from controlplane.slas.status import Budget, Day, ObjectiveStatus, Point, PromiseState
from controlplane.usecases.facade import Plane

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"


def days(lost: dict[int, int] | None = None, states: dict[int, str] | None = None) -> tuple[Day, ...]:
    """Return thirty days up to today; ``lost`` and ``states`` by how many days ago."""
    made = []
    for ago in range(29, -1, -1):
        count = (lost or {}).get(ago, 0)
        state = (states or {}).get(ago, "lost" if count else "kept")
        made.append(Day(NOON.date() - timedelta(days=ago), Decimal(count), Decimal(count) / 14, state))
    return tuple(made)


def series(value: Callable[[int], float | None]) -> tuple[Point, ...]:
    """Return 48 points, half an hour each, the last one now."""
    found = [(NOON - timedelta(minutes=30 * (47 - at)), value(at)) for at in range(48)]
    return tuple(Point(at, None if number is None else Decimal(str(round(number, 4)))) for at, number in found)


def saw(at: int) -> float:
    return at % 8 * 1350 + 1200 if at < 42 else 12_600 + (at - 42) * 1900


def promise(consumer: str, dataset: str | None, state: PromiseState, **changed: object) -> ObjectiveStatus:
    """Return a freshness promise; any attribute can be given."""
    values: dict[str, object] = {
        "promise": f"{consumer}-promise", "objective": "fresh", "tier": 1, "indicator": Indicator.FRESHNESS, "at": NOON,
        "since": NOON - timedelta(minutes=80), "target": Decimal("99.5"), "window_days": 30, "reason": "lag is known", "value": Decimal(7200), "bound": Decimal(21600),
        "budget": Budget("min", Decimal(216), Decimal(12)), "burn": Decimal("0.4"), "burn_alert": Decimal("14.4"), "day_series": series(saw), "days": days(),
    }  # fmt: skip
    return ObjectiveStatus(consumer=consumer, dataset=dataset, state=state, **(values | changed))  # type: ignore[arg-type]


def bad_day() -> tuple[ObjectiveStatus, ...]:
    """Return promises of three consumers, two of them broken."""
    ratio = {
        "indicator": Indicator.ACCURACY,
        "target": Decimal("99.9"),
        "bound": Decimal("99.9"),
        "day_series": series(lambda at: 99.93 - at * 0.0004),
    }
    return (
        promise("bi", "gold.fact_orders", PromiseState.BROKEN, value=Decimal(22800), budget=Budget("min", Decimal(216), Decimal(134)), burn=Decimal(67), deadline=NOON + timedelta(minutes=82), deadline_is="budget is spent", days=days({15: 70, 6: 44, 0: 20}, {9: "planned"})),
        promise("bi", "gold.daily_revenue_by_region", PromiseState.BROKEN, value=Decimal(22700), budget=Budget("min", Decimal(216), Decimal(230))),
        promise("ml", "silver.sessions", PromiseState.NO_EVIDENCE, objective="right", value=None, days=days(states={0: "no_evidence"}), **ratio | {"day_series": series(lambda at: 99.94 if at < 44 else None)}),
        promise("realtime", "silver.payments", PromiseState.PREDICTED, value=Decimal("21.4"), bound=Decimal(30), deadline=NOON + timedelta(minutes=39), deadline_is="breaks, if the slope holds"),
        promise("ml", "gold.dim_customer", PromiseState.SLOW_BURN, objective="right", tier=2, value=Decimal("99.911"), budget=Budget("rows", Decimal(2100), Decimal(1869)), burn=Decimal("1.1"), value_basis="of 2,100,000 rows", days=days({9: 1200, 7: 59000}), **ratio),
        promise("bi", "gold.fact_orders", PromiseState.KEPT, objective="complete", indicator=Indicator.COMPLETENESS, value=Decimal("99.71"), bound=Decimal("99.5"), budget=Budget("rows", Decimal(142_000), Decimal(82_360)), value_basis="of 28,400,000 expected", day_series=series(lambda at: 99.7 + at % 3 / 100)),
        promise("bi", None, PromiseState.NOT_APPLICABLE, promise="bi-queries", objective="quick", indicator=Indicator.QUERY_TIME, tier=3, value=None, bound=Decimal(10), budget=None, burn=None, burn_alert=None, day_series=(), days=()),
    )  # fmt: skip


def alert(
    kind: AlertKind,
    dataset: str | None,
    priority: Priority,
    *,
    minutes: int = 26,
    state: AlertState = AlertState.FIRING,
    check: str = "",
    promise: str = "",
    **annotations: str,
) -> Alert:
    """Return an alert that began some minutes ago."""
    labels = {"kind": kind.value} | ({"dataset": dataset} if dataset else {}) | ({"check": check} if check else {})
    labels |= {"promise": promise, "objective": "fresh"} if promise else {}
    began = NOON - timedelta(minutes=minutes)
    return Alert(
        fingerprint=fingerprint(labels), kind=kind, dataset=dataset, priority=priority, state=state, labels=labels,
        annotations={"summary": f"{dataset} needs a person"} | ({"check_id": check} if check else {}) | annotations,
        priority_reason=f"{priority}: {kind} is P2, raised one step: tier 1 (gold.fact_orders reads it)", started_at=began, updated_at=NOON, evidence_at=NOON,
        fired_at=began + timedelta(minutes=1), occurrences=3,
    )  # fmt: skip


def open_alerts() -> tuple[Alert, ...]:
    """Return alerts as a bad day brings them, one of them with a summary that somebody hostile wrote."""
    check = "silver.orders.status.status_known"
    return (
        alert(AlertKind.CHECK_FAILURE, "silver.orders", Priority.P1, check=check, summary=f"2 of 10 rows have an unknown status {HOSTILE}", hits="gold.fact_orders, gold.daily_revenue_by_region", measured="2 rows", allowed="0 rows", run_id="0b7f3f0e-0000-5000-8000-000000000001"),
        alert(AlertKind.PREDICTED_BREACH, "silver.payments", Priority.P2, minutes=11, promise="realtime-promise"),
        alert(AlertKind.CHECK_FAILURE, "silver.customers", Priority.P2, minutes=172, check="silver.customers.email.email_valid", outcome="errored"),
        alert(AlertKind.BUDGET_BURN, "gold.dim_customer", Priority.P3, minutes=900, state=AlertState.PENDING),
        alert(AlertKind.PLANE_OUTAGE, None, Priority.P1, minutes=3, summary="Promises were last evaluated 5 min ago; every minute is promised"),
    )  # fmt: skip


def fill(plane: Plane) -> None:
    """Store the bad day where a plane's pages read it from."""
    plane.ports.service_levels.keep(bad_day())
    with plane.ports.alerts.book() as book:
        book.save(open_alerts())
