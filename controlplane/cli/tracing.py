"""``lineage``: which column feeds which."""

from __future__ import annotations

import json
from pathlib import Path

import click

from controlplane.cli.options import find_project, format_option, print_json, project_option
from controlplane.cli.rendering import table
from controlplane.kernel.errors import ConfigurationError


@click.group("lineage")
def lineage_command() -> None:
    """See which column feeds which."""


@lineage_command.command("columns")
@click.option("--sql", "sql_file", required=True, type=click.Path(path_type=Path), help="File with the SQL text.")
@click.option("--dialect", default="databricks", show_default=True, help="SQL dialect, as sqlglot names it.")
@click.option("--schema", "schema_file", type=click.Path(path_type=Path), help='JSON file: {"schema.table": ["column", ...]}.')
@click.option("--output", default="output", show_default=True, help="Name of the dataset that a bare SELECT makes.")
@format_option()
def lineage_columns(sql_file: Path, dialect: str, schema_file: Path | None, output: str, form: str) -> None:
    """Column edges of a SQL text, and what could not be resolved."""
    from lineage.columns import column_lineage, to_report  # noqa: PLC0415 (sqlglot is slow to import)

    report = to_report(column_lineage(_text(sql_file), dialect=dialect, schema=_schema(schema_file), output=output))
    if form == "json":
        print_json(report)
        return
    edges = report["edges"]
    names = ("from", "to", "kind", "transformation", "masking")
    table(names, [[edge[name] for name in names] for edge in edges] if isinstance(edges, list) else [])
    for entry in report["unresolved"] if isinstance(report["unresolved"], list) else []:
        click.echo(f"unresolved: {entry}")


@lineage_command.command("show")
@click.argument("dataset")
@project_option
@format_option()
def lineage_show(dataset: str, project: Path | None, form: str) -> None:
    """Upstream and downstream of DATASET in this project, with the column edges that touch it."""
    from controlplane import open as open_project  # noqa: PLC0415 (`lineage columns` needs no project)
    from controlplane.usecases.show_lineage import show_lineage  # noqa: PLC0415

    with open_project(find_project(project)) as plane:
        shown = show_lineage(plane.ports, dataset)
    if form == "json":
        print_json(shown)
        return
    for direction in ("upstream", "downstream"):
        names = shown[direction]
        click.echo(f"{direction}: {', '.join(names) if isinstance(names, list | tuple) and names else 'none'}")
    edges = shown["edges"]
    columns = ("from", "to", "kind", "transformation")
    table(columns, [[edge[name] for name in columns] for edge in edges] if isinstance(edges, list) else [])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"there is no file {path}"
        raise ConfigurationError(message) from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        message = f"{path} is no text file in UTF-8"
        raise ConfigurationError(message) from error


def _schema(path: Path | None) -> dict[str, list[str]]:
    if path is None:
        return {}
    try:
        schema = json.loads(_text(path))
    except json.JSONDecodeError as error:
        message = f'{path}:{error.lineno}: is not JSON: {error.msg}; allowed is {{"schema.table": ["column", ...]}}'
        raise ConfigurationError(message) from error
    if not isinstance(schema, dict) or not all(
        isinstance(columns, list) and all(isinstance(column, str) for column in columns) for columns in schema.values()
    ):
        message = f'{path}: allowed is {{"schema.table": ["column", ...]}}, a list of column names per table'
        raise ConfigurationError(message)
    return schema
