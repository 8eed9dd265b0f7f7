"""``Contract`` -> YAML of the standard, version 3.1.0, with nothing lost.

What 3.0 wrote otherwise is translated: bounds that are true or false become numbers, quality entries 3.1 has no words for
become texts with their old keys as custom properties. What only 3.2 can say is written as 3.2.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import yaml

from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.fields import numeric_bounds
from controlplane.contracts.model import Contract
from controlplane.contracts.schema_check import CURRENT, schema_errors
from controlplane.contracts.vocabulary import LIBRARY
from controlplane.kernel.problems import Problem, Steps

_WIDTH = 120
_BREAKS = re.compile("[\r\x85\u2028\u2029]")
"""Line breaks that only escapes keep apart."""

_TEXT_KEYS = (
    "id", "name", "description", "dimension", "severity", "businessImpact", "method", "unit", "schedule", "scheduler", "tags",
    "customProperties", "authoritativeDefinitions",
)  # fmt: skip
_ROUNDS = 3


class _Dumper(yaml.SafeDumper):
    """Quotes whatever any YAML reader, of version 1.1 or 1.2, might take for something else than the text it is."""

    def ignore_aliases(self, data: object) -> bool:
        """Write every value out."""
        del data
        return True


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+)$"),
    list("-+.0123456789"),
)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def render(contract: Contract) -> str:
    """Return a contract as YAML of version 3.1.0 (3.2.0 where only that can say it), from its ``document``.

    Loading it again gives an equal contract; places, digest, warnings and the declared version aside.

    Raises:
        ContractInvalidError: the contract has no document: it was not loaded from a file.
    """
    if not contract.document:
        message = "the contract was not loaded from a file, so there is nothing to write"
        raise ContractInvalidError([Problem(contract.place.file, contract.place.line, "", message)])
    document = _upgraded(dict(contract.document))
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as 3.1.0, or as it is where 3.1.0 cannot say all of it."""
    found = {**copy.deepcopy(document), "apiVersion": CURRENT}
    if str(document.get("apiVersion")).startswith("v3.0"):
        for options in _all(found, "logicalTypeOptions"):
            numbers = numeric_bounds(options)
            options.clear()
            options.update(numbers)
    for _ in range(_ROUNDS):
        errors = schema_errors(found, CURRENT)
        if not errors:
            return found
        for path in dict.fromkeys(_mendable(path) for path, _ in errors):
            _mend(found, path)
    return document


def _all(data: object, key: str) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict):
        for name, value in data.items():
            if name == key and isinstance(value, dict):
                yield value
            elif name != "customProperties":
                yield from _all(value, key)
    elif isinstance(data, list):
        for item in data:
            yield from _all(item, key)


def _mendable(path: Steps) -> Steps:
    """Return the path of the quality entry in which something stands; the path itself where it stands in none."""
    positions = [number for number, step in enumerate(path) if step == "quality" and len(path) > number + 1]
    return path[: positions[-1] + 2] if positions else path


def _mend(document: dict[str, Any], path: Steps) -> None:
    """Say in 3.1 what stands at a path that 3.1 refuses, where that is possible."""
    if len(path) > 1 and path[-2] == "quality":
        entry = _at(document, path)
        if isinstance(entry, dict):
            _restate(entry)
    elif path and isinstance(path[-1], str) and path[0] in {"team", "roles", "support", "servers"}:
        owner = _at(document, path[:-1])
        if isinstance(owner, dict) and path[-1] in owner:
            _set_aside(owner, path[-1])


def _at(data: Any, path: Steps) -> Any:
    for step in path:
        inside = isinstance(data, dict) and step in data
        listed = isinstance(data, list) and isinstance(step, int) and step < len(data)
        if not (inside or listed):
            return None
        data = data[step]
    return data


def _restate(entry: dict[str, Any]) -> None:
    if entry.get("rule") in LIBRARY and "metric" not in entry:
        entry["metric"] = entry.pop("rule")
        return
    for key in [key for key in entry if key not in {*_TEXT_KEYS, "type"}]:
        _set_aside(entry, key)
    if "type" in entry and entry["type"] != "text":
        _set_aside(entry, "type")
    entry["type"] = "text"


def _set_aside(owner: dict[str, Any], key: str) -> None:
    """Keep a key that 3.1 does not know as a custom property of the same name."""
    properties = owner.setdefault("customProperties", [])
    if isinstance(properties, list):
        properties.append({"property": key, "value": owner.pop(key)})
