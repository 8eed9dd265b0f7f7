"""The schedule under real processes: several on one store, one of them killed without warning."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.fakes.store_kit import FILE_STORES, located

ROOT = Path(__file__).parents[2]

SCHEDULE = """
import os, signal, sys, time
from datetime import timedelta
from pathlib import Path
from threading import Event
from pyarrow.fs import LocalFileSystem
from controlplane.persistence.store import Store
from controlplane.scheduler.scheduler import Scheduler
from controlplane.usecases.agenda import Agenda, Every, Job, Work

url, folder, fires, stuck = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
store = Store(url, LocalFileSystem(), f"{folder}/state", busy_timeout=30)
second = Every(timedelta(seconds=1))
jobs = [
    Job("landed", Work.RUN, second, "landed"),
    Job("silver", Work.RUN, second, "silver", after=("landed",)),
    Job("evaluation", Work.EVALUATE, second),
]

def perform(job):
    with open(fires, "a") as file:
        file.write(f"{job.name}\\n")
    if job.name in stuck:
        print("stuck", flush=True)
        time.sleep(600)

stopping = Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
scheduler = Scheduler(Agenda(jobs, store.slots), store.slots, perform, pace=0.1, ttl=timedelta(seconds=6))
scheduler.start()
print("started", flush=True)
stopping.wait()
sys.exit(0 if scheduler.stop() else 1)
"""


@dataclass
class Place:
    """Where a test's store is, and the processes the test has started on it."""

    url: str
    folder: Path
    started: ExitStack = field(default_factory=ExitStack)

    def start(self, *stuck: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCHEDULE, self.url, str(self.folder), str(self.folder / "fires"), *stuck]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
        self.started.enter_context(process)
        self.started.callback(process.kill)
        assert said(process) == "started"
        return process

    def fires(self) -> Counter[str]:
        path = self.folder / "fires"
        return Counter(path.read_text("utf-8").split() if path.exists() else ())

    def slots(self) -> list[tuple[str, str, str, int]]:
        """Return (job, slot, state, token) of every slot."""
        engine = create_engine(self.url)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT job, slot, state, token FROM slots ORDER BY job, slot")).all()
        engine.dispose()
        return [tuple(row) for row in rows]


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.fixture(params=FILE_STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with located(request.param, tmp_path) as url:
        place = Place(url, tmp_path)
        with place.started:
            yield place


def wait_until(place: Place, wanted: Counter[str], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not place.fires() >= wanted:
        assert time.monotonic() < until, f"{place.fires()} and not yet {wanted}"
        time.sleep(0.05)


def test_two_processes_fire_every_slot_once(place: Place) -> None:
    processes = [place.start(), place.start()]
    wait_until(place, Counter(landed=7, silver=7, evaluation=7))
    for process in processes:
        process.terminate()
    assert [process.wait(30) for process in processes] == [0, 0]
    slots = place.slots()
    assert {(state, token) for _, _, state, token in slots} == {("done", 1)}
    assert place.fires() == Counter(job for job, _, _, _ in slots)


def test_the_slot_of_a_killed_process_is_taken_over_and_no_other_fires_twice(place: Place) -> None:
    doomed = place.start("silver")
    assert said(doomed) == "stuck"
    heir = place.start()
    held = next(slot for job, slot, state, _ in place.slots() if job == "silver" and state == "running")
    before = place.fires()
    doomed.kill()
    doomed.wait()
    wait_until(place, before + Counter(landed=3, silver=2, evaluation=3))
    heir.terminate()
    assert heir.wait(30) == 0
    slots = place.slots()
    ended = {(job, slot): (state, token) for job, slot, state, token in slots}
    assert ended["silver", held][0] in {"done", "failed"}  # failed: a newer slot did its work, as its reason says
    twice = [(job, slot) for (job, slot), (_, token) in ended.items() if token > 1]
    assert len(twice) <= 2  # what each of the doomed process's two threads had in hand
    assert place.fires() == sum((Counter({job: token}) for (job, _), (_, token) in ended.items()), Counter())


def test_a_stopped_process_gives_its_slot_back(place: Place) -> None:
    process = place.start("silver")
    assert said(process) == "stuck"
    process.terminate()
    assert process.wait(30) == 1
    place.start()
    wait_until(place, Counter(silver=2))
