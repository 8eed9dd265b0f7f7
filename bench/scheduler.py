"""Two real ``controlplane serve`` processes on one store: slots fired, fired twice, lost. One is killed midway and started again.

    python -m bench.scheduler --minutes 10 [--url postgresql+psycopg://...]

Uses a project as ``controlplane init`` writes it, with short intervals: ingestion 5 s, tables 10 s, evaluation 2 s,
notifications 1 s. A moment counts as lost when its job ended no slot for it and none for the next two moments.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

import controlplane
from controlplane.cli.starting import create_project
from controlplane.usecases.agenda import Every

SCHEDULE = "schedule: {ingestion: PT5S, hourly: PT10S, evaluation: PT2S, notifications: PT1S}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--url", help="store; SQLite in the project where it is not given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "shop"
        create_project(project)
        configure(project, options.url)
        started = datetime.now(UTC)
        url = options.url or f"sqlite:///{project}/state/store.db"
        killed = serve_twice(project, url, options.minutes * 60)
        report(url, steps(project), killed)
        print(f"from {started:%H:%M:%S} to {datetime.now(UTC):%H:%M:%S} UTC")


def configure(project: Path, url: str | None) -> None:
    file = project / "controlplane.yaml"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not (url and line.startswith("store:"))]
    file.write_text("".join([*kept, f'store: {{url: "{url}"}}\n' if url else "", SCHEDULE]), "utf-8")


def serve(project: Path, number: int) -> subprocess.Popen[bytes]:
    log = (project.parent / f"serve-{number}.log").open("ab")
    command = [sys.executable, "-m", "controlplane", "serve", "--project", str(project), "--port", "0", "--no-pages"]
    with log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"PYTHONWARNINGS": "error"})


def wait_until_at_work(url: str, pid: int) -> None:
    """Return once a process has a slot in hand, or after 20 seconds."""
    engine = create_engine(url)
    holds = text("SELECT job FROM slots WHERE state = 'running' AND holder LIKE :holder")
    until, found = time.monotonic() + 20, None
    while found is None and time.monotonic() < until:
        with engine.connect() as connection:
            found = connection.execute(holds, {"holder": f"%:{pid}:%"}).scalar()
    engine.dispose()
    print(f"killed with {found or 'nothing'} in hand")


def serve_twice(project: Path, url: str, seconds: float) -> tuple[datetime, str]:
    """Run two processes, kill one with SIGKILL after half of the time, start a third, stop both; return when and who."""
    first, second = serve(project, 1), serve(project, 2)
    time.sleep(seconds / 2)
    wait_until_at_work(url, first.pid)
    first.send_signal(signal.SIGKILL)
    first.wait()
    killed = datetime.now(UTC)
    third = serve(project, 3)
    time.sleep(seconds / 2)
    for process in (second, third):
        process.send_signal(signal.SIGTERM)
    codes = [process.wait(60) for process in (second, third)]
    print(f"exit codes of the two that were stopped: {codes}")
    for log in sorted(project.parent.glob("serve-*.log")):
        lines = log.read_text("utf-8").splitlines()
        bad = [line for line in lines if '"level": "error"' in line or "Traceback" in line]
        print(f"{log.name}: {len(lines)} lines, {len(bad)} of them errors")
        for line in bad[:5]:
            print(f"  {line[:300]}")
    return killed, str(first.pid)


def steps(project: Path) -> dict[str, timedelta]:
    """Return how often each job that has an interval is due."""
    with controlplane.open(project) as plane:
        jobs = plane.ports.agenda.jobs
    return {job.name: job.trigger.interval for job in jobs if isinstance(job.trigger, Every)}


def report(url: str, steps: dict[str, timedelta], killed: tuple[datetime, str]) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT job, slot, state, holder, token, started_wall, ended_wall, error FROM slots")
        ).all()
    engine.dispose()
    ended: dict[str, list[datetime]] = defaultdict(list)
    for row in rows:
        if row.state != "running":
            ended[row.job].append(datetime.fromisoformat(row.slot))
    print(f"{len(rows)} slots, {sum(row.token for row in rows)} times taken; {dict(Counter(row.state for row in rows))}")
    print(
        "worked on by: "
        + ", ".join(f"{count} by {pid}" for pid, count in Counter(r.holder.split(":")[1] for r in rows).items())
    )
    again = [row for row in rows if row.token > 1]
    print(f"taken more than once: {len(again)} (process {killed[1]} was killed at {killed[0]:%H:%M:%S})")
    for row in again:
        print(f"  {row.job} {row.slot[11:19]} token {row.token} {row.state} {row.error or ''}")
    doubles = [row for row in again if not datetime.fromisoformat(row.slot) <= killed[0] and row.state == "done"]
    print(f"double: {len(doubles)}")
    lost = caught_up = 0
    for job, step in steps.items():
        slots = ended[job]
        expected = {min(slots) + step * n for n in range((max(slots) - min(slots)) // step + 1)}
        missing = expected - set(slots)
        late = sum(moment + step not in slots and moment + 2 * step not in slots for moment in missing)
        lost, caught_up = lost + late, caught_up + len(missing) - late
        print(f"  {job:<28} every {step}: {len(slots):>4} ended, {len(missing) - late} caught up by the next, {late} lost")
    failed = Counter(row.error for row in rows if row.state == "failed")
    print(f"lost: {lost}; caught up by a later slot: {caught_up}")
    for error, count in failed.most_common(5):
        print(f"  failed {count}x: {error}")


if __name__ == "__main__":
    main()
