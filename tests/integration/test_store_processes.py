"""The store under real processes: several at once, and some of them killed without warning."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from controlplane.gate.model import RunState
from controlplane.kernel.errors import LeaseTakenError, StoreUnavailableError
from controlplane.persistence.holders import has_died, this_process
from controlplane.persistence.store import Store
from controlplane.usecases.ports import RunRecord
from tests.fakes.store_kit import FILE_STORES, NOON, ORDERS, SettableClock, a_plan, kept, located, planned, schema

ROOT = Path(__file__).parents[2]

_PRELUDE = """
import sys, time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from pyarrow.fs import LocalFileSystem
from controlplane.gate.model import RunState
from controlplane.kernel.errors import LeaseTakenError, LostRaceError
from controlplane.persistence.holders import has_died, this_process
from controlplane.persistence.store import Store
from controlplane.usecases.ports import OutboxMessage, RunRecord
from tests.fakes.store_kit import NOON, ORDERS, a_plan, a_result, kept, planned
url, folder = sys.argv[1], Path(sys.argv[2])
store = Store(url, LocalFileSystem(), f"{folder}/state", busy_timeout=30)

def say(word):
    print(word, flush=True)
"""


@dataclass
class Place:
    """Where a test's store is, and the processes the test has started on it."""

    url: str
    folder: Path
    started: ExitStack = field(default_factory=ExitStack)

    def start(self, code: str, *arguments: str) -> subprocess.Popen[str]:
        """Start a process that has the store as ``store``; it is killed at the test's end if it still runs."""
        command = [sys.executable, "-c", _PRELUDE + code, self.url, str(self.folder), *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
        self.started.enter_context(process)
        self.started.callback(process.kill)
        return process

    @contextmanager
    def opened(self, busy_timeout: float = 5.0) -> Iterator[Store]:
        with Store(self.url, LocalFileSystem(), f"{self.folder}/state", busy_timeout=busy_timeout) as store:
            yield store


@pytest.fixture(params=FILE_STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with located(request.param, tmp_path) as url:
        place = Place(url, tmp_path)
        with place.started:
            yield place


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


RECORD_AND_STOP_IN_THE_MIDDLE = """
class Messages(Sequence):
    def __len__(self):
        return 2
    def __getitem__(self, index):
        if index == 1:
            say("in the middle")
            time.sleep(600)
        return OutboxMessage("m", "lineage", {})

run = planned(store, a_plan(base=2, reentering=["a1"]))
store.kept_rows.stage(run, [kept("a2")])
run = store.journal.advance(run, RunState.AUDITED)
end = RunRecord(run=run, state=RunState.PUBLISHED, results=[a_result()], superseded_rows=["a0"], messages=Messages())
store.records.record(end)
"""


def test_a_record_that_is_killed_in_the_middle_never_happened(place: Place) -> None:
    with place.opened() as store:
        run = planned(store, a_plan())
        store.kept_rows.stage(run, [kept("a0"), kept("a1")])
        store.records.record(RunRecord(run=run, state=RunState.PUBLISHED))
        before = list(store.kept_rows.open(ORDERS))
    process = place.start(RECORD_AND_STOP_IN_THE_MIDDLE)
    assert said(process) == "in the middle"
    with place.opened(busy_timeout=0.1) as store:
        with pytest.raises(StoreUnavailableError, match="locked"):
            planned(store, a_plan(base=3))
        process.kill()
        process.wait()
    with place.opened() as store:
        left = store.journal.open_run(ORDERS)
        assert left is not None
        assert left.state is RunState.AUDITED
        assert list(store.records.results(left.run_id)) == []
        assert list(store.outbox.due(NOON + timedelta(days=36_500))) == []
        assert list(store.kept_rows.open(ORDERS)) == before
        ended = store.records.record(RunRecord(run=left, state=RunState.PUBLISHED, superseded_rows=["a0"]))
        assert ended.state is RunState.PUBLISHED
        assert [row.row_id for _, row in store.kept_rows.open(ORDERS)] == ["a2"]


HOLD_THE_LEASE = """
with store.leases.hold(ORDERS, timedelta(minutes=2)):
    say("held")
    time.sleep(600)
"""


def test_the_lease_of_a_killed_process_is_free_at_once_where_it_ran(place: Place) -> None:
    process = place.start(HOLD_THE_LEASE)
    assert said(process) == "held"
    with place.opened() as store:
        with (
            pytest.raises(LeaseTakenError, match=f":{process.pid}:.* until 20"),
            store.leases.hold(ORDERS, timedelta(minutes=1)),
        ):
            pass
        process.kill()
        process.wait()
        with store.leases.hold(ORDERS, timedelta(minutes=1)) as token:
            assert token == 2


def test_the_lease_of_a_process_elsewhere_is_free_when_its_time_is_over(place: Place) -> None:
    clock = SettableClock()
    host, _, rest = this_process().partition(":")
    elsewhere = f"{host}:{rest.rpartition(':')[0]}:another".replace(str(os.getpid()), "999999999")
    with (
        Store(place.url, LocalFileSystem(), "/nowhere", wall=clock, holder=elsewhere) as other,
        Store(place.url, LocalFileSystem(), "/nowhere", wall=clock) as store,
    ):
        killed = other.leases.hold(ORDERS, timedelta(minutes=2))
        killed.__enter__()
        with pytest.raises(LeaseTakenError, match=elsewhere), store.leases.hold(ORDERS, timedelta(minutes=2)):
            pass
        clock.pass_by(minutes=2)
        with store.leases.hold(ORDERS, timedelta(minutes=2)) as token:
            assert token == 2
        killed.__exit__(None, None, None)


def test_only_a_process_that_is_certainly_gone_has_died() -> None:
    name = this_process()
    host, pid, start, machine = name.rsplit(":", 3)
    assert not has_died(name)
    assert has_died(f"{host}:{pid}:{int(start) + 1}:{machine}")
    assert has_died(f"{host}:999999999:{start}:{machine}")
    for unknown in (f"{host}:999999999", f"{host}:999999999:{start}:0", "steward", "", "a:b:c:d"):
        assert not has_died(unknown)


TAKE_TURNS = """
say("ready")
sys.stdin.readline()
held = refused = 0
deadline = time.monotonic() + 120
while held < 25 and time.monotonic() < deadline:
    try:
        with store.leases.hold(ORDERS, timedelta(minutes=5)) as token:
            (folder / "inside").touch(exist_ok=False)
            with (folder / "tokens").open("a") as tokens:
                tokens.write(f"{token}\\n")
            (folder / "inside").unlink()
            held += 1
    except LeaseTakenError:
        refused += 1
say(f"{held}")
"""


def test_two_processes_never_hold_one_lease(place: Place) -> None:
    processes = [place.start(TAKE_TURNS) for _ in range(2)]
    assert [said(process) for process in processes] == ["ready", "ready"]
    for process in processes:
        go(process)
    assert [said(process) for process in processes] == ["25", "25"]
    tokens = [int(line) for line in (place.folder / "tokens").read_text().splitlines()]
    assert tokens == list(range(1, 51))


PLAN_ONE = """
say("ready")
sys.stdin.readline()
for base in range(100, 120):
    plan = a_plan(base=base * 10 + int(sys.argv[3]))
    try:
        run = planned(store, plan)
    except LostRaceError as lost:
        continue
    others = [other for other in store.journal.runs(ORDERS) if other.state.is_open and other.run_id != run.run_id]
    if others:
        say("two are open")
    store.journal.advance(run, RunState.FAILED)
say("done")
"""


def test_processes_that_plan_at_once_never_have_two_open_runs(place: Place) -> None:
    processes = [place.start(PLAN_ONE, str(number)) for number in range(2)]
    assert [said(process) for process in processes] == ["ready", "ready"]
    for process in processes:
        go(process)
    assert [said(process) for process in processes] == ["done", "done"]
    with place.opened() as store:
        assert store.journal.open_run(ORDERS) is None
        assert store.journal.runs(ORDERS)


OPEN_A_NEW_STORE = """
say("ready")
sys.stdin.readline()
store.check()
planned(store, a_plan(base=int(sys.argv[3])))
say("done")
"""


@pytest.mark.parametrize("kind", FILE_STORES)
def test_processes_that_open_a_new_store_at_once_all_find_it_whole(kind: str, tmp_path: Path) -> None:
    with new_store(kind, tmp_path) as url:
        place = Place(url, tmp_path)
        with place.started:
            processes = [place.start(OPEN_A_NEW_STORE, "7") for _ in range(3)]
            assert [said(process) for process in processes] == ["ready"] * 3
            for process in processes:
                go(process)
            assert [said(process) for process in processes] == ["done"] * 3
            with place.opened() as store:
                assert [run.plan for run in store.journal.runs()] == [a_plan(base=7)]


@contextmanager
def new_store(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder}/new/store.db"
        return
    with schema() as url:
        yield url
