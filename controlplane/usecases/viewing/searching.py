"""Finding a dataset, a field or a check by part of its name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.viewing.statements import descriptions, title


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
    words = text.casefold().split()
    if not words:
        return Hits(text, (), 0)
    found = [
        (_place(hit, text.casefold().strip()), hit)
        for governed in ports.platform.datasets.values()
        for hit in _found(governed, words)
    ]
    found.sort(key=lambda entry: (entry[0], entry[1].dataset, entry[1].name))
    return Hits(text, tuple(hit for _, hit in found[:limit]), len(found))


def _found(governed: Governed, words: list[str]) -> Iterator[Hit]:
    """Yield what of a dataset has all words in its name; a field and a check answer to their dataset's name too."""
    name = governed.name.casefold()
    if all(word in name for word in words):
        yield Hit("dataset", governed.name, governed.name, governed.spec.description or "")
    left = [word for word in words if word not in name]
    if not left:
        return
    for field in governed.spec.fields:
        if all(word in field.name.casefold() for word in left):
            yield Hit("field", field.name, governed.name, field.description or field.type)
    written: dict[str, str] | None = None
    for check in governed.checks:
        if all(word in check.id.casefold() for word in left):
            written = written if written is not None else dict(descriptions(governed.spec))
            yield Hit("check", check.id, governed.name, written.get(check.id) or title(check))


def _place(hit: Hit, text: str) -> tuple[int, int]:
    """Return how well a hit fits: (exact, beginning, anywhere), then datasets before fields before checks."""
    name = hit.name.casefold()
    last = name.rpartition(".")[2]
    begins = name.startswith(text) or last.startswith(text)
    fit = 0 if text in {name, last} else 1 if begins else 2
    return fit, ("dataset", "field", "check").index(hit.kind)
