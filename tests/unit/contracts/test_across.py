from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.contracts.linting import lint_across
from controlplane.contracts.promises import guaranteed_latency
from tests.unit.contracts.kit import SHIPMENTS, changed, loaded

CARRIERS = """\
apiVersion: v3.1.0
kind: DataContract
id: silver_carriers
version: 1.0.0
status: active
customProperties: [{property: controlplane.layer, value: silver}]
schema:
- name: carriers
  physicalName: silver.carriers
  properties:
  - {name: carrier_id, logicalType: integer, required: true, primaryKey: true}
  - {name: is_current, logicalType: boolean}
  - {name: code, logicalType: string}
  - name: contact
    logicalType: integer
    customProperties: [{property: controlplane.masking, value: {technique: token, domain: contact}}]
  - {name: total, logicalType: number}
"""

FIELDS = "fields: {carrier_id: carrier_id}"


def wrong(shipments: tuple[str, str] | None = None, carriers: str = CARRIERS) -> list[str]:
    contracts = [loaded(changed(*shipments)) if shipments else loaded(), loaded(carriers)]
    return [str(problem) for problem in lint_across(contracts)]


def test_contracts_that_fit_together() -> None:
    assert wrong() == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("to: silver.carriers", "to: silver.carrier", "unknown dataset 'silver.carrier': did you mean 'silver.carriers'?"),
        (FIELDS, "fields: {carrier_id: carrierid}", "silver.carriers: unknown field 'carrierid': did you mean 'carrier_id'?"),
        (FIELDS, "fields: {carrier_id: code}", "carrier_id is of type long and silver.carriers.code of type string"),
        (FIELDS, "fields: {carrier_id: contact}", "silver.carriers.contact is published masked (token)"),
        ("where: is_current", "where: is_curent", "where names silver.carriers: unknown field 'is_curent'"),
    ],
)
def test_a_reference_must_find_its_parent(old: str, new: str, sentence: str) -> None:
    (problem,) = wrong((old, new))
    assert "silver.shipments.carrier_id.carrier_known: " in problem
    assert problem.startswith("<text>:")
    assert sentence in problem


@pytest.mark.parametrize(
    ("rest", "sentence"),
    [
        ("toMeasure: sum(totl)", "toMeasure names silver.carriers: unknown field 'totl': did you mean 'total'?"),
        ("toMeasure: sum(total), keys: [state]", "keys names silver.carriers: unknown field 'state'"),
        ("toMeasure: sum(total), keys: {state: cod}", "keys names silver.carriers: unknown field 'cod'"),
        ("toMeasure: sum(total), toWhere: is_curent", "toWhere names silver.carriers: unknown field 'is_curent'"),
        ("keys: [carrier_id]", "measure names silver.carriers: unknown field 'weight'"),
    ],
)
def test_a_reconciliation_must_find_what_it_compares_with(rest: str, sentence: str) -> None:
    old = "kind: volumeChange, period: P1D, like: weekday, against: median, mustBeBetween: [-30, 30], unit: percent"
    (problem,) = wrong((old, f"kind: reconciliation, to: silver.carriers, measure: sum(weight), {rest}, mustBe: 0"))
    assert "silver.shipments.volume: " in problem
    assert sentence in problem


def test_one_dataset_has_one_contract() -> None:
    problems = wrong(carriers=changed("physicalName: silver.carriers", "physicalName: silver.shipments", CARRIERS))
    line = 1 + SHIPMENTS.splitlines().index("- id: shipments")
    assert any(f"'silver.shipments' has a contract already, in <text>:{line}; keep one" in problem for problem in problems)


def test_the_guaranteed_latency_is_the_shortest_that_concerns_a_dataset() -> None:
    slow = "- {id: slow, property: latency, value: 2, unit: d}\n"
    other = "- {id: other, property: Freshness, value: 90, unit: min, element: shipments}\n"
    text = changed("slaProperties:\n", f"slaProperties:\n{slow}{other}")
    found = guaranteed_latency([loaded(text), loaded(CARRIERS)])
    assert found == {"silver.shipments": timedelta(minutes=90), "silver.carriers": None}
