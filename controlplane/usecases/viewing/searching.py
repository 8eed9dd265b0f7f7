"""Finding a dataset, a field or a check by part of its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TypeAlias

from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.viewing.statements import descriptions, title

_KINDS = ("dataset", "field", "check")

Place: TypeAlias = tuple[int, int, str, str]
"""How well a name fits, which kind it is, its dataset, and the name: places sort best first."""


@dataclass(frozen=True)
class Hit:
    """One thing found.

    Attributes:
        kind: ``dataset``, ``field`` or ``check``.
        name: the dataset's name, the field's name or the check's id; dataset: where it is.
        about: a line that helps to choose.
    """

    kind: str
    name: str
    dataset: str
    about: str


@dataclass(frozen=True)
class Hits:
    """What was found, best first; ``total``: how many there are."""

    text: str
    shown: tuple[Hit, ...]
    total: int


def search(ports: Ports, text: str, *, limit: int = 50) -> Hits:
    """Return datasets, fields and checks whose name has all words of a text: exact names, then beginnings, then the rest."""
    folded = text.casefold().strip()
    words = folded.split()
    if not words:
        return Hits(text, (), 0)
    places = [place for governed in ports.platform.datasets.values() for place in _places(governed, words, folded)]
    best = nsmallest(limit, places)
    return Hits(text, tuple(_hit(ports, *place[1:]) for place in best), len(places))


def _places(governed: Governed, words: Sequence[str], text: str) -> Iterator[Place]:
    """Yield what of a dataset has all words in its name; a field and a check answer to their dataset's name too."""
    name = governed.name.casefold()
    left = [word for word in words if word not in name]
    if not left:
        yield _fit(name, text), 0, governed.name, governed.name
        return
    for field in governed.spec.fields:
        if _has(field.name.casefold(), left):
            yield _fit(field.name.casefold(), text), 1, governed.name, field.name
    for check in governed.checks:
        if _has(check.id.casefold(), left):
            yield _fit(check.id.casefold(), text), 2, governed.name, check.id


def _has(name: str, words: Sequence[str]) -> bool:
    return words[0] in name and all(word in name for word in words[1:])


def _fit(name: str, text: str) -> int:
    """Return how well a name fits: 0 exactly, 1 from its beginning, 2 anywhere."""
    last = name.rpartition(".")[2]
    if text in {name, last}:
        return 0
    return 1 if name.startswith(text) or last.startswith(text) else 2


def _hit(ports: Ports, kind: int, dataset: str, name: str) -> Hit:
    """Return a hit with the line that helps to choose."""
    governed = ports.platform.datasets[dataset]
    if kind == _KINDS.index("dataset"):
        return Hit("dataset", name, dataset, governed.spec.description or "")
    field = governed.spec.field(name)
    if kind == _KINDS.index("field") and field is not None:
        return Hit("field", name, dataset, field.description or field.type)
    check = next(check for check in governed.checks if check.id == name)
    return Hit("check", name, dataset, descriptions(governed.spec).get(name) or title(check))
