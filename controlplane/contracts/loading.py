"""Contracts from files: YAML -> schema of the declared version -> our own strict reading -> lint.

Format: Open Data Contract Standard 3.0, 3.1 and 3.2. Every problem of a file is reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from controlplane.contracts.building import build
from controlplane.contracts.errors import ContractInvalidError
from controlplane.contracts.linting import lint_across
from controlplane.contracts.model import Contract
from controlplane.contracts.properties import PropertyIndex
from controlplane.contracts.schema_check import check_schema, unnamed_keys
from controlplane.kernel.documents import Document, parse_document, read_document
from controlplane.kernel.problems import DocumentInvalidError, Problem, kind_of
from controlplane.kernel.reading import Issues

SUFFIXES = (".odcs.yaml", ".odcs.yml")
_TEXT = "<text>"


def load_contract(source: Path | str, *, today: date | None = None) -> Contract:
    """Return the contract of one file, or of a YAML text.

    Args:
        source: a path; a ``str`` with a line break in it is the text itself.
        today: the day against which waivers expire; None leaves that unjudged.

    Raises:
        ContractInvalidError: anything is wrong with it; all problems are listed, with file, line and what is allowed.
    """
    try:
        if isinstance(source, str) and "\n" in source:
            content = source.encode("utf-8", "surrogatepass")
            document = parse_document(content, _TEXT)
        else:
            document, content = read_document(Path(source))
    except DocumentInvalidError as error:
        raise ContractInvalidError(error.problems) from None
    return _contract(document, content, today)


def load_contracts(paths: Iterable[Path | str], *, today: date | None = None) -> tuple[Contract, ...]:
    """Return all contracts of files and folders (searched for ``*.odcs.yaml``), by file, and check that they fit together.

    Raises:
        ContractInvalidError: a path does not exist, a contract is invalid, two describe one dataset, or one compares with
            a dataset or field that none describes. All problems of all files are listed.
    """
    problems: list[Problem] = []
    contracts: list[Contract] = []
    for path in _files(paths, problems):
        try:
            contracts.append(load_contract(path, today=today))
        except ContractInvalidError as error:
            problems += error.problems
    # With a contract missing, what refers to it would be reported as unknown: noise on top of the real problem.
    if not problems:
        problems += lint_across(contracts)
    if problems:
        raise ContractInvalidError(problems)
    return tuple(contracts)


def _files(paths: Iterable[Path | str], problems: list[Problem]) -> Iterator[Path]:
    seen: set[Path] = set()
    for given in paths:
        path = Path(given)
        found = [path]
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.name.endswith(SUFFIXES) and file.is_file())
        elif not path.exists():
            problems.append(Problem(str(path), 1, "", "there is no such file or folder; check the path"))
            continue
        for file in found:
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file


def _contract(document: Document, content: bytes, today: date | None) -> Contract:
    issues = Issues(document)
    data = document.data
    if not isinstance(data, dict):
        what = "the file is empty" if data is None else f"the file holds {kind_of(data)} at its top"
        issues.add((), f"{what}; a contract is a map with apiVersion, kind, id, version, status and schema")
        raise ContractInvalidError(issues.problems)
    version = check_schema(data, issues)
    issues.settle()
    index = PropertyIndex(document, issues)
    for path, message in unnamed_keys(data, version) if version else ():
        (issues.add if index.any else issues.warn)(path, message)
    contract = build(document, content, issues, index, today=today)
    issues.refuse(ContractInvalidError)
    return contract
