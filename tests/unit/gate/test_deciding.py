"""All or nothing: which results hold a batch, and which only leave a note."""

from __future__ import annotations

import pytest

from controlplane.gate.deciding import Lack, Verdict, decide
from controlplane.gate.model import RunState
from controlplane.kernel.outcome import Outcome, Severity


def verdict(
    outcome: Outcome, *, severity: Severity = Severity.ERROR, blocking: bool = True, lack: Lack | None = None
) -> Verdict:
    return Verdict(
        "silver.orders.amount.range", outcome, severity, blocking, "120 of 1000 rows have amount < 0; 0 allowed", lack
    )


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_one_failed_blocking_check_holds_the_whole_batch(tier: int) -> None:
    decision = decide([verdict(Outcome.PASSED), verdict(Outcome.FAILED)], tier=tier, publishes_unknown=True)
    assert decision.state is RunState.HELD
    assert decision.reasons == ("silver.orders.amount.range: 120 of 1000 rows have amount < 0; 0 allowed",)


def test_a_failed_check_that_does_not_block_publishes_without_a_word_about_it() -> None:
    assert decide([verdict(Outcome.FAILED, blocking=False)], tier=1, publishes_unknown=False).reasons == ()


def test_a_warning_never_holds() -> None:
    assert (
        decide([verdict(Outcome.FAILED, severity=Severity.WARNING)], tier=1, publishes_unknown=False).state
        is RunState.PUBLISHED
    )


@pytest.mark.parametrize(("tier", "publishes_unknown", "state"), [
    (1, True, RunState.HELD), (1, False, RunState.HELD), (2, False, RunState.HELD), (2, True, RunState.PUBLISHED),
])  # fmt: skip
@pytest.mark.parametrize("unknown", [
    (Outcome.ERRORED, None), (Outcome.NO_EVIDENCE, Lack.EVIDENCE_MISSING),
])  # fmt: skip
def test_what_could_not_be_judged_holds_tier_one_and_follows_on_unknown_elsewhere(
    unknown: tuple[Outcome, Lack | None],
    tier: int,
    publishes_unknown: bool,
    state: RunState,
) -> None:
    outcome, lack = unknown
    assert decide([verdict(outcome, lack=lack)], tier=tier, publishes_unknown=publishes_unknown).state is state


@pytest.mark.parametrize("lack", [Lack.WARMING_UP, Lack.NO_ROWS])
def test_warming_up_and_empty_tables_publish_with_a_note(lack: Lack) -> None:
    decision = decide([verdict(Outcome.NO_EVIDENCE, lack=lack)], tier=1, publishes_unknown=False)
    assert decision.state is RunState.PUBLISHED
    assert len(decision.reasons) == 1


@pytest.mark.parametrize(("publishes_unknown", "state"), [(True, RunState.PUBLISHED), (False, RunState.HELD)])
def test_too_few_rows_follow_on_unknown_even_on_tier_one(publishes_unknown: bool, state: RunState) -> None:
    few = verdict(Outcome.NO_EVIDENCE, lack=Lack.TOO_FEW_ROWS)
    assert decide([few], tier=1, publishes_unknown=publishes_unknown).state is state
