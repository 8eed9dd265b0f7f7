"""``lint``: everything a person wrote, read strictly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import click

from alerting.loading import load_routes
from controlplane.cli import codes
from controlplane.cli.options import find_project, format_option, print_json, project_option
from controlplane.cli.rendering import annotation
from controlplane.contracts.loading import load_contract, load_contracts
from controlplane.contracts.model import Contract
from controlplane.contracts.promises import guaranteed_latency
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.problems import DocumentInvalidError, Problem
from controlplane.settings import Project, load_project
from controlplane.slas.loading import load_promises
from controlplane.usecases.sql_subset import check_select, check_steward_query


@dataclass
class Found:
    """What lint found.

    Attributes:
        files: how many were read.
    """

    files: int = 0
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@click.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@project_option
@format_option("junit", "github", "markdown")
def lint_command(files: tuple[Path, ...], project: Path | None, form: str) -> int:
    """Read contracts (FILES), or the whole project without FILES: project file, contracts, promises, routes and SQL."""
    found = lint_files(files) if files else lint_project(find_project(project))
    _print(found, form)
    return codes.USAGE if found.problems else codes.PASSED


def lint_files(files: Sequence[Path]) -> Found:
    """Return what is wrong with contracts, each read on its own."""
    found = Found()
    for file in files:
        found.files += 1
        contract = _collected(found, str(file), lambda file=file: load_contract(file, today=_today()))  # type: ignore[misc]
        if isinstance(contract, Contract):
            found.warnings += contract.warnings
            found.problems += _queries(contract)
    return found


def lint_project(folder: Path) -> Found:
    """Return what is wrong with a project: its file, its contracts together, its promises, its routes, its SQL."""
    found = Found(files=1)
    project = _collected(found, str(folder), lambda: load_project(folder, os.environ))
    if not isinstance(project, Project):
        return found
    contracts = _collected(found, str(project.file), lambda: load_contracts(project.contracts, today=_today()))
    known: Sequence[Contract] = contracts if isinstance(contracts, tuple) else ()
    found.files += len(known)
    for contract in known:
        found.warnings += contract.warnings
        found.problems += _queries(contract)
    if project.promises is not None and known:
        found.files += 1
        promises = project.promises
        levels = _collected(found, str(promises), lambda: load_promises(promises, guaranteed_latency(known)))
        found.warnings += getattr(levels, "warnings", ())
    if project.routes is not None:
        found.files += 1
        routes, names = project.routes, [spec.name for contract in known for spec in contract.datasets]
        _collected(found, str(routes), lambda: load_routes(routes, names if known else None, os.environ))
    found.problems += _models(project, known, found) if known else ()
    return found


def _collected(found: Found, file: str, load: Callable[[], object]) -> object:
    try:
        return load()
    except DocumentInvalidError as error:
        found.problems += error.problems
    except ConfigurationError as error:
        found.problems.append(Problem(file, 1, "", str(error)))
    return None


def _today() -> date:
    return datetime.now(UTC).date()


def _models(project: Project, contracts: Sequence[Contract], found: Found) -> Iterator[Problem]:
    """Yield what keeps the pipelines' SELECTs from giving the same answer on every engine, and unknown datasets."""
    schemas = {
        spec.name: {column.name: column.type for column in spec.fields} for contract in contracts for spec in contract.datasets
    }
    for pipeline in project.pipelines:
        for name in [pipeline.dataset, *pipeline.inputs]:
            if name not in schemas:
                known_names = ", ".join(sorted(schemas))
                message = f"pipeline {pipeline.name} names {name}, which no contract describes; known are {known_names}"
                yield Problem(str(project.file), 1, f"pipelines[{pipeline.name}]", message)
        if pipeline.sql is not None:
            found.files += 1
            text = pipeline.sql.read_text(encoding="utf-8")
            for problem in check_select(text, file=str(pipeline.sql), schemas=schemas):
                yield Problem(problem.file, problem.line, "", problem.message)


def _queries(contract: Contract) -> Iterator[Problem]:
    """Yield what free SQL checks may not do."""
    for spec in contract.datasets:
        for rule in [*spec.rules, *(rule for column in spec.fields for rule in column.rules)]:
            if rule.query is None:
                continue
            text = rule.query.replace("{object}", "object").replace("{field}", "field").replace("{property}", "field")
            for problem in check_steward_query(text, ["object"], "duckdb"):
                yield Problem(rule.place.file, rule.place.line, f"{spec.name}.{rule.id}", problem.message)


def _print(found: Found, form: str) -> None:
    if form == "json":
        print_json({
            "files": found.files,
            "problems": [
                {"file": problem.file, "line": problem.line, "path": problem.path, "message": problem.message}
                for problem in found.problems
            ],
            "warnings": list(found.warnings),
        })  # fmt: skip
    elif form == "github":
        for problem in found.problems:
            click.echo(annotation("error", problem.message, file=problem.file, line=problem.line, title=problem.path))
        for warning in found.warnings:
            click.echo(annotation("warning", warning))
    elif form == "junit":
        click.echo(_junit(found))
    elif form == "markdown":
        rows = [
            f"| {problem.file}:{problem.line} | {problem.message.replace('|', chr(92) + '|')} |" for problem in found.problems
        ]
        click.echo("\n".join(["| where | what |", "|---|---|", *rows]))
    else:
        for problem in found.problems:
            click.echo(str(problem))
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"{found.files} files read, {len(found.problems)} problems, {len(found.warnings)} warnings")


def _junit(found: Found) -> str:
    problems = found.problems
    suite = ET.Element("testsuite", name="lint", tests=str(max(found.files, len(problems))), failures=str(len(problems)))
    for problem in problems:
        case = ET.SubElement(suite, "testcase", classname=problem.file, name=f"line {problem.line} {problem.path}")
        ET.SubElement(case, "failure", message=problem.message)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)
