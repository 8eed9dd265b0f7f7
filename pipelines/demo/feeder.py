"""The sources after the replay: they go on delivering the following days, at the pace of the wall clock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelines.sources import Window

PACE = 20.0
"""Seconds between two deliveries."""


class Feeder:
    """Delivers what is due by a clock into a landing zone, in a thread of its own, for as long as its block is open.

    What was delivered before is read from the landing zone, so it goes on where a replay or another feeder has stopped.
    """

    def __init__(self, window: Window, landing: Path, now: Callable[[], datetime], pace: float = PACE) -> None:
        """Remember what to deliver; the thread starts when the block is entered.

        Args:
            window: whose days begin with those that were delivered.
            landing: folder of the landing zone.
            now: tells the time of the sources, timezone-aware.
            pace: seconds between two deliveries.
        """
        self._window = window
        self._landing = landing
        self._now = now
        self._pace = pace
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._deliver, name="sources", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def is_running(self) -> bool:
        """Whether there is still something to come."""
        return self._thread.is_alive()

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            at = min(self._now(), self._window.end)
            self._window.emit_until(self._landing, at)
            if at == self._window.end:
                return
            self._stopping.wait(self._pace)
