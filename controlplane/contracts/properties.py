"""Our own properties in a contract: ``customProperties`` named ``controlplane.*``, each allowed at its level only.

Others' properties are kept untouched. A name that is nearly ours is an error: a misspelt label that is silently kept as
somebody else's would leave a field unprotected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from controlplane.contracts.vocabulary import PREFIX, PROPERTIES, Level
from controlplane.kernel.documents import Document
from controlplane.kernel.problems import Steps, listed, nearest, shown
from controlplane.kernel.reading import Issues, Section

_LISTS = "customProperties"
_NEAR = 0.84
_NOT_LETTERS = re.compile("[^a-z]")
_ENGINE = PREFIX.rstrip(".")


@dataclass(frozen=True)
class Properties:
    """Our properties of one thing (contract, object, field or check), by name behind the prefix.

    Attributes:
        entries: each is the entry of ``customProperties``; its ``value`` is still to be read.
    """

    entries: Mapping[str, Section] = field(default_factory=dict)

    def get(self, name: str) -> Section | None:
        """Return the entry of a property, None where it is not given."""
        return self.entries.get(name)


class PropertyIndex:
    """All of our properties in a contract, by the path of what they belong to."""

    def __init__(self, document: Document, issues: Issues) -> None:
        self._owners: dict[Steps, dict[str, Section]] = {}
        self._issues = issues
        for path, entry in _entries(document.data, ()):
            name = entry.get("property")
            if isinstance(name, str):
                self._take(path, name, entry)

    @property
    def any(self) -> bool:
        """Whether the contract has a property of ours: whether it is written for this product."""
        return bool(self._owners)

    def of(self, owner: Steps) -> Properties:
        """Return our properties of what stands at a path."""
        return Properties(self._owners.get(owner, {}))

    def _take(self, path: Steps, name: str, entry: Mapping[str, object]) -> None:
        owner = path[:-2]
        level = _level(owner)
        if not name.startswith(PREFIX):
            if nearly_ours(name):
                self._refuse_near(path, name, level)
            return
        found = self._owners.setdefault(owner, {})
        tail = name.removeprefix(PREFIX)
        if tail not in PROPERTIES[level]:
            self._issues.add((*path, "property"), _unknown(name, tail, level))
        elif tail in found:
            self._issues.add((*path, "property"), f"{shown(name)} stands twice in this list; remove one")
        else:
            found[tail] = Section(self._issues, path, dict(entry))

    def _refuse_near(self, path: Steps, name: str, level: Level) -> None:
        self._owners.setdefault(path[:-2], {})
        tail = re.split(r"[.:/]", name, maxsplit=1)[-1]
        guess = nearest(tail, PROPERTIES[level] or _all_names())
        better = f"write {PREFIX + guess!r}" if guess else f"our names start with {PREFIX!r}"
        self._issues.add((*path, "property"), f"the name {shown(name)} is nearly one of ours; {better}, or rename it")


def nearly_ours(name: str) -> bool:
    """Return whether a name that is not ours looks as if it was meant to be."""
    head = _NOT_LETTERS.sub("", re.split(r"[.:/]", name.strip(), maxsplit=1)[0].casefold())
    return head.startswith(_ENGINE) or SequenceMatcher(None, head, _ENGINE).ratio() >= _NEAR


def _entries(data: object, path: Steps) -> Iterator[tuple[Steps, Mapping[str, object]]]:
    """Yield every entry of every list of custom properties; what others put into their values is not looked into."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key == _LISTS and isinstance(value, list):
                for position, entry in enumerate(value):
                    if isinstance(entry, dict):
                        yield (*path, key, position), entry
            elif key not in {"implementation", "arguments"}:
                yield from _entries(value, (*path, key))
    elif isinstance(data, list):
        for position, item in enumerate(data):
            yield from _entries(item, (*path, position))


def _level(owner: Steps) -> Level:
    keys: Sequence[object] = [step for step in owner if isinstance(step, str)]
    levels = {
        (): Level.CONTRACT,
        ("schema",): Level.OBJECT,
        ("schema", "properties"): Level.FIELD,
        ("schema", "quality"): Level.CHECK,
        ("schema", "properties", "quality"): Level.CHECK,
    }
    return levels.get(tuple(str(key) for key in keys), Level.ELSEWHERE)


def _unknown(name: str, tail: str, level: Level) -> str:
    belongs = [str(other.value) for other, names in PROPERTIES.items() if tail in names]
    if belongs:
        return f"{shown(name)} belongs to {' or '.join(belongs)}, not to {level.value}"
    guess = nearest(tail, PROPERTIES[level] or _all_names())
    meant = f": did you mean {PREFIX + guess!r}?" if guess else ";"
    allowed = listed(PREFIX + other for other in PROPERTIES[level])
    return f"unknown property {shown(name)}{meant} allowed here are {allowed}"


def _all_names() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in PROPERTIES.values() for name in names))
