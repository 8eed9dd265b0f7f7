"""Port of a key provider."""

from __future__ import annotations

from typing import Protocol

from pii_policies.model import MasterKey


class KeyProvider(Protocol):
    """Hands out a master key by reference; the key itself is never stored or logged by us."""

    def master(self) -> MasterKey:
        """Return the key. Raises ``ConfigurationError`` saying where it was looked for and how to make one."""
        ...
