"""The demo: two days of a grocery shop, replayed in 4-hourly steps through the gate, summed up, and held against what must be.

Run it with ``make demo``. Everything it writes lies in ``state/`` and ``secrets/`` of the project and is made anew each time.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import controlplane
from pipelines.expected import differences
from pipelines.sources import CANARIES, build_window

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Tally:
    """What the replay's runs added up to."""

    runs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    balance: dict[str, Counter[str]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)

    def add(self, report: controlplane.RunReport) -> None:
        """Count one run's report."""
        self.runs[report.state] += 1
        self.balance.setdefault(report.dataset, Counter()).update(report.balance)
        self.outcomes.update(result.outcome for result in report.results)
        if report.state == "held":
            self.held.append(f"{report.dataset}: {report.reason}")


def main() -> int:
    """Replay, sum up, assert; return the exit code."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=140)
    for folder in ("state", "secrets"):
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    for name in ("tokens", "seal"):
        make_key(ROOT / "secrets" / f"{name}.key")
    started = time.monotonic()
    with console.status("reading the shop's data"):
        window = build_window()
    clock, tally = controlplane.ReplayClock(window.start), Tally()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with controlplane.open(ROOT, clock=clock) as plane:
        names = plane.pipelines()
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("replaying 9 and 10 October 2017", total=len(window.steps) * len(names))
            for step in window.steps:
                window.emit_until(ROOT / "state" / "landing", step)
                clock.instant = step
                for name in names:
                    tally.add(plane.run(name))
                    progress.advance(task)
        canaries = [value for canary in CANARIES for value in canary.values]
        proof = plane.prove_masking(canaries)
        summary(console, plane.datasets(), tally)
    seconds = time.monotonic() - started
    places = sum(1 for _ in proof.places)
    console.print(
        f"masking proof: {places} places decoded, {len(proof.findings)} clear values of {len(canaries)} canary values found"
    )
    console.print(f"replayed {sum(tally.runs.values())} runs in {seconds:.0f} s")
    wrong = [*differences(window.facts, tally.balance), *tally.held, *(f"leak: {finding}" for finding in proof.findings)]
    for sentence in wrong:
        console.print(f"[bold red]not as expected[/]: {sentence}")
    if not wrong:
        console.print("every count is as docs/demo.md says")
    return 1 if wrong else 0


def make_key(path: Path) -> None:
    """Write a new master key that only its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(32), encoding="ascii")


def summary(console: Console, datasets: Sequence[controlplane.DatasetSummary], tally: Tally) -> None:
    """Print what readers see now, and what became of the rows."""
    names = ("offered", "passed", "superseded", "quarantined", "waiting", "dead letters", "duplicates")
    table = Table("dataset", "tier", "rows", *names, box=None, pad_edge=False, header_style="bold")
    for dataset in datasets:
        counts = tally.balance.get(dataset.name, Counter())
        moved = [counts["offered"], counts["passed"], counts["superseded"], counts["quarantined"], dataset.waiting]
        moved += [counts["dead_lettered"], counts["duplicates"]]
        table.add_row(dataset.name, str(dataset.tier), f"{dataset.rows or 0:,}", *(f"{count:,}" for count in moved))
    console.print(table)
    console.print("runs: " + ", ".join(f"{count} {state}" for state, count in tally.runs.most_common()))
    console.print("checks: " + ", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.most_common()))


if __name__ == "__main__":
    sys.exit(main())
