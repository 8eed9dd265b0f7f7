"""``doctor``: what is installed, what is reachable, and what stands in the way."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import click

from controlplane.cli import codes
from controlplane.cli.options import find_project, format_option, print_json, project_option
from controlplane.kernel.errors import ControlPlaneError

_LIBRARIES = ("pyiceberg", "duckdb", "pyarrow", "sqlglot", "sqlalchemy", "cryptography")
_EXTRAS = {"spark": "pyspark", "postgres": "psycopg"}
_OWN_PACKAGES = ("controlplane", "checks", "lineage", "pii_policies")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        state: ``ok``, ``absent`` (an extra that is not installed) or ``problem``.
        code: the exit code this finding asks for.
    """

    what: str
    state: str
    detail: str
    code: int = codes.PASSED


@click.command("doctor")
@project_option
@format_option()
def doctor_command(project: Path | None, form: str) -> int:
    """Look at installation and project; every problem comes with what to do about it."""
    try:
        folder: Path | None = find_project(project)
    except click.UsageError:
        folder = None
    findings = list(diagnose(folder))
    if form == "json":
        print_json([{"what": found.what, "state": found.state, "detail": found.detail} for found in findings])
    else:
        width = max(len(found.what) for found in findings)
        for found in findings:
            click.echo(f"{found.state:<8}  {found.what:<{width}}  {found.detail}")
    return codes.highest(found.code for found in findings)


def diagnose(folder: Path | None) -> Iterator[Finding]:
    """Yield what was found about the installation and, where there is one, the project."""
    yield Finding("python", "ok", sys.version.split()[0])
    for name in ("controlplane", *_LIBRARIES):
        yield Finding(name, "ok", metadata.version(name))
    for extra, module in _EXTRAS.items():
        if find_spec(module):
            yield Finding(f"extra {extra}", "ok", metadata.version(module))
        else:
            yield Finding(f"extra {extra}", "absent", f"pip install 'controlplane[{extra}]'")
    yield from shadowed(Path.cwd())
    if folder is None:
        yield Finding("project", "absent", "no controlplane.yaml here or above; make one with `controlplane init FOLDER`")
    else:
        yield from _project(folder)


def shadowed(folder: Path) -> Iterator[Finding]:
    """Yield a problem for every package of ours that a folder here hides from Python."""
    home = Path(__file__).resolve().parents[2]
    for name in _OWN_PACKAGES:
        here = folder / name
        if folder.resolve() != home and (here.is_dir() or here.with_suffix(".py").is_file()):
            detail = f"{here} hides the installed package of that name when Python starts in this folder; rename it"
            yield Finding(f"package {name}", "problem", detail, codes.USAGE)


def _project(folder: Path) -> Iterator[Finding]:
    from controlplane import open as open_project  # noqa: PLC0415 (only where there is a project)
    from controlplane.cli.linting import lint_project  # noqa: PLC0415

    found = lint_project(folder)
    if found.problems:
        yield Finding("lint", "problem", f"{len(found.problems)} problems; `controlplane lint` shows them", codes.USAGE)
        return
    yield Finding("lint", "ok", f"{found.files} files")
    with open_project(folder) as plane:
        ports = plane.ports
        yield _tried("store", lambda: _sizes(ports.pruner.sizes()))
        yield _tried("catalog", lambda: f"{sum(summary.rows is not None for summary in plane.datasets())} datasets published")
        topics = [pipeline.topic for pipeline in ports.platform.pipelines if pipeline.topic]
        yield _tried(
            "landing", lambda: f"{sum(len(ports.landing.files(topic)) for topic in topics)} files in {len(topics)} topics"
        )
        if any(governed.masks for governed in ports.platform.datasets.values()):
            yield _tried("tokens key", lambda: f"epoch {ports.tokens.master().epoch}")
        yield _tried("seal key", lambda: f"epoch {ports.seal.master().epoch}")
    yield Finding("debug", "ok", f"CONTROLPLANE_DEBUG is {'set' if os.environ.get('CONTROLPLANE_DEBUG') else 'not set'}")


def _sizes(rows: Mapping[str, int]) -> str:
    largest = sorted(rows, key=lambda table: (-rows[table], table))[:3]
    return f"{sum(rows.values()):,} rows; " + ", ".join(f"{rows[table]:,} {table}" for table in largest)


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "ok", look())
    except ControlPlaneError as error:
        return Finding(what, "problem", str(error), error.exit_code)
