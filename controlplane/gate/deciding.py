"""Deciding: all or nothing over one audited snapshot, from check results alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from controlplane.gate.model import Decision, RunState
from controlplane.kernel.outcome import Outcome, Severity


class Lack(StrEnum):
    """Why a check had nothing to judge."""

    WARMING_UP = "warming up"
    TOO_FEW_ROWS = "too few rows"
    NO_ROWS = "no rows"
    EVIDENCE_MISSING = "evidence missing"


@dataclass(frozen=True)
class Verdict:
    """What the gate needs to know of one check result."""

    check_id: str
    outcome: Outcome
    severity: Severity
    blocking: bool
    reason: str
    lack: Lack | None = None


def decide(verdicts: Sequence[Verdict], *, tier: int, publishes_unknown: bool) -> Decision:
    """Return whether an audited snapshot is published or held, and why.

    Only blocking checks of severity error or above count. A failure holds. An error, and evidence that should have been there
    and was not, hold a tier-1 dataset and follow ``onUnknown`` elsewhere, as too few rows do. Warming up and empty tables
    publish with a note.
    """
    holds: list[str] = []
    notes: list[str] = []
    for verdict in verdicts:
        if not verdict.blocking or verdict.severity.rank < Severity.ERROR.rank or verdict.outcome is Outcome.PASSED:
            continue
        sentence = f"{verdict.check_id}: {verdict.reason}"
        (holds if _holds(verdict, tier=tier, publishes_unknown=publishes_unknown) else notes).append(sentence)
    if holds:
        return Decision(RunState.HELD, tuple(holds))
    return Decision(RunState.PUBLISHED, tuple(notes))


def _holds(verdict: Verdict, *, tier: int, publishes_unknown: bool) -> bool:
    if verdict.outcome is Outcome.FAILED:
        return True
    if verdict.lack in {Lack.WARMING_UP, Lack.NO_ROWS}:
        return False
    if verdict.lack is Lack.TOO_FEW_ROWS:
        return not publishes_unknown
    return tier == 1 or not publishes_unknown
