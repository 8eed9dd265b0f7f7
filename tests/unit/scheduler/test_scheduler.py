from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import CatalogUnavailableError, StoreUnavailableError, UnableToEvaluateError
from controlplane.scheduler.scheduler import Scheduler
from controlplane.usecases.agenda import Agenda, Every, Job, Lane, Work
from controlplane.usecases.schedule_ports import Claim, Slot, SlotState
from tests.fakes.slots import InMemorySlots
from tests.fakes.store_kit import SettableClock

TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)
SOON = 5.0  # seconds until a test gives up waiting for another thread


def job(name: str, *after: str, work: Work = Work.RUN) -> Job:
    return Job(name, work, Every(timedelta(hours=1)), name, after=after)


@dataclass
class House:
    """A scheduler over slots in memory, with a clock that stands still."""

    jobs: tuple[Job, ...]
    perform: Callable[[Job], None]
    wall: SettableClock = field(default_factory=lambda: SettableClock(TEN))

    def __post_init__(self) -> None:
        self.slots = InMemorySlots(self.wall, "test")
        self.scheduler = Scheduler(Agenda(self.jobs, self.slots), self.slots, self.perform, wall=self.wall)

    def slot(self, name: str) -> Slot:
        found = self.slots.newest(name)
        assert found is not None
        return found


def test_what_is_due_is_done_once() -> None:
    done: list[str] = []
    house = House((job("bronze"), job("silver", "bronze")), lambda job: done.append(job.name))
    assert [house.scheduler.work_once() for _ in range(3)] == [True, True, False]
    assert done == ["bronze", "silver"]
    assert house.slot("silver").state is SlotState.DONE


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnableToEvaluateError("snapshot 5 has expired; run again"), "snapshot 5 has expired; run again"),
        (ValueError("row 7: jane@example.org"), "internal error (ValueError); this is a defect of controlplane"),
    ],
    ids=["told", "defect"],
)
def test_a_failing_job_ends_failed_with_a_sentence_and_the_others_go_on(error: Exception, said: str) -> None:
    done = []

    def perform(job: Job) -> None:
        if job.name == "bad":
            raise error
        done.append(job.name)

    house = House((job("bad"), job("good")), perform)
    while house.scheduler.work_once():
        pass
    assert done == ["good"]
    assert (house.slot("bad").state, house.slot("bad").error) == (SlotState.FAILED, said)


def test_an_outside_system_that_is_away_is_tried_again_and_then_given_up() -> None:
    tries = []

    def perform(job: Job) -> None:
        tries.append(job.name)
        message = "the catalog does not answer"
        raise CatalogUnavailableError(message)

    house = House((job("orders"),), perform)
    assert house.scheduler.work_once()
    assert (house.slot("orders").state, house.slot("orders").error) == (SlotState.RUNNING, "the catalog does not answer")
    assert not house.scheduler.work_once()
    for seconds in (30, 60):
        house.wall.pass_by(seconds=seconds)
        assert house.scheduler.work_once()
    assert len(tries) == 3
    assert (house.slot("orders").state, house.slot("orders").error) == (SlotState.FAILED, "the catalog does not answer")


def test_who_lost_its_slot_does_not_end_it() -> None:
    def perform(job: Job) -> None:
        house.wall.pass_by(seconds=61)
        assert house.slots.claim(job.name, TEN, timedelta(minutes=1)) is not None

    house = House((job("orders"),), perform)
    assert house.scheduler.work_once()
    assert (house.slot("orders").state, house.slot("orders").token) == (SlotState.RUNNING, 2)


def test_a_slot_in_other_hands_is_left_alone() -> None:
    done: list[str] = []
    house = House((job("orders"),), lambda job: done.append(job.name))
    other = house.slots.claim("orders", TEN, timedelta(minutes=1))
    assert other is not None
    assert not house.scheduler.work_once()
    assert done == []


