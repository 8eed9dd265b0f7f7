"""How a secret is written as text: hexadecimal or base64 of at least 32 bytes."""

from __future__ import annotations

import base64
import binascii
import re

from controlplane.kernel.errors import ConfigurationError
from pii_policies.model import MINIMUM_SECRET_BYTES

HOW_TO_MAKE_ONE = 'python -c "import secrets; print(secrets.token_hex(32))"'

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


def secret_bytes(text: str, place: str) -> bytes:
    """Return the bytes of a secret; text that is hexadecimal throughout is read as such, any other as base64.

    Args:
        text: what stands at ``place``; blanks around it do not count. Base64 may be the URL-safe one.
        place: where it was found, for the error; the text itself is never quoted.

    Raises:
        ConfigurationError: it is neither, or shorter than 32 bytes.
    """
    stripped = text.strip()
    try:
        if _HEX.fullmatch(stripped):
            found = bytes.fromhex(stripped)
        else:
            found = base64.b64decode(stripped.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        found = None  # the library's message could quote the text
    if found is None or len(found) < MINIMUM_SECRET_BYTES:
        what = "neither hexadecimal nor base64" if found is None else f"a key of {len(found)} bytes"
        message = (
            f"{place} holds {what}; at least {MINIMUM_SECRET_BYTES} random bytes are needed: make them with {HOW_TO_MAKE_ONE}"
        )
        raise ConfigurationError(message)
    return found
