"""Contracts, promises and projects as files on a disk."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest
from jsonschema import Draft201909Validator
from referencing import Registry, Resource

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.loading import load_contract, load_contracts
from controlplane.contracts.rendering import render
from controlplane.kernel.documents import read_document
from tests.unit.contracts.kit import SHIPMENTS, changed
from tests.unit.contracts.test_across import CARRIERS
from tests.unit.contracts.test_rendering import plain

DATA = Path(__file__).parents[1] / "data" / "odcs"
FILES = sorted(DATA.glob("*.odcs.yaml"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "silver" / "deep").mkdir(parents=True)
    (tmp_path / "silver" / "shipments.odcs.yaml").write_text(SHIPMENTS, "utf-8")
    (tmp_path / "silver" / "deep" / "carriers.odcs.yml").write_text(CARRIERS, "utf-8")
    (tmp_path / "silver" / "notes.yaml").write_text("not: a contract\n", "utf-8")
    return tmp_path


def test_a_folder_is_searched_for_contracts(folder: Path) -> None:
    contracts = load_contracts([folder])
    assert [contract.datasets[0].name for contract in contracts] == ["silver.carriers", "silver.shipments"]
    assert contracts[1].place.file == str(folder / "silver" / "shipments.odcs.yaml")


def test_a_file_that_is_named_twice_is_one_contract(folder: Path) -> None:
    assert len(load_contracts([folder, folder / "silver", folder / "silver" / "shipments.odcs.yaml"])) == 2


def test_all_problems_of_all_files_are_told(folder: Path) -> None:
    (folder / "a.odcs.yaml").write_text(changed("mode: merge", "mode: upsert"), "utf-8")
    (folder / "b.odcs.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ContractInvalidError) as caught:
        load_contracts([folder, folder / "missing"])
    assert [Path(problem.file).name for problem in caught.value.problems] == ["a.odcs.yaml", "b.odcs.yaml", "missing"]
    assert "there is no such file or folder" in str(caught.value)


def test_contracts_that_do_not_fit_together_are_refused(folder: Path) -> None:
    (folder / "silver" / "deep" / "carriers.odcs.yml").unlink()
    with pytest.raises(
        ContractInvalidError, match=r"shipments\.odcs\.yaml:\d+: .*carrier_known: unknown dataset 'silver.carriers'"
    ):
        load_contracts([folder])
    (folder / "again.odcs.yaml").write_text(SHIPMENTS, "utf-8")
    (folder / "carriers.odcs.yaml").write_text(CARRIERS, "utf-8")
    with pytest.raises(ContractInvalidError, match=r"'silver\.shipments' has a contract already"):
        load_contracts([folder])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"PAR1\x15\x00\x15\x0c", "zero bytes: it is binary"),
        ("name: Größe\n".encode("latin-1"), "is not UTF-8; save the file as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\xff", "is not UTF-8"),
        (b"x" * 6_000_000, "6000000 bytes; at most 5000000"),
    ],
)
def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "x.odcs.yaml"
    file.write_bytes(content)
    with pytest.raises(ContractInvalidError) as caught:
        load_contract(file)
    (problem,) = caught.value.problems
    assert problem.file == str(file)
    assert words in problem.message


def test_a_file_that_is_missing_or_a_folder_or_unreadable_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "none.odcs.yaml", tmp_path):
        with pytest.raises(ContractInvalidError, match=r"cannot be read \((No such file or directory|Is a directory)\)"):
            load_contract(str(path))


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "x.odcs.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SHIPMENTS.replace("\n", "\r\n").encode())
    assert load_contract(file).id == "silver_shipments"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_contracts_of_others_load(file: Path) -> None:
    contract = load_contract(file)
    assert contract.datasets
    assert all(warning.startswith(f"{file}:") for warning in contract.warnings)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_contracts_of_others_are_written_with_nothing_lost(file: Path) -> None:
    contract = load_contract(file)
    again = load_contract(render(contract))
    assert plain(again) == plain(contract)


def test_the_old_words_of_3_0_are_understood() -> None:
    contract = load_contract(DATA / "shop-v3.0.2.odcs.yaml")
    (spec,) = contract.datasets
    assert contract.owner == "depot-lead"
    assert contract.description == "Parcels and where they are"
    assert spec.primary_key == ("depot", "number")
    weight = spec.field("weight_kg")
    assert weight is not None
    assert dict(weight.options) == {"exclusiveMinimum": 0, "maximum": 70}
    assert [rule.kind for rule in spec.rules] == ["rowCount", "sql"]
    assert [(promise.property, promise.element) for promise in contract.promises[:2]] == [
        ("latency", "parcels.scanned_at"),
        ("latency", "parcels.posted_on"),
    ]
    said = "\n".join(contract.warnings)
    for words in (
        "unknown key 'comment'",
        "'countCheck' has no definition in the standard",
        "'soda' is not run by this product",
        "'great-expectations' is not run by this product",
        "is a text for people and is not checked",
        "unknown SLA property 'happiness'",
        "physicalType 'list' is unknown",
        "multipleOf: is not checked",
    ):
        assert words in said
    document = render(contract)
    assert "apiVersion: v3.1.0" in document


def test_the_words_of_3_1_are_understood() -> None:
    contract = load_contract(DATA / "shop-v3.1.0.odcs.yaml")
    reasons, returns = contract.datasets
    assert contract.owner == "returns-data"
    assert (reasons.name, returns.name) == ("reasons", "shop.returns")
    assert returns.primary_key == ("id", "depot")
    reason = returns.field("reason")
    assert reason is not None
    assert [rule.id for rule in reason.rules] == ["nullValues", "nullValues_2", "known", "missingValues", "duplicateValues"]
    assert [rule.kind for rule in returns.rules] == ["rowCount", "duplicateValues", "sql"]
    said = "\n".join(contract.warnings)
    for words in ("unknown severity 'low'", "'30' is no hour", "'dbt' is not run", "physicalType 'geography' is unknown"):
        assert words in said


def _registry() -> tuple[dict[str, object], Registry]:
    schemas = resources.files("controlplane") / "schemas"
    contract = json.loads((schemas / "contract.schema.json").read_text("utf-8"))
    standard = json.loads((schemas / "odcs" / "odcs-3.1.0.schema.json").read_text("utf-8"))
    pairs = [("odcs/odcs-3.1.0.schema.json", standard), ("contract.schema.json", contract)]
    return contract, Registry().with_resources([(name, Resource.from_contents(found)) for name, found in pairs])


def _editor_errors(text: str, tmp_path: Path) -> list[str]:
    file = tmp_path / "x.odcs.yaml"
    file.write_text(text, "utf-8")
    schema, registry = _registry()
    return [error.message for error in Draft201909Validator(schema, registry=registry).iter_errors(read_document(file)[0].data)]


def test_the_schema_for_editors_accepts_a_sound_contract(tmp_path: Path) -> None:
    assert _editor_errors(SHIPMENTS, tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("controlplane.layer, value: silver", "controlplane.layer, value: sliver"),
        ("controlplane.tier, value: 1", "controlplane.tier, value: 4"),
        ("controlplane.lateness, value: PT3H", "controlplane.lateness, value: 3h"),
        ("controlplane.lateness, value: PT3H", "controlplane.latness, value: PT3H"),
        ("mode: merge", "mode: upsert"),
        ("mode: merge", "mode: merge\n      oderBy: [x]"),
        ("technique: token", "technique: tokens"),
        ("domain: receiver-name,", "dmain: x,"),
        ("max: 1", "mx: 1"),
        ("minRows: 10", "minrows: 10"),
        ("like: weekday", "lik: weekday"),
        ("kind: volumeChange", "kind: anomaly"),
        ("controlplane.blocking, value: false", "controlplane.blocking, value: 0"),
        ("controlplane.sensitivity, value: restricted", "controlplane.writeMode, value: {mode: append}"),
    ],
)
def test_the_schema_for_editors_refuses_what_loading_refuses(tmp_path: Path, old: str, new: str) -> None:
    text = changed(old, new)
    assert _editor_errors(text, tmp_path)
    with pytest.raises(ContractInvalidError):
        load_contract(text)


SECTIONS = {
    "writeMode": ("mode: merge", "mode: merge\n      zzz: 1"),
    "masking": ("technique: token,", "technique: token, zzz: 1,"),
    "check": ("minRows: 10", "minRows: 10, zzz: 1"),
    "waiver": (
        "value: {technique: token, domain: receiver-name, profile: ascii-lower-trim}}",
        "value: {technique: token, domain: receiver-name}}\n    - {property: controlplane.waiver, value: {zzz: 1}}",
    ),
}


@pytest.mark.parametrize("name", SECTIONS)
def test_the_schema_for_editors_has_the_keys_that_loading_reads(name: str) -> None:
    with pytest.raises(ContractInvalidError) as caught:
        load_contract(changed(*SECTIONS[name]))
    (sentence,) = [problem.message for problem in caught.value.problems if "'zzz'" in problem.message]
    definition = _registry()[0]["$defs"]
    assert isinstance(definition, dict)
    assert sorted(sentence.split("allowed are ")[1].split(", ")) == sorted(definition[name]["properties"])
