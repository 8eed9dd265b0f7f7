"""``pii``: prove that nothing clear was written."""

from __future__ import annotations

from pathlib import Path

import click

from controlplane.cli import codes
from controlplane.cli.options import find_project, format_option, print_json, project_option
from controlplane.kernel.errors import ConfigurationError


@click.group("pii")
def pii_command() -> None:
    """Personal data: where it may be, and where it must not."""


@pii_command.command("prove")
@click.option(
    "--canaries", required=True, type=click.Path(path_type=Path), help="Text file, one clear value of a known person a line."
)
@project_option
@format_option()
def pii_prove(canaries: Path, project: Path | None, form: str) -> int:
    """Decode everything written above bronze and look for clear values. Exit code 1 if one is found."""
    from controlplane import open as open_project  # noqa: PLC0415 (so that --help is quick)

    values = _values(canaries)
    with open_project(find_project(project)) as plane:
        proof = plane.prove_masking(values)
    if form == "json":
        print_json({
            "places": len(proof.places),
            "findings": [{"place": found.place, "kind": found.kind, "canary": found.canary + 1} for found in proof.findings],
            "unreadable": [str(place) for place in proof.unreadable],
        })  # fmt: skip
    else:
        for found in proof.findings:
            click.echo(f"{found.place}: holds the value of line {found.canary + 1} in clear ({found.kind})")
        for place in proof.unreadable:
            click.echo(f"could not be decoded: {place}")
        click.echo(f"{len(proof.places)} places decoded, {len(proof.findings)} clear values found")
    if proof.findings:
        return codes.FAILED
    return codes.UNEVALUATED if proof.unreadable else codes.PASSED


def _values(path: Path) -> list[str]:
    try:
        values = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read as a UTF-8 text file of one clear value a line"
        raise ConfigurationError(message) from error
    if not values:
        message = f"{path} holds no value to look for; write one clear value a line"
        raise ConfigurationError(message)
    return values
