"""A sound contract of ours as text, and ways to break it."""

from __future__ import annotations

import pytest

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.loading import load_contract
from controlplane.contracts.model import Contract, DatasetSpec, FieldSpec, QualityRule
from controlplane.kernel.problems import Problem

SHIPMENTS = """\
apiVersion: v3.1.0
kind: DataContract
id: silver_shipments
name: silver shipments
version: 1.0.0
status: active
team: {name: shipping-data}
slaProperties:
- {id: fresh, property: latency, value: 2, unit: h, element: shipments.updated_at}
customProperties:
- {property: controlplane.layer, value: silver}
- {property: controlplane.tier, value: 1}
- {property: costCentre, value: {code: 17, owner: [shipping]}}
schema:
- id: shipments
  name: shipments
  physicalName: silver.shipments
  customProperties:
  - property: controlplane.writeMode
    value:
      mode: merge
      keys: [shipment_id]
      orderBy: [source_lsn]
      deleteWhen: "op = 'd'"
      partition: ["bucket(8, shipment_id)"]
  - {property: controlplane.lateness, value: PT3H}
  properties:
  - {id: shipment_id, name: shipment_id, logicalType: integer, physicalType: bigint, required: true, primaryKey: true}
  - id: carrier_id
    name: carrier_id
    logicalType: integer
    quality:
    - id: carrier_known
      type: custom
      engine: controlplane
      implementation: {kind: reference, to: silver.carriers, fields: {carrier_id: carrier_id}, where: is_current, mustBe: 0}
      dimension: consistency
  - id: state
    name: state
    logicalType: string
    required: true
    quality:
    - {id: state_known, metric: invalidValues, arguments: {validValues: [packed, sent]}, mustBe: 0}
  - id: weight
    name: weight
    logicalType: number
    physicalType: decimal(8,3)
    quality:
    - id: weight_range
      metric: invalidValues
      arguments: {minimum: 0}
      mustBe: 0
      unit: rows
      dimension: conformity
      severity: error
      customProperties:
      - property: controlplane.check
        value: {quarantine: {max: 1, unit: percent, reason: scales drift}, minRows: 10, where: "state = 'sent'"}
  - id: receiver
    name: receiver
    logicalType: string
    customProperties:
    - {property: controlplane.dataCategory, value: [person_name]}
    - {property: controlplane.sensitivity, value: restricted}
    - {property: controlplane.masking, value: {technique: token, domain: receiver-name, profile: ascii-lower-trim}}
  - {id: updated_at, name: updated_at, logicalType: timestamp, physicalType: timestamptz, required: true}
  - {id: source_lsn, name: source_lsn, logicalType: integer, required: true}
  quality:
  - id: enough
    metric: rowCount
    mustBeGreaterOrEqualTo: 1
  - id: volume
    type: custom
    engine: controlplane
    implementation: {kind: volumeChange, period: P1D, like: weekday, against: median, mustBeBetween: [-30, 30], unit: percent}
  - id: fresh
    type: custom
    engine: controlplane
    implementation: {kind: freshness, field: updated_at, reference: heartbeat, mustBeLessOrEqualTo: 7200, unit: s}
    scheduler: cron
    schedule: "0 * * * *"
  - id: heavy
    type: sql
    query: SELECT count(*) FROM {object} WHERE weight > 1000
    mustBe: 0
    severity: warning
    customProperties: [{property: controlplane.blocking, value: false}]
"""


def changed(old: str, new: str, text: str = SHIPMENTS) -> str:
    """Return the contract with one passage replaced; the passage must be there exactly once."""
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the contract"
    return text.replace(old, new)


def problems(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with a contract that must be wrong."""
    with pytest.raises(ContractInvalidError) as caught:
        load_contract(text)
    return caught.value.problems


def only_problem(text: str, needle: str, *words: str) -> Problem:
    """Assert that one thing is wrong, in the line that holds ``needle``, said with these words; return it."""
    found = problems(text)
    assert len(found) == 1, [str(problem) for problem in found]
    problem = found[0]
    assert needle in text.splitlines()[problem.line - 1], str(problem)
    assert problem.file == "<text>"
    for word in words:
        assert word in f"{problem.path}: {problem.message}", str(problem)
    assert "\n" not in problem.message
    return problem


def dataset(text: str = SHIPMENTS) -> DatasetSpec:
    """Return the first dataset of a contract."""
    return load_contract(text).datasets[0]


def field(name: str, text: str = SHIPMENTS) -> FieldSpec:
    """Return a field of the first dataset."""
    found = dataset(text).field(name)
    assert found is not None
    return found


def rule(identifier: str, text: str = SHIPMENTS) -> QualityRule:
    """Return a rule of the first dataset or of one of its fields."""
    spec = dataset(text)
    return next(rule for rules in (spec.rules, *(one.rules for one in spec.fields)) for rule in rules if rule.id == identifier)


def loaded(text: str = SHIPMENTS) -> Contract:
    """Return a contract from text."""
    return load_contract(text)
