"""Two processes that run pipelines side by side, each with a plane of its own on the same store and catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from signal import SIG_IGN, SIGINT, signal
from types import TracebackType
from typing import Self

import controlplane
from pipelines.demo.lineage import Job, heights


class WorkerError(Exception):
    """Raised when a worker process ends or fails in a way that is not a run's; the message says which pipeline it ran."""


class Workers:
    """Processes that carry out the pipelines of a tick, each as soon as what it needs has run.

    What a run reads is settled by what ran before it in the same tick, so the results do not depend on who runs it when.
    """

    def __init__(self, root: Path, jobs: Sequence[Job], count: int) -> None:
        """Remember what to start; the processes start when the block is entered.

        Args:
            root: folder of the project.
            jobs: its pipelines in the order of lineage.
            count: number of processes.
        """
        self._root = root
        self._after = {job.name: job.after for job in jobs}
        self._heights = heights(jobs)
        self._count = count
        self._stack = ExitStack()
        self._connections: list[Connection] = []

    def __enter__(self) -> Self:
        context = get_context("spawn")
        for _ in range(self._count):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(str(self._root), theirs), daemon=True)
            process.start()
            theirs.close()
            self._connections.append(ours)
            self._stack.callback(process.join, 10)
            self._stack.callback(ours.close)  # the other end reads the end of the file, and the process ends
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def run(self, at: datetime, names: Sequence[str]) -> Iterator[controlplane.RunReport]:
        """Run pipelines at a moment and yield the report of each as it ends.

        Raises:
            WorkerError: a process has died, or something failed that is no outcome of a run.
        """
        waiting, running = dict.fromkeys(names), dict[Connection, str]()
        while waiting or running:
            for connection in [one for one in self._connections if one not in running]:
                name = self._next(waiting, running)
                if name is not None:
                    del waiting[name]
                    running[connection] = name
                    connection.send((at, name))
            for connection in self._answering(running):
                name = running.pop(connection)
                yield _received(connection, name)

    def _next(self, waiting: Mapping[str, None], running: Mapping[Connection, str]) -> str | None:
        """Return a pipeline that waits for none of the others, the one with most behind it first."""
        unfinished = {*waiting, *running.values()}
        ready = [name for name in waiting if not self._after[name] & unfinished]
        return max(ready, key=lambda name: self._heights[name], default=None)

    @staticmethod
    def _answering(running: Mapping[Connection, str]) -> list[Connection]:
        answered = wait(list(running))
        return [connection for connection in running if connection in answered]


def _received(connection: Connection, name: str) -> controlplane.RunReport:
    try:
        answer = connection.recv()
    except EOFError:
        message = f"the process that ran {name} has died; run the demo again"
        raise WorkerError(message) from None
    if isinstance(answer, controlplane.RunReport):
        return answer
    message = f"{name} could not be run: {answer}"
    raise WorkerError(message)


def work(root: str, connection: Connection) -> None:
    """Run the pipelines that are asked for until the connection is closed: what a worker process does."""
    signal(SIGINT, SIG_IGN)  # an interrupt stops the demo, which then closes the connection
    clock: controlplane.ReplayClock | None = None
    with ExitStack() as stack, suppress(BrokenPipeError):
        plane: controlplane.Plane | None = None
        while True:
            try:
                at, name = connection.recv()
            except EOFError:
                return
            try:
                if plane is None or clock is None:
                    clock = controlplane.ReplayClock(at)
                    plane = stack.enter_context(controlplane.open(root, clock=clock))
                clock.instant = at
                connection.send(plane.run(name))
            except controlplane.ControlPlaneError as error:
                connection.send(controlplane.RunReport.stopped(name, str(error)))
            except Exception as error:  # noqa: BLE001 (whatever it was, the demo must end with a sentence)
                connection.send(f"{type(error).__name__}: {error}")
