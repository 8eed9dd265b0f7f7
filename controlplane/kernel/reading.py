"""Strict reading of a document's maps: every key is asked for by name and kind, and what nobody asked for is a problem."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from controlplane.kernel.documents import Document
from controlplane.kernel.durations import parse_duration
from controlplane.kernel.problems import DocumentInvalidError, Problem, Steps, kind_of, listed, shown, unknown

T = TypeVar("T")


class Issues:
    """Collects what is wrong with one document, and what a person should merely know.

    Attributes:
        problems: in the order they were found.
        warnings: sentences with file and line.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self._settled: set[Steps] = set()
        self._paths: set[Steps] = set()

    def add(self, path: Steps, message: str) -> None:
        """Note a problem, unless an earlier stage already found one at the same place."""
        if path not in self._settled:
            self._paths.add(path)
            self.problems.append(self.document.problem(path, message))

    def warn(self, path: Steps, message: str) -> None:
        """Note something that is accepted but that a person should know."""
        self.warnings.append(str(self.document.problem(path, message)))

    def settle(self) -> None:
        """End a stage: places with a problem are not reported a second time by later stages."""
        self._settled |= self._paths

    def refuse(self, error: type[DocumentInvalidError]) -> None:
        """Raise ``error`` with all problems if there are any."""
        if self.problems:
            raise error(self.problems)


class Section:
    """A map of a document, read key by key; values of the wrong kind become problems and read as None.

    Attributes:
        data: the map itself; empty where the document holds something else.
        asked: the keys read so far.
    """

    def __init__(self, issues: Issues, path: Steps, data: object) -> None:
        self.issues = issues
        self.path = path
        self.data: dict[str, object] = data if isinstance(data, dict) else {}
        self.asked: dict[str, None] = {}
        self._is_map = isinstance(data, dict)
        if not self._is_map:
            issues.add(path, f"must be a map, not {kind_of(data)}")

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def at(self, *keys: str | int) -> Steps:
        """Return the path of something inside this map."""
        return (*self.path, *keys)

    def problem(self, key: str, message: str) -> None:
        """Note a problem with a key's value."""
        self.issues.add(self.at(key), message)

    def done(self) -> None:
        """Note every key that nobody asked for."""
        for key in self.data:
            if key not in self.asked:
                self.problem(key, unknown("key", key, list(self.asked)))

    def value(self, key: str, *, required: bool = False) -> object:
        """Return a key's value as it stands; None where it is missing or empty."""
        self.asked[key] = None
        found = self.data.get(key)
        if found is None and key in self.data:
            self.problem(key, "is empty; write a value or remove the key")
        elif found is None and required and self._is_map:
            self.issues.add(self.path, f"the key {key!r} is missing")
        return found

    def text(self, key: str, *, required: bool = False, allowed: Sequence[str] | None = None) -> str | None:
        """Return a text that is not blank, and one of the allowed ones where they are given."""
        found = self.value(key, required=required)
        if found is None:
            return None
        if not isinstance(found, str) or not found.strip():
            self.problem(key, f"must be text, not {kind_of(found)}" + (f"; allowed are {listed(allowed)}" if allowed else ""))
            return None
        if allowed is not None and found not in allowed:
            self.problem(key, unknown("value", found, allowed))
            return None
        return found

    def flag(self, key: str) -> bool | None:
        """Return true or false."""
        found = self.value(key)
        if found is None or isinstance(found, bool):
            return found
        self.problem(key, f"must be true or false, not {kind_of(found)}")
        return None

    def number(self, key: str, *, required: bool = False) -> Decimal | None:
        """Return a number, exactly as it is written up to 17 significant digits."""
        found = self.value(key, required=required)
        number = exact(found)
        if found is not None and number is None:
            self.problem(key, f"must be a number, not {kind_of(found)}")
        return number

    def integer(self, key: str, *, required: bool = False, allowed: range) -> int | None:
        """Return a whole number within a range."""
        found = self.value(key, required=required)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int) or found not in allowed:
            bounds = f"from {allowed.start} to {allowed.stop - 1}"
            self.problem(key, f"must be a whole number {bounds}, not {kind_of(found)}")
            return None
        return found

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """Return a list of texts, each at most once; empty where it is missing."""
        found = self.value(key, required=required)
        if found is None:
            return ()
        if not isinstance(found, list):
            self.problem(key, f"must be a list of texts, not {kind_of(found)}")
            return ()
        for position, item in enumerate(found):
            if not isinstance(item, str) or not item.strip():
                self.issues.add(self.at(key, position), f"must be text, not {kind_of(item)}")
            elif item in found[:position]:
                self.issues.add(self.at(key, position), f"{shown(item)} stands twice in this list; remove one")
        return tuple(dict.fromkeys(item for item in found if isinstance(item, str) and item.strip()))

    def parsed(self, key: str, parse: Callable[[str], T], *, required: bool = False) -> T | None:
        """Return a text as ``parse`` reads it; the sentence of a ``ValueError`` becomes the problem."""
        found = self.text(key, required=required)
        if found is None:
            return None
        try:
            return parse(found)
        except (ValueError, OverflowError) as error:
            self.problem(key, str(error))
            return None

    def duration(self, key: str, *, required: bool = False) -> timedelta | None:
        """Return an ISO-8601 duration."""
        return self.parsed(key, parse_duration, required=required)

    def day(self, key: str, *, required: bool = False) -> date | None:
        """Return an ISO-8601 date."""
        return self.parsed(key, _day, required=required)

    def instant(self, key: str, *, required: bool = False) -> datetime | None:
        """Return an ISO-8601 time with its offset."""
        return self.parsed(key, _instant, required=required)

    def section(self, key: str, *, required: bool = False) -> Section | None:
        """Return a map inside this one."""
        found = self.value(key, required=required)
        return None if found is None else Section(self.issues, self.at(key), found)

    def sections(self, key: str, *, required: bool = False) -> Iterator[Section]:
        """Yield the maps of a list."""
        found = self.value(key, required=required)
        if found is not None and not isinstance(found, list):
            self.problem(key, f"must be a list of maps, not {kind_of(found)}")
            return
        for position, item in enumerate(found or ()):
            yield Section(self.issues, self.at(key, position), item)


def exact(value: object) -> Decimal | None:
    """Return a YAML number as a decimal with the digits it was written with; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(repr(value))


def duplicates(names: Collection[str]) -> tuple[str, ...]:
    """Return the names that occur more than once, in order."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return tuple(name for name, count in seen.items() if count > 1)


def known_zone(name: str) -> str:
    """Return the name of an IANA time zone as it is. Raises ``ValueError`` where it is none."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{shown(name)} is not a time zone; write an IANA name such as Europe/Berlin"
        raise ValueError(message) from None
    return name


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{shown(text)} is not a date; write it as 2027-06-30"
        raise ValueError(message) from None


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min  # noqa: DTZ901 (stands for "not readable": it has no offset)
    if found.tzinfo is None:
        message = f"{shown(text)} is not a time with an offset; write it as 2017-10-15T02:00:00+02:00"
        raise ValueError(message)
    return found
