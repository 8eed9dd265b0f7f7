"""What runs, looks at published data, and promises say about alerts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from alerting.lifecycle import advance
from alerting.model import Alert, AlertKind, AlertState, Finding, Judged, Priority
from controlplane.gate.model import RunState
from controlplane.slas.model import Indicator
from controlplane.slas.status import Budget, ObjectiveStatus, PromiseState
from controlplane.usecases.alert_ports import Cost
from controlplane.usecases.findings import Subject, no_longer_stated, of_cost, of_objectives, of_results, of_run
from tests.fakes.alert_kit import AMOUNT, NOON, a_run, judged

ORDERS = Subject("silver.orders", 2, NOON, {AMOUNT})


def one(*results: object, state: RunState = RunState.PUBLISHED, reason: str | None = None) -> Finding:
    (finding,) = of_results(list(results), ORDERS, a_run(state, reason=reason))  # type: ignore[arg-type]
    return finding


def test_a_failed_check_is_bad_with_its_numbers() -> None:
    finding = one(judged(), state=RunState.HELD)
    assert finding.is_bad
    assert finding.labels == {"kind": "check_failure", "dataset": "silver.orders", "check": AMOUNT}
    assert finding.summary == f"{AMOUNT}: 120 of 1000 rows have amount < 0; 0 allowed"
    assert finding.annotations == {
        "check_id": AMOUNT, "outcome": "failed", "severity": "error", "measured": "120 rows", "allowed": "mustBe 0 rows",
        "rows_failed": "120 of 1000", "reason": "120 of 1000 rows have amount < 0; 0 allowed",
        "run_id": str(a_run().run_id), "batch": "held",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "severity", "is_bad"),
    [
        ("failed", "error", True), ("failed", "critical", True), ("failed", "warning", None), ("failed", "info", None),
        ("passed", "error", False), ("passed", "info", False), ("errored", "critical", None), ("no_evidence", "error", None),
    ],
)  # fmt: skip
def test_a_check_is_bad_from_severity_error_and_good_only_when_it_passed(
    outcome: str, severity: str, is_bad: bool | None
) -> None:
    assert one(judged(outcome, severity=severity)).is_bad is is_bad


@pytest.mark.parametrize("outcome", ["errored", "no_evidence"])
def test_what_could_not_be_judged_is_bad_where_it_holds_the_batch(outcome: str) -> None:
    result = judged(outcome, reason="the query timed out")
    holding = f"silver.orders.other: bad; {AMOUNT}: the query timed out"
    assert one(result, state=RunState.HELD, reason=holding).is_bad
    assert one(result, state=RunState.HELD, reason=holding).annotations["outcome"] == outcome
    assert one(result, state=RunState.HELD, reason="silver.orders.other: bad").is_bad is None
    assert one(result, state=RunState.PUBLISHED, reason=holding).is_bad is None


@pytest.mark.parametrize(
    ("word", "kind", "at_any_severity"),
    [
        ("schemaDrift", AlertKind.SCHEMA_DRIFT, True), ("maskedFormat", AlertKind.PII_LEAK, True), ("leak", AlertKind.PII_LEAK, True),
        ("volumeChange", AlertKind.ANOMALY, False), ("schema", AlertKind.CHECK_FAILURE, False), ("sql", AlertKind.CHECK_FAILURE, False),
    ],
)  # fmt: skip
def test_the_kind_of_a_check_decides_the_kind_of_its_alert(word: str, kind: AlertKind, at_any_severity: bool) -> None:
    assert (one(judged(kind=word)).kind, one(judged(kind=word)).labels["kind"]) == (kind, kind.value)
    assert bool(one(judged(kind=word, severity="info")).is_bad) is at_any_severity


def test_results_of_one_check_are_one_finding_bad_where_any_is() -> None:
    passed, failed = judged("passed", segment="DE"), judged(segment="FR", reason="5 of 9 rows")
    assert one(passed, failed).is_bad
    assert one(passed, failed).summary == f"{AMOUNT}: [FR] 5 of 9 rows"
    assert one(passed, judged("no_evidence", segment="FR")).is_bad is None
    many = [judged(segment=str(number), reason=f"reason {number}") for number in range(10)]
    assert one(*many).summary.endswith("and 7 more")


def test_a_run_says_whether_its_pipeline_works() -> None:
    def pipeline(state: RunState) -> list[tuple[bool | None, str]]:
        found = of_run(a_run(state, reason="the catalog does not answer"), [], ORDERS)
        labels = {"kind": "pipeline_failure", "dataset": "silver.orders", "pipeline": "orders"}
        return [(one.is_bad, one.summary) for one in found if one.labels == labels]

    assert pipeline(RunState.FAILED) == [(True, "orders failed: the catalog does not answer")]
    for state in (RunState.PUBLISHED, RunState.HELD, RunState.NOTHING_NEW):
        assert pipeline(state) == [(False, f"orders ran again: {state.value}")]
    for state in (RunState.SUPERSEDED, RunState.ABANDONED):
        assert pipeline(state) == []


def test_only_a_batch_that_was_decided_on_says_something_about_checks() -> None:
    kinds = {
        state: {one.kind for one in of_run(a_run(state), [judged()], ORDERS)} for state in (RunState.HELD, RunState.FAILED)
    }
    assert AlertKind.CHECK_FAILURE in kinds[RunState.HELD]
    assert AlertKind.CHECK_FAILURE not in kinds[RunState.FAILED]


def alert_of(finding: Finding) -> Alert:
    alert = advance(None, Judged(finding, Priority.P2, "why"))
    assert alert is not None
    return alert


def test_an_alert_of_a_check_that_is_gone_from_the_contract_is_over() -> None:
    gone, still = alert_of(one(judged(check="silver.orders.gone"))), alert_of(one(judged()))
    failure = alert_of(next(of_run(a_run(RunState.FAILED), [], ORDERS)))
    (over,) = no_longer_stated([gone, still, failure], ORDERS, judged=set())
    assert (over.labels, over.is_bad) == (gone.labels, False)
    assert over.summary == "silver.orders.gone is not in the contract any more"


def costs(now: float | None, usual: float, count: int = 14, measure: str = "seconds") -> list[bool | None]:
    before = [Cost(**{measure: usual})] * count
    return [one.is_bad for one in of_cost(Cost(**{measure: now}), before, ORDERS, a_run())]  # type: ignore[arg-type]


def test_a_cost_is_a_spike_above_three_times_the_median_of_fourteen_runs() -> None:
    assert costs(31, 10) == [True]
    assert costs(30, 10) == [False]
    assert costs(100, 10, count=13) == []
    assert costs(None, 10) == []
    assert costs(31_000_000, 10_000_000, measure="bytes_read") == [True]
    assert costs(31_000_000, 10_000_000, measure="bytes_written") == [True]


def test_what_costs_little_is_no_spike() -> None:
    assert costs(5, 0.1) == [False]
    assert costs(5.2, 0.1) == [True]
    assert costs(9_000_000, 10, measure="bytes_read") == [False]


def test_a_spike_says_what_is_usual_whatever_one_run_cost() -> None:
    before = [Cost(seconds=value) for value in (1000, *range(1, 14), 5000)]
    (finding,) = of_cost(Cost(seconds=90), before, ORDERS, a_run())
    assert finding.labels == {"kind": "cost_spike", "dataset": "silver.orders", "measure": "seconds"}
    assert finding.annotations["usual"] == "7.5 s"
    assert finding.annotations["allowed"] == "22.5 s"


def status(state: PromiseState, name: str = "fresh", dataset: str | None = "gold.facts") -> ObjectiveStatus:
    return ObjectiveStatus(
        promise="bi", objective=name, consumer="BI", dataset=dataset, tier=1, indicator=Indicator.FRESHNESS, state=state,
        at=NOON, since=NOON - timedelta(hours=1), target=Decimal(99), window_days=30, reason="70 min old, 60 min promised",
        value=Decimal(4200), bound=Decimal(3600), budget=Budget("min", Decimal(432), Decimal(500)),
    )  # fmt: skip


def of_state(state: PromiseState, *known: Alert) -> dict[str, bool | None]:
    return {one.kind.value: one.is_bad for one in of_objectives([status(state)], known, NOON)}


def test_the_state_of_a_promise_decides_what_is_bad() -> None:
    assert of_state(PromiseState.BROKEN) == {"sla_breach": True}
    assert of_state(PromiseState.PREDICTED) == {"predicted_breach": True}
    assert of_state(PromiseState.FAST_BURN) == {"budget_burn": True}
    assert of_state(PromiseState.SLOW_BURN) == {"budget_burn": True}
    for state in (PromiseState.KEPT, PromiseState.NO_EVIDENCE, PromiseState.MAINTENANCE, PromiseState.NOT_APPLICABLE):
        assert of_state(state) == {}


def known_alerts() -> list[Alert]:
    states = (PromiseState.BROKEN, PromiseState.PREDICTED, PromiseState.FAST_BURN)
    return [alert_of(one) for state in states for one in of_objectives([status(state)], [], NOON)]


def test_open_alerts_are_ended_by_states_that_know_better_and_by_no_others() -> None:
    known = known_alerts()
    assert of_state(PromiseState.KEPT, *known) == {"sla_breach": False, "predicted_breach": False, "budget_burn": False}
    assert of_state(PromiseState.BROKEN, *known) == {"sla_breach": True, "predicted_breach": False}
    assert of_state(PromiseState.PREDICTED, *known) == {"sla_breach": False, "predicted_breach": True}
    assert of_state(PromiseState.SLOW_BURN, *known) == {"sla_breach": False, "predicted_breach": False, "budget_burn": True}
    for state in (PromiseState.NO_EVIDENCE, PromiseState.MAINTENANCE, PromiseState.NOT_APPLICABLE):
        assert of_state(state, *known) == {}


def test_what_nobody_is_promised_any_more_is_over() -> None:
    known = known_alerts()
    found = list(of_objectives([status(PromiseState.KEPT, "other")], known, NOON))
    assert [one.labels for one in found] == [alert.labels for alert in known]
    assert {(one.is_bad, one.summary) for one in found} == {(False, "this is not promised any more")}


def test_a_promise_says_its_numbers() -> None:
    (finding,) = of_objectives([status(PromiseState.SLOW_BURN)], [], NOON)
    assert finding.labels == {"kind": "budget_burn", "promise": "bi", "objective": "fresh", "dataset": "gold.facts"}
    assert finding.annotations["burn"] == "slow"
    assert (finding.annotations["measured"], finding.annotations["allowed"]) == ("4200 s", "3600 s")
    assert finding.annotations["budget_left"] == "-68 min"
    assert finding.summary == "fresh promised to BI for gold.facts is slow burn: 70 min old, 60 min promised"
    (finding,) = of_objectives([status(PromiseState.BROKEN, dataset=None)], [], NOON)
    assert "dataset" not in finding.labels
    assert alert_of(finding).state is AlertState.PENDING
