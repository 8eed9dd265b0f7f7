"""``init``: a project that runs at once."""

from __future__ import annotations

from pathlib import Path

import click

from controlplane.cli import codes


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init_command(folder: Path) -> int:
    """Write a project of three tables into FOLDER: contracts, SQL, a landing zone with sample events, and keys."""
    from controlplane.bootstrap import create_project  # noqa: PLC0415 (so that --help is quick)

    for path in create_project(folder):
        click.echo(f"wrote {path}")
    click.echo(f"\nnext: cd {folder} && controlplane run && controlplane check silver.orders")
    return codes.PASSED
