"""Port of who may come in: one-time links, tokens and sessions, kept by the digest of their secret alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class CredentialKind(StrEnum):
    """What a secret is good for: one sign-in, many sign-ins and the API, or the pages of one browser."""

    LINK = "link"
    TOKEN = "token"  # noqa: S105 (a kind, not a secret)
    SESSION = "session"


@dataclass(frozen=True)
class Credential:
    """What is kept of a secret. All times are wall time.

    Attributes:
        secret_sha256: digest of the secret, in hex; the secret itself is never stored.
        subject: who comes in with it.
        seen: when it was last used; ended: when it was used up, signed out or revoked.
    """

    secret_sha256: str
    kind: CredentialKind
    subject: str
    created: datetime
    seen: datetime
    expires: datetime
    ended: datetime | None = None

    @property
    def credential_id(self) -> str:
        """What people call it: the first 12 figures of the digest."""
        return self.secret_sha256[:12]

    def is_alive(self, at_wall: datetime) -> bool:
        """Whether it still opens anything."""
        return self.ended is None and at_wall < self.expires


class Credentials(Protocol):
    """Credentials in the store. Raises ``StoreUnavailableError``."""

    def add(self, credential: Credential) -> None:
        """Keep a new one; those whose time was over a week before its creation are forgotten on the way."""
        ...

    def find(self, secret_sha256: str) -> Credential | None:
        """Return one by its digest, alive or not."""
        ...

    def use_up(self, kind: CredentialKind, secret_sha256: str, at_wall: datetime) -> Credential | None:
        """End a living one of a kind and return it; None when there is none: of two who try at once, one gets it."""
        ...

    def touch(self, secret_sha256: str, at_wall: datetime) -> None:
        """Note that one was used."""
        ...

    def end(self, secret_sha256: str, at_wall: datetime) -> bool:
        """End one; return whether it was alive."""
        ...

    def alive(self, kind: CredentialKind, at_wall: datetime) -> Sequence[Credential]:
        """Return those that still open something, oldest first."""
        ...
