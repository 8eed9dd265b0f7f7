"""``init``: a project that runs at once."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import click

from controlplane.cli import codes
from controlplane.kernel.errors import ConfigurationError
from pii_policies.keys.file import create_key_file

_OWN_PACKAGES = ("controlplane", "checks", "lineage", "pii_policies")


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init_command(folder: Path) -> int:
    """Write a project of three tables into FOLDER: contracts, SQL, a landing zone with sample events, and keys."""
    for path in create_project(folder):
        click.echo(f"wrote {path}")
    click.echo(f"\nnext: cd {folder} && controlplane run && controlplane check silver.orders")
    return codes.PASSED


def create_project(folder: Path) -> list[Path]:
    """Write the skeleton and new keys into a folder and return the files written.

    Raises:
        ConfigurationError: the folder holds files already, is no folder, or has the name of one of our packages.
    """
    if folder.absolute().name in _OWN_PACKAGES:
        message = (
            f"a folder named {folder.absolute().name} would hide the package of that name from Python; choose another name"
        )
        raise ConfigurationError(message)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        message = f"{folder} is not an empty folder; name a new one"
        raise ConfigurationError(message)
    written = []
    with as_file(files("controlplane") / "skeleton") as skeleton:
        for source in sorted(path for path in skeleton.rglob("*") if path.is_file()):
            target = folder / source.relative_to(skeleton)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            written.append(target)
    ignore = folder / ".gitignore"
    ignore.write_text("state/\nsecrets/\n", encoding="utf-8")
    keys = [folder / "secrets" / f"{name}.key" for name in ("tokens", "seal")]
    for key in keys:
        create_key_file(key)
    return [*written, ignore, *keys]
