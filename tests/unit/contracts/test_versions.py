"""The versions of the standard: which are read, and what each lets pass."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

from controlplane.contracts.schema_check import schema_errors
from controlplane.contracts.vocabulary import API_VERSIONS
from tests.unit.contracts.kit import SHIPMENTS, changed, field, loaded, only_problem, problems

_EVERY = 41
"""The library takes 20 ms for a document; all 1,900 variants agreed when this was written."""

PLAIN = """\
apiVersion: v3.0.2
kind: DataContract
id: plain
version: 1.0.0
status: active
schema:
- name: things
  properties:
  - name: size
    logicalType: number
"""


@pytest.mark.parametrize("version", API_VERSIONS)
def test_every_version_is_read(version: str) -> None:
    contract = loaded(changed("v3.0.2", version, PLAIN))
    assert contract.api_version == version
    assert contract.warnings == ()
    assert contract.datasets[0].name == "things"


def test_status_is_only_optional_in_3_2() -> None:
    text = changed("status: active\n", "", PLAIN)
    assert loaded(changed("v3.0.2", "v3.2.0", text)).status is None
    only_problem(changed("v3.0.2", "v3.1.0", text), "apiVersion", "'status' is missing")


@pytest.mark.parametrize("version", API_VERSIONS)
def test_a_property_needs_no_logical_type(version: str) -> None:
    """A condition of 3.2's schema without ``required`` would ask for a ``map`` block here."""
    text = changed("    logicalType: number\n", "    physicalType: double\n    logicalTypeOptions: {minimum: 1}\n", PLAIN)
    spec = loaded(changed("v3.0.2", version, text)).datasets[0]
    assert (spec.fields[0].type, dict(spec.fields[0].options)) == ("double", {"minimum": 1})


def test_what_breaks_the_declared_version_but_fits_3_1_is_accepted_with_a_warning() -> None:
    text = changed("    logicalType: number\n", "    logicalType: timestamp\n", PLAIN)
    (warning,) = loaded(text).warnings
    assert warning == (
        "<text>:1: apiVersion: breaks the schema of v3.0.2 that it declares but fits v3.1.0; set apiVersion: v3.1.0"
    )


def test_exclusive_bounds_of_3_0_become_values() -> None:
    options = "    logicalTypeOptions: {minimum: 0, exclusiveMinimum: true, maximum: 9, exclusiveMaximum: false}\n"
    text = changed("    logicalType: number\n", f"    logicalType: number\n{options}", PLAIN)
    assert dict(field("size", text).options) == {"exclusiveMinimum": 0, "maximum": 9}


def test_a_key_that_3_0_leaves_open_is_a_warning_in_a_foreign_contract_and_an_error_in_ours() -> None:
    foreign = PLAIN + "team:\n- {username: lead, rol: Owner}\n"
    (warning,) = loaded(foreign).warnings
    assert "unknown key 'rol': did you mean 'role'" in warning
    ours = foreign + "customProperties: [{property: controlplane.tier, value: 2}]\n"
    only_problem(ours, "rol:", "unknown key 'rol': did you mean 'role'")


def test_a_rule_without_a_definition_is_a_warning_in_a_foreign_contract() -> None:
    rules = "    quality:\n    - {rule: nullCheck, type: library}\n    - {rule: nullValues, mustBe: 0}\n"
    contract = loaded(PLAIN + rules)
    assert [rule.kind for rule in contract.datasets[0].fields[0].rules] == ["nullValues"]
    (warning,) = contract.warnings
    assert "'nullCheck' has no definition in the standard and is not checked" in warning


def test_a_foreign_contract_gets_the_defaults() -> None:
    spec = loaded(PLAIN).datasets[0]
    assert (spec.layer, spec.tier, spec.write_mode.mode.value) == (None, 3, "append")


def test_ids_of_foreign_rules_are_made_from_their_kinds() -> None:
    rules = "    quality:\n    - {metric: nullValues, mustBe: 0}\n    - {metric: nullValues, mustBe: 1}\n"
    contract = loaded(changed("v3.0.2", "v3.1.0", PLAIN) + rules)
    assert [rule.id for rule in contract.datasets[0].fields[0].rules] == ["nullValues", "nullValues_2"]


