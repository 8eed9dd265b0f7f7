from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controlplane.kernel.clock import ReplayClock, ShiftedClock, SystemClock


def test_a_shifted_clock_stays_behind_the_machines_and_goes_on() -> None:
    behind = timedelta(days=3_000, seconds=0.5)
    clock = ShiftedClock(behind)
    before, shown, after = SystemClock().now(), clock.now(), SystemClock().now()
    assert before - behind <= shown <= after - behind
    assert shown.utcoffset() == timedelta(0)
    assert clock.now() >= shown


def test_a_replay_clock_stands_where_it_was_set() -> None:
    clock = ReplayClock(datetime(2017, 10, 9, tzinfo=UTC))
    assert clock.now() == clock.now() == datetime(2017, 10, 9, tzinfo=UTC)
