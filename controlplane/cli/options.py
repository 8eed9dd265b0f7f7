"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from controlplane.kernel.durations import parse_duration
from controlplane.kernel.outcome import Severity

Command = TypeVar("Command", bound=Callable[..., Any])


class Moment(click.ParamType[datetime]):
    """A day or an instant in ISO 8601; without an offset it is meant in the project's time zone."""

    name = "ISO-8601"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant; a day is its beginning."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day or time; write 2017-10-09 or 2017-10-09T08:00:00+00:00", param, ctx)


MOMENT = Moment()


class Span(click.ParamType[timedelta]):
    """A length of time in ISO 8601."""

    name = "ISO-8601"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length of time."""
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


SPAN = Span()


def project_option(command: Command) -> Command:
    """Add ``--project``: the folder with ``controlplane.yaml``; by default the nearest one from here upwards."""
    return click.option(
        "--project", "project", type=click.Path(path_type=Path), default=None, envvar="CONTROLPLANE_PROJECT",
        help="Folder with controlplane.yaml [default: the nearest one, from here upwards].",
    )(command)  # fmt: skip


def format_option(*more: str) -> Callable[[Command], Command]:
    """Add ``--format``: text or json, and what else the command can print."""
    return click.option(
        "--format", "form", type=click.Choice(["text", "json", *more]), default="text", show_default=True,
        help="How to print the answer.",
    )  # fmt: skip


def bar_option(command: Command) -> Command:
    """Add ``--fail-on``: from which severity a failing check makes the exit code 1."""
    return click.option(
        "--fail-on", "bar", type=click.Choice([severity.value for severity in Severity]), default=Severity.ERROR.value,
        show_default=True, help="Exit with 1 when a check of this severity or above fails.",
    )(command)  # fmt: skip


def find_project(given: Path | None) -> Path:
    """Return the project folder or file to use. Raises ``click.UsageError`` where there is none."""
    if given is not None:
        return given
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "controlplane.yaml").is_file():
            return folder
    message = "no controlplane.yaml here or above; give --project FOLDER, or make one with `controlplane init FOLDER`"
    raise click.UsageError(message)


def print_json(document: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
