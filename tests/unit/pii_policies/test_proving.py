from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.errors import ConfigurationError
from pii_policies.proving import DecodedPlace, Finding, Search, UnreadablePlace

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
CANARIES = ("Jane.Doe@example.com", "O'Brien-Løve", "491701234567", "1980-05-17")


def found(value: object, canaries: tuple[str, ...] = CANARIES) -> set[int]:
    search = Search(canaries)
    search.value("place", "value", value)
    return {finding.canary for finding in search.proof().findings}


@pytest.mark.parametrize(
    ("value", "canary"),
    [
        ("Jane.Doe@example.com", 0),
        ("jane.doe@example.com", 0),
        ("mailto:JANE.DOE@EXAMPLE.COM;", 0),
        ("to=jane.doe%40example.com", 0),
        ("O&#39;Brien-Løve", 1),
        ("O&#x27;Brien-L&oslash;ve", 1),
        ('{"name": "O\\u0027Brien-L\\u00f8ve"}', 1),
        ("'O\\'Brien-L\\xf8ve'", 1),
        ("O%27Brien-L%C3%B8ve", 1),
        ("o'brien-LØVE", 1),
        (b"\xff\x00\xe2O'Brien-L\xc3\xb8ve\xff", 1),
        (491701234567, 2),
        (Decimal(491701234567), 2),
        (date(1980, 5, 17), 3),
        (datetime(1980, 5, 17, 4, tzinfo=UTC), 3),
        ({"a": [{"b": ("x", ["Jane.Doe@example.com"])}]}, 0),
        ({"Jane.Doe@example.com": 1}, 0),
    ],
)
def test_a_canary_is_found_however_it_is_written(value: object, canary: int) -> None:
    assert found(value) == {canary}


@pytest.mark.parametrize("value", [None, True, 0, "", "v1.customer-email.1.00ff", b"\xff\xfe", {}, "jane.doe@example.co", 1.5])
def test_nothing_is_found_where_nothing_is(value: object) -> None:
    assert found(value) == set()


@UNHURRIED
@given(st.text(), st.text())
def test_a_canary_is_found_inside_any_text(before: str, after: str) -> None:
    assert found(f"{before}\x00Jane.Doe@example.com\x00{after}") >= {0}


@pytest.mark.parametrize(
    ("bound", "canaries"),
    [
        (b"Jane.Doe@example", {0}),
        (b"jane.doe@examplf", {0}),
        ("Jane.Doe", {0}),
        ("Jane.Do", set()),
        ("Jane.Smith@examp", set()),
        ((491701234567).to_bytes(8, "little"), {2}),
        ((date(1980, 5, 17) - date(1970, 1, 1)).days.to_bytes(4, "little"), {3}),
        (int(datetime(1980, 5, 17, tzinfo=UTC).timestamp() * 1_000_000).to_bytes(8, "little"), {3}),
        (b"\xff" * 7 + b"\x7f", set()),
        (None, set()),
    ],
)
def test_bounds_are_read_as_what_they_may_be(bound: object, canaries: set[int]) -> None:
    search = Search(CANARIES)
    search.bound("place", "avro", bound)

    assert {finding.canary for finding in search.proof().findings} == canaries


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("t/name=O'Brien-Løve/a.parquet", "t/name=<canary 1>/a.parquet"),
        ("t/email=JANE.DOE@example.com", "t/email=<canary 0>"),
        ("t/email=Jane.Doe%40example.com", "t/email=<canary 0>"),
    ],
)
def test_no_answer_quotes_a_canary_even_where_the_place_does(place: str, shown: str) -> None:
    search = Search(CANARIES)
    search.text(place, "path", place)
    search.unreadable(place, "why")
    proof = search.proof()

    assert [finding.place for finding in proof.findings] == [shown]
    assert proof.places == (DecodedPlace(shown, "path", 1),)
    assert proof.unreadable == (UnreadablePlace(shown, "why"),)
    assert "jane.doe" not in repr(proof).lower()


def test_a_proof_says_where_it_looked_and_how_much() -> None:
    search = Search(CANARIES)
    search.value("a", "value", ["x", "y", None])
    search.value("a", "value", "z")
    search.raw("b", b"\x00")
    proof = search.proof()

    assert proof.places == (DecodedPlace("a", "value", 3), DecodedPlace("b", "bytes", 1))
    assert proof.counts == {"value": 1, "bytes": 1}
    assert proof.clean


def test_only_a_search_that_saw_everything_and_found_nothing_is_clean() -> None:
    empty, unread, leaking = Search(CANARIES), Search(CANARIES), Search(CANARIES)
    for search in (unread, leaking):
        search.value("a", "value", "x")
    unread.unreadable("b", "why")
    leaking.value("a", "value", "jane.doe@example.com")

    assert not any(search.proof().clean for search in (empty, unread, leaking))
    assert leaking.proof().findings == (Finding("a", "value", 0),)


@pytest.mark.parametrize("canaries", [[], ["abc"], ["Jane.Doe@example.com", ""]])
def test_canaries_that_would_be_found_by_chance_are_refused(canaries: list[str]) -> None:
    with pytest.raises(ConfigurationError, match="4 characters or more"):
        Search(canaries)
