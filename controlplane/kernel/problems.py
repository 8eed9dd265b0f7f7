"""What is wrong with a file that a person wrote: every problem at once, each with its place and what would be right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from controlplane.kernel.errors import ConfigurationError

Steps: TypeAlias = tuple[str | int, ...]
"""Where in a document something stands: keys and list positions from the top."""

_SHOWN = 60


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in one file.

    Attributes:
        line: from 1.
        path: where in the document, for people: ``schema[orders].properties[amount].quality``; empty for the whole file.
        message: one sentence: what is wrong and what is allowed.
    """

    file: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: "
        return f"{where}{self.path}: {self.message}" if self.path else f"{where}{self.message}"


class DocumentInvalidError(ConfigurationError):
    """Raised when a file that a person wrote cannot be used; its text lists every problem, one per line.

    Attributes:
        problems: by file and line.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(value: object) -> str:
    """Return a value as a message shows it: quoted, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def listed(words: Iterable[object]) -> str:
    """Return words as a list for a sentence, or ``nothing``."""
    return ", ".join(str(word) for word in words) or "nothing"


def nearest(word: str, allowed: Collection[str], cutoff: float = 0.6) -> str | None:
    """Return the allowed word that was probably meant, None when none is near."""
    folded = {known.casefold(): known for known in allowed}
    found = get_close_matches(word.casefold(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def unknown(what: str, word: object, allowed: Sequence[str], elsewhere: Collection[str] = ()) -> str:
    """Return the sentence for a word that is none of the allowed ones: what was probably meant, and what is allowed.

    Args:
        what: kind of word, such as ``key``.
        word: as it is written.
        allowed: the words allowed here.
        elsewhere: words that are not, but that may have been meant.
    """
    guess = nearest(word, (*allowed, *elsewhere)) if isinstance(word, str) else None
    meant = f": did you mean {guess!r}?" if guess else ";"
    return f"unknown {what} {shown(word)}{meant} allowed are {listed(allowed)}"


def kind_of(value: object) -> str:
    """Return the kind of a YAML value in plain words, with the value where it is short."""
    match value:
        case None:
            return "empty"
        case bool():
            return f"the truth value {str(value).lower()}"
        case int() | float():
            return f"the number {shown(value)}"
        case str():
            return f"the text {shown(value)}"
        case list():
            return "a list"
        case _:
            return "a map"
