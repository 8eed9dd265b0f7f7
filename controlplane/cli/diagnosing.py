"""``doctor``: what is installed, what is reachable, and what stands in the way."""

from __future__ import annotations

from pathlib import Path

import click

from controlplane.cli import codes
from controlplane.cli.options import find_project, format_option, print_json, project_option


@click.command("doctor")
@project_option
@format_option()
def doctor_command(project: Path | None, form: str) -> int:
    """Look at installation and project; every problem comes with what to do about it."""
    from controlplane.bootstrap import diagnose  # noqa: PLC0415 (so that --help is quick)

    try:
        folder: Path | None = find_project(project)
    except click.UsageError:
        folder = None
    findings = diagnose(folder)
    if form == "json":
        print_json([{"what": found.what, "state": found.state, "detail": found.detail} for found in findings])
    else:
        width = max(len(found.what) for found in findings)
        for found in findings:
            click.echo(f"{found.state:<8}  {found.what:<{width}}  {found.detail}")
    return codes.highest(found.code for found in findings)
