"""The demo, as `make demo` runs it: two days through everything, and every count as its page says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.command import run_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(900)
def test_two_days_come_out_as_documented(tmp_path: Path) -> None:
    for name in ("controlplane.yaml", "slas.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    ran = run_command(folder=tmp_path, module="pipelines.demo", timeout=800)
    assert ran.code == 0, ran.output + ran.errors
    assert "runs: 156 published" in ran.output
    assert "every count is as docs/demo.md says" in ran.output
    assert (tmp_path / "state/lineage.jsonl").stat().st_size > 0
