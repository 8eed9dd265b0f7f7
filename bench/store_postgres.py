"""The store on SQLite and on a PostgreSQL of its own, side by side: milliseconds a run costs, and reading much of it.

``python -m bench.store_postgres`` measures both; with ``--tests`` it runs the tests marked ``postgres`` instead.
It starts a PostgreSQL in a temporary folder (Debian: ``apt-get install postgresql``) and stops it again; with STORE_URL set
that server is used and nothing is started.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path

from pyarrow.fs import LocalFileSystem

from controlplane.gate.model import Balance, InputPin, InputRole, KeptKind, RunPlan, RunState
from controlplane.kernel.identity import SnapshotId
from controlplane.persistence.store import Store
from controlplane.usecases.ports import OutboxMessage, RunRecord
from tests.fakes.store_kit import ITEMS, NOON, ORDERS, a_plan, a_result, kept, located, planned, published

RUNS = 200
FILES = 100_000
ROWS = 100_000


@contextmanager
def server() -> Iterator[str]:
    """Start a PostgreSQL in a temporary folder, owned by a user that is not root; return its URL."""
    if "STORE_URL" in os.environ:
        yield os.environ["STORE_URL"]
        return
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = programs[-1] if programs else Path(shutil.which("initdb") or "/nowhere/initdb").parent
    if not (found / "initdb").exists():
        sys.exit("no PostgreSQL found; on Debian: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="store-postgres-") as scratch, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        as_user = []
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(scratch, owner.pw_uid, owner.pw_gid)
            as_user = ["runuser", "-u", "postgres", "--"]
        data = Path(scratch) / "data"
        options = f"-h 127.0.0.1 -p {port} -k {scratch}"

        def run(*command: str) -> None:
            subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd=scratch)

        run(f"{found}/initdb", "-D", str(data), "-U", "plane", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        run(f"{found}/pg_ctl", "-D", str(data), "-w", "-l", f"{scratch}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://plane@127.0.0.1:{port}/postgres"
        finally:
            run(f"{found}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def timed(label: str, times: int, work: Callable[[int], object]) -> None:
    """Print the median and the slowest of some repetitions, in milliseconds."""
    taken = []
    for number in range(times):
        started = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - started) * 1000)
    print(f"  {label:<58} median {statistics.median(taken):8.1f} ms   slowest {max(taken):8.1f} ms   (n={times})")


def measure(kind: str) -> None:
    """Measure one kind of store."""
    print(kind)
    with tempfile.TemporaryDirectory(prefix="store-bench-") as folder, located(kind, Path(folder)) as url:

        def opened(number: int) -> None:
            with Store(url, LocalFileSystem(), f"{folder}/state") as store:
                store.journal.find(a_plan(base=number).run_id)

        timed("open a store that is up to date, find a run", 20, opened)
        with Store(url, LocalFileSystem(), f"{folder}/state") as store:
            measure_runs(store)
            measure_much(store)


def measure_runs(store: Store) -> None:
    """Measure what one governed run costs."""
    balance = Balance(offered=10, passed=10)
    results = [a_result(f"silver.orders.check_{number}") for number in range(12)]

    def one_run(number: int) -> None:
        run = planned(store, a_plan(base=number, files=["orders/a.jsonl"]), NOON + timedelta(minutes=number))
        for state in (RunState.SCREENED, RunState.WRITTEN, RunState.AUDITED, RunState.AUDITED):
            run = store.journal.advance(run, state, snapshot_id=SnapshotId(number), balance=balance)
        message = OutboxMessage(f"{run.run_id}:complete", "lineage", {"eventType": "COMPLETE"})
        store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, results=results, messages=[message]))

    def with_kept_rows(number: int) -> None:
        run = planned(store, a_plan(ITEMS, base=number))
        store.kept_rows.stage(run, [kept(f"{number}-{row}", KeptKind.WAITING) for row in range(10)])
        store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))

    def leased(_: int) -> None:
        with store.leases.hold(ORDERS, timedelta(minutes=1)):
            pass

    timed("plan, 4 advances, record with 12 results and a message", RUNS, one_run)
    timed("plan, stage 10 kept rows, record", 50, with_kept_rows)
    timed("open the 10 kept rows of 50 runs (50 files)", 5, lambda _: store.kept_rows.open(ITEMS))
    timed("housekeeping: 50 files become one", 1, lambda _: store.kept_rows.expire(ITEMS, NOON - timedelta(days=1)))
    timed("open the same rows (one file)", 5, lambda _: store.kept_rows.open(ITEMS))
    timed("take and give back a lease", 50, leased)
    timed("runs of a dataset, newest 100", 10, lambda _: store.journal.runs(ORDERS))
    timed("rows a day", 10, lambda _: store.records.daily_rows(ORDERS, NOON + timedelta(days=1), UTC))


def measure_much(store: Store) -> None:
    """Measure 100,000 landing files and 100,000 kept rows."""
    per_run = 500
    for number in range(FILES // per_run):
        names = [f"orders/{number:05d}-{file:05d}.jsonl" for file in range(per_run)]
        published(store, landing(number, names))
    timed("the 100,000 landing files that 200 runs consumed", 5, lambda _: store.journal.consumed_files(ORDERS, "orders"))
    rows = [kept(f"r{number:07d}", key=f"k{number}") for number in range(ROWS)]
    run = planned(store, a_plan(base=9_000_000))
    timed("stage 100,000 kept rows", 1, lambda _: store.kept_rows.stage(run, rows))
    entry = RunRecord(run=run, state=RunState.PUBLISHED)
    timed("record their run", 1, lambda _: store.records.record(entry))
    timed("open 100,000 kept rows", 3, lambda _: store.kept_rows.open(ORDERS))
    timed("open 300 of them by key", 5, lambda _: store.kept_rows.open(ORDERS, keys=[f"k{n}" for n in range(300)]))
    timed("count them", 5, lambda _: store.kept_rows.count_open(ORDERS))
    timed("mark all for another try", 1, lambda _: store.kept_rows.mark_retry(ORDERS, None))
    again = planned(store, a_plan(base=9_000_001, reentering=[row.row_id for row in rows]))
    timed("record a run that they all entered", 1, lambda _: store.records.record(replace(entry, run=again)))


def landing(number: int, names: Sequence[str]) -> RunPlan:
    """Return the plan of a run that consumed landing files."""
    pins = tuple(InputPin(InputRole.LANDING, name, sha256="a" * 64) for name in names)
    return replace(a_plan(base=1_000_000 + number), inputs=pins)


def main() -> int:
    """Measure, or run the marked tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", action="store_true", help="run the tests marked postgres and measure nothing")
    options = parser.parse_args()
    with server() as url:
        os.environ["STORE_URL"] = url
        if options.tests:
            files = sorted(str(path) for path in Path("tests").rglob("test_store*.py"))
            return subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "postgres", *files], check=False).returncode
        for kind in ("sqlite", "postgres"):
            measure(kind)
    return 0


if __name__ == "__main__":
    sys.exit(main())