def test_a_type_we_do_not_store_is_a_warning_in_a_foreign_contract_only() -> None:
    text = changed("    logicalType: number\n", "    logicalType: array\n    physicalType: list\n", PLAIN)
    assert field("size", text).type == "unknown"
    assert "physicalType 'list' is unknown" in loaded(text).warnings[0]
    money = changed("logicalType: array\n    physicalType: list", "logicalType: number\n    physicalType: money", text)
    assert field("size", money).type == "double"
    ours = text + "    customProperties: [{property: controlplane.subjectKey, value: true}]\n"
    only_problem(ours, "list", "physicalType 'list' is unknown")


def test_a_composite_key_is_numbered_in_order_where_no_position_is_given() -> None:
    more = "    primaryKey: true\n  - {name: colour, logicalType: string, primaryKey: true, primaryKeyPosition: -1}\n"
    assert loaded(PLAIN + more).datasets[0].primary_key == ("size", "colour")
    turned = (
        "    primaryKey: true\n    primaryKeyPosition: 2\n"
        "  - {name: colour, logicalType: string, primaryKey: true, primaryKeyPosition: 1}\n"
    )
    assert loaded(PLAIN + turned).datasets[0].primary_key == ("colour", "size")


def test_positions_of_a_key_are_all_or_none_and_distinct() -> None:
    ours = "customProperties: [{property: controlplane.tier, value: 2}]\n"
    one = "    primaryKey: true\n    primaryKeyPosition: 1\n"
    none = "  - {name: colour, logicalType: string, primaryKey: true}\n"
    assert "number all of them" in problems(f"{PLAIN}{one}{none}{ours}")[0].message
    same = "  - {name: colour, logicalType: string, primaryKey: true, primaryKeyPosition: 1}\n"
    assert "same primaryKeyPosition" in problems(f"{PLAIN}{one}{same}{ours}")[0].message


def test_a_contract_without_datasets_says_so() -> None:
    text = PLAIN[: PLAIN.index("schema:")]
    assert "describes no dataset" in loaded(text).warnings[0]
    assert loaded(text + "schema: []\n").datasets == ()


@pytest.mark.parametrize("version", ["3.0.2", "3.1.0", "3.2.0"])
def test_our_evaluation_of_a_schema_agrees_with_the_librarys(version: str) -> None:
    """The quick evaluation may word errors otherwise, but must accept and refuse the same documents."""
    file = resources.files("controlplane") / "schemas" / "odcs" / f"odcs-{version}.schema.json"
    library = jsonschema.Draft201909Validator(json.loads(file.read_text("utf-8")))
    text = changed("v3.1.0", f"v{version}")
    document = dict(loaded(SHIPMENTS).document) | {"apiVersion": f"v{version}"}
    assert text.startswith(f"apiVersion: v{version}")
    for broken in _variants(document)[::_EVERY]:
        expected = library.is_valid(broken)
        assert (not schema_errors(broken, f"v{version}")) == expected, broken


def _variants(document: dict[str, object]) -> list[dict[str, object]]:
    """Return the document, and one copy for every place in it where a value is dropped, renamed or replaced."""
    found = [document]
    text = json.dumps(document)
    for path in _paths(document, ()):
        for change in ("drop", "rename", "text", "number", "list", "truth"):
            copied = json.loads(text)
            owner = copied
            for step in path[:-1]:
                owner = owner[step]
            value = owner.pop(path[-1])
            if change == "rename" and isinstance(owner, dict):
                owner[f"{path[-1]}x"] = value
            elif change != "drop":
                new: object = {"text": "x", "number": 1.5, "list": [], "truth": True}.get(change)
                owner.insert(path[-1], new) if isinstance(owner, list) else owner.update({path[-1]: new})
            found.append(copied)
    return found


def _paths(data: object, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    items = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [step for key, value in items for step in ((*path, key), *_paths(value, (*path, key)))]
