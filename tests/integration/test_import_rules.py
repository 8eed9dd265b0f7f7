"""Every import contract of pyproject.toml is broken once on purpose, so that a contract that cannot fail is found."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("controlplane", "checks", "lineage", "pii_policies", "alerting", "pipelines")

BREACHES = [
    ("cross-root stack", "checks/judging.py", "import lineage.model"),
    ("cross-root stack", "controlplane/kernel/clock.py", "import checks.model"),
    ("cross-root stack", "controlplane/usecases/facade.py", "import controlplane.bootstrap"),
    ("cross-root stack", "controlplane/persistence/journal.py", "import controlplane.lakehouse.reading"),
    ("rooms of controlplane", "controlplane/gate/model.py", "import controlplane.contracts.model"),
    ("rooms of controlplane", "controlplane/attic/__init__.py", ""),
    ("inside gate", "controlplane/gate/model.py", "import controlplane.gate.ports"),
    ("inside gate", "controlplane/gate/surprise.py", ""),
    ("inside contracts", "controlplane/contracts/model.py", "import controlplane.contracts.loading"),
    ("inside contracts", "controlplane/contracts/surprise.py", ""),
    ("inside checks", "checks/model.py", "import checks.ports"),
    ("inside checks", "checks/surprise.py", ""),
    ("inside lineage", "lineage/ports.py", "import lineage.graph"),
    ("inside pii_policies", "pii_policies/labels.py", "import pii_policies.masking"),
    ("inside slas", "controlplane/slas/model.py", "import controlplane.slas.evaluation"),
    ("inside slas", "controlplane/slas/surprise.py", ""),
    ("inside alerting", "alerting/model.py", "import alerting.routing"),
    ("inside alerting", "alerting/surprise.py", ""),
    ("receivers never meet", "alerting/receivers/inbox.py", "import alerting.receivers.webhook"),
    ("web libraries serve pages and API only", "controlplane/usecases/facade.py", "import fastapi"),
    ("cross-root stack", "alerting/stages.py", "import controlplane.slas.status"),
    ("use cases never touch an adapter", "controlplane/usecases/facade.py", "import alerting.receivers"),
    ("use cases never touch an adapter", "controlplane/usecases/facade.py", "import checks.engines.native"),
    ("pyiceberg has one home", "controlplane/usecases/facade.py", "import pyiceberg"),
    ("sqlalchemy serves the store and pyiceberg's catalog only", "controlplane/compute/duckdb.py", "import sqlalchemy"),
    ("duckdb and pyspark have one home", "checks/planning.py", "import duckdb"),
    ("pipelines use the facade only", "pipelines/demo/replay.py", "import controlplane.bootstrap"),
    ("transports never meet", "lineage/transports/file.py", "import lineage.transports.http"),
    ("no cycles among use cases", "controlplane/usecases/model.py", "import controlplane.usecases.facade"),
]


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree whose modules are empty, so that only planted imports count."""
    folder = tmp_path_factory.mktemp("stub")
    for package in PACKAGES:
        for module in (ROOT / package).rglob("*.py"):
            target = folder / module.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    (folder / "controlplane/usecases/facade.py").write_text("import controlplane.usecases.model\n", encoding="utf-8")
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "importlinter.cli", "lint", "--no-cache"]
    if shutil.which("lint-imports", path=str(Path(sys.executable).parent)):
        command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_stub_keeps_every_contract(stub: Path) -> None:
    code, said = lint(stub)
    assert code == 0, said


@pytest.mark.parametrize(("contract", "module", "line"), BREACHES, ids=[f"{name}: {path}" for name, path, _ in BREACHES])
def test_a_planted_breach_is_caught(stub: Path, contract: str, module: str, line: str) -> None:
    path = stub / module
    before = path.read_text(encoding="utf-8") if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((before or "") + line + "\n", encoding="utf-8")
    try:
        code, said = lint(stub)
    finally:
        if before is None:
            path.unlink()
            if module == "controlplane/attic/__init__.py":
                path.parent.rmdir()
        else:
            path.write_text(before, encoding="utf-8")
    assert code == 1, said
    assert f"{contract} BROKEN" in said, said
