"""JSON Schema (drafts 2019-09 and 2020-12) with the errors as sentences that name the key, what is wrong and what is allowed.

The keywords that take most of the library's time are evaluated here: what is plainly right is passed over without a
validator of its own, and only what may be wrong is left to the library. Where a branch of an ``allOf`` fails, its keys still
count as evaluated: the branch's own error is reported, not its echo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from jsonschema import validators
from jsonschema.exceptions import ValidationError

from controlplane.kernel.problems import Steps, kind_of, listed, shown, unknown

_Schema: TypeAlias = Mapping[str, Any]

_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
    "null": "empty",
}

_PYTHON: dict[str, type | tuple[type, ...]] = {"string": str, "array": list, "object": dict}
_SAYS_NOTHING = frozenset({"type", "title", "description", "examples", "default", "deprecated", "$comment"})

_DEPTH = 6

_LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be greater than {}",
    "exclusiveMaximum": "must be less than {}",
    "minItems": "needs at least {} items",
    "maxItems": "may have at most {} items",
    "minLength": "needs at least {} characters",
    "maxLength": "may have at most {} characters",
    "minProperties": "needs at least {} keys",
    "const": "must be {}",
}


class JsonSchema:
    """One JSON schema, ready to check many documents.

    Only references inside the schema (``#/...``) are followed.
    """

    def __init__(self, schema: _Schema) -> None:
        self._schema = schema
        self._targets: dict[str, Any] = {}
        self._kinds: dict[int, type | tuple[type, ...] | None] = {}
        keywords = {
            "$ref": self._follow,
            "properties": self._properties,
            "if": self._if,
            "unevaluatedProperties": self._unevaluated,
            "additionalProperties": self._additional,
        }
        extend = cast("Any", validators.extend)
        self._validator: Any = extend(validators.validator_for(schema), keywords)(schema)

    def errors(self, data: object) -> list[tuple[Steps, str]]:
        """Return what is wrong with a document: where, and the sentence. Empty when it fits the schema."""
        found = dict.fromkeys(
            (tuple(leaf.absolute_path), self._sentence(leaf))
            for error in self._validator.iter_errors(data)
            for leaf in _leaves(error)
        )
        return list(found)

    def _target(self, reference: str) -> Any:
        if reference not in self._targets:
            target: Any = self._schema
            for step in reference.removeprefix("#").strip("/").split("/"):
                target = target[step] if step else target
            self._targets[reference] = target
        return self._targets[reference]

    def _follow(self, validator: Any, reference: str, instance: object, _: _Schema) -> Iterator[ValidationError]:
        errors: Iterator[ValidationError] = validator.descend(instance, self._target(reference))
        return errors

    def _properties(self, validator: Any, properties: _Schema, instance: object, _: _Schema) -> Iterator[ValidationError]:
        for key, value in instance.items() if isinstance(instance, dict) else ():
            schema = properties.get(key, True)
            if schema is not True and not self._plainly_right(value, schema):
                yield from validator.descend(value, schema, path=key, schema_path=key)

    def _plainly_right(self, value: object, schema: Any) -> bool:
        """Return whether a schema asks for nothing but a kind of value, and this is one."""
        number = id(schema)
        if number not in self._kinds:
            plain = isinstance(schema, dict) and schema.keys() <= _SAYS_NOTHING and isinstance(schema.get("type"), str)
            self._kinds[number] = _PYTHON.get(schema["type"]) if plain else None
        kind = self._kinds[number]
        return kind is not None and isinstance(value, kind)

    def _if(self, validator: Any, condition: Any, instance: object, schema: _Schema) -> Iterator[ValidationError]:
        branch = "then" if _holds(validator, condition, instance) else "else"
        if branch in schema:
            yield from validator.descend(instance, schema[branch], schema_path=branch)

    def _additional(self, validator: Any, rest: Any, instance: object, schema: _Schema) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            own = schema.get("properties", {})
            for key in instance.keys() - own.keys():
                yield from self._unknown(validator, rest, instance[key], (key, sorted(own), set()))

    def _unevaluated(self, validator: Any, rest: Any, instance: object, schema: _Schema) -> Iterator[ValidationError]:
        if isinstance(instance, dict):
            around = {key: value for key, value in schema.items() if key != "unevaluatedProperties"}
            known = dict.fromkeys(self._evaluated(validator, instance, around))
            for key in instance.keys() - known.keys():
                elsewhere = set(self._named(around, 0)) if rest is False else set()
                yield from self._unknown(validator, rest, instance[key], (key, sorted(known), elsewhere))

    @staticmethod
    def _unknown(validator: Any, rest: Any, value: object, key: tuple[str, list[str], set[str]]) -> Iterator[ValidationError]:
        """Yield what is wrong with a key (its name, the names allowed here, the names allowed by branches not taken)."""
        name, allowed, elsewhere = key
        if rest is not False:
            yield from validator.descend(value, rest, path=name)
        elif name in elsewhere:
            message = f"the key {name!r} is not for this kind of entry; allowed are {listed(allowed)}"
            yield ValidationError(message, path=[name], validator="unknown key")
        else:
            yield ValidationError(unknown("key", name, allowed, elsewhere), path=[name], validator="unknown key")

    def _named(self, schema: Any, depth: int) -> Iterator[str]:
        """Yield every key that a schema or any branch of it names, whether or not the branch applies."""
        if isinstance(schema, bool) or depth > _DEPTH:
            return
        yield from schema.get("properties", ())
        inner = [self._target(schema["$ref"])] if "$ref" in schema else []
        inner += [schema[key] for key in ("if", "then", "else") if key in schema]
        inner += [branch for key in ("allOf", "anyOf", "oneOf") for branch in schema.get(key, ())]
        for branch in inner:
            yield from self._named(branch, depth + 1)

    def _evaluated(self, validator: Any, instance: dict[str, object], schema: Any) -> Iterator[str]:
        """Yield every key that this schema or one it applies names, whether the document has the key or not."""
        if isinstance(schema, bool):
            return
        if "$ref" in schema:
            yield from self._evaluated(validator, instance, self._target(schema["$ref"]))
        yield from schema.get("properties", ())
        if schema.get("additionalProperties", False) is not False or schema.get("unevaluatedProperties"):
            yield from instance
        for branch in self._applied(validator, instance, schema):
            yield from self._evaluated(validator, instance, branch)

    @staticmethod
    def _applied(validator: Any, instance: dict[str, object], schema: _Schema) -> Iterator[Any]:
        yield from schema.get("allOf", ())
        branches = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
        # Where none fits, that is the error; the keys that all of them name are not reported as unknown on top of it.
        yield from [branch for branch in branches if validator.evolve(schema=branch).is_valid(instance)] or branches
        if "if" in schema:
            holds = _holds(validator, schema["if"], instance)
            if holds:
                yield schema["if"]
            branch = schema.get("then" if holds else "else")
            if branch is not None:
                yield branch

    def _sentence(self, error: ValidationError) -> str:
        keyword, wanted = str(error.validator), cast("Any", error.validator_value)
        if keyword in {"anyOf", "oneOf"}:
            return self._alternatives(error, wanted)
        if keyword in _LIMITS:
            return f"{_LIMITS[keyword].format(shown(wanted))}, not {_size(keyword, error.instance)}"
        sentence = _SENTENCES.get(keyword, _other)
        return sentence(error, wanted)

    def _alternatives(self, error: ValidationError, wanted: list[Any]) -> str:
        branches = [self._resolved(branch) for branch in wanted]
        needed = [branch["required"][0] for branch in branches if len(branch.get("required", ())) == 1]
        if branches and len(needed) == len(branches) and isinstance(error.instance, dict):
            present = [key for key in needed if key in error.instance]
            has = f"has {' and '.join(present)}; keep one" if len(present) > 1 else "has none"
            return f"exactly one of {listed(needed)} is needed, this {has}"
        kinds = [branch.get("type") for branch in branches]
        if branches and all(isinstance(kind, str) for kind in kinds) and len(set(kinds)) == len(kinds):
            return f"must be {_types(kinds)}, not {kind_of(error.instance)}"
        return f"{shown(error.instance)} is not written as allowed{_described(error)}"

    def _resolved(self, branch: Any) -> _Schema:
        if isinstance(branch, dict) and "$ref" in branch:
            return self._resolved(self._target(branch["$ref"]))
        return branch if isinstance(branch, dict) else {}


def _holds(validator: Any, condition: Any, instance: object) -> bool:
    """Return whether a condition holds; the usual one, a key with a constant value, is decided on the spot."""
    if isinstance(condition, dict) and isinstance(instance, dict):
        if condition.keys() == {"anyOf"}:
            return any(_holds(validator, each, instance) for each in condition["anyOf"])
        required, properties = condition.get("required", []), condition.get("properties", {})
        if condition.keys() <= {"required", "properties"} and all(each.keys() == {"const"} for each in properties.values()):
            return all(key in instance for key in required) and all(
                _same(instance[key], each["const"]) for key, each in properties.items() if key in instance
            )
    return bool(validator.evolve(schema=condition).is_valid(instance))


def _same(value: object, constant: object) -> bool:
    """Return whether two JSON values are equal; true is not 1."""
    return value == constant and isinstance(value, bool) == isinstance(constant, bool)


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Yield the errors worth telling: of alternatives, those of the one branch that has the right kind of value."""
    if error.validator in {"anyOf", "oneOf"} and error.context:
        branches: dict[object, list[ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        deeper = [inner for inner in branches.values() if all(len(each.path) > 0 for each in inner)]
        if len(deeper) == 1:
            for inner in deeper[0]:
                yield from _leaves(inner)
            return
    yield error


def _types(wanted: object) -> str:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    return " or ".join(_KINDS.get(str(kind), str(kind)) for kind in kinds)


def _described(error: ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, dict) else {}
    inner = schema.get("not")
    text = schema.get("description") or (inner.get("description") if isinstance(inner, dict) else None)
    return f" ({str(text).split('. ')[0].rstrip('.')})" if text else ""


def _size(keyword: str, instance: object) -> str:
    if keyword.endswith(("Items", "Length", "Properties")) and isinstance(instance, list | str | dict):
        return str(len(instance))
    return shown(instance)


def _wrong_kind(error: ValidationError, wanted: Any) -> str:
    return f"must be {_types(wanted)}, not {kind_of(error.instance)}"


def _unlisted(error: ValidationError, wanted: Any) -> str:
    return unknown("value", error.instance, [str(word) for word in wanted])


def _missing(error: ValidationError, wanted: Any) -> str:
    missing = [key for key in wanted if isinstance(error.instance, dict) and key not in error.instance]
    keys = "key" if len(missing) == 1 else "keys"
    return f"the {keys} {listed(repr(key) for key in missing)} {'is' if len(missing) == 1 else 'are'} missing"


def _miswritten(error: ValidationError, wanted: Any) -> str:
    return f"{shown(error.instance)} is not written as allowed{_described(error)}; it must match {wanted}"


def _repeated(_: ValidationError, __: Any) -> str:
    return "holds the same item twice; every item may stand once"


def _refused(error: ValidationError, _: Any) -> str:
    return f"{shown(error.instance)} is not written as allowed{_described(error)}"


def _other(error: ValidationError, _: Any) -> str:
    return f"does not fit {str(error.validator)!r} of the format{_described(error)}"


_SENTENCES: Mapping[str, Callable[[ValidationError, Any], str]] = {
    "unknown key": lambda error, _: str(error.message),
    "type": _wrong_kind,
    "enum": _unlisted,
    "required": _missing,
    "pattern": _miswritten,
    "uniqueItems": _repeated,
    "not": _refused,
}
