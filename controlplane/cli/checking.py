"""``check``: what a contract says of a governed dataset, or of a file or table outside any project."""

from __future__ import annotations

from pathlib import Path

import click

from controlplane.cli import codes
from controlplane.cli.options import bar_option, find_project, format_option, print_json, project_option
from controlplane.cli.rendering import show_check_report
from controlplane.kernel.outcome import Severity
from controlplane.usecases.report import CheckReport


@click.command("check")
@click.argument("dataset", required=False)
@click.option("--data", metavar="URI", help="Parquet, CSV or Iceberg table (its folder or metadata.json) outside any project.")
@click.option("--contract", type=click.Path(path_type=Path), help="ODCS file to hold --data against.")
@click.option("--object", "chosen", metavar="NAME", help="Which dataset of the contract, where it has several.")
@click.option("--engine", default="native", show_default=True, help="Engine that measures.")
@click.option("--snapshot", "snapshot_id", type=int, metavar="ID", help="Snapshot to check instead of what readers see.")
@project_option
@format_option("junit", "github", "markdown")
@bar_option
@click.option("-v", "--verbose", is_flag=True, help="Show passed checks too.")
def check_command(  # noqa: PLR0913, PLR0917 (one parameter per option)
    dataset: str | None,
    data: str | None,
    contract: Path | None,
    chosen: str | None,
    engine: str,
    snapshot_id: int | None,
    project: Path | None,
    form: str,
    bar: str,
    *,
    verbose: bool,
) -> int:
    """Check DATASET as readers see it, or any file with --data URI --contract FILE."""
    if engine != "native":
        message = f"engine {engine!r} is not part of this version; allowed is native"
        raise click.UsageError(message)
    if data is not None:
        if contract is None or dataset is not None:
            message = "--data goes with --contract FILE and without a dataset: controlplane check --data URI --contract FILE"
            raise click.UsageError(message)
        report = _loose(data, contract, chosen, snapshot_id)
    elif dataset is None or contract is not None:
        message = "name a DATASET of the project, or give --data URI --contract FILE"
        raise click.UsageError(message)
    else:
        report = _governed(dataset, snapshot_id, project)
    if form == "json":
        print_json(report.document())
    else:
        show_check_report(report, form, verbose=verbose)
    return codes.of_results(report.results, Severity(bar))


def _governed(dataset: str, snapshot_id: int | None, project: Path | None) -> CheckReport:
    from controlplane import open as open_project  # noqa: PLC0415 (--data needs no project)

    with open_project(find_project(project)) as plane:
        return plane.check(dataset, snapshot_id)


def _loose(data: str, contract: Path, chosen: str | None, snapshot_id: int | None) -> CheckReport:
    from controlplane.bootstrap import check_loose  # noqa: PLC0415 (a dataset needs none of this)

    return check_loose(data, contract, chosen=chosen, snapshot_id=snapshot_id)
