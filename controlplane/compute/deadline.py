"""A bound in time for work that can only be stopped from another thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

_AGAIN = 0.1  # seconds; an engine that had not begun when it was told to stop has to be told again


class Deadline:
    """Calls ``stop`` once ``seconds`` are over, and again and again until the block is left.

    One thread watches all deadlines of the process: a thread for each would cost a short query more than the query.

    Attributes:
        passed: whether ``stop`` was called.
    """

    def __init__(self, seconds: float, stop: Callable[[], object]) -> None:
        self.passed = False
        self.due = 0.0
        self._seconds = seconds
        self._stop = stop

    def __enter__(self) -> Self:
        self.due = time.monotonic() + self._seconds
        _WATCHER.watch(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _WATCHER.forget(self)  # a late stop must not hit the next query

    def pass_over(self, now: float) -> None:
        """Tell the work to stop; it is told again a moment after ``now``."""
        self.passed = True
        self.due = now + _AGAIN
        with suppress(Exception):  # an engine that could not be told is told again
            self._stop()


class _Watcher:
    """The thread behind all deadlines; it starts with the first one and sleeps until the next is due."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: set[Deadline] = set()
        self._wakes = 0.0
        self._thread: threading.Thread | None = None

    def watch(self, deadline: Deadline) -> None:
        with self._changed:
            self._running.add(deadline)
            if self._thread is None or not self._thread.is_alive():  # after a fork it is not
                self._wakes = deadline.due
                self._thread = threading.Thread(target=self._work, name="query deadlines", daemon=True)
                self._thread.start()
            elif deadline.due < self._wakes:
                self._wakes = deadline.due
                self._changed.notify()

    def forget(self, deadline: Deadline) -> None:
        with self._changed:  # held while stops are called, so that none is under way after this
            self._running.discard(deadline)

    def _work(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                for deadline in [one for one in self._running if one.due <= now]:
                    deadline.pass_over(now)
                self._wakes = min((one.due for one in self._running), default=float("inf"))
                self._changed.wait(None if self._wakes == float("inf") else max(self._wakes - time.monotonic(), 0))


_WATCHER = _Watcher()
