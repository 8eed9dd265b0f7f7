"""Words of states and alerts, links of pages, and what may come in from other sites."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.datastructures import Headers

from alerting.model import AlertKind, AlertState, Priority
from controlplane.api.problems import problem_of
from controlplane.api.trying import TRIES, WINDOW, Tries
from controlplane.gate.model import KeptKind, RunState
from controlplane.kernel.errors import ConfigurationError, DatasetUnknownError, StoreUnavailableError
from controlplane.kernel.outcome import Outcome
from controlplane.slas.status import PromiseState
from controlplane.web import alert_words
from controlplane.web.guarding import _host, _is_same_site
from controlplane.web.pages.signing_in import local
from controlplane.web.paging import Pager, link
from controlplane.web.words import status
from tests.fakes.pages import alert
from tests.fakes.store_kit import SettableClock

STATES = [*Outcome, *RunState, *PromiseState, *AlertState, *AlertKind, *KeptKind, "ok", "late", "never", "unknown"]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_every_state_has_a_symbol_and_a_word(state: str) -> None:
    shown = status(state)
    assert shown.symbol
    assert shown.word
    assert shown.tone != "still" or state in {
        "nothing_new",
        "abandoned",
        "superseded",
        "maintenance",
        "not_applicable",
        "tombstone",
    }


def test_a_state_without_a_place_is_shown_as_its_word() -> None:
    assert status("half_done").word == "half done"


def test_errored_and_no_evidence_look_like_nothing_else() -> None:
    others = {(status(state).tone, status(state).symbol) for state in ("passed", "failed", "held", "kept", "broken")}
    assert (status("errored").tone, status("errored").symbol) not in others
    assert (status("no_evidence").tone, status("no_evidence").symbol) not in others


@pytest.mark.parametrize("kind", AlertKind, ids=str)
def test_every_kind_of_alert_has_a_headline_with_its_dataset(kind: AlertKind) -> None:
    said = alert_words.headline(alert(kind, None if kind is AlertKind.PLANE_OUTAGE else "silver.orders", Priority.P1))
    assert "silver.orders" in said or kind is AlertKind.PLANE_OUTAGE
    assert not said.endswith(".")


def test_a_check_is_named_without_its_dataset() -> None:
    found = alert(AlertKind.CHECK_FAILURE, "silver.orders", Priority.P2, check="silver.orders.amount.not_negative")
    assert alert_words.headline(found) == "amount.not_negative fails on silver.orders"


def test_a_check_that_errored_is_not_told_as_failed() -> None:
    found = alert(
        AlertKind.CHECK_FAILURE, "silver.orders", Priority.P2, check="silver.orders.amount.not_negative", outcome="errored"
    )
    told = alert_words.told(found)
    assert told.headline == "A check of silver.orders cannot be evaluated: amount.not_negative"
    assert told.shown.tone == "errored"


def test_the_first_step_leads_to_the_check_and_its_rows() -> None:
    found = alert(AlertKind.CHECK_FAILURE, "silver.orders", Priority.P2, check="silver.orders.a/b", run_id="r 1")
    steps = alert_words.steps(found)
    assert [step.href for step in steps] == [
        "/datasets/silver.orders/checks/silver.orders.a%2Fb",
        "/runs/r%201",
        "/datasets/silver.orders",
    ]


def test_links_leave_out_what_is_empty_and_are_the_same_for_the_same_view() -> None:
    assert link("/", state="", tier=None) == "/"
    assert link("/", tier="1", state="a b&c") == link("/", state="a b&c", tier="1") == "/?state=a+b%26c&tier=1"


@pytest.mark.parametrize(
    ("page", "total", "words", "previous", "following"),
    [
        (1, 0, "none", None, None), (1, 10, "1 to 10 of 10", None, None), (1, 60, "1 to 25 of 60", None, "/?page=2&tier=1"),
        (2, 60, "26 to 50 of 60", "/?tier=1", "/?page=3&tier=1"), (3, 60, "51 to 60 of 60", "/?page=2&tier=1", None), (9, 60, "none of 60", "/?page=3&tier=1", None),
    ],
    ids=["empty", "one page", "first", "middle", "last", "behind the end"],
)  # fmt: skip
def test_a_pager_links_its_neighbours(page: int, total: int, words: str, previous: str | None, following: str | None) -> None:
    pager = Pager(page, 25, total, "/", {"tier": "1", "state": ""})
    assert (pager.words, pager.previous, pager.following) == (words, previous, following)


@pytest.mark.parametrize(
    ("path", "where"),
    [("/alerts?state=open", "/alerts?state=open"), ("//evil.example", "/"), ("/\\evil.example", "/"), ("https://evil.example", "/"), ("", "/"), ("/a\r\nset-cookie: x", "/"), ("/sign-in?to=/", "/"), ("javascript:alert(1)", "/")],
)  # fmt: skip
def test_nobody_is_sent_elsewhere_after_signing_in(path: str, where: str) -> None:
    assert local(path) == where


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("127.0.0.1:8765", "127.0.0.1"),
        ("LOCALHOST", "localhost"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
        ("", ""),
        ("evil.example:80", "evil.example"),
        ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ],
)
def test_hosts_are_told_apart_from_their_ports(header: str, host: str) -> None:
    assert _host(header) == host


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}, True), ({"origin": "http://evil.example", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://127.0.0.1:9999", "sec-fetch-site": "same-site"}, False), ({"origin": "null"}, False), ({"origin": "http://evil.example"}, False), ({}, True),
        ({"origin": "http://127.0.0.1:8765"}, True),
    ],
    ids=["here", "elsewhere", "another port", "sandboxed", "old browser elsewhere", "no browser", "old browser here"],
)  # fmt: skip
def test_forms_come_from_here(headers: dict[str, str], allowed: bool) -> None:
    assert _is_same_site(Headers({"host": "127.0.0.1:8765", **headers})) is allowed


def test_guessing_is_slowed_down_per_address_and_forgotten_after_a_minute() -> None:
    wall = SettableClock()
    tries = Tries(wall)
    for _ in range(TRIES):
        assert tries.wait("10.0.0.1") == timedelta(0)
        tries.failed("10.0.0.1")
    assert tries.wait("10.0.0.1") == WINDOW
    assert tries.wait("10.0.0.2") == timedelta(0)
    wall.instant += WINDOW
    assert tries.wait("10.0.0.1") == timedelta(0)


@pytest.mark.parametrize(
    ("error", "status_code"),
    [
        (DatasetUnknownError("x"), 404),
        (ConfigurationError("x"), 400),
        (StoreUnavailableError("x"), 503),
        (ValueError("secret"), 500),
    ],
    ids=["unknown", "wrong", "store", "defect"],
)
def test_errors_have_their_status_and_defects_tell_nothing(error: Exception, status_code: int) -> None:
    problem = problem_of(error)
    assert problem.status == status_code
    assert "secret" not in str(problem.document())
