"""The replay: sources deliver, pipelines run, promises are judged, tick by tick under the plane's own clock."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import controlplane
from pipelines.demo.lineage import jobs_of
from pipelines.demo.schedule import schedule
from pipelines.demo.tally import Tally
from pipelines.demo.workers import Workers
from pipelines.faults import faults_of
from pipelines.sources import CANARIES, Window

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2


class Progress(Protocol):
    """Shows how far a replay is."""

    def total(self, runs: int) -> None:
        """Say how many runs there will be."""
        ...

    def advance(self) -> None:
        """Say that one run has ended."""
        ...


@dataclass
class Replayed:
    """What a replay left behind.

    Attributes:
        seconds: wall time by phase.
        leaks: sentences about clear values that were found where none may be.
        places: how many places were searched for them.
    """

    tally: Tally
    seconds: dict[str, float] = field(default_factory=dict)
    leaks: list[str] = field(default_factory=list)
    places: int = 0


def prepare(root: Path) -> None:
    """Remove what an earlier demo has left in a project's folder, and make new keys."""
    for folder in ("state", "secrets"):
        shutil.rmtree(root / folder, ignore_errors=True)
    for name in ("tokens", "seal"):
        make_key(root / "secrets" / f"{name}.key")


def make_key(path: Path) -> None:
    """Write a new master key that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32), encoding="ascii")


def replay(plane: controlplane.Plane, clock: controlplane.ReplayClock, window: Window, progress: Progress) -> Replayed:
    """Carry a window through the gate; return what the runs add up to.

    Args:
        plane: of the project at ``ROOT``.
        clock: the plane's, which is set to each tick.
        window: what the sources deliver.
        progress: is told of the number of runs, and of each that has ended.
    """
    jobs = jobs_of(plane)
    ticks = schedule(window.steps, [one for one in faults_of(window.start) if one.starts < window.end], jobs)
    progress.total(sum(len(tick.pipelines) for tick in ticks))
    replayed = Replayed(Tally())
    with Workers(ROOT, jobs, WORKERS) as workers:
        for tick in ticks:
            clock.instant = tick.at
            with timed(replayed.seconds, "sources"):
                window.emit_until(ROOT / "state" / "landing", tick.at, tick.topics)
            with timed(replayed.seconds, "runs"):
                for report in workers.run(tick.at, tick.pipelines):
                    replayed.tally.add(tick.at, report)
                    progress.advance()
            with timed(replayed.seconds, "promises"):
                plane.evaluate()
    return replayed


def prove(plane: controlplane.Plane, replayed: Replayed) -> None:
    """Decode everything that was written above bronze and note every clear value of the canaries that is found."""
    values = [value for canary in CANARIES for value in canary.values]
    with timed(replayed.seconds, "masking proof"):
        proof = plane.prove_masking(values)
        replayed.places = sum(1 for _ in proof.places)
        replayed.leaks = [f"a clear value was found: {finding}" for finding in proof.findings]


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Add the wall time of a block to a phase."""
    started = time.monotonic()
    try:
        yield
    finally:
        seconds[phase] = seconds.get(phase, 0.0) + time.monotonic() - started
