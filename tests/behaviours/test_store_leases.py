"""What writer leases promise, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.kernel.errors import LeaseTakenError
from tests.fakes.store_kit import ITEMS, ORDERS, STORES, AnyStore, SettableClock, opened

TTL = timedelta(minutes=5)


@pytest.fixture
def wall() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, wall: SettableClock) -> Iterator[AnyStore]:
    with opened(request.param, tmp_path, wall, holder="test") as store:
        yield store


def test_a_lease_is_free_after_its_block(store: AnyStore) -> None:
    with store.leases.hold(ORDERS, TTL) as first:
        pass
    with store.leases.hold(ORDERS, TTL) as second:
        pass
    assert second > first


def test_a_lease_is_free_after_a_block_that_raised(store: AnyStore) -> None:
    with pytest.raises(ZeroDivisionError), store.leases.hold(ORDERS, TTL):
        raise ZeroDivisionError
    with store.leases.hold(ORDERS, TTL):
        pass


def test_a_held_lease_is_refused_and_the_message_names_holder_and_expiry(store: AnyStore) -> None:
    with (
        store.leases.hold(ORDERS, TTL),
        pytest.raises(LeaseTakenError, match=r"silver.orders .* by test until 2017-10-09T12:05:00\+00:00"),
        store.leases.hold(ORDERS, TTL),
    ):
        pass


def test_datasets_have_leases_of_their_own(store: AnyStore) -> None:
    with store.leases.hold(ORDERS, TTL), store.leases.hold(ITEMS, TTL):
        pass


def test_a_lease_whose_time_is_over_is_taken_with_a_higher_token(store: AnyStore, wall: SettableClock) -> None:
    with store.leases.hold(ORDERS, TTL) as first:
        wall.pass_by(minutes=5)
        with store.leases.hold(ORDERS, TTL) as second:
            assert second > first


def test_the_end_of_a_lost_lease_does_not_free_the_lease_of_the_next_holder(store: AnyStore, wall: SettableClock) -> None:
    late = store.leases.hold(ORDERS, TTL)
    late.__enter__()
    wall.pass_by(minutes=6)
    with store.leases.hold(ORDERS, TTL):
        late.__exit__(None, None, None)
        with pytest.raises(LeaseTakenError), store.leases.hold(ORDERS, TTL):
            pass


def test_a_renewed_lease_lasts_longer(store: AnyStore, wall: SettableClock) -> None:
    with store.leases.hold(ORDERS, TTL) as token:
        wall.pass_by(minutes=4)
        store.leases.renew(ORDERS, token, TTL)
        wall.pass_by(minutes=4)
        with pytest.raises(LeaseTakenError), store.leases.hold(ORDERS, TTL):
            pass


def test_a_lost_lease_cannot_be_renewed(store: AnyStore, wall: SettableClock) -> None:
    with store.leases.hold(ORDERS, TTL) as token:
        wall.pass_by(minutes=5)
        with pytest.raises(LeaseTakenError, match="lost"):
            store.leases.renew(ORDERS, token, TTL)
        with store.leases.hold(ORDERS, TTL), pytest.raises(LeaseTakenError, match="lost"):
            store.leases.renew(ORDERS, token, TTL)
