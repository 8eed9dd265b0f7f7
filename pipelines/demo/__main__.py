"""``python -m pipelines.demo [--days N] [--serve]``: replay, sum up, hold everything against what is expected.

Everything it writes lies in ``state/`` and ``secrets/`` of the project and is made anew each time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

import controlplane
from pipelines.demo.live import serve
from pipelines.demo.published import published_rows, published_sums
from pipelines.demo.replay import ROOT, Replayed, prepare, prove, replay, timed
from pipelines.demo.summary import summary
from pipelines.demo.timeline import noticed_faults
from pipelines.demo.workers import WorkerError
from pipelines.expected import Story, alert_differences, differences, fault_differences, story_of, table_differences
from pipelines.faults import faults_of, with_faults
from pipelines.fortnight import FORTNIGHT_DAYS
from pipelines.sources import SourceDataMissingError, Window, build_window


class _Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def total(self, runs: int) -> None:
        self._progress.update(self._task, total=runs)

    def advance(self) -> None:
        self._progress.advance(self._task)


def main(argv: Sequence[str] | None = None) -> int:
    """Replay, sum up, assert; return the exit code: 0 when every number is as expected, else 1."""
    arguments = _arguments(argv)
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=160)
    seconds: dict[str, float] = {}
    try:
        prepare(ROOT)
        with timed(seconds, "reading"), console.status("reading the shop's data"):
            window = with_faults(build_window(days=arguments.days))
        wrong = _demo(console, window, seconds, story_of(arguments.days, window.facts))
    except (SourceDataMissingError, WorkerError, controlplane.ControlPlaneError) as error:
        console.print(f"[bold red]the demo stopped[/]: {error}")
        return 1
    except KeyboardInterrupt:
        console.print("the demo was stopped")
        return 1
    for sentence in wrong:
        console.print(f"[bold red]not as expected[/]: {sentence}")
    if not wrong:
        console.print("every count is as docs/demo.md says")
    if arguments.serve:
        return serve(ROOT, window.end)
    return 1 if wrong else 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipelines.demo", description="Replay a fortnight of a grocery shop.")
    days = range(1, FORTNIGHT_DAYS + 1)
    parser.add_argument("--days", type=int, default=FORTNIGHT_DAYS, choices=days, metavar="N", help="replay N days, 1 to 14")
    parser.add_argument("--serve", action="store_true", help="go on afterwards: serve the project, and let the sources deliver")
    return parser.parse_args(argv)


def _demo(console: Console, window: Window, seconds: dict[str, float], story: Story) -> list[str]:
    """Replay a window and sum up; return a sentence per difference from what is expected."""
    clock = controlplane.ReplayClock(window.start)
    faults = [fault for fault in faults_of(window.start) if fault.starts < window.end]
    with controlplane.open(ROOT, clock=clock) as plane:
        replayed = _replayed(console, plane, clock, window)
        replayed.seconds = {**seconds, **replayed.seconds}
        prove(plane, replayed)
        noticed = noticed_faults(plane, faults)
        summary(console, plane, replayed, faults, noticed)
        tables = table_differences(published_rows(plane), published_sums(plane), story)
        alerts = {str(priority): count for priority, count in plane.alerts(limit=1).by_priority.items() if count}
    tally = replayed.tally
    held = {dataset: len(runs) for dataset, runs in tally.held.items()}
    runs = differences(window.facts, tally.balance, story)
    told = [*fault_differences(held, noticed, story), *alert_differences(alerts, story)]
    return [*runs, *tables, *told, *tally.failed, *replayed.leaks]


def _replayed(console: Console, plane: controlplane.Plane, clock: controlplane.ReplayClock, window: Window) -> Replayed:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"replaying {window.start:%d %b} to {window.steps[-2]:%d %b %Y}", total=None)
        return replay(plane, clock, window, _Bar(progress, task))


if __name__ == "__main__":
    sys.exit(main())
