"""Sealing a clear row so that only the plane can read it again, and only as the row it was.

Format: one version byte (1), the key epoch (4 bytes, big-endian), a random 96-bit nonce, then AES-256-GCM ciphertext and
tag (NIST SP 800-38D). The key is ``HKDF-SHA-256(master secret, info="controlplane/seal/v1/<epoch>")``; version, epoch and row
id are authenticated. Random nonces allow 2^32 rows per epoch: change the epoch before.

Inside stands JSON. What JSON has no word for is a list that starts with a tag, so a list is one, too (``["l", 1, 2]``).
"""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.kernel.errors import ConfigurationError, UnableToEvaluateError
from pii_policies.model import MasterKey

_VERSION = 1
_HEADER = struct.Struct(">BI")
_NONCE_BYTES = 12
_TAG_BYTES = 16
_AS_IT_IS = frozenset({str, int, bool, float, type(None)})


def seal(row: Mapping[str, object], *, key: MasterKey, row_id: str) -> bytes:
    """Return a row encrypted; ``unseal`` gives back equal values of the same types.

    Args:
        row: text, bytes, int, float, bool, Decimal, date, datetime, time, None, and lists, tuples and dicts of these.
        key: master key of the seal.
        row_id: who the row is; it opens as no other.

    Raises:
        ConfigurationError: a value is of another type, or the key is too short.
    """
    return seal_bytes(json.dumps(_written(dict(row)), separators=(",", ":")).encode(), key=key, row_id=row_id)


def unseal(sealed: bytes, *, key: MasterKey, row_id: str) -> dict[str, object]:
    """Return the row that was sealed.

    Raises:
        UnableToEvaluateError: it was sealed under another key or epoch or for another row, or was tampered with.
    """
    return cast("dict[str, object]", _read(json.loads(unseal_bytes(sealed, key=key, row_id=row_id))))


def seal_bytes(raw: bytes, *, key: MasterKey, row_id: str) -> bytes:
    """Return bytes (a message that could not be read, say) encrypted under a row id or a position.

    Raises:
        ConfigurationError: the key is too short.
    """
    cipher, nonce = _cipher(key), os.urandom(_NONCE_BYTES)
    header = _HEADER.pack(_VERSION, key.epoch)
    return header + nonce + cipher.encrypt(nonce, raw, header + row_id.encode())


def unseal_bytes(sealed: bytes, *, key: MasterKey, row_id: str) -> bytes:
    """Return the bytes that were sealed.

    Raises:
        UnableToEvaluateError: they were sealed under another key or epoch or for another row, or were tampered with.
    """
    start = _HEADER.size + _NONCE_BYTES
    if len(sealed) < start + _TAG_BYTES or sealed[0] != _VERSION:
        message = f"the sealed row {row_id} is cut off or in an unknown format; restore the kept rows from a backup"
        raise UnableToEvaluateError(message)
    header = sealed[: _HEADER.size]
    epoch = _HEADER.unpack(header)[1]
    if epoch != key.epoch:
        message = f"the sealed row {row_id} needs the seal key of epoch {epoch}, but epoch {key.epoch} was given; name that key"
        raise UnableToEvaluateError(message)
    try:
        return _cipher(key).decrypt(sealed[_HEADER.size : start], sealed[start:], header + row_id.encode())
    except InvalidTag:
        message = (
            f"the sealed row {row_id} does not open: it was changed, belongs to another row, or the seal key is another one"
        )
        raise UnableToEvaluateError(message) from None


@lru_cache(maxsize=16)
def _cipher(key: MasterKey) -> AESGCM:
    return AESGCM(key.derived(f"controlplane/seal/v1/{key.epoch}"))


_WRITERS: dict[type, Callable[..., list[object]]] = {
    Decimal: lambda value: ["d", str(value)],
    bytes: lambda value: ["b", base64.b64encode(value).decode()],
    datetime: lambda value: ["T", value.isoformat()],
    date: lambda value: ["D", value.isoformat()],
    time: lambda value: ["t", value.isoformat()],
    list: lambda value: ["l", *map(_written, value)],
    tuple: lambda value: ["p", *map(_written, value)],
    dict: lambda value: ["m", *(_written(part) for pair in value.items() for part in pair)],
}

_READERS: dict[str, Callable[[list[object]], object]] = {
    "d": lambda parts: Decimal(str(parts[0])),
    "b": lambda parts: base64.b64decode(str(parts[0])),
    "T": lambda parts: datetime.fromisoformat(str(parts[0])),
    "D": lambda parts: date.fromisoformat(str(parts[0])),
    "t": lambda parts: time.fromisoformat(str(parts[0])),
    "l": lambda parts: [_read(part) for part in parts],
    "p": lambda parts: tuple(_read(part) for part in parts),
    "m": lambda parts: {_read(name): _read(value) for name, value in zip(parts[::2], parts[1::2], strict=True)},
}


def _written(value: object) -> object:
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    # a subclass (pandas.Timestamp, say) is sealed as its base
    writer = _WRITERS.get(kind) or next((write for base, write in _WRITERS.items() if isinstance(value, base)), None)
    if writer is None:
        message = (
            f"a value of type {kind.__name__} cannot be sealed without loss; allowed are text, bytes, bool, int, float, "
            "Decimal, date, datetime, time, None, and lists, tuples and dicts of these"
        )
        raise ConfigurationError(message)
    return writer(value)


def _read(written: object) -> object:
    if not isinstance(written, list):
        return written
    return _READERS[str(written[0])](written[1:])