class Gate:
    """A job that stands still until it is let go."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def perform(self, job: Job) -> None:
        if job.name == "slow":
            self.begun.set()
            assert self.open.wait(SOON)


@contextmanager
def running(
    jobs: tuple[Job, ...], perform: Callable[[Job], None], slots: InMemorySlots, **options: object
) -> Iterator[Scheduler]:
    scheduler = Scheduler(Agenda(jobs, slots), slots, perform, pace=0.01, **options)  # type: ignore[arg-type]
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.stop()


def until(condition: Callable[[], object]) -> None:
    waiting = threading.Event()
    for _ in range(int(SOON / 0.01)):
        if condition():
            return
        waiting.wait(0.01)
    pytest.fail("it never came to that")


def test_watching_never_waits_behind_a_long_run() -> None:
    gate, slots = Gate(), InMemorySlots(SystemClock(), "test")
    with running((job("slow"), job("evaluation", work=Work.EVALUATE)), gate.perform, slots):
        assert gate.begun.wait(SOON)
        until(lambda: slots.last_done("evaluation"))
        assert slots.last_done("slow") is None
        gate.open.set()


def test_a_claim_is_kept_alive_while_its_job_works() -> None:
    gate, slots = Gate(), InMemorySlots(SystemClock(), "test")
    with running((job("slow"),), gate.perform, slots, ttl=timedelta(seconds=0.2)):
        assert gate.begun.wait(SOON)
        found = slots.newest("slow")
        assert found is not None
        until(lambda: SystemClock().now() > found.until_wall)
        assert slots.claim("slow", found.slot, timedelta(minutes=1)) is None
        gate.open.set()
        until(lambda: slots.last_done("slow"))


def test_stopping_lets_work_end() -> None:
    gate, slots = Gate(), InMemorySlots(SystemClock(), "test")
    with running((job("slow"),), gate.perform, slots) as scheduler:
        assert gate.begun.wait(SOON)
        threading.Timer(0.05, gate.open.set).start()
        assert scheduler.stop()
    assert slots.last_done("slow") is not None


def test_stopping_gives_back_what_does_not_end_in_time() -> None:
    gate, slots = Gate(), InMemorySlots(SystemClock(), "test")
    with running((job("slow"),), gate.perform, slots, ttl=timedelta(seconds=0.1)) as scheduler:
        assert gate.begun.wait(SOON)
        assert not scheduler.stop()
        found = slots.newest("slow")
        assert found is not None
        assert found.error == "the process was stopped"
        assert slots.claim("slow", found.slot, timedelta(minutes=1)) == Claim("slow", found.slot, 2)
        gate.open.set()


def test_a_store_that_is_away_ends_no_thread() -> None:
    class Away(InMemorySlots):
        away = True

        def claim(self, job: str, slot: datetime, ttl: timedelta) -> Claim | None:
            if self.away:
                message = "the store does not answer"
                raise StoreUnavailableError(message)
            return super().claim(job, slot, ttl)

    slots, asked = Away(SystemClock(), "test"), threading.Event()
    with running((job("orders"),), lambda _: asked.set(), slots):
        assert not asked.wait(0.05)
        slots.away = False
        until(lambda: slots.last_done("orders"))


def test_the_watcher_is_looked_after_before_work_begins() -> None:
    seen: list[bool] = []
    slots = InMemorySlots(SystemClock(), "test")
    with running((job("orders"),), lambda _: None, slots, watch=lambda: seen.append(bool(slots.stored))):
        until(lambda: slots.last_done("orders"))
    assert seen[0] is False


def test_lanes_ask_for_their_own_jobs() -> None:
    done: list[str] = []
    house = House((job("orders"), job("evaluation", work=Work.EVALUATE)), lambda job: done.append(job.name))
    assert house.scheduler.work_once(Lane.WATCH)
    assert not house.scheduler.work_once(Lane.WATCH)
    assert done == ["evaluation"]
