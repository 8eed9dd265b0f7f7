"""Ten thousand alerts in one minute against a real receiver on this machine, and what alerting adds to a run.

``python -m bench.alerts``: the store is SQLite; the plane's clock advances 60 s while the alerts come in, then two group intervals.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import controlplane
from alerting.model import AlertKind, Finding
from controlplane.gate.model import RunState
from controlplane.kernel.clock import ReplayClock
from controlplane.usecases import raise_alerts
from controlplane.usecases.report import stored
from tests.fakes.store_kit import a_result
from tests.integration.visits import START, batch, make_project

ALERTS, DATASETS, STEPS = 10_000, 2_000, 20
ROUTES = """
version: 1
receivers: [{name: on_call, webhook: {url: "URL"}}]
route: {receivers: [on_call, inbox], group_wait: PT0S}
"""


class Receiver(BaseHTTPRequestHandler):
    """Takes every message and remembers how many alerts it counts and how many bytes it has."""

    taken: list[tuple[int, int]] = []  # noqa: RUF012 (one list for the whole server is what is wanted)

    def do_POST(self) -> None:
        """Take one message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.taken.append((json.loads(body)["firing"], len(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def findings(step: int, clock: ReplayClock) -> list[Finding]:
    """Return the bad findings of one evaluation."""
    each = ALERTS // STEPS
    return [
        Finding(
            {"kind": "check_failure", "dataset": f"silver.t{number % DATASETS}", "check": f"c{number}"},
            AlertKind.CHECK_FAILURE,
            is_bad=True,
            at=clock.now(),
            tier=1,
            summary="120 of 1000 rows have amount < 0; 0 allowed",
        )
        for number in range(step * each, step * each + each)
    ]


def storm(plane: controlplane.Plane, clock: ReplayClock) -> None:
    """Let the alerts come in over a minute, delivering all the while."""
    started, longest = time.process_time(), 0.0
    for step in range(STEPS):
        found = findings(step, clock)
        before = time.process_time()
        with plane.ports.alerts.book() as book:
            raise_alerts._apply(plane.ports, book, [], lambda _, found=found: found)  # noqa: SLF001 (only the storing is measured)
        longest = max(longest, time.process_time() - before)
        clock.instant += timedelta(seconds=60 / STEPS)
        plane.deliver()
    for _ in range(2):
        clock.instant += timedelta(minutes=5)
        plane.deliver()
    firing = plane.alerts(state="firing", limit=1).total
    print(f"alerts raised {ALERTS}, told {firing}, lost {ALERTS - firing}; {time.process_time() - started:.1f} s CPU")
    print(f"longest: {ALERTS // STEPS} findings to alerts and outbox in {longest:.2f} s CPU")
    print(f"messages {len(Receiver.taken)}, largest {max(size for _, size in Receiver.taken)} bytes")


def cost(what: str, work: Callable[[], None], count: int = 200) -> None:
    """Print the median CPU milliseconds of one call."""
    times = []
    for _ in range(count):
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    print(f"{what}: {statistics.median(times) * 1000:.2f} ms CPU (median of {count})")


def runs(plane: controlplane.Plane, clock: ReplayClock) -> None:
    """Measure what alerting adds to a run with 20 checks, and to one that has nothing to do, while all those alerts are open."""
    with plane.govern("silver.visits", job="visits") as run:
        run.append(batch("a"))
    (ended,) = plane.runs(limit=1)
    results = [replace(stored(a_result(f"silver.visits.c{number}")), outcome="passed") for number in range(20)]
    failed = [replace(results[0], outcome="failed"), *results[1:]]

    def bad() -> None:
        clock.instant += timedelta(minutes=1)
        raise_alerts.after_run(plane.ports, ended, failed)

    cost("a run of 20 checks, all good", lambda: raise_alerts.after_run(plane.ports, ended, results))
    cost("a run with nothing new", lambda: raise_alerts.after_run(plane.ports, replace(ended, state=RunState.NOTHING_NEW), ()))
    cost("a run with one bad check", bad)


def main() -> None:
    """Measure both."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = Path(tempfile.mkdtemp(prefix="bench-alerts-"))
    try:
        project = make_project(folder / "project", "routes: routes.yaml")
        url = f"http://127.0.0.1:{server.server_port}"
        (project / "routes.yaml").write_text(ROUTES.replace("URL", url), encoding="utf-8")
        clock = ReplayClock(START)
        with controlplane.open(project, clock=clock) as plane:
            storm(plane, clock)
            runs(plane, clock)
    finally:
        server.shutdown()
        server.server_close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
