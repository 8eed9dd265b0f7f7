"""The demo, as `make demo` runs it, but for two days: through everything in two processes, and every count as expected."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.command import run_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in ROOT.glob("*.yaml"):
        shutil.copy(file, tmp_path)
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.mark.timeout(900)
def test_two_days_come_out_as_documented(project: Path) -> None:
    ran = run_command("--days", "2", folder=project, module="pipelines.demo", timeout=800)
    assert ran.code == 0, ran.output + ran.errors
    assert "288 runs in" in ran.output
    assert "datasets: 8 bronze, 9 silver, 7 gold" in ran.output
    assert "bi-refresh.fresh" in ran.output
    assert "0 clear values of the canaries found" in ran.output
    assert "every count is as docs/demo.md says" in ran.output
    assert (project / "state/lineage.jsonl").stat().st_size > 0


def test_a_number_of_days_that_is_not_there_is_refused(project: Path) -> None:
    ran = run_command("--days", "15", folder=project, module="pipelines.demo", timeout=60)
    assert ran.code == 2
    assert "invalid choice: 15" in ran.errors
    assert not (project / "state").exists()
