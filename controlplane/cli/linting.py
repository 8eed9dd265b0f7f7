"""``lint``: everything a person wrote, read strictly."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import click

from controlplane.cli import codes
from controlplane.cli.options import find_project, format_option, print_json, project_option
from controlplane.cli.rendering import annotation
from controlplane.kernel.problems import Problem


@click.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@project_option
@format_option("junit", "github", "markdown")
def lint_command(files: tuple[Path, ...], project: Path | None, form: str) -> int:
    """Read contracts (FILES), or the whole project without FILES: project file, contracts, promises and SQL."""
    from controlplane.bootstrap import lint_files, lint_project  # noqa: PLC0415 (so that --help is quick)

    found = lint_files(files) if files else lint_project(find_project(project))
    if form == "json":
        print_json({
            "files": found.files,
            "problems": [_document(problem) for problem in found.problems],
            "warnings": list(found.warnings),
        })  # fmt: skip
    elif form == "github":
        for problem in found.problems:
            click.echo(annotation("error", problem.message, file=problem.file, line=problem.line, title=problem.path))
        for warning in found.warnings:
            click.echo(annotation("warning", warning))
    elif form == "junit":
        click.echo(_junit(found.problems, found.files))
    elif form == "markdown":
        click.echo("\n".join(["| where | what |", "|---|---|", *(f"| {p.file}:{p.line} | {p.message} |" for p in found.problems)]))
    else:
        for problem in found.problems:
            click.echo(str(problem))
        for warning in found.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"{found.files} files read, {len(found.problems)} problems, {len(found.warnings)} warnings")
    return codes.USAGE if found.problems else codes.PASSED


def _document(problem: Problem) -> dict[str, object]:
    return {"file": problem.file, "line": problem.line, "path": problem.path, "message": problem.message}


def _junit(problems: tuple[Problem, ...], files: int) -> str:
    suite = ElementTree.Element("testsuite", name="lint", tests=str(max(files, len(problems))), failures=str(len(problems)))
    for problem in problems:
        case = ElementTree.SubElement(suite, "testcase", classname=problem.file, name=f"line {problem.line} {problem.path}")
        ElementTree.SubElement(case, "failure", message=problem.message)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
