"""The README's own example governs a table, as it stands there."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from tests.e2e.command import Ran, run_command

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

PROJECT = """
version: 1
name: own
namespace: iceberg://own
catalog: {name: lake, type: sql, uri: "sqlite:///state/catalog.db"}
warehouse: file://state/warehouse
store: {url: "sqlite:///state/store.db"}
state: file://state/plane
keys: {seal: {from: file, path: secrets/seal.key}}
contracts: [contracts]
"""


def block(language: str, containing: str) -> str:
    found = [
        text for kind, text in re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL) if kind == language and containing in text
    ]
    assert len(found) == 1, f"the README has {len(found)} {language} blocks with {containing!r}"
    return found[0]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "controlplane.yaml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "contracts/visits.odcs.yaml").write_text(block("yaml", "silver.visits"), encoding="utf-8")
    key = tmp_path / "secrets/seal.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32), encoding="ascii")
    return tmp_path


def run_example(project: Path, code: str) -> Ran:
    (project / "visits.py").write_text(code, encoding="utf-8")
    return run_command("visits.py", folder=project, module=None)


def test_the_example_of_the_readme_publishes_and_repeats_harmlessly(project: Path) -> None:
    code = block("python", "plane.govern")
    first, second = run_example(project, code), run_example(project, code)
    assert first.code == 0, first.errors
    assert first.output.startswith("published ")
    assert second.output == first.output
    assert run_command("check", "silver.visits", folder=project).output.startswith("silver.visits: passed (3 rows")


def test_the_example_of_the_readme_holds_a_bad_batch(project: Path) -> None:
    ran = run_example(project, block("python", "plane.govern").replace("[4, 1, 9]", "[4, 0, 9]"))
    assert ran.output.splitlines()[0].startswith("held ")
    assert "1 of 3 rows has pages < 1; 0 allowed" in ran.output
    held = run_command("hold", "list", folder=project)
    assert "1 of 3 rows has pages < 1" in held.output
    assert run_command("check", "silver.visits", folder=project).output.startswith("silver.visits: no_evidence (0 rows")


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 150
