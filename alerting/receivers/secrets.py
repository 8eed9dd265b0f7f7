"""Secrets of receivers, by reference: read when a message is sent, never kept and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alerting.routing import SecretReference
from controlplane.kernel.errors import ConfigurationError

_LEAST = 16


def read_secret(reference: SecretReference, receiver: str, *, root: Path, environ: Mapping[str, str]) -> bytes:
    """Return the secret a reference names, without white space around it.

    Args:
        reference: where it is.
        receiver: whose it is, for messages.
        root: the folder from which a relative path starts.
        environ: where a variable is looked up.

    Raises:
        ConfigurationError: there is none, or it has fewer than 16 bytes; the message never shows it.
    """
    if reference.source == "env":
        where, found = f"the environment variable {reference.name}", environ.get(reference.name, "").encode()
    else:
        path = root / reference.name
        where = f"the file {path}"
        try:
            found = path.read_bytes()
        except OSError as error:
            message = f"receiver {receiver}: {where} of its secret cannot be read ({error.strerror}); check its path and rights"
            raise ConfigurationError(message) from error
    secret = found.strip()
    if len(secret) < _LEAST:
        what = "is not set" if not secret else f"holds {len(secret)} bytes"
        message = f"receiver {receiver}: {where} {what}; its secret needs at least {_LEAST} bytes"
        raise ConfigurationError(message)
    return secret
