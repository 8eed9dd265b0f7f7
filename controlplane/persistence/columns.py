"""How moments and texts stand in the store's columns."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """A moment, kept as ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` (27 characters, UTC)."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the stored text of a timezone-aware moment."""
        return None if value is None else instant_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return the moment of a stored text, in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class PlainText(TypeDecorator[str]):
    """Any Python text; what a database cannot hold (NUL, lone surrogates) is kept as a visible escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the text with unstorable characters escaped."""
        return None if value is None else storable(value)


def instant_text(moment: datetime) -> str:
    """Return a moment as stored text.

    Raises:
        ValueError: the moment has no time zone, so nobody can say when it was.
    """
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} has no time zone; the store takes timezone-aware times only"
        raise ValueError(message)
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def storable(value: str) -> str:
    r"""Return a text without NUL characters and lone surrogates: they become ``\x00`` and ``\udXXX``."""
    if value.isascii():
        return value.replace("\0", "\\x00") if "\0" in value else value
    return value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
