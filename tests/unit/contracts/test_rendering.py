from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.loading import load_contract
from controlplane.contracts.model import Contract, Place
from controlplane.contracts.rendering import render
from tests.unit.contracts.kit import SHIPMENTS, changed, loaded

NOT_COMPARED = {"place", "sha256", "warnings", "document", "api_version"}

OLD = """\
apiVersion: v3.0.2
kind: DataContract
id: old
version: 1.0.0
status: active
team:
- {username: lead, role: Owner, comment: for now}
schema:
- name: things
  physicalName: old.things
  properties:
  - name: size
    logicalType: number
    logicalTypeOptions: {minimum: 0, exclusiveMinimum: true}
    quality:
    - {rule: nullCheck, description: never empty, dimension: completeness, customProperties: [{property: a, value: 1}]}
    - {rule: nullValues, mustBe: 0, unit: rows}
  quality:
  - {type: sql, query: "SELECT 1", description: not compared}
"""


def plain(found: object) -> object:
    """Return a contract without what rendering may change: places, digest, document, declared version, warnings."""
    if isinstance(found, Place):
        return None
    if is_dataclass(found):
        skipped = NOT_COMPARED if isinstance(found, Contract) else set()
        return {one.name: plain(getattr(found, one.name)) for one in fields(found) if one.name not in skipped}
    return [plain(item) for item in found] if isinstance(found, tuple) else found


def test_a_contract_of_ours_survives_word_for_word() -> None:
    contract = loaded()
    again = load_contract(render(contract))
    assert plain(again) == plain(contract)
    assert again.document == contract.document
    assert again.api_version == "v3.1.0"


def test_3_0_becomes_3_1_with_nothing_lost() -> None:
    contract = loaded(OLD)
    text = render(contract)
    again = load_contract(text)
    assert again.api_version == "v3.1.0"
    assert plain(again) == plain(contract)
    document = yaml.safe_load(text)
    (size,) = document["schema"][0]["properties"]
    assert size["logicalTypeOptions"] == {"exclusiveMinimum": 0}
    assert size["quality"][0] == {
        "description": "never empty",
        "dimension": "completeness",
        "customProperties": [{"property": "a", "value": 1}, {"property": "rule", "value": "nullCheck"}],
        "type": "text",
    }
    assert size["quality"][1] == {"metric": "nullValues", "mustBe": 0, "unit": "rows"}
    assert document["team"][0]["customProperties"] == [{"property": "comment", "value": "for now"}]
    assert {"property": "query", "value": "SELECT 1"} in document["schema"][0]["quality"][0]["customProperties"]


def test_what_only_3_2_can_say_stays_3_2() -> None:
    text = changed("    name: state\n", "    name: state\n    deprecated: true\n", changed("v3.1.0", "v3.2.0"))
    assert load_contract(render(loaded(text))).document == loaded(text).document
    assert yaml.safe_load(render(loaded(changed("v3.1.0", "v3.2.0"))))["apiVersion"] == "v3.1.0"


def test_a_contract_that_was_not_loaded_cannot_be_written() -> None:
    with pytest.raises(ContractInvalidError, match="was not loaded from a file"):
        render(replace(loaded(), document={}))


TRAPS = [
    "no", "on", "2020-01-01", "10:30", "1e5", "0o17", "09", "~", "null", "", " x", "x ", "a: b", "# x", "|", "-", "1_000", "=",
    "<<",
]  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20) | st.sampled_from(TRAPS)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_the_values_of_others_survive_whatever_they_are(value: object) -> None:
    contract = loaded(OLD)
    document = {**contract.document, "customProperties": [{"property": "theirs", "value": value}]}
    again = load_contract(render(replace(contract, document=document)))
    kept = again.document["customProperties"]
    assert isinstance(kept, list)
    assert kept[0]["value"] == value


def test_no_reader_takes_a_text_for_something_else() -> None:
    words = ["no", "2020-01-01", "10:30", "1e5", "0o17", "012", "true", "~"]
    text = changed("validValues: [packed, sent]", f"validValues: {[str(word) for word in words]}")
    rendered = render(loaded(text))
    values = yaml.safe_load(rendered)["schema"][0]["properties"][2]["quality"][0]["arguments"]["validValues"]
    assert values == words
    assert loaded(SHIPMENTS).document["version"] == "1.0.0"
    assert "version: 1.0.0\n" in rendered
