"""How urgent a finding is: its kind gives the base, the best tier it reaches may lower it by one. Pure, and explained."""

from __future__ import annotations

from collections.abc import Mapping

from alerting.model import AlertKind, Finding, Judged, Priority

BASE: Mapping[AlertKind, Priority] = {
    AlertKind.PIPELINE_FAILURE: Priority.P1,
    AlertKind.SLA_BREACH: Priority.P1,
    AlertKind.PII_LEAK: Priority.P1,
    AlertKind.PLANE_OUTAGE: Priority.P1,
    AlertKind.CHECK_FAILURE: Priority.P2,
    AlertKind.ANOMALY: Priority.P2,
    AlertKind.PREDICTED_BREACH: Priority.P2,
    AlertKind.BUDGET_BURN: Priority.P2,
    AlertKind.SCHEMA_DRIFT: Priority.P3,
    AlertKind.COST_SPIKE: Priority.P3,
}
"""Priority of each kind before the tier is looked at; a budget that burns slowly is P3."""

SLOW = "slow"
"""Value of the annotation ``burn`` of a budget that burns slowly."""

_LOWEST_TIER = 3


def judge(finding: Finding, reached: Mapping[str, int]) -> Judged:
    """Return how urgent a finding is, and why.

    Lineage raises the tier, never the kind: the tier that counts is the best of the dataset's own and those of every dataset
    downstream. Tier 3 lowers the base by one; P3 stays.

    Args:
        finding: what was found, with the dataset's own tier.
        reached: datasets downstream with their tiers.
    """
    base, kind = BASE[finding.kind], finding.kind.value
    if finding.kind is AlertKind.BUDGET_BURN and finding.annotations.get("burn") == SLOW:
        base, kind = Priority.P3, f"{kind} (slow)"
    if "dataset" not in finding.labels:
        return Judged(finding, base, f"{base}: {kind}, it concerns every dataset")
    tier, because = _best(finding, reached)
    if tier < _LOWEST_TIER:
        return Judged(finding, base, f"{base}: {kind}, tier {tier}{because}")
    lowered = list(Priority)[min(base.rank + 1, Priority.P3.rank)]
    why = "" if lowered is base else f" is {base}, lowered by one"
    return Judged(finding, lowered, f"{lowered}: {kind}{why}, tier 3")


def _best(finding: Finding, reached: Mapping[str, int]) -> tuple[int, str]:
    """Return the best tier, and who has it where it is not the dataset itself."""
    tier, name = min(((tier, name) for name, tier in reached.items()), default=(finding.tier, ""))
    return (tier, f" ({name} reads it)") if tier < finding.tier else (finding.tier, "")
