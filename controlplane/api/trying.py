"""How often somebody may try to sign in: a guess at 256 random bits never hits, but guessing must not keep the store busy."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from threading import Lock

from controlplane.kernel.ports import Clock

TRIES = 10
"""Failed tries that one address has."""

WINDOW = timedelta(minutes=1)
"""The time after which a failed try no longer counts."""

_ADDRESSES = 10_000


class Tries:
    """Counts failed tries per address, in this process."""

    def __init__(self, wall: Clock) -> None:
        """Take the wall clock."""
        self._wall = wall
        self._failed: dict[str, deque[datetime]] = {}
        self._lock = Lock()

    def wait(self, address: str) -> timedelta:
        """Return how long an address must wait before its next try; zero when it need not."""
        now = self._wall.now()
        with self._lock:
            failed = self._recent(address, now)
            return failed[0] + WINDOW - now if len(failed) >= TRIES else timedelta(0)

    def failed(self, address: str) -> None:
        """Note a failed try."""
        now = self._wall.now()
        with self._lock:
            if len(self._failed) >= _ADDRESSES:
                self._failed = {name: times for name, times in self._failed.items() if times[-1] > now - WINDOW}
            self._recent(address, now).append(now)

    def _recent(self, address: str, now: datetime) -> deque[datetime]:
        times = self._failed.setdefault(address, deque(maxlen=TRIES))
        while times and times[0] <= now - WINDOW:
            times.popleft()
        return times
