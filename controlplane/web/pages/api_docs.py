"""What the JSON API offers, as a page of ours: no script from elsewhere, nothing a strict content policy forbids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from controlplane.api.callers import Caller
from controlplane.web.visiting import Visit

router = APIRouter()


@dataclass(frozen=True)
class Operation:
    """One thing the API can be asked.

    Attributes:
        parameters: (name, where it goes, its type, what it means), required ones marked in ``where``.
        body: fields of the document to send, as ``name: type``; answers: status and meaning.
        schema: name of the document that comes back, empty where it has none.
    """

    method: str
    path: str
    words: str
    parameters: Sequence[tuple[str, str, str, str]]
    body: Sequence[str]
    answers: Sequence[tuple[str, str]]
    schema: str


@router.get("/api/openapi.json")
def openapi(call: Caller, request: Request) -> Response:  # noqa: ARG001 (asking for a caller is what it is there for)
    """Return the OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/api/docs", response_class=HTMLResponse)
def api_docs(visit: Visit, request: Request) -> Response:
    """Show every operation of the API with its parameters and answers."""
    described = request.app.openapi()
    groups: dict[str, list[Operation]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(_operation(path, method, operation, described))
    schemas = described.get("components", {}).get("schemas", {})
    return visit.draw("api.html", active="api", groups=groups, count=sum(map(len, groups.values())), schemas=_schemas(schemas))


def _operation(path: str, method: str, operation: Mapping[str, Any], described: Mapping[str, Any]) -> Operation:
    parameters = [
        (
            entry["name"],
            entry["in"] + (", required" if entry.get("required") else ""),
            _type(entry["schema"]),
            entry.get("description", ""),
        )
        for entry in operation.get("parameters", ())
    ]
    answers = [(status, answer["description"]) for status, answer in operation["responses"].items()]
    ok = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return Operation(
        method=method.upper(),
        path=path,
        words=operation.get("description", operation.get("summary", "")),
        parameters=parameters,
        body=_body(operation, described),
        answers=answers,
        schema=_type(ok) if ok else "",
    )


def _body(operation: Mapping[str, Any], described: Mapping[str, Any]) -> Sequence[str]:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    names = [entry["$ref"].rpartition("/")[2] for entry in [schema, *schema.get("anyOf", ())] if "$ref" in entry]
    found: list[str] = []
    for name in names:
        fields = described["components"]["schemas"][name].get("properties", {})
        found += [f"{field}: {_type(kind)}" for field, kind in fields.items()]
    return found


def _schemas(schemas: Mapping[str, Any]) -> Sequence[tuple[str, Sequence[tuple[str, str]]]]:
    """Return the documents with their fields, those of errors of parameters left out."""
    return [
        (name, [(field, _type(kind)) for field, kind in schema["properties"].items()])
        for name, schema in schemas.items()
        if "properties" in schema and not name.startswith(("HTTP", "Validation"))
    ]


def _type(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(entry) for entry in schema["anyOf"] if entry.get("type") != "null"))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format", kind)) if kind == "string" else "nothing" if kind == "null" else kind
