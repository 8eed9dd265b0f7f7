"""The rule table of priorities."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerting.model import AlertKind, Finding, Priority
from alerting.priority import BASE, judge

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
P1, P2, P3 = Priority


def found(kind: AlertKind, tier: int, dataset: str | None = "silver.orders", **annotations: str) -> Finding:
    labels = {"kind": kind.value} | ({"dataset": dataset} if dataset else {})
    return Finding(labels, kind, True, NOON, tier, "", annotations)


TABLE = {
    AlertKind.PIPELINE_FAILURE: (P1, P1, P2), AlertKind.SLA_BREACH: (P1, P1, P2), AlertKind.PII_LEAK: (P1, P1, P2),
    AlertKind.PLANE_OUTAGE: (P1, P1, P2), AlertKind.CHECK_FAILURE: (P2, P2, P3), AlertKind.ANOMALY: (P2, P2, P3),
    AlertKind.PREDICTED_BREACH: (P2, P2, P3), AlertKind.BUDGET_BURN: (P2, P2, P3), AlertKind.SCHEMA_DRIFT: (P3, P3, P3),
    AlertKind.COST_SPIKE: (P3, P3, P3),
}  # fmt: skip


def test_every_kind_has_a_base() -> None:
    assert set(BASE) == set(AlertKind) == set(TABLE)


@pytest.mark.parametrize("kind", list(AlertKind))
def test_tier_three_lowers_by_one(kind: AlertKind) -> None:
    assert tuple(judge(found(kind, tier), {}).priority for tier in (1, 2, 3)) == TABLE[kind]


@pytest.mark.parametrize("kind", list(AlertKind))
def test_lineage_raises_the_tier_and_never_the_kind(kind: AlertKind) -> None:
    alone, read = judge(found(kind, 3), {}), judge(found(kind, 3), {"gold.a": 2, "gold.b": 1, "gold.c": 3})
    assert (alone.priority, read.priority) == (TABLE[kind][2], TABLE[kind][0])
    assert read.priority.rank >= BASE[kind].rank


def test_who_raises_the_tier_is_named() -> None:
    judged = judge(found(AlertKind.SLA_BREACH, 2), {"gold.b": 1, "gold.a": 2})
    assert judged.reason == "P1: sla_breach, tier 1 (gold.b reads it)"
    assert judge(found(AlertKind.SLA_BREACH, 1), {"gold.b": 1}).reason == "P1: sla_breach, tier 1"
    assert judge(found(AlertKind.SLA_BREACH, 3), {}).reason == "P2: sla_breach is P1, lowered by one, tier 3"
    assert judge(found(AlertKind.SCHEMA_DRIFT, 3), {}).reason == "P3: schema_drift, tier 3"


def test_a_slow_burn_is_less_urgent_than_a_fast_one() -> None:
    assert judge(found(AlertKind.BUDGET_BURN, 1, burn="slow"), {}).priority is P3
    assert judge(found(AlertKind.BUDGET_BURN, 1), {}).priority is P2


def test_what_concerns_every_dataset_is_lowered_by_no_tier() -> None:
    judged = judge(found(AlertKind.PLANE_OUTAGE, 3, None), {})
    assert (judged.priority, judged.reason) == (P1, "P1: plane_outage, it concerns every dataset")
