"""Proof of masking: search everything that was written for values of known persons (canaries), without repeating a value.

Here are the words and the search itself; ``pii_policies.detection`` decodes files into what is searched.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import unquote, unquote_plus

from controlplane.kernel.errors import ConfigurationError

_SHORTEST_CANARY = 4
_SHORTEST_PREFIX = 8
_ESCAPE = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(["'\\/]))""")


@dataclass(frozen=True, order=True)
class Finding:
    """A clear value where none may be.

    Attributes:
        place: where it is: a file, or ``file!table.column``; a canary in the place itself reads ``<canary 0>``.
        kind: what was decoded there: ``path``, ``bytes``, ``text``, ``json``, ``csv``, ``avro``, ``parquet``,
            ``parquet_statistics``, ``parquet_metadata``, ``sqlite`` or ``value``.
        canary: index of the canary; never its text.
    """

    place: str
    kind: str
    canary: int


@dataclass(frozen=True, order=True)
class DecodedPlace:
    """A place that was searched, and how many values were decoded in it."""

    place: str
    kind: str
    values: int


@dataclass(frozen=True, order=True)
class UnreadablePlace:
    """A place that could not be decoded, and why; nothing is proven about it."""

    place: str
    reason: str


@dataclass(frozen=True)
class Proof:
    """What a search found, where it looked, and where it could not."""

    findings: tuple[Finding, ...]
    places: tuple[DecodedPlace, ...]
    unreadable: tuple[UnreadablePlace, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was found, everything could be decoded, and there was something to decode."""
        return bool(self.places) and not self.findings and not self.unreadable

    @property
    def counts(self) -> Mapping[str, int]:
        """Places decoded per kind."""
        return Counter(place.kind for place in self.places)


class Search:
    """Looks for canaries in what it is shown, and remembers where it looked.

    A canary is found as written and in any case, also inside a longer text, and behind HTML, URL, JSON and Python escapes.
    """

    def __init__(self, canaries: Sequence[str]) -> None:
        """Take the clear values to look for.

        Raises:
            ConfigurationError: there is none, or one is shorter than four characters and would be found by chance.
        """
        if not canaries or min(map(len, canaries)) < _SHORTEST_CANARY:
            message = f"{len(canaries)} canaries given; at least one is needed, each of {_SHORTEST_CANARY} characters or more"
            raise ConfigurationError(message)
        self._needles = [(index, text, text.lower()) for index, text in enumerate(canaries)]
        self._beginnings = {lowered[:_SHORTEST_PREFIX] for _, _, lowered in self._needles}
        self.overlap = 4 * max(len(text.encode()) for text in canaries)
        self._findings = set[Finding]()
        self._places = Counter[tuple[str, str]]()
        self._unreadable = set[UnreadablePlace]()

    def text(self, place: str, kind: str, text: str, *, values: int = 1) -> None:
        """Search one text (or several, joined by a character no canary has) in all its readings."""
        self._places[place, kind] += values
        for reading in _readings(text):
            self._note(place, kind, reading)

    def raw(self, place: str, raw: bytes) -> None:
        """Search bytes as they are: a part of a file of any format."""
        self._places[place, "bytes"] += 1
        self._note(place, "bytes", raw.decode("utf-8", "replace"))

    def value(self, place: str, kind: str, value: object) -> None:
        """Search one decoded value, and whatever is nested in it."""
        parts = [part for part in _plain(value) if part]
        self.text(place, kind, "\x00".join(parts), values=len(parts))

    def bound(self, place: str, kind: str, value: object) -> None:
        """Search a lower or upper bound: perhaps cut off, its last character perhaps raised, perhaps still binary."""
        readings = [*_plain(value), *(_numbers(value) if isinstance(value, bytes) else ())]
        self.text(place, kind, "\x00".join(readings))
        for reading in readings:
            self._note_prefix(place, kind, reading.lower())

    def unreadable(self, place: str, reason: str) -> None:
        """Remember a place that could not be decoded."""
        self._unreadable.add(UnreadablePlace(self._redacted(place), reason))

    def proof(self) -> Proof:
        """Return what was found so far."""
        places = (DecodedPlace(self._redacted(place), kind, count) for (place, kind), count in self._places.items())
        return Proof(tuple(sorted(self._findings)), tuple(sorted(places)), tuple(sorted(self._unreadable)))

    def _note(self, place: str, kind: str, text: str) -> None:
        lowered = text.lower()
        exact = not text.isascii()  # lowering some other letters depends on where they stand
        for index, needle, lowered_needle in self._needles:
            if lowered_needle in lowered or (exact and needle in text):
                self._findings.add(Finding(self._redacted(place), kind, index))

    def _note_prefix(self, place: str, kind: str, bound: str) -> None:
        if bound[:_SHORTEST_PREFIX] not in self._beginnings:
            return
        for index, _, needle in self._needles:
            if any(len(part) >= _SHORTEST_PREFIX and needle.startswith(part) for part in (bound, bound[:-1])):
                self._findings.add(Finding(self._redacted(place), kind, index))

    def _redacted(self, place: str) -> str:
        shown = place
        readings = (place.lower(), unquote_plus(place).lower())
        if place.isascii() and not any(needle in reading for _, _, needle in self._needles for reading in readings):
            return place
        for index, needle, _ in sorted(self._needles, key=lambda entry: -len(entry[1])):
            spelling = re.compile(re.escape(needle), re.IGNORECASE)
            if not spelling.search(shown) and spelling.search(unquote_plus(shown)):
                shown = unquote_plus(shown)
            shown = spelling.sub(f"<canary {index}>", shown)
        return shown


def _readings(text: str) -> Iterator[str]:
    """Yield a text as it stands and with each kind of escape undone."""
    yield text
    if "&" in text and ";" in text:
        yield html.unescape(text)
    if "%" in text:
        yield unquote(text)
    if "%" in text or "+" in text:
        yield unquote_plus(text)
    if "\\" in text:
        unescaped = _ESCAPE.sub(lambda match: match[3] or chr(int(match[1] or match[2], 16)), text)
        yield unescaped.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(value: object) -> list[str]:
    """Return the texts of a value: its own, or those nested in it, mapping keys included."""
    found: list[str] = []
    _gather(value, found)
    return found


def _gather(value: object, found: list[str]) -> None:
    kind = type(value)
    if kind is str:  # most values are texts and numbers, and there are millions
        found.append(value)  # type: ignore[arg-type]
    elif kind is int or kind is float:
        found.append(str(value))
    elif kind is list or kind is tuple:
        for inner in value:  # type: ignore[attr-defined]
            _gather(inner, found)
    elif kind is dict:
        for name, inner in value.items():  # type: ignore[attr-defined]
            _gather(name, found)
            _gather(inner, found)
    elif value is not None and kind is not bool:
        _gather_other(value, found)


def _gather_other(value: object, found: list[str]) -> None:
    match value:
        case bytes() | bytearray() | memoryview():
            found.append(bytes(value).decode("utf-8", "replace"))
        case Decimal() if value.is_finite():
            found.append(format(value, "f"))
        case date():  # a datetime is one
            found.append(value.isoformat())
        case Mapping():
            for name, inner in value.items():
                _gather(name, found)
                _gather(inner, found)
        case list() | tuple() | set() | frozenset():
            for inner in value:
                _gather(inner, found)
        case _:
            found.append(str(value))


def _numbers(bound: bytes) -> Iterator[str]:
    """Yield what a binary bound of 4 or 8 bytes says as a number and as a time (Iceberg spec, binary single-value form)."""
    if len(bound) not in {4, 8}:
        return
    number = int.from_bytes(bound, "little", signed=True)
    yield str(number)
    start = datetime(1970, 1, 1, tzinfo=UTC)
    try:
        yield (start + (timedelta(days=number) if len(bound) == 4 else timedelta(microseconds=number))).isoformat()  # noqa: PLR2004 (a date has 4 bytes)
    except OverflowError:  # no time at all
        return
