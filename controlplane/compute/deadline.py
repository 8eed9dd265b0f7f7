"""A bound in time for work that can only be stopped from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

_AGAIN = 0.1  # seconds; an engine that had not begun when it was told to stop has to be told again


class Deadline:
    """Calls ``stop`` once ``seconds`` are over, and again and again until the block is left.

    Attributes:
        passed: whether ``stop`` was called.
    """

    def __init__(self, seconds: float, stop: Callable[[], object]) -> None:
        self.passed = False
        self._seconds = seconds
        self._stop = stop
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="query deadline", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._watcher.join()  # a late stop must not hit the next query

    def _watch(self) -> None:
        wait = self._seconds
        while not self._done.wait(wait):
            self.passed = True
            self._stop()
            wait = _AGAIN
