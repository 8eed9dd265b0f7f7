"""Scheduled slots in memory; the behaviour suite holds them to the same promises as the store's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock

from controlplane.kernel.ports import Clock
from controlplane.usecases.schedule_ports import Claim, Slot, SlotState


class InMemorySlots:
    def __init__(self, wall: Clock, holder: str) -> None:
        self._wall = wall
        self._holder = holder
        self._lock = Lock()
        self.stored: dict[tuple[str, datetime], Slot] = {}

    def claim(self, job: str, slot: datetime, ttl: timedelta) -> Claim | None:
        now = self._wall.now()
        with self._lock:
            mine = [known for known in self.stored.values() if known.job == job]
            if any(known.slot > slot or (known.slot == slot and known.state is not SlotState.RUNNING) for known in mine):
                return None
            running = [known for known in mine if known.state is SlotState.RUNNING]
            if any(known.until_wall > now for known in running):
                return None
            for known in running:
                if known.slot < slot:
                    reason = f"{known.holder} stopped before it was done; the slot of {slot.isoformat()} does its work"
                    ended = replace(known, state=SlotState.FAILED, ended_wall=now, error=reason)
                    self.stored[job, known.slot] = ended
            before = self.stored.get((job, slot))
            token = before.token + 1 if before else 1
            self.stored[job, slot] = Slot(job, slot, SlotState.RUNNING, self._holder, token, now + ttl, now)
            return Claim(job, slot, token)

    def renew(self, claim: Claim, ttl: timedelta) -> bool:
        return self._change(claim, until_wall=self._wall.now() + ttl)

    def end(self, claim: Claim, error: str | None = None) -> bool:
        state = SlotState.DONE if error is None else SlotState.FAILED
        return self._change(claim, state=state, error=error, ended_wall=self._wall.now())

    def give_back(self, claim: Claim, *, pause: timedelta = timedelta(0), error: str | None = None) -> None:
        self._change(claim, until_wall=self._wall.now() + pause, error=error)

    def ended(self, since: Mapping[str, datetime]) -> Mapping[str, datetime]:
        found: dict[str, datetime] = {}
        for known in self.stored.values():
            if known.job in since and known.slot >= since[known.job] and known.state is not SlotState.RUNNING:
                found[known.job] = max(known.slot, found.get(known.job, known.slot))
        return found

    def newest(self, job: str) -> Slot | None:
        mine = [known for known in self.stored.values() if known.job == job]
        return max(mine, key=lambda known: known.slot, default=None)

    def last_done(self, job: str) -> datetime | None:
        done = [known for known in self.stored.values() if known.job == job and known.state is SlotState.DONE]
        newest = max(done, key=lambda known: known.slot, default=None)
        return None if newest is None else newest.ended_wall

    def _change(self, claim: Claim, **values: object) -> bool:
        with self._lock:
            known = self.stored.get((claim.job, claim.slot))
            if known is None or known.token != claim.token or known.state is not SlotState.RUNNING:
                return False
            self.stored[claim.job, claim.slot] = replace(known, **values)  # type: ignore[arg-type]
            return True
