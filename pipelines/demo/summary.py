"""What the demo prints at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table

import controlplane
from pipelines.demo.replay import Replayed
from pipelines.demo.tally import Tally
from pipelines.expected import Noticed
from pipelines.faults import Fault


def summary(
    console: Console,
    plane: controlplane.Plane,
    replayed: Replayed,
    faults: Sequence[Fault],
    noticed: Mapping[str, Noticed],
) -> None:
    """Print what readers see, what became of the rows, where the promises stand, what was told, and how long it took."""
    tally, datasets = replayed.tally, plane.datasets()
    layers = Counter(dataset.layer or "other" for dataset in datasets)
    console.print(f"[bold]datasets[/]: {_counted(layers)}")
    console.print(_datasets(datasets, tally))
    console.print("[bold]promises[/]")
    console.print(_promises(plane))
    if faults:
        console.print("[bold]faults[/]")
        console.print(_timeline(faults, noticed))
    told = plane.alerts(limit=1).by_priority
    console.print(f"alerts: {_counted({str(priority): told[priority] for priority in sorted(told)}) or 'none'}")
    console.print(f"runs: {_counted(dict(tally.runs.most_common()))}")
    console.print(f"checks: {_counted(dict(tally.outcomes.most_common()))}")
    console.print(f"masking proof: {replayed.places} places decoded, {len(replayed.leaks)} clear values of the canaries found")
    phases = [f"{phase} {seconds:.0f} s" for phase, seconds in replayed.seconds.items()]
    console.print(f"{sum(tally.runs.values())} runs in {sum(replayed.seconds.values()):.0f} s: {', '.join(phases)}")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False, header_style="bold")


def _datasets(datasets: Sequence[controlplane.DatasetSummary], tally: Tally) -> Table:
    names = ("offered", "passed", "superseded", "quarantined", "waiting", "dead letters", "duplicates")
    table = _table("dataset", "tier", "rows", *names)
    for dataset in datasets:
        counts = tally.balance.get(dataset.name, Counter())
        moved = [counts["offered"], counts["passed"], counts["superseded"], counts["quarantined"], dataset.waiting]
        moved += [counts["dead_lettered"], counts["duplicates"]]
        table.add_row(dataset.name, str(dataset.tier), f"{dataset.rows or 0:,}", *(f"{count:,}" for count in moved))
    return table


def _promises(plane: controlplane.Plane) -> Table:
    table = _table("promise", "dataset", "state", "allowed", "spent", "left")
    for status in plane.sla_status():
        name, budget = f"{status.promise}.{status.objective}", status.budget
        allowed = "" if budget is None else f"{budget.total:.0f} {budget.unit}"
        spent = "" if budget is None else f"{budget.spent:.0f} {budget.unit}"
        left = "" if budget is None else f"{budget.left_percent:.0f} %"
        table.add_row(name, status.dataset or "", str(status.state), allowed, spent, left)
    return table


def _timeline(faults: Sequence[Fault], noticed: Mapping[str, Noticed]) -> Table:
    table = _table("fault", "begins", "ends", "noticed", "resolved", "alert")
    for fault in faults:
        seen = noticed.get(fault.name)
        times = (fault.starts, fault.ends, seen.at if seen else None, seen.resolved if seen else None)
        table.add_row(fault.name, *(_moment(at) for at in times), seen.by if seen else "none")
    return table


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at:%a %d %b %H:%M}"
