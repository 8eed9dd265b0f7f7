from __future__ import annotations

import pytest

from controlplane.kernel.json_schemas import JsonSchema

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
        "kind": {"enum": ["small", "large"]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True},
        "either": {"oneOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "number"}}}]},
        "rule": {"$ref": "#/$defs/rule"},
    },
    "unevaluatedProperties": False,
    "$defs": {
        "rule": {
            "type": "object",
            "properties": {"type": {"type": "string"}},
            "allOf": [
                {"if": {"properties": {"type": {"const": "sql"}}, "required": ["type"]}, "then": {"$ref": "#/$defs/sql"}},
                {"if": {"properties": {"type": {"const": "text"}}, "required": ["type"]}, "then": {"properties": {"text": {}}}},
            ],
            "unevaluatedProperties": False,
        },
        "sql": {"properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}


@pytest.mark.parametrize(
    ("data", "path", "sentence"),
    [
        ({}, (), "the key 'name' is missing"),
        ([], (), "must be a map, not a list"),
        ({"name": 1}, ("name",), "must be text, not the number 1"),
        ({"name": "A"}, ("name",), "'A' is not written as allowed; it must match ^[a-z]+$"),
        ({"name": "a", "nmae": 1}, ("nmae",), "unknown key 'nmae': did you mean 'name'?"),
        ({"name": "a", "size": True}, ("size",), "must be a whole number, not the truth value true"),
        ({"name": "a", "size": 0}, ("size",), "must be at least 1, not 0"),
        ({"name": "a", "size": 10}, ("size",), "must be less than 10, not 10"),
        ({"name": "a", "kind": "smal"}, ("kind",), "unknown value 'smal': did you mean 'small'? allowed are small, large"),
        ({"name": "a", "tags": ["x", 1]}, ("tags", 1), "must be text, not the number 1"),
        ({"name": "a", "tags": ["x", "y", "z"]}, ("tags",), "may have at most 2 items, not 3"),
        ({"name": "a", "tags": ["x", "x"]}, ("tags",), "holds the same item twice"),
        ({"name": "a", "either": 1}, ("either",), "must be text or a map, not the number 1"),
        ({"name": "a", "either": {"a": "x"}}, ("either", "a"), "must be a number, not the text 'x'"),
        ({"name": "a", "rule": {"type": "sql"}}, ("rule",), "the key 'query' is missing"),
        ({"name": "a", "rule": {"type": "sql", "query": None}}, ("rule", "query"), "must be text, not empty"),
        ({"name": "a", "rule": {"type": "x", "text": 1}}, ("rule", "text"), "the key 'text' is not for this kind of entry"),
        ({"name": "a", "rule": {"type": "sql", "query": "", "qery": 1}}, ("rule", "qery"), "did you mean 'query'?"),
    ],
)
def test_an_error_is_one_sentence_at_its_place(data: object, path: tuple[str | int, ...], sentence: str) -> None:
    ((found, message),) = JsonSchema(SCHEMA).errors(data)
    assert found == path
    assert sentence in message


def test_what_fits_has_no_errors() -> None:
    sound = {"name": "a", "size": 9, "kind": "large", "tags": [], "either": {}, "rule": {"type": "text", "text": 1}}
    assert JsonSchema(SCHEMA).errors(sound) == []


def test_keys_of_a_branch_that_fails_are_not_called_unknown() -> None:
    errors = JsonSchema(SCHEMA).errors({"name": "a", "rule": {"type": "sql", "query": 1}})
    assert [message for _, message in errors] == ["must be text, not the number 1"]
