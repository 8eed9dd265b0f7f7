"""Promises and subjects that tests of evaluation share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from controlplane.slas.evaluation import evaluate
from controlplane.slas.history import history_of
from controlplane.slas.model import Basis, Indicator, Maintenance, Objective, Promise, ServiceLevels
from controlplane.slas.ratios import Path
from controlplane.slas.status import Fact, ObjectiveStatus
from controlplane.slas.verdicts import Subject

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
BRONZE, SILVER, GOLD = "bronze.sales", "silver.sales", "gold.sales"


def fresh(
    within: timedelta = 6 * HOUR,
    *,
    window: timedelta = 30 * DAY,
    slices: timedelta = MINUTE,
    target: str = "99.5",
    zone: str = "UTC",
) -> Objective:
    return Objective("fresh", Indicator.FRESHNESS, Decimal(target), window, "slas.yaml:1", within, slices, zone)


def complete(basis: Basis = Basis.LANDED, *, window: timedelta = 30 * DAY, target: str = "99.5") -> Objective:
    return Objective("complete", Indicator.COMPLETENESS, Decimal(target), window, "slas.yaml:2", basis=basis)


def right(*, window: timedelta = 30 * DAY, target: str = "99.9") -> Objective:
    return Objective("right", Indicator.ACCURACY, Decimal(target), window, "slas.yaml:3")


def quiet(starts: datetime, ends: datetime, pattern: str = "gold.*") -> Maintenance:
    return Maintenance(starts, ends, (pattern,), "compaction", "slas.yaml:4")


def levels(*objectives: Objective, maintenance: Sequence[Maintenance] = (), dataset: str = GOLD) -> ServiceLevels:
    return ServiceLevels((Promise("bi", "analysts", objectives, "slas.yaml:1", (dataset,)),), tuple(maintenance), "0" * 64)


SUBJECTS: Mapping[str, Subject] = {
    GOLD: Subject(GOLD, 1, Path((BRONZE,), (GOLD, SILVER, BRONZE))),
    SILVER: Subject(SILVER, 2, Path((BRONZE,), (SILVER, BRONZE))),
    BRONZE: Subject(BRONZE, 3, Path((BRONZE,), (BRONZE,))),
}


def judge(
    promised: ServiceLevels,
    facts: Sequence[Fact],
    at: datetime = NOON,
    *,
    zone: str = "UTC",
    subjects: Mapping[str, Subject] = SUBJECTS,
) -> list[ObjectiveStatus]:
    """Return where the objectives of one promise stand."""
    names = {fact.dataset for fact in facts}
    histories = {name: history_of([fact for fact in facts if fact.dataset == name]) for name in names}
    return list(evaluate(promised, subjects, histories, at, zone))


def judge_one(
    objective: Objective,
    facts: Sequence[Fact],
    at: datetime = NOON,
    *,
    maintenance: Sequence[Maintenance] = (),
    zone: str = "UTC",
) -> ObjectiveStatus:
    (found,) = judge(levels(objective, maintenance=maintenance), facts, at, zone=zone)
    return found


def published(at: datetime, watermark: datetime | None = None, dataset: str = GOLD, **rows: int) -> Fact:
    return Fact(dataset, at, "published", watermark if watermark is not None else at, **rows)
