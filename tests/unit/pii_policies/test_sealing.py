from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.errors import ConfigurationError, UnableToEvaluateError
from pii_policies.model import MasterKey
from pii_policies.sealing import seal, seal_bytes, unseal, unseal_bytes

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
KEY = MasterKey(b"s" * 32, 7)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30))]))
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner)
)


def typed(value: Any) -> Any:
    """A value with the types of all its parts: 1, 1.0 and True are equal, but not the same row."""
    if isinstance(value, dict):
        return [(name, typed(inner)) for name, inner in value.items()]
    if isinstance(value, list | tuple):
        return type(value), [typed(inner) for inner in value]
    return type(value), str(value) if isinstance(value, Decimal | float) else value


@UNHURRIED
@given(st.dictionaries(st.text(), VALUES, max_size=6), st.text())
def test_a_row_comes_back_as_it_was(row: dict[str, object], row_id: str) -> None:
    row_id = row_id.encode("utf-8", "replace").decode()
    opened = unseal(seal(row, key=KEY, row_id=row_id), key=KEY, row_id=row_id)

    assert typed(opened) == typed(row)


@pytest.mark.parametrize("number", ["1.20", "1.2", "-0.00", "1E+5", "0E-10", "NaN", "123456789012345678901234567890.12"])
def test_a_decimal_keeps_its_digits(number: str) -> None:
    opened = unseal(seal({"n": Decimal(number)}, key=KEY, row_id="r"), key=KEY, row_id="r")

    assert str(opened["n"]) == number


def test_sealing_twice_gives_two_texts_and_shows_no_value() -> None:
    row = {"email": "jane.doe@example.com"}
    first, second = seal(row, key=KEY, row_id="r"), seal(row, key=KEY, row_id="r")

    assert first != second
    assert b"jane" not in first


def test_no_flipped_bit_goes_unnoticed() -> None:
    sealed = seal({"a": 1}, key=KEY, row_id="r")

    for position in range(len(sealed)):
        broken = bytearray(sealed)
        broken[position] ^= 1
        with pytest.raises(UnableToEvaluateError):
            unseal(bytes(broken), key=KEY, row_id="r")


@pytest.mark.parametrize("length", [0, 1, 5, 17, 30])
def test_what_is_cut_off_does_not_open(length: int) -> None:
    with pytest.raises(UnableToEvaluateError):
        unseal(seal({"a": 1}, key=KEY, row_id="r")[:length], key=KEY, row_id="r")


def test_a_sealed_row_opens_as_no_other_row_and_under_no_other_key() -> None:
    sealed = seal({"email": "jane.doe@example.com"}, key=KEY, row_id="r1")

    with pytest.raises(UnableToEvaluateError, match="r2 does not open"):
        unseal(sealed, key=KEY, row_id="r2")
    with pytest.raises(UnableToEvaluateError, match="does not open"):
        unseal(sealed, key=MasterKey(b"t" * 32, 7), row_id="r1")
    with pytest.raises(UnableToEvaluateError, match="needs the seal key of epoch 7, but epoch 8") as caught:
        unseal(sealed, key=MasterKey(b"s" * 32, 8), row_id="r1")
    assert "jane" not in str(caught.value)


def test_bytes_are_sealed_as_they_are() -> None:
    raw = bytes(range(256))

    assert unseal_bytes(seal_bytes(raw, key=KEY, row_id="file:1"), key=KEY, row_id="file:1") == raw


def test_a_value_that_would_lose_something_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="timedelta cannot be sealed"):
        seal({"a": [timedelta(1)]}, key=KEY, row_id="r")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least 32 bytes"):
        seal({"a": 1}, key=MasterKey(b"s", 1), row_id="r")


class Moment(datetime):
    """A library's own datetime."""


def test_a_subclass_is_sealed_as_its_base() -> None:
    row = {"at": Moment(2017, 10, 9, tzinfo=UTC), "day": date(2017, 10, 9), "clock": time(1, 2)}

    assert unseal(seal(row, key=KEY, row_id="r"), key=KEY, row_id="r") == row
