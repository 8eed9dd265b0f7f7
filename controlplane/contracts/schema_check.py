"""The standard's own JSON schemas: which version a contract declares, and whether it fits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from controlplane.contracts.vocabulary import API_VERSIONS
from controlplane.kernel.json_schemas import JsonSchema
from controlplane.kernel.problems import Steps, kind_of, unknown
from controlplane.kernel.reading import Issues

CURRENT = "v3.1.0"
"""The version we write."""

_FILES = {"v3.0.0": "3.0.1", "v3.0.1": "3.0.1", "v3.0.2": "3.0.2", "v3.1.0": "3.1.0", "v3.2.0": "3.2.0"}

_OPEN = ("Server", "DataQuality", "SupportItem", "Pricing", "Team", "Role", "ServiceLevelAgreementProperty", "CustomProperty")
"""Definitions that 3.0 leaves open, so that a misspelt key passes; we close them."""


def check_schema(data: Mapping[str, object], issues: Issues) -> str | None:
    """Return the version of the standard whose schema a contract fits; None where it breaks the one it declares.

    One that only fits 3.1.0 is accepted with a warning: three of the standard's own examples are such.
    """
    declared = data.get("apiVersion")
    if not isinstance(declared, str):
        what = "is missing" if declared is None else f"must be text, not {kind_of(declared)}"
        issues.add(("apiVersion",), f"apiVersion {what}; allowed are {', '.join(API_VERSIONS)}")
        return None
    if declared not in API_VERSIONS:
        issues.add(("apiVersion",), unknown("version of the standard", declared, API_VERSIONS))
        return None
    errors = schema_errors(data, declared)
    if not errors:
        return declared
    if declared != CURRENT:
        newer = schema_errors({**data, "apiVersion": CURRENT}, CURRENT)
        if not newer:
            message = f"breaks the schema of {declared} that it declares but fits {CURRENT}; set apiVersion: {CURRENT}"
            issues.warn(("apiVersion",), message)
            return CURRENT
        errors = min(newer, errors, key=len)
    for path, message in errors:
        issues.add(path, message)
    return None


def schema_errors(data: Mapping[str, object], version: str) -> list[tuple[Steps, str]]:
    """Return where a contract breaks the schema of a version of the standard."""
    return _schema(version).errors(data)


def unnamed_keys(data: Mapping[str, object], version: str) -> list[tuple[Steps, str]]:
    """Return the keys that 3.0's schemas let pass without knowing them, with the sentence for each."""
    return _closed(version).errors(data) if version.startswith("v3.0") else []


@cache
def _schema(version: str) -> JsonSchema:
    schema = _document(version)
    if not version.startswith("v3.0"):
        schema["properties"]["description"]["unevaluatedProperties"] = False
    return JsonSchema(schema)


@cache
def _closed(version: str) -> JsonSchema:
    schema = _document(version)
    definitions = schema["$defs"]
    open_ones = [*(definitions[name] for name in _OPEN), definitions["AuthoritativeDefinitions"]["items"]]
    for definition in (*open_ones, schema["properties"]["description"]):
        definition["unevaluatedProperties"] = False
    return JsonSchema(schema)


def _document(version: str) -> dict[str, Any]:
    file = resources.files("controlplane") / "schemas" / "odcs" / f"odcs-{_FILES[version]}.schema.json"
    schema: dict[str, Any] = json.loads(file.read_text("utf-8"))
    schema["$defs"]["AnyType"] = True  # the same as its list of all types, and quicker
    for condition in _conditions(schema):
        # Without ``required`` the condition also holds where there is no logicalType, and then no option would be allowed.
        if "logicalType" in condition.get("properties", {}):
            condition["required"] = ["logicalType"]
    return schema


def _conditions(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        condition = schema.get("if")
        if isinstance(condition, dict):
            yield from (condition, *condition.get("anyOf", ()))
        for inner in schema.values():
            yield from _conditions(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _conditions(inner)
