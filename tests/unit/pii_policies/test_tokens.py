from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.errors import ConfigurationError, UnableToEvaluateError
from pii_policies.model import MaskRule, MasterKey, Profile, Technique
from pii_policies.tokens import Vector, canonical_text, normalise, pads, token, vectors

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
KEY = MasterKey(b"k" * 32, 1)


def rule(profile: Profile = Profile.NONE, domain: str | None = "customer") -> MaskRule:
    return MaskRule("field", Technique.TOKEN, domain, profile)


def by_the_formula(vector: Vector, message: bytes) -> str:
    """The format once more, from the standard library alone (RFC 5869 and RFC 2104)."""
    domain, epoch = vector.rule.domain or "", vector.key.epoch
    pseudo_random = hmac.new(bytes(32), vector.key.secret, hashlib.sha256).digest()
    derived = hmac.new(pseudo_random, f"controlplane/token/v1/{domain}/{epoch}".encode() + b"\x01", hashlib.sha256).digest()
    digest = hmac.new(derived, domain.encode() + b"\x00" + message, hashlib.sha256).hexdigest()
    return f"v1.{domain}.{epoch}.{digest[:32]}"


def test_every_published_vector_holds() -> None:
    wrong = [vector.name for vector in vectors() if token(vector.value, rule=vector.rule, key=vector.key) != vector.token]

    assert wrong == []


def test_there_are_enough_vectors_for_every_profile_and_type() -> None:
    published = vectors()

    assert len(published) >= 40
    assert {vector.rule.profile for vector in published} == set(Profile)
    assert {vector.type.partition("(")[0] for vector in published} == {
        "string", "long", "int", "decimal", "date", "timestamptz", "timestamp", "binary",
    }  # fmt: skip
    assert len({vector.name for vector in published}) == len(published)


def test_vectors_follow_the_published_formula() -> None:
    plain = [vector for vector in vectors() if vector.rule.profile is Profile.NONE and vector.type in {"string", "binary"}]

    assert len(plain) > 15
    for vector in plain:
        message = vector.value if isinstance(vector.value, bytes) else str(vector.value).encode()
        assert vector.token == by_the_formula(vector, message)


def test_null_has_no_token_and_empty_text_has_one() -> None:
    assert token(None, rule=rule(), key=KEY) is None
    assert str(token("", rule=rule(), key=KEY)).startswith("v1.customer.1.")


@UNHURRIED
@given(st.text(), st.sampled_from(Profile))
def test_pads_give_an_engine_the_same_token(text: str, profile: Profile) -> None:
    both = pads(rule(profile), KEY)
    inner = hashlib.sha256(both.inner + normalise(text, profile).encode("utf-8", "surrogatepass")).digest()

    assert token(text, rule=rule(profile), key=KEY) == f"v1.customer.1.{hashlib.sha256(both.outer + inner).hexdigest()[:32]}"


@UNHURRIED
@given(st.text(min_size=1), st.sampled_from(Profile))
def test_a_profile_never_empties_a_value_and_is_idempotent(text: str, profile: Profile) -> None:
    once = normalise(text, profile)

    assert once != ""
    assert normalise(once, profile) == once


@pytest.mark.parametrize(
    ("first", "second", "profile"),
    [
        (" Jane@Example.COM\t", "jane@example.com", Profile.ASCII_LOWER_TRIM),
        ("+49 (170) 12-34", "491701234", Profile.DIGITS),
        (491701234, "+49 170 1234", Profile.DIGITS),
        (Decimal("-0.00"), Decimal("0.00"), Profile.NONE),
        (
            datetime(2017, 10, 9, 22, tzinfo=UTC),
            datetime(2017, 10, 10, 0, tzinfo=timezone(timedelta(hours=2))),
            Profile.NONE,
        ),
        (date(1980, 5, 17), "1980-05-17", Profile.NONE),
    ],
)
def test_values_that_mean_the_same_have_one_token(first: object, second: object, profile: Profile) -> None:
    assert token(first, rule=rule(profile), key=KEY) == token(second, rule=rule(profile), key=KEY)


@pytest.mark.parametrize(
    ("first", "second", "profile"),
    [
        ("---", "n/a", Profile.DIGITS),
        ("٠١٢", "٣٤٥", Profile.DIGITS),
        ("", " ", Profile.ASCII_LOWER_TRIM),
        ("İ", "i", Profile.ASCII_LOWER_TRIM),
        (Decimal("1.0"), Decimal("1.00"), Profile.NONE),
        (datetime(2017, 1, 1), datetime(2017, 1, 1, tzinfo=UTC), Profile.NONE),  # noqa: DTZ001
    ],
)
def test_values_that_differ_have_two_tokens(first: object, second: object, profile: Profile) -> None:
    assert token(first, rule=rule(profile), key=KEY) != token(second, rule=rule(profile), key=KEY)


def test_domain_epoch_and_secret_each_change_the_token() -> None:
    ends = {
        str(token("jane", rule=rule(domain=domain), key=MasterKey(secret, epoch)))[-32:]
        for domain in ("a", "b")
        for epoch in (1, 2)
        for secret in (b"k" * 32, b"l" * 32)
    }

    assert len(ends) == 8


@pytest.mark.parametrize("value", [1.5, True, object(), Decimal("NaN"), datetime(2017, 1, 1, tzinfo=UTC).time()])
def test_a_type_that_engines_write_differently_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="no canonical text"):
        canonical_text(value)


def test_bytes_have_no_profile_but_none() -> None:
    with pytest.raises(ConfigurationError, match="profile none"):
        token(b"a", rule=rule(Profile.DIGITS), key=KEY)


def test_a_lone_surrogate_is_refused_without_quoting_it() -> None:
    with pytest.raises(UnableToEvaluateError, match="not valid Unicode") as caught:
        token("secret\ud800", rule=rule(), key=KEY)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("domain", [None, "", "Customer", "a.b", "a b", "-a", "a" * 64, "ä", "a\n"])
def test_a_misspelt_domain_is_refused(domain: str | None) -> None:
    with pytest.raises(ConfigurationError, match="domain of 1 to 63"):
        token("x", rule=rule(domain=domain), key=KEY)


@pytest.mark.parametrize("key", [MasterKey(b"short", 1), MasterKey(b"k" * 32, 0), MasterKey(b"k" * 32, 2**32)])
def test_a_weak_key_is_refused_without_quoting_it(key: MasterKey) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 bytes") as caught:
        token("x", rule=rule(), key=key)

    assert "short" not in str(caught.value)


def test_secrets_do_not_show_when_printed() -> None:
    assert "kkkk" not in repr(KEY)
    assert repr(pads(rule(), KEY)).startswith("<pii_policies.tokens.Pads object")
