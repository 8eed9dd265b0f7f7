"""``run``, ``runs``, ``hold`` and ``quarantine``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import Progress

from controlplane import open as open_project
from controlplane.cli import codes
from controlplane.cli.options import MOMENT, bar_option, find_project, format_option, print_json, project_option
from controlplane.cli.rendering import show_run_report, table
from controlplane.kernel.errors import ControlPlaneError
from controlplane.kernel.outcome import Severity
from controlplane.usecases.facade import Plane
from controlplane.usecases.report import RunReport


@click.command("run")
@click.argument("names", nargs=-1, metavar="[PIPELINE|DATASET]...")
@project_option
@format_option()
@bar_option
@click.option("--from", "since", type=MOMENT, help="Backfill: read rows once more whose event time is at or after this.")
@click.option("--to", "until", type=MOMENT, help="Backfill: ... and before this. A day is its beginning in the project's zone.")
@click.option("-v", "--verbose", is_flag=True, help="Show passed checks too.")
def run_command(  # noqa: PLR0913 (one parameter an option)
    names: tuple[str, ...],
    project: Path | None,
    form: str,
    bar: str,
    since: datetime | None,
    until: datetime | None,
    *,
    verbose: bool,
) -> int:
    """Carry the next batch of one or more pipelines through the gate; of all of them, in lineage order, without a name.

    A pipeline that cannot run does not stop the others. With --from and --to the named datasets are backfilled.
    """
    if (since is None) != (until is None) or (since is not None and not names):
        message = "a backfill needs the names of its datasets, --from and --to"
        raise click.UsageError(message)
    with _plane(project) as plane:
        zone = ZoneInfo(plane.ports.time_zone)
        span = tuple(moment and (moment if moment.tzinfo else moment.replace(tzinfo=zone)) for moment in (since, until))
        reports, found = [], []
        wanted = names or tuple(plane.pipelines())
        for name in wanted:
            plane.ports.platform.pipeline(name)
        with Progress(console=Console(stderr=True), transient=True, disable=len(wanted) == 1) as progress:
            for name in progress.track(wanted, description="running"):
                report, code = _run(plane, name, Severity(bar), span)
                reports.append(report)
                found.append(code)
                if form == "text":
                    show_run_report(report, verbose=verbose)
        if form == "json":
            documents = [report.document() for report in reports]
            print_json(documents[0] if len(names) == 1 else documents)
        with suppress(ControlPlaneError):  # what cannot be sent now stays in the outbox, and `alerts` shows why
            plane.deliver()
        return codes.highest(found)


def _run(plane: Plane, name: str, bar: Severity, span: Sequence[datetime | None]) -> tuple[RunReport, int]:
    try:
        report = plane.run(name, since=span[0], until=span[1])
    except ControlPlaneError as error:
        return RunReport.stopped(plane.ports.platform.pipeline(name).dataset, str(error)), error.exit_code
    return report, codes.of_run(report.state, report.results, bar)


@click.group("runs")
def runs_command() -> None:
    """See what ran, and what became of it."""


@runs_command.command("list")
@click.argument("dataset", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@project_option
@format_option()
def runs_list(dataset: str | None, limit: int, project: Path | None, form: str) -> None:
    """List runs, newest first."""
    with _plane(project) as plane:
        runs = plane.runs(dataset, limit)
    rows = [
        (
            run.run_id,
            run.plan.dataset.name,
            run.state.value,
            run.clock.isoformat(timespec="seconds"),
            run.snapshot_id,
            run.reason,
        )
        for run in runs
    ]
    names = ("run_id", "dataset", "state", "clock", "snapshot_id", "reason")
    if form == "json":
        print_json([dict(zip(names, (str(row[0]), *row[1:]), strict=True)) for row in rows])
    else:
        table(names, rows)


@runs_command.command("show")
@click.argument("run_id")
@project_option
@format_option()
@click.option("-v", "--verbose", is_flag=True, help="Show passed checks too.")
def runs_show(run_id: str, project: Path | None, form: str, *, verbose: bool) -> None:
    """Show one run: its inputs, its balance, every check."""
    with _plane(project) as plane:
        report = plane.report(run_id)
    if form == "json":
        print_json(report.document())
    else:
        show_run_report(report, verbose=verbose)


@click.group("hold")
def hold_command() -> None:
    """Batches that the gate holds."""


@hold_command.command("list")
@click.argument("dataset", required=False)
@project_option
@format_option()
def hold_list(dataset: str | None, project: Path | None, form: str) -> None:
    """List held batches, newest first."""
    with _plane(project) as plane:
        runs = plane.held(dataset)
    if form == "json":
        print_json(
            [
                {
                    "run_id": str(run.run_id), "dataset": run.plan.dataset.name, "since": run.clock.isoformat(),
                    "snapshot_id": run.snapshot_id, "reason": run.reason,
                }
                for run in runs
            ]
        )  # fmt: skip
    else:
        table(
            ("run_id", "dataset", "since", "reason"),
            [(run.run_id, run.plan.dataset.name, run.clock, run.reason) for run in runs],
        )


@hold_command.command("release")
@click.argument("run_id")
@click.option("--reason", required=True, help="Why it may be read all the same; kept in the audit log with your name.")
@project_option
@format_option()
def hold_release(run_id: str, reason: str, project: Path | None, form: str) -> None:
    """Publish exactly the snapshot that was audited and held."""
    with _plane(project) as plane:
        report = plane.release(run_id, reason)
    if form == "json":
        print_json(report.document())
    else:
        show_run_report(report)


@click.group("quarantine")
def quarantine_command() -> None:
    """Rows that were set aside."""


@quarantine_command.command("list")
@click.argument("dataset", required=False)
@click.option("--waiting", is_flag=True, help="Rows that wait for their parent instead.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@project_option
@format_option()
def quarantine_list(dataset: str | None, limit: int, project: Path | None, form: str, *, waiting: bool) -> None:
    """List rows set aside, oldest first."""
    with _plane(project) as plane:
        rows = [aside.document() for aside in plane.quarantined(dataset, waiting=waiting, limit=limit)]
    if form == "json":
        print_json(rows)
    else:
        names = ("row_id", "dataset", "since", "status", "reasons")
        table(names, [[", ".join(row[name]) if name == "reasons" else row[name] for name in names] for row in rows])  # type: ignore[arg-type]


@quarantine_command.command("show")
@click.argument("row_id")
@project_option
@format_option()
def quarantine_show(row_id: str, project: Path | None, form: str) -> None:
    """Show one row as it may be seen (masked), with the checks it broke."""
    from controlplane.usecases.quarantine import show_aside  # noqa: PLC0415 (only this command needs it)

    with _plane(project) as plane:
        found = [aside.document() for aside in show_aside(plane.ports, row_id)]
    if form == "json":
        print_json(found)
        return
    for entry in found:
        click.echo(f"{entry['row_id']} of {entry['dataset']}: {entry['kind']}, {entry['status']}, since {entry['since']}")
        click.echo(f"  breaks {', '.join(entry['reasons'])}")  # type: ignore[arg-type]
        for name, value in entry["row"].items():  # type: ignore[attr-defined]
            click.echo(f"  {name}: {value}")


@quarantine_command.command("retry")
@click.argument("dataset")
@click.argument("row_ids", nargs=-1)
@click.option("--reason", default="", help="Why they should pass now; kept in the audit log.")
@project_option
def quarantine_retry(dataset: str, row_ids: tuple[str, ...], reason: str, project: Path | None) -> None:
    """Let rows of DATASET enter its next run again (all of them without ROW_IDS)."""
    with _plane(project) as plane:
        count = plane.retry(dataset, row_ids or None, reason)
    click.echo(f"{count} rows of {dataset} enter its next run again; start it with `controlplane run {dataset}`")


@quarantine_command.command("discard")
@click.argument("dataset")
@click.argument("row_ids", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why nobody needs them; kept in the audit log with your name.")
@project_option
def quarantine_discard(dataset: str, row_ids: tuple[str, ...], reason: str, project: Path | None) -> None:
    """Give rows of DATASET up for good: they never enter a run again."""
    with _plane(project) as plane:
        count = plane.discard(dataset, row_ids, reason)
    click.echo(f"{count} rows of {dataset} are discarded; the audit log has the reason")


def _plane(project: Path | None) -> Plane:
    return open_project(find_project(project))
