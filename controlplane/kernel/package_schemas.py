"""JSON schemas that ship with the product, for editors and for checking what they complete."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from controlplane.kernel.json_schemas import JsonSchema


@cache
def package_schema(name: str) -> JsonSchema:
    """Return a schema of ``controlplane/schemas`` by its file name, read once."""
    file = resources.files("controlplane") / "schemas" / name
    return JsonSchema(json.loads(file.read_text("utf-8")))
