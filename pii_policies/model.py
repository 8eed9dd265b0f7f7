"""Words of protection: how a field is masked, and what a masked value looks like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Technique(StrEnum):
    """How a value is protected before it is written."""

    TOKEN = "token"  # noqa: S105 (a technique's name, no secret)
    TRUNCATE = "truncate"
    NULL = "null"
    DROP = "drop"


class Profile(StrEnum):
    """Normalisation before a token is made: only what Python, DuckDB and Spark compute to the same bytes."""

    NONE = "none"
    ASCII_LOWER_TRIM = "ascii-lower-trim"
    DIGITS = "digits"


@dataclass(frozen=True)
class MaskRule:
    """How one field is masked.

    Attributes:
        domain: token domain (token only); equal values in one domain and epoch get equal tokens.
        to: what truncation keeps: ``year``, ``month`` (dates) or a number of leading characters (text).
    """

    field: str
    technique: Technique
    domain: str | None = None
    profile: Profile = Profile.NONE
    to: str | None = None


@dataclass(frozen=True)
class MasterKey:
    """A master secret (at least 32 bytes) and the epoch tokens made under it carry."""

    secret: bytes
    epoch: int

    def __repr__(self) -> str:
        return f"MasterKey(epoch={self.epoch})"


@dataclass(frozen=True)
class SqlQuery:
    """A query text and its positional parameters; secrets are only ever parameters."""

    sql: str
    parameters: tuple[object, ...] = ()

    def __repr__(self) -> str:
        return f"SqlQuery({self.sql!r}, <{len(self.parameters)} parameters>)"
