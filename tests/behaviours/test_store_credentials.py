"""What credentials promise, wherever they are kept, and who is let in with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from controlplane.kernel.errors import ConfigurationError, SignInRefusedError
from controlplane.usecases.access_ports import Credential, CredentialKind
from controlplane.usecases.sign_in import IDLE, LINK_LIFE, SESSION_LIFE, Access, csrf_of, digest
from tests.fakes.access import Doors
from tests.fakes.store_kit import NOON, STORES, AnyStore, SettableClock, opened

MINUTE = timedelta(minutes=1)


@pytest.fixture
def wall() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, wall: SettableClock) -> Iterator[AnyStore]:
    with opened(request.param, tmp_path, wall, holder="test") as store:
        yield store


@pytest.fixture
def access(store: AnyStore, wall: SettableClock) -> Access:
    return Access(Doors(store.credentials, store.audit_log, wall), wall)


def a_link(access: Access) -> str:
    return access.new_link().partition("token=")[2]


def test_what_was_kept_is_found_as_it_was(store: AnyStore) -> None:
    kept = Credential("a" * 64, CredentialKind.TOKEN, "ci", NOON, NOON, NOON + timedelta(days=1))
    store.credentials.add(kept)
    assert store.credentials.find("a" * 64) == kept
    assert store.credentials.find("b" * 64) is None
    assert store.credentials.alive(CredentialKind.TOKEN, NOON) == [kept]
    assert store.credentials.alive(CredentialKind.SESSION, NOON) == []
    assert store.credentials.alive(CredentialKind.TOKEN, NOON + timedelta(days=1)) == []


def test_ending_says_whether_it_was_alive(store: AnyStore) -> None:
    store.credentials.add(Credential("a" * 64, CredentialKind.TOKEN, "ci", NOON, NOON, NOON + MINUTE))
    assert store.credentials.end("a" * 64, NOON)
    assert not store.credentials.end("a" * 64, NOON)
    assert not store.credentials.end("b" * 64, NOON)


def test_what_was_over_a_week_ago_is_forgotten(store: AnyStore) -> None:
    store.credentials.add(Credential("a" * 64, CredentialKind.LINK, "you", NOON, NOON, NOON + MINUTE))
    later = NOON + timedelta(days=8)
    store.credentials.add(Credential("b" * 64, CredentialKind.LINK, "you", later, later, later + MINUTE))
    assert store.credentials.find("a" * 64) is None
    assert store.credentials.find("b" * 64) is not None


def test_a_link_opens_one_session_and_no_second(access: Access) -> None:
    link = a_link(access)
    session = access.session(access.follow_link(link))
    assert session is not None
    assert session.subject == "owner"
    with pytest.raises(SignInRefusedError):
        access.follow_link(link)


def test_of_many_who_follow_a_link_at_once_one_gets_in(access: Access) -> None:
    link, let_in = a_link(access), []

    def follow() -> None:
        with suppress(SignInRefusedError):
            let_in.append(access.follow_link(link))

    threads = [Thread(target=follow) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_in) == 1


def test_a_link_is_over_after_ten_minutes(access: Access, wall: SettableClock) -> None:
    link = a_link(access)
    wall.instant += LINK_LIFE
    with pytest.raises(SignInRefusedError):
        access.follow_link(link)


def test_a_token_is_no_link_and_following_it_does_not_end_it(access: Access) -> None:
    token = access.new_token("ci")
    with pytest.raises(SignInRefusedError):
        access.follow_link(token)
    assert access.bearer(token) == "ci"


def test_neither_link_nor_session_is_a_token(access: Access) -> None:
    link, session = a_link(access), access.sign_in(access.new_token("ci"))
    for secret in (link, session, "", "x", "ä", "x" * 1000):
        with pytest.raises(SignInRefusedError):
            access.bearer(secret)
    assert access.session(link) is None


def test_a_token_lasts_as_long_as_was_said(access: Access, wall: SettableClock) -> None:
    token = access.new_token("ci", timedelta(hours=1))
    wall.instant += timedelta(minutes=59)
    assert access.bearer(token) == "ci"
    wall.instant += MINUTE
    with pytest.raises(SignInRefusedError):
        access.bearer(token)


@pytest.mark.parametrize(
    ("subject", "life"), [(" ", timedelta(days=1)), ("ci", timedelta(0))], ids=["nameless", "over at once"]
)
def test_a_token_needs_a_name_and_a_life(access: Access, subject: str, life: timedelta) -> None:
    with pytest.raises(ConfigurationError, match="needs a name"):
        access.new_token(subject, life)


def test_a_revoked_token_opens_nothing_and_is_not_listed(access: Access) -> None:
    kept, gone = access.new_token("kept"), access.new_token("gone")
    assert [token.subject for token in access.tokens()] == ["kept", "gone"]
    access.revoke(digest(gone)[:12])
    assert [token.subject for token in access.tokens()] == ["kept"]
    assert access.bearer(kept) == "kept"
    with pytest.raises(SignInRefusedError):
        access.sign_in(gone)
    with pytest.raises(ConfigurationError, match="no living token"):
        access.revoke(digest(gone)[:12])


def test_a_session_lives_while_it_is_used_up_to_its_end(access: Access, wall: SettableClock) -> None:
    secret = access.sign_in(access.new_token("you"))
    opened_at = wall.instant
    while wall.instant - opened_at < SESSION_LIFE - IDLE:
        wall.instant += IDLE / 2
        assert access.session(secret) is not None
    wall.instant = opened_at + SESSION_LIFE
    assert access.session(secret) is None


def test_an_idle_session_is_over_and_stays_so(access: Access, wall: SettableClock) -> None:
    secret = access.sign_in(access.new_token("you"))
    wall.instant += IDLE + MINUTE
    assert access.session(secret) is None
    assert access.session(secret) is None


def test_signing_out_ends_this_session_only(access: Access) -> None:
    token = access.new_token("you")
    here, there = access.sign_in(token), access.sign_in(token)
    access.sign_out(here)
    assert access.session(here) is None
    assert access.session(there) is not None


def test_the_store_has_no_secret_and_no_form_token(store: AnyStore, access: Access) -> None:
    secrets = [a_link(access), access.new_token("you")]
    secrets.append(access.sign_in(secrets[1]))
    kept = [store.credentials.find(digest(secret)) for secret in secrets]
    assert None not in kept
    for secret in [*secrets, *map(csrf_of, secrets)]:
        assert secret not in repr(kept)


def test_every_session_has_a_form_token_of_its_own(access: Access) -> None:
    token = access.new_token("you")
    sessions = [access.session(access.sign_in(token)) for _ in range(3)]
    assert len({session.csrf for session in sessions if session}) == 3


def test_the_audit_log_knows_tokens_and_sessions_by_their_ids(store: AnyStore, access: Access) -> None:
    token = access.new_token("ci")
    access.sign_in(token)
    access.revoke(digest(token)[:12])
    verbs = [(entry.verb, entry.subject, entry.actor) for entry in store.audit_log.entries()]
    assert verbs == [("token.revoke", "ci", "owner"), ("session.open", "ci", "ci"), ("token.new", "ci", "owner")]
    assert token not in repr(store.audit_log.entries())
