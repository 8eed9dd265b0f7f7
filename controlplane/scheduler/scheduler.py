"""Two threads that work off what is due, one for data and one for watching, and a beat beside them.

There is no ticker and no list of jobs to come: each thread asks the agenda what is due now, claims the most urgent slot in the
store, works on it and ends it. Any number of processes may do the same on one store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import ControlPlaneError, UnavailableError
from controlplane.kernel.logs import bound, event
from controlplane.kernel.ports import Clock
from controlplane.usecases.agenda import Agenda, Job, Lane
from controlplane.usecases.schedule_ports import Claim, Slots

TTL = timedelta(seconds=60)
_PACE = 1.0
_TRIES = 3
_PAUSE = timedelta(seconds=30)


class Scheduler:
    """Works off an agenda until it is stopped. No error of a job ends a thread or reaches another job."""

    def __init__(  # noqa: PLR0913 (what it works off, what it does, and the paces tests shorten)
        self,
        agenda: Agenda,
        slots: Slots,
        perform: Callable[[Job], None],
        *,
        watch: Callable[[], None] = lambda: None,
        wall: Clock | None = None,
        pace: float = _PACE,
        ttl: timedelta = TTL,
    ) -> None:
        """Take what is due, where it is claimed, and what does it.

        Args:
            perform: does a job; an ``UnavailableError`` is tried again, any other error ends the slot ``failed``.
            watch: called at the start and with every beat; looks after the watcher itself.
            wall: wall clock; the machine's when None.
            pace: seconds between two looks at the agenda while nothing is due.
            ttl: how long a claim lasts without a beat.
        """
        self._agenda = agenda
        self._slots = slots
        self._perform = perform
        self._watch = watch
        self._wall = wall or SystemClock()
        self._pace = pace
        self._ttl = ttl
        self._stopping = threading.Event()
        self._claims: dict[Claim, Job] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Look after the watcher, then begin to work."""
        self._quietly("watch", self._watch)
        self._begin("beat", self._beat)
        for lane in Lane:
            self._begin(lane.value, partial(self._work, lane))
        event("schedule begun", jobs=len(self._agenda.jobs))

    def stop(self) -> bool:
        """Begin nothing new, let work end for half a claim's time, give back the rest's slots; return whether all ended.

        What is not done then goes on in another process, or at the next start: a run resumes where it stood.
        """
        self._stopping.set()
        until = time.monotonic() + self._ttl.total_seconds() / 2  # no beat is needed until then
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        left = dict(self._claims)
        for claim, job in left.items():
            self._quietly("give back", partial(self._slots.give_back, claim, error="the process was stopped"))
            event("slot given back", logging.WARNING, job=job.name, slot=claim.slot.isoformat())
        event("schedule ended", given_back=len(left))
        return not left

    def work_once(self, lane: Lane | None = None) -> bool:
        """Claim the most urgent slot, work on it and end it; False when nothing was to be had."""
        for job, slot in self._agenda.due(self._wall.now(), lane):
            claim = self._slots.claim(job.name, slot, self._ttl)
            if claim is not None:
                self._carry(job, claim)
                return True
            self._agenda.refused(job, self._wall.now())
        return False

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=f"schedule {name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, lane: Lane) -> None:
        while not self._stopping.is_set():
            if not self._quietly("work", partial(self.work_once, lane)):
                self._stopping.wait(self._pace)

    def _beat(self) -> None:
        while not self._stopping.wait(self._ttl.total_seconds() / 4):
            for claim in list(self._claims):
                self._quietly("renew", partial(self._renew, claim))
            self._quietly("watch", self._watch)

    def _renew(self, claim: Claim) -> None:
        if not self._slots.renew(claim, self._ttl) and claim in self._claims:
            event("slot lost", logging.WARNING, job=claim.job, slot=claim.slot.isoformat())

    def _carry(self, job: Job, claim: Claim) -> None:
        with bound(job=job.name, slot=claim.slot.isoformat()):
            started = time.monotonic()
            self._claims[claim] = job
            try:
                self._perform(job)
            except UnavailableError as error:
                self._try_again(claim, str(error))
            except ControlPlaneError as error:
                self._end(claim, started, str(error))
            except Exception as error:  # whatever a job raises, the others go on
                logging.getLogger("controlplane").debug("internal error", exc_info=error)
                self._end(claim, started, f"internal error ({type(error).__name__}); this is a defect of controlplane")
            else:
                self._end(claim, started)
            finally:
                self._claims.pop(claim, None)

    def _try_again(self, claim: Claim, reason: str) -> None:
        if claim.token >= _TRIES:
            self._end(claim, time.monotonic(), reason)
            return
        pause = _PAUSE * 2 ** (claim.token - 1)
        self._slots.give_back(claim, pause=pause, error=reason)
        event("slot postponed", logging.WARNING, error=reason, seconds=pause.total_seconds())

    def _end(self, claim: Claim, started: float, error: str | None = None) -> None:
        kept = self._slots.end(claim, error)
        seconds = round(time.monotonic() - started, 3)
        if not kept:
            event("slot lost", logging.WARNING, seconds=seconds, error=error)
        elif error is None:
            event("slot done", seconds=seconds)
        else:
            event("slot failed", logging.ERROR, seconds=seconds, error=error)

    def _quietly(self, what: str, action: Callable[[], object]) -> bool:
        """Do something that must not end its thread; False when it did not work or found nothing to do."""
        try:
            return bool(action())
        except ControlPlaneError as error:
            event(f"schedule: {what} failed", logging.ERROR, error=str(error))
        except Exception as error:  # a thread of the schedule never ends by itself
            logging.getLogger("controlplane").debug("internal error", exc_info=error)
            event(f"schedule: {what} failed", logging.ERROR, error=f"internal error ({type(error).__name__})")
        return False
