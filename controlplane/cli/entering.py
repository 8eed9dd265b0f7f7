"""``token``: who may use the pages and the API, and for how long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from controlplane import open as open_project
from controlplane.cli import codes
from controlplane.cli.options import SPAN, find_project, format_option, print_json, project_option
from controlplane.cli.rendering import table
from controlplane.usecases.sign_in import TOKEN_LIFE, Access


@click.group("token")
def token_command() -> None:
    """Make, list and revoke tokens for the pages and the API."""


@token_command.command("new")
@click.option("--name", required=True, help="Who it is for; stands in the audit log beside what is done with it.")
@click.option("--for", "life", type=SPAN, default=TOKEN_LIFE, help="How long it is good for, such as P7D [default: P90D].")
@project_option
def token_new(name: str, life: timedelta, project: Path | None) -> int:
    """Print a new token. It is shown this once; only its digest is kept."""
    with open_project(find_project(project)) as plane:
        click.echo(Access(plane.ports).new_token(name, life))
    return codes.PASSED


@token_command.command("list")
@project_option
@format_option()
def token_list(project: Path | None, form: str) -> int:
    """List the tokens that are good, oldest first."""
    with open_project(find_project(project)) as plane:
        tokens = Access(plane.ports).tokens()
    rows = [
        {
            "id": token.credential_id,
            "name": token.subject,
            "created": token.created.isoformat(timespec="seconds"),
            "last_used": token.seen.isoformat(timespec="seconds") if token.seen > token.created else None,
            "expires": token.expires.isoformat(timespec="seconds"),
        }
        for token in tokens
    ]
    if form == "json":
        print_json(rows)
    elif rows:
        table(list(rows[0]), [[value or "never" for value in row.values()] for row in rows])
    else:
        click.echo("no token; `controlplane token new --name NAME` makes one")
    return codes.PASSED


@token_command.command("revoke")
@click.argument("token_id")
@project_option
def token_revoke(token_id: str, project: Path | None) -> int:
    """End a token at once, by its id."""
    with open_project(find_project(project)) as plane:
        token = Access(plane.ports).revoke(token_id)
    click.echo(f"token {token_id} of {token.subject} is revoked")
    return codes.PASSED
