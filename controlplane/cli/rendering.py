"""How answers look: text tables, JUnit XML, GitHub annotations, Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import click
from rich.console import Console
from rich.table import Table

from controlplane.kernel.outcome import Outcome
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.report import CheckReport, RunReport

_STYLE = {"passed": "green", "failed": "bold red", "errored": "bold magenta", "no_evidence": "yellow"}
_MARK = {"passed": "ok", "failed": "FAILED", "errored": "ERROR", "no_evidence": "no evidence"}


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; without colour and cut lines when piped."""
    console = Console(highlight=False)
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold", show_edge=False)
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    console.print(shown)


def show_results(results: Sequence[StoredResult], *, verbose: bool = False) -> None:
    """Print results, what needs attention first; passed ones are only counted unless ``verbose``."""
    console = Console(highlight=False, soft_wrap=True)
    order = [Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE, Outcome.PASSED]
    for outcome in order:
        for result in results:
            if result.outcome != outcome or (outcome is Outcome.PASSED and not verbose and not result.quarantined):
                continue
            segment = f" [{result.segment}]" if result.segment else ""
            console.print(
                f"  [{_STYLE[result.outcome]}]{_MARK[result.outcome]:<11}[/] {result.check_id}{segment}: ",
                end="",
            )
            console.print(result.reason, markup=False)
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in order}
    console.print(
        "  " + ", ".join(f"{count} {_MARK[outcome]}" for outcome, count in counts.items() if count or outcome == "passed")
    )


def show_check_report(report: CheckReport, form: str, *, verbose: bool = False) -> None:
    """Print a check report as text, ``junit``, ``github`` or ``markdown``."""
    if form == "junit":
        click.echo(junit(report.dataset, report.results))
    elif form == "github":
        click.echo("\n".join(github(report.results)) or "::notice::all checks passed")
    elif form == "markdown":
        click.echo(markdown(report.dataset, report.outcome.value, report.results))
    else:
        rows = "unknown" if report.rows is None else f"{report.rows:,}"
        click.echo(f"{report.dataset}: {report.outcome.value} ({rows} rows, snapshot {report.snapshot_id or '-'})")
        show_results(report.results, verbose=verbose)


def show_run_report(report: RunReport, *, verbose: bool = False) -> None:
    """Print a run report as text."""
    click.echo(f"{report.dataset}: {report.state}" + (f" (run {report.run_id})" if report.run_id else ""))
    if report.reason:
        click.echo(f"  {report.reason}")
    if report.balance:
        click.echo(
            "  " + ", ".join(f"{name} {count:,}" for name, count in report.balance.items() if count or name == "offered")
        )
    if report.results:
        show_results(report.results, verbose=verbose)


def junit(name: str, results: Sequence[StoredResult]) -> str:
    """Return results as JUnit XML: failed, errored and (no evidence) skipped test cases."""
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(len(results)),
        failures=str(sum(result.outcome == Outcome.FAILED for result in results)),
        errors=str(sum(result.outcome == Outcome.ERRORED for result in results)),
        skipped=str(sum(result.outcome == Outcome.NO_EVIDENCE for result in results)),
    )
    tags = {Outcome.FAILED: "failure", Outcome.ERRORED: "error", Outcome.NO_EVIDENCE: "skipped"}
    for result in results:
        shown = result.check_id + (f" [{result.segment}]" if result.segment else "")
        case = ET.SubElement(suite, "testcase", classname=name, name=shown)
        tag = tags.get(Outcome(result.outcome))
        if tag:
            ET.SubElement(case, tag, message=_printable(result.reason))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def github(results: Sequence[StoredResult]) -> Sequence[str]:
    """Return results that did not pass as GitHub workflow commands."""
    levels = {Outcome.FAILED: "error", Outcome.ERRORED: "error", Outcome.NO_EVIDENCE: "warning"}
    return [
        annotation(levels[Outcome(result.outcome)], result.reason, title=result.check_id)
        for result in results
        if result.outcome != Outcome.PASSED
    ]


def annotation(level: str, message: str, **properties: object) -> str:
    """Return one GitHub workflow command, escaped (GitHub documentation, "Workflow commands")."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {shown}::{escaped}"


def markdown(title: str, outcome: str, results: Sequence[StoredResult]) -> str:
    """Return results as a Markdown table."""
    lines = [f"### {title}: {outcome}", "", "| check | severity | outcome | reason |", "|---|---|---|---|"]
    lines += [f"| `{result.check_id}` | {result.severity} | {result.outcome} | {_cell(result.reason)} |" for result in results]
    return "\n".join(lines)


def _property(value: object) -> str:
    text = str(value)
    for sign, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(sign, code)
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign in "\t\n" else "?" for sign in text)
