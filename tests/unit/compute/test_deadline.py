"""Work that takes too long is told to stop until it does; work in time never is."""

from __future__ import annotations

import threading
import time

import pytest

from controlplane.compute.deadline import Deadline


def test_work_in_time_is_left_alone() -> None:
    stops: list[None] = []
    with Deadline(5, lambda: stops.append(None)) as deadline:
        pass
    assert (stops, deadline.passed) == ([], False)


def test_late_work_is_told_again_until_it_stops() -> None:
    stopped = threading.Event()
    told: list[float] = []

    def stop() -> None:
        told.append(time.monotonic())
        if len(told) == 2:  # the first call came before the engine had begun
            stopped.set()

    with Deadline(0.01, stop) as deadline:
        assert stopped.wait(5)
    assert deadline.passed
    assert len(told) >= 2


def test_nothing_is_told_after_the_work() -> None:
    stops: list[None] = []
    with pytest.raises(ValueError, match="own"), Deadline(0.02, lambda: stops.append(None)):
        raise ValueError("own")  # noqa: EM101
    time.sleep(0.05)
    assert stops == []
