"""Master keys from an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from controlplane.kernel.errors import ConfigurationError
from pii_policies.keys.text import HOW_TO_MAKE_ONE, secret_bytes
from pii_policies.model import MasterKey


class EnvKeyProvider:
    """Reads the key from an environment variable each time it is asked, so a rotated value needs no restart."""

    def __init__(self, name: str, *, epoch: int = 1, environ: Mapping[str, str] | None = None) -> None:
        """Remember where to look.

        Args:
            name: the variable.
            epoch: epoch of the key.
            environ: environment to read; None is the process's own.
        """
        self._name, self._epoch, self._environ = name, epoch, environ

    def master(self) -> MasterKey:
        """Return the key.

        Raises:
            ConfigurationError: the variable is not set or holds no key of at least 32 bytes.
        """
        environ = os.environ if self._environ is None else self._environ
        text = environ.get(self._name, "")
        if not text.strip():
            message = f"no key: the environment variable {self._name} is not set; make one with {HOW_TO_MAKE_ONE} and export it"
            raise ConfigurationError(message)
        return MasterKey(secret_bytes(text, f"the environment variable {self._name}"), self._epoch)


def provider(texts: Mapping[str, str], *, epoch: int, root: Path, environ: Mapping[str, str] | None) -> EnvKeyProvider:  # noqa: ARG001 (every source is built alike)
    """Return the provider of a reference ``{from: env, name: NAME}``."""
    return EnvKeyProvider(texts["name"], epoch=epoch, environ=environ)
