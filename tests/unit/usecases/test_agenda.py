from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from controlplane.usecases.agenda import Agenda, Cron, Every, Job, Lane, Work
from tests.fakes.slots import InMemorySlots
from tests.fakes.store_kit import SettableClock

TTL = timedelta(minutes=1)
FIVE, HOUR = Every(timedelta(minutes=5)), Every(timedelta(hours=1))
TEN = datetime(2026, 11, 20, 10, tzinfo=UTC)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return TEN.replace(hour=hour, minute=minute, second=second)


def run(name: str, *after: str, every: Every = HOUR) -> Job:
    return Job(name, Work.RUN, every, name, after=after)


class Day:
    """An agenda and a process that works it off."""

    def __init__(self, *jobs: Job) -> None:
        self.wall = SettableClock(TEN)
        self.slots = InMemorySlots(self.wall, "test")
        self.agenda = Agenda(jobs, self.slots)

    def due(self, moment: datetime) -> list[str]:
        self.wall.instant = moment
        return [f"{job.name}@{slot:%H:%M}" for job, slot in self.agenda.due(moment)]

    def do(self, job: str, slot: datetime, error: str | None = None) -> None:
        claim = self.slots.claim(job, slot, TTL)
        assert claim is not None
        assert self.slots.end(claim, error)


@pytest.mark.parametrize(
    ("moment", "latest"),
    [(at(10), at(10)), (at(10, 4, 59), at(10)), (at(10, 5), at(10, 5)), (at(9, 59, 59), at(9, 55))],
    ids=["on the minute", "just before the next", "the next", "the hour before"],
)
def test_intervals_have_fixed_moments(moment: datetime, latest: datetime) -> None:
    assert FIVE.latest(moment) == latest
    assert FIVE.following(latest) == latest + timedelta(minutes=5)


def test_a_cron_moment_is_of_its_time_zone() -> None:
    cron = Cron("0 20 * * mon-fri", "Europe/Berlin")
    friday = datetime(2026, 11, 20, 19, tzinfo=UTC)
    assert cron.latest(friday) == friday
    assert cron.latest(friday - timedelta(seconds=1)) == friday - timedelta(days=1)
    assert cron.following(friday) == friday + timedelta(days=3)


def test_sunday_is_0_and_7_as_cron_says() -> None:
    sunday = datetime(2026, 11, 15, 6, tzinfo=UTC)
    assert Cron("0 6 * * 0").latest(TEN) == Cron("0 6 * * 7").latest(TEN) == Cron("0 6 * * sun").latest(TEN) == sunday


def test_a_day_that_no_calendar_has_is_never_due() -> None:
    assert Cron("0 0 30 2 *").latest(TEN) is None
    assert Day(Job("never", Work.CHECK, Cron("0 0 30 2 *"))).due(TEN) == []


def test_the_night_clocks_change_has_every_daily_moment() -> None:
    cron = Cron("30 2 * * *", "Europe/Berlin")
    skipped = cron.latest(datetime(2026, 3, 29, 12, tzinfo=UTC))
    assert skipped == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert cron.following(skipped) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


def test_a_job_is_due_from_its_moment_until_its_slot_has_ended() -> None:
    day = Day(run("orders"))
    assert day.due(at(10, 7)) == ["orders@10:00"]
    assert day.due(at(10, 8)) == ["orders@10:00"]
    day.do("orders", at(10))
    assert day.due(at(10, 59)) == []
    assert day.due(at(11)) == ["orders@11:00"]


def test_a_failed_slot_has_ended() -> None:
    day = Day(run("orders"))
    day.do("orders", at(10), "the catalog does not answer")
    assert day.due(at(10, 1)) == []


def test_who_was_away_catches_up_once_with_the_newest_moment() -> None:
    day = Day(run("orders", every=FIVE))
    day.do("orders", at(10))
    assert day.due(at(12, 2)) == ["orders@12:00"]
    day.do("orders", at(12))
    assert day.due(at(12, 2)) == []


