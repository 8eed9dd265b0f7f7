"""YAML files that people write: read as plain data with the line of everything, nothing guessed and nothing hidden.

The scalars are those of the YAML 1.2 core schema: a date stays the text it is, and so do ``no``, ``on`` and ``10:30``.
Anchors, tags and several documents in one file are refused: what a steward reads is what is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import cast

import yaml

from controlplane.kernel.problems import DocumentInvalidError, Problem, Steps, shown

_LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 5_000_000
_MAX_DEPTH = 40
_MAX_DIGITS = 300

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_SENTENCES = {
    "found a tab character that violates indentation": "a tab stands where spaces are needed; indent with spaces",
    "found character that cannot start any token": "a value cannot start with this character; put it in quotes",
    "mapping values are not allowed in this context": "a second ': ' stands in one value; quote the value or indent the line",
    "could not find expected ':'": "a line is neither 'key: value' nor '- item'",
    "did not find expected key": "the indentation does not fit the lines above",
    "did not find expected ',' or ']'": "a list that starts with '[' is not closed with ']'",
    "did not find expected ',' or '}'": "a map that starts with '{' is not closed with '}'",
    "did not find expected '-' indicator": "the indentation does not fit the list above; every item starts with '- '",
    "found unexpected end of stream": "a quoted text is not closed",
    "found unknown escape character": "unknown escape after a backslash; use single quotes for texts with backslashes",
}


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data (maps with text keys, lists, texts, numbers, truth values, None) and its lines.

    Attributes:
        file: the file's name as people know it.
        lines: line (from 1) of every key and list item.
    """

    file: str
    data: object
    lines: Mapping[Steps, int] = field(default_factory=dict)

    def line(self, path: Steps) -> int:
        """Return the line of what stands at a path, or of the nearest thing around it that exists."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 1

    def shown(self, path: Steps) -> str:
        """Return a path for people: list items by their name or id where they have one, else by position from 0."""
        text, at = "", self.data
        for step in path:
            at = _child(at, step)
            if isinstance(step, str):
                text += f".{step}" if text else step
            else:
                text += f"[{_label(at, step)}]"
        return text

    def problem(self, path: Steps, message: str) -> Problem:
        """Return a problem at a path of this document."""
        return Problem(self.file, self.line(path), self.shown(path), message)


def _child(at: object, step: str | int) -> object:
    if isinstance(at, dict):
        return at.get(step)
    return at[step] if isinstance(at, list) and isinstance(step, int) and step < len(at) else None


def _label(item: object, position: int) -> str:
    if isinstance(item, dict):
        for key in ("name", "id", "property"):
            if isinstance(item.get(key), str) and item[key]:
                return str(item[key])
    return str(position)


def read_document(path: Path, name: str | None = None) -> tuple[Document, bytes]:
    """Return a YAML file and its bytes.

    Args:
        path: of the file.
        name: what to call the file in messages; its path when None.

    Raises:
        DocumentInvalidError: it cannot be read, or is not YAML as described above.
    """
    file = name or str(path)
    try:
        size = path.stat().st_size if path.is_file() else 0
        if size > _MAX_BYTES:
            raise DocumentInvalidError([Problem(file, 1, "", _too_large(size))])
        content = path.read_bytes()
    except OSError as error:
        message = f"the file cannot be read ({error.strerror or type(error).__name__}); check its name and permissions"
        raise DocumentInvalidError([Problem(file, 1, "", message)]) from None
    return parse_document(content, file), content


def _too_large(size: int) -> str:
    return f"the file has {size} bytes; at most {_MAX_BYTES} are read, so split it"


def parse_document(content: bytes, file: str) -> Document:
    """Return the document that YAML bytes hold.

    Raises:
        DocumentInvalidError: the bytes are not UTF-8, not YAML, or use what is not read (see the module).
    """
    if len(content) > _MAX_BYTES:
        raise DocumentInvalidError([Problem(file, 1, "", _too_large(len(content)))])
    text = _decoded(content, file)
    reader = _Reader(file)
    try:
        reader.read(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        raise DocumentInvalidError([*reader.problems, Problem(file, _line_of(error), "", _sentence(error, text))]) from None
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes of UTF-8 and gives the character as a number
        line = text.encode("utf-8").count(b"\n", 0, error.position) + 1
        number = error.character if isinstance(error.character, int) else ord(error.character)
        message = f"the character U+{number:04X} is not allowed in YAML; remove it or write it as an escape"
        raise DocumentInvalidError([Problem(file, line, "", message)]) from None
    if reader.problems:
        raise DocumentInvalidError(reader.problems)
    return Document(file, reader.data, reader.lines)


def _decoded(content: bytes, file: str) -> str:
    if b"\0" in content:
        message = "the file holds zero bytes: it is binary or UTF-16, not a text file in UTF-8"
        raise DocumentInvalidError([Problem(file, content.count(b"\n", 0, content.index(b"\0")) + 1, "", message)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise DocumentInvalidError([Problem(file, line, "", message)]) from None


def _line_of(error: yaml.MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    unclosed = error.context_mark and error.problem and "end of stream" in error.problem
    return 1 if mark is None else (error.context_mark.line if unclosed and error.context_mark else mark.line) + 1


def _sentence(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    lines = text.splitlines()
    if mark is not None and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        return "not YAML: a tab stands where spaces are needed; indent with spaces"
    problem = error.problem or "it cannot be parsed"
    return f"not YAML: {_SENTENCES.get(problem, problem)}"


class _Reader:
    """Builds plain data from YAML events, noting lines and problems; one event at a time, so nothing can explode."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.data: object = None
        self.lines: dict[Steps, int] = {}
        self.problems: list[Problem] = []
        self._documents = 0

    def read(self, events: Iterator[yaml.Event]) -> None:
        """Read all events; what is refused is noted and its content skipped."""
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, (), "a second document starts here; write one document per file")
                    return
            elif isinstance(event, yaml.NodeEvent):
                self.data = self._value(event, events, ())

    def _refuse(self, event: yaml.Event, path: Steps, message: str) -> None:
        shown_path = Document(self.file, None).shown(path)
        self.problems.append(Problem(self.file, _line(event), shown_path, message))

    def _value(self, event: yaml.NodeEvent, events: Iterator[yaml.Event], path: Steps) -> object:
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, path, f"the alias *{event.anchor} is not read; write the value out")
            return None
        if event.anchor is not None:
            self._refuse(event, path, f"the anchor &{event.anchor} is not read; remove it and write values out")
        tag: str | None = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            self._refuse(event, path, f"the tag {tag} is not read; remove it")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if len(path) >= _MAX_DEPTH:
            message = f"this is nested deeper than {_MAX_DEPTH} levels; no file of ours is"
            self._refuse(event, path[:3], message)
            raise DocumentInvalidError(self.problems)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, path)
        return self._map(events, path)

    def _list(self, events: Iterator[yaml.Event], path: Steps) -> list[object]:
        found: list[object] = []
        for event in events:
            if not isinstance(event, yaml.NodeEvent):
                break
            found.append(self._value(event, events, (*path, len(found))))
        return found

    def _map(self, events: Iterator[yaml.Event], path: Steps) -> dict[str, object]:
        found: dict[str, object] = {}
        for event in events:
            if not isinstance(event, yaml.NodeEvent):
                break
            key = self._key(event, events, path)
            here = path if key is None else (*path, key)
            if key in found:
                message = f"the key {shown(key)} stands twice (first in line {self.lines[here]}); remove one"
                self._refuse(event, here, message)
            self.lines[here] = _line(event)
            value = self._value(cast("yaml.NodeEvent", next(events)), events, here)
            if key is not None:
                found[key] = value
        return found

    def _key(self, event: yaml.NodeEvent, events: Iterator[yaml.Event], path: Steps) -> str | None:
        """Return a key as the text it is written as; None when it is no plain text."""
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                self._refuse(event, path, f"the anchor &{event.anchor} is not read; remove it and write values out")
            return event.value
        self._refuse(event, path, "a key must be text, not a list, a map or an alias")
        self._value(event, events, path)
        return None

    def _scalar(self, event: yaml.ScalarEvent, path: Steps) -> object:
        text: str = event.value
        if not event.implicit[0]:
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        number = _number(text)
        if number is None:
            return text
        if not isfinite(number):
            self._refuse(event, path, f"{shown(text)} is no number that can be stored; put it in quotes if it is text")
            return None
        return number


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _number(text: str) -> int | float | None:
    if _INT.fullmatch(text):
        if len(text) > _MAX_DIGITS:
            return inf
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    if _NO_NUMBER.fullmatch(text):
        return inf
    return float(text) if _FLOAT.fullmatch(text) else None
