"""What scheduled slots promise, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from controlplane.usecases.schedule_ports import Claim, Slots, SlotState
from tests.fakes.store_kit import NOON, STORES, SettableClock, opened

TTL = timedelta(minutes=1)
HOUR = timedelta(hours=1)
JOB = "run:orders"
NINE, TEN, ELEVEN = (NOON.replace(hour=hour, minute=0, second=0, microsecond=0) for hour in (9, 10, 11))


@pytest.fixture
def wall() -> SettableClock:
    return SettableClock(TEN)


@pytest.fixture(params=STORES)
def slots(request: pytest.FixtureRequest, tmp_path: Path, wall: SettableClock) -> Iterator[Slots]:
    with opened(request.param, tmp_path, wall, holder="test") as store:
        yield store.slots


def taken(slots: Slots, slot: datetime = TEN) -> Claim:
    claim = slots.claim(JOB, slot, TTL)
    assert claim is not None
    return claim


def test_a_slot_is_claimed_once(slots: Slots) -> None:
    assert taken(slots) == Claim(JOB, TEN, 1)
    assert slots.claim(JOB, TEN, TTL) is None


def test_jobs_have_slots_of_their_own(slots: Slots) -> None:
    taken(slots)
    assert slots.claim("run:items", TEN, TTL) == Claim("run:items", TEN, 1)


def test_an_ended_slot_is_not_claimed_again(slots: Slots, wall: SettableClock) -> None:
    for error, slot in ((None, TEN), ("the catalog does not answer", ELEVEN)):
        assert slots.end(taken(slots, slot), error)
        wall.pass_by(hours=2)
        assert slots.claim(JOB, slot, TTL) is None


def test_an_ended_slot_says_how_it_ended(slots: Slots, wall: SettableClock) -> None:
    claim = taken(slots)
    wall.pass_by(seconds=7)
    slots.end(claim, "the catalog does not answer")
    slot = slots.newest(JOB)
    assert slot is not None
    assert (slot.state, slot.error, slot.holder) == (SlotState.FAILED, "the catalog does not answer", "test")
    assert slot.ended_wall == slot.started_wall + timedelta(seconds=7)


def test_the_slot_of_a_holder_whose_time_is_over_is_taken_with_a_higher_token(slots: Slots, wall: SettableClock) -> None:
    first = taken(slots)
    wall.pass_by(seconds=60)
    assert taken(slots).token > first.token


def test_a_renewed_claim_lasts_longer(slots: Slots, wall: SettableClock) -> None:
    claim = taken(slots)
    wall.pass_by(seconds=50)
    assert slots.renew(claim, TTL)
    wall.pass_by(seconds=50)
    assert slots.claim(JOB, TEN, TTL) is None


def test_who_lost_a_slot_can_neither_renew_nor_end_it(slots: Slots, wall: SettableClock) -> None:
    lost = taken(slots)
    wall.pass_by(seconds=61)
    again = taken(slots)
    assert not slots.renew(lost, TTL)
    assert not slots.end(lost)
    slots.give_back(lost)
    assert slots.claim(JOB, TEN, TTL) is None
    assert slots.end(again)


def test_an_ended_slot_cannot_be_renewed_ended_or_given_back(slots: Slots) -> None:
    claim = taken(slots)
    slots.end(claim)
    assert not slots.renew(claim, TTL)
    assert not slots.end(claim, "again")
    slots.give_back(claim)
    slot = slots.newest(JOB)
    assert slot is not None
    assert slot.state is SlotState.DONE


def test_a_slot_that_is_given_back_is_free_after_its_pause(slots: Slots, wall: SettableClock) -> None:
    slots.give_back(taken(slots), pause=timedelta(seconds=30), error="the catalog does not answer")
    slot = slots.newest(JOB)
    assert slot is not None
    assert (slot.state, slot.error) == (SlotState.RUNNING, "the catalog does not answer")
    wall.pass_by(seconds=29)
    assert slots.claim(JOB, TEN, TTL) is None
    wall.pass_by(seconds=1)
    assert taken(slots).token == 2
    slots.give_back(Claim(JOB, TEN, 2))
    assert taken(slots).token == 3


def test_a_job_is_worked_on_by_one_at_a_time(slots: Slots, wall: SettableClock) -> None:
    taken(slots, NINE)
    assert slots.claim(JOB, TEN, TTL) is None
    wall.pass_by(seconds=61)
    assert slots.claim(JOB, TEN, TTL) == Claim(JOB, TEN, 1)


def test_an_abandoned_older_slot_is_ended_by_the_newer_one_that_does_its_work(slots: Slots, wall: SettableClock) -> None:
    old = taken(slots, NINE)
    wall.pass_by(seconds=61)
    assert slots.end(taken(slots, ELEVEN))
    assert slots.ended({JOB: NINE}) == {JOB: ELEVEN}
    assert not slots.end(old)
    assert slots.claim(JOB, NINE, TTL) is None


def test_nobody_goes_back_behind_a_newer_slot(slots: Slots, wall: SettableClock) -> None:
    slots.end(taken(slots, ELEVEN))
    assert slots.claim(JOB, TEN, TTL) is None
    wall.pass_by(hours=5)
    assert slots.claim(JOB, TEN, TTL) is None


def test_ended_slots_are_told_by_job_newest_first_and_running_ones_are_not(slots: Slots) -> None:
    slots.end(taken(slots, NINE))
    slots.end(taken(slots, TEN), "failed")
    taken(slots, ELEVEN)
    evaluation = slots.claim("evaluation", TEN, TTL)
    assert evaluation is not None
    assert slots.ended({JOB: NINE, "evaluation": NINE}) == {JOB: TEN}
    slots.end(evaluation)
    assert slots.ended({JOB: ELEVEN, "evaluation": NINE, "never": NINE}) == {"evaluation": TEN}
    assert slots.ended({JOB: NINE}) == {JOB: TEN}
    assert slots.ended({}) == {}


def test_the_last_time_a_job_was_done_counts_no_failures(slots: Slots, wall: SettableClock) -> None:
    assert slots.last_done(JOB) is None
    slots.end(taken(slots, NINE))
    done = wall.now()
    wall.pass_by(hours=1)
    slots.end(taken(slots, TEN), "failed")
    assert slots.last_done(JOB) == done
    assert slots.newest("never") is None