def test_a_pipeline_waits_for_those_it_reads_from_however_long_that_takes() -> None:
    day = Day(run("bronze", every=FIVE), run("silver", "bronze"), run("gold", "silver", "bronze"))
    assert day.due(at(10)) == ["bronze@10:00"]
    day.do("bronze", at(10))
    assert day.due(at(10, 1)) == ["silver@10:00"]
    assert day.due(at(10, 20)) == ["bronze@10:20", "silver@10:00"]
    day.do("silver", at(10))
    assert day.due(at(10, 21)) == ["bronze@10:20", "gold@10:00"]


def test_a_failed_upstream_does_not_stop_those_that_read_it() -> None:
    day = Day(run("bronze", every=FIVE), run("silver", "bronze"))
    day.do("bronze", at(10), "the landing zone does not answer")
    assert day.due(at(10, 1)) == ["silver@10:00"]


def test_an_upstream_that_caught_up_later_counts_for_the_earlier_moment() -> None:
    day = Day(run("bronze", every=FIVE), run("silver", "bronze"))
    day.do("bronze", at(10, 35))
    assert day.due(at(10, 36)) == ["silver@10:00"]


def test_an_upstream_that_another_process_ended_before_its_newest_moment_counts() -> None:
    day = Day(run("bronze", every=FIVE), run("silver", "bronze"))
    day.do("bronze", at(10))
    assert day.due(at(10, 7)) == ["bronze@10:05", "silver@10:00"]


def test_the_end_of_a_chain_that_takes_longer_than_its_interval_is_reached() -> None:
    day = Day(run("silver"), run("gold", "silver"))
    day.do("silver", at(10))
    assert day.due(at(11)) == ["gold@10:00", "silver@11:00"]
    day.do("gold", at(10))
    assert day.due(at(11, 1)) == ["silver@11:00"]


def test_a_chain_that_was_left_hours_ago_is_not_gone_through_twice() -> None:
    day = Day(run("silver"), run("gold", "silver"))
    day.do("silver", at(3))
    assert day.due(at(10)) == ["silver@10:00"]


def test_a_job_that_reads_its_own_table_does_not_wait_for_itself() -> None:
    day = Day(run("silver"))
    assert day.due(at(10)) == ["silver@10:00"]


def test_who_has_least_time_left_goes_first() -> None:
    day = Day(run("products"), run("orders"), run("landed", every=FIVE), Job("audit", Work.CHECK, Cron("0 6 * * *")))
    assert day.due(at(10, 2)) == ["landed@10:00", "products@10:00", "orders@10:00", "audit@06:00"]


def test_lanes_are_apart() -> None:
    day = Day(run("orders"), Job("evaluation", Work.EVALUATE, FIVE))
    assert [job.name for job, _ in day.agenda.due(at(10), Lane.WATCH)] == ["evaluation"]
    assert [job.name for job, _ in day.agenda.due(at(10), Lane.DATA)] == ["orders"]


def test_a_refused_job_is_left_alone_for_some_seconds() -> None:
    day = Day(run("orders"), run("items"))
    (job, _), *_ = day.agenda.due(at(10))
    day.agenda.refused(job, at(10))
    assert day.due(at(10, 0, 1)) == ["items@10:00"]
    assert day.due(at(10, 0, 3)) == ["orders@10:00", "items@10:00"]


def test_a_refused_job_with_a_short_interval_is_looked_at_again_within_it() -> None:
    day = Day(run("landed", every=Every(timedelta(seconds=2))))
    (job, _), *_ = day.agenda.due(at(10))
    day.agenda.refused(job, at(10))
    assert day.due(at(10) + timedelta(seconds=0.4)) == []
    assert day.due(at(10) + timedelta(seconds=0.5)) == ["landed@10:00"]


def test_lag_is_that_of_the_most_overdue_job() -> None:
    day = Day(run("orders"), run("landed", every=FIVE))
    assert day.agenda.lag(at(10, 7)) == timedelta(minutes=7)
    day.do("orders", at(10))
    assert day.agenda.lag(at(10, 7)) == timedelta(minutes=2)
    day.do("landed", at(10, 5))
    assert day.agenda.lag(at(10, 7)) == timedelta(0)


def test_a_clock_that_is_put_back_finds_its_moment_again() -> None:
    day = Day(run("orders"))
    assert day.due(at(11)) == ["orders@11:00"]
    assert day.due(at(10, 59)) == ["orders@10:00"]
