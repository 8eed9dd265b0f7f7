"""The wheel works where nothing of this repository is: installed into an environment of its own, used from an empty folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.command import run_command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the wheel, install it without its dependencies beside ours, and return the environment's Python."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("controlplane", "checks", "lineage", "pii_policies", "alerting", "pipelines"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    uv = str(Path(sys.executable).with_name("uv"))
    build = [
        uv,
        "build",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        str(folder),
        str(source),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder / "env")], check=True, capture_output=True)
    python = folder / "env/bin/python"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(python), str(wheel)], check=True, capture_output=True
    )
    (site,) = (folder / "env/lib").glob("python*/site-packages")
    ours = Path(pytest.__file__).resolve().parents[1]
    (site / "dependencies.pth").write_text(f"{ours}\n", encoding="utf-8")
    return str(python)


def test_it_comes_from_the_wheel_and_governs_a_project(installed: str, tmp_path: Path) -> None:
    (tmp_path / "where.py").write_text(
        "import controlplane, checks; print(controlplane.__file__, checks.__file__)", encoding="utf-8"
    )
    where = run_command("where.py", folder=tmp_path, module=None, python=installed).output
    assert str(ROOT) not in where
    assert run_command("init", "shop", folder=tmp_path, python=installed).code == 0
    ran = run_command("run", folder=tmp_path / "shop", python=installed)
    assert ran.code == 0, ran.output + ran.errors
    assert run_command("check", "silver.orders", folder=tmp_path / "shop", python=installed).output.startswith(
        "silver.orders: passed"
    )


def test_the_reference_platform_is_not_in_it(installed: str, tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text("import importlib.util; print(importlib.util.find_spec('pipelines'))", encoding="utf-8")
    assert run_command("look.py", folder=tmp_path, module=None, python=installed).output.strip() == "None"
