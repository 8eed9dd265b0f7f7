"""Whatever is done to a contract, it loads or is refused with sentences; nothing else is ever raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.linting import lint_across
from controlplane.contracts.loading import load_contract
from controlplane.contracts.rendering import render
from controlplane.contracts.vocabulary import OPERATORS, OURS, PREFIX, PROPERTIES
from controlplane.kernel.problems import Problem
from tests.unit.contracts.kit import SHIPMENTS, loaded


def _paths(data: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [step for key, value in items for step in ((*path, key), *_paths(value, (*path, key)))]


DOCUMENT = dict(loaded().document)
WORDS = [
    *OPERATORS, *OURS, *(PREFIX + name for names in PROPERTIES.values() for name in names), "v3.0.2", "v3.2.0", "scd2",
    "overwrite", "truncate", "sql", "custom", "text", "controlplane", "rule", "metric", "id", "silver.shipments", "shipment_id",
    "P1D", "P99999999999D", "sum(weight)", "state = 'x'", "(?=a)", "((", "bucket(8, state)", "0 * * * *", "2027-01-01", "", " ",
    "\\n", "é",
]  # fmt: skip
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
    | st.lists(st.sampled_from(WORDS) | st.integers(), max_size=3)
    | st.dictionaries(st.sampled_from(WORDS), st.sampled_from(WORDS) | st.integers() | st.booleans(), max_size=3)
)


def _refused_or_loaded(text: str) -> None:
    refused: tuple[Problem, ...] = ()
    try:
        contract = load_contract(text + "\n", today=date(2027, 1, 1))
    except ContractInvalidError as error:
        refused = error.problems
    else:
        lint_across([contract])
        load_contract(render(contract))
        return
    assert refused
    assert all(problem.message and "\n" not in problem.message for problem in refused)
    assert all(1 <= problem.line <= text.count("\n") + 2 for problem in refused)


CHANGES = st.tuples(st.sampled_from(_paths(DOCUMENT)), st.sampled_from(["drop", "replace", "rename", "double"]), VALUES)


@given(st.lists(CHANGES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_changed_values(changes: list[tuple[tuple[str | int, ...], str, object]]) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    for path, change, value in changes:
        _apply(document, path, change, value)
    _refused_or_loaded(yaml.safe_dump(document, allow_unicode=True))


def _apply(document: object, path: tuple[str | int, ...], change: str, value: object) -> None:
    owner: object = document
    for step in path[:-1]:
        inside = isinstance(owner, dict) and step in owner
        listed = isinstance(owner, list) and isinstance(step, int) and step < len(owner)
        if not (inside or listed):
            return
        owner = owner[step]  # type: ignore[index]
    last = path[-1]
    if isinstance(owner, dict) and last in owner:
        old = owner[last]
        changed: dict[str, Callable[[], object]] = {
            "drop": lambda: owner.pop(last),
            "replace": lambda: owner.update({last: value}),
            "rename": lambda: owner.update({str(value): owner.pop(last)}),
            "double": lambda: owner.update({last: [old, old]}),
        }
        changed[change]()
    elif isinstance(owner, list) and isinstance(last, int) and last < len(owner):
        owner[last : last + 1] = {"drop": [], "double": [owner[last], owner[last]]}.get(change, [value])


@given(st.integers(0, len(SHIPMENTS)), st.integers(0, 30), st.text(max_size=6))
@settings(max_examples=150, deadline=None)
def test_changed_characters(start: int, length: int, new: str) -> None:
    _refused_or_loaded(SHIPMENTS[:start] + new + SHIPMENTS[start + length :])


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_text(text: str) -> None:
    _refused_or_loaded(text)
