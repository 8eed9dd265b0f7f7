"""Token format v1: the same value, domain and key give the same token in Python, DuckDB and Spark.

A token is ``v1.<domain>.<epoch>.<h>``, where ``h`` is the first 32 hex characters (128 bits) of
``HMAC-SHA-256(K, domain || 0x00 || text)``, and ``K`` comes from the master secret by HKDF-SHA-256 with
``info="controlplane/token/v1/<domain>/<epoch>"``.

Formats: RFC 2104 (HMAC), RFC 5869 (HKDF, no salt, 32 bytes), FIPS 180-4 (SHA-256). The format is frozen: ``docs/tokens.md``.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, cast

from controlplane.kernel.errors import ConfigurationError, UnableToEvaluateError
from pii_policies.model import MaskRule, MasterKey, Profile, Technique

VERSION = "v1"
HEX_DIGITS = 32
BLANKS = " \t\n\v\f\r"

_BLOCK_BYTES = 64
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NOT_DIGITS = re.compile("[^0-9]+")
_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, repr=False)
class Pads:
    """The two byte strings an engine needs to make tokens of one domain and epoch; as secret as the key itself.

    Attributes:
        inner: the key's inner pad, then ``domain || 0x00``: what the normalised bytes are appended to.
        outer: the key's outer pad.
    """

    inner: bytes
    outer: bytes


def token(value: object, *, rule: MaskRule, key: MasterKey) -> str | None:
    """Return the token of one value, or None for None.

    Args:
        value: text, bytes, int, Decimal (with its column's scale), date or datetime.
        rule: a token rule: its domain and profile count.
        key: the master key; its epoch is part of the token.

    Raises:
        ConfigurationError: the rule is no usable token rule, the key is too short, or the value's type has no canonical text.
        UnableToEvaluateError: the text is not valid Unicode (a lone surrogate), so no engine could carry it.
    """
    if value is None:
        return None
    domain = token_domain(rule)
    inner, outer = _states(key, domain)
    inner, outer = inner.copy(), outer.copy()
    inner.update(_message(value, rule, domain))
    outer.update(inner.digest())
    return f"{VERSION}.{domain}.{key.epoch}.{outer.hexdigest()[:HEX_DIGITS]}"


def canonical_text(value: object) -> str:
    """Return the text that a value other than bytes is tokenised over; every engine casts to the same one.

    Integers and decimals are plain digits (``-7``, ``12.30``), dates ``YYYY-MM-DD``, instants
    ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` in UTC, timestamps without a zone the same without ``Z``.

    Raises:
        ConfigurationError: engines write values of this type differently (float), or they are too few to hide in (bool).
    """
    match value:
        case str():
            return value
        case bool():
            pass
        case int():
            return str(value)
        case Decimal() if value.is_finite():
            return format(abs(value) if value == 0 else value, "f")
        case datetime():
            zoned = value.tzinfo is not None
            moment = value.astimezone(UTC).replace(tzinfo=None) if zoned else value
            return moment.isoformat(timespec="microseconds") + ("Z" if zoned else "")
        case date():
            return value.isoformat()
    message = (
        f"a value of type {type(value).__name__} has no canonical text to make a token of; "
        "allowed are text, bytes, integers, decimals, dates and timestamps: use technique null or drop for this field"
    )
    raise ConfigurationError(message)


def normalise(text: str, profile: Profile) -> str:
    """Return a text as its profile writes it; a text that the profile would empty stays as it is.

    An emptied text would give every such value one token, and a join would bring strangers together: ``---`` and ``n/a``
    under ``digits``, but also every phone number written in Arabic digits.
    """
    match profile:
        case Profile.NONE:
            return text
        case Profile.ASCII_LOWER_TRIM:
            return text.translate(_ASCII_LOWER).strip(BLANKS) or text
        case Profile.DIGITS:
            return _NOT_DIGITS.sub("", text) or text


def pads(rule: MaskRule, key: MasterKey) -> Pads:
    """Return the pads with which an engine makes this rule's tokens, as ``sha256(outer || sha256(inner || bytes))``.

    Raises:
        ConfigurationError: the rule is no usable token rule, or the key is too short.
    """
    domain = token_domain(rule)
    block = key.derived(f"controlplane/token/v1/{domain}/{key.epoch}").ljust(_BLOCK_BYTES, b"\x00")
    inner = bytes(byte ^ 0x36 for byte in block) + domain.encode() + b"\x00"
    return Pads(inner, bytes(byte ^ 0x5C for byte in block))


def token_domain(rule: MaskRule) -> str:
    """Return the domain of a token rule.

    Raises:
        ConfigurationError: the rule is not a token rule or its domain is missing or misspelt.
    """
    if rule.technique is Technique.TOKEN and rule.domain is not None and _DOMAIN.fullmatch(rule.domain):
        return rule.domain
    message = (
        f"field {rule.field!r}: technique {rule.technique.value} with domain {rule.domain!r} makes no token; write technique "
        "token and a domain of 1 to 63 lower-case ASCII letters, digits, '-' or '_', such as customer-email"
    )
    raise ConfigurationError(message)


@dataclass(frozen=True)
class Vector:
    """One published example of format v1: this value under this rule and key has this token.

    Attributes:
        type: canonical type of the column that holds the value.
    """

    name: str
    type: str
    value: object
    rule: MaskRule
    key: MasterKey
    token: str


def vectors() -> tuple[Vector, ...]:
    """Return the published examples of format v1 (package data ``vectors/v1.json``); their master key is no secret."""
    document = json.loads(files("pii_policies").joinpath("vectors/v1.json").read_text("utf-8"))
    secret = bytes.fromhex(document["test_master_key_hex"])
    return tuple(
        Vector(
            name=case["name"],
            type=case["type"],
            value=_typed(case["type"], case["value"]),
            rule=MaskRule("value", Technique.TOKEN, case["domain"], Profile(case["profile"])),
            key=MasterKey(secret, case["epoch"]),
            token=case["token"],
        )
        for case in document["cases"]
    )


def _typed(canonical_type: str, written: Any) -> object:
    if isinstance(written, dict):
        return written["repeat"] * written["times"]
    match canonical_type.partition("(")[0]:
        case "binary":
            return bytes.fromhex(written)
        case "decimal":
            return Decimal(written)
        case "date":
            return date.fromisoformat(written)
        case "timestamptz" | "timestamp":
            return datetime.fromisoformat(written)
    return cast("object", written)


def _message(value: object, rule: MaskRule, domain: str) -> bytes:
    if isinstance(value, bytes):
        if rule.profile is Profile.NONE:
            return value
        message = f"field {rule.field!r}: bytes have no profile {rule.profile.value}; write profile none"
        raise ConfigurationError(message)
    try:
        return normalise(canonical_text(value), rule.profile).encode()
    except UnicodeEncodeError:  # its text would quote the value
        message = f"a value of field {rule.field!r} (domain {domain}) is not valid Unicode text, so it has no token; repair it"
    raise UnableToEvaluateError(message)


@lru_cache(maxsize=256)
def _states(key: MasterKey, domain: str) -> tuple[Any, Any]:
    """Return SHA-256 states that have already eaten the pads: half of an HMAC's work, done once."""
    both = pads(MaskRule("", Technique.TOKEN, domain), key)
    return sha256(both.inner), sha256(both.outer)
