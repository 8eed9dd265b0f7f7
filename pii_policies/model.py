"""Words of protection: how a field is masked, and what a masked value looks like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from controlplane.kernel.errors import ConfigurationError

MINIMUM_SECRET_BYTES = 32


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

    def derived(self, info: str) -> bytes:
        """Return 32 bytes for one purpose: HKDF-SHA-256 (RFC 5869) of the secret, without salt.

        Raises:
            ConfigurationError: the secret is shorter than 32 bytes or the epoch is no whole number from 1 to 2^32 - 1.
        """
        if len(self.secret) < MINIMUM_SECRET_BYTES or not 1 <= self.epoch < 2**32:
            message = (
                f"a master key needs a secret of at least {MINIMUM_SECRET_BYTES} bytes and an epoch from 1 to 4294967295; "
                f"this one has {len(self.secret)} bytes and epoch {self.epoch}"
            )
            raise ConfigurationError(message)
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info.encode()).derive(self.secret)


@dataclass(frozen=True)
class SqlQuery:
    """A query text and its positional parameters; secrets are only ever parameters."""

    sql: str
    parameters: tuple[object, ...] = ()

    def __repr__(self) -> str:
        return f"SqlQuery({self.sql!r}, <{len(self.parameters)} parameters>)"
