"""Importing is cheap and free of cycles: every module can be the first one a fresh interpreter imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("controlplane", "checks", "lineage", "pii_policies", "alerting")
HEAVY = ("duckdb", "pyiceberg", "sqlalchemy", "alembic", "openlineage", "pyspark", "sqlglot")

LIBRARIES = (
    "alembic", "click", "croniter", "cryptography.hazmat.primitives.ciphers.aead", "duckdb", "fastapi.responses", "fastavro",
    "jinja2", "jsonschema", "numpy", "prometheus_client", "pyarrow.compute", "pyarrow.dataset", "pyarrow.fs", "pyarrow.parquet",
    "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow", "pyiceberg.table", "rich.progress", "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite", "sqlglot", "starlette.staticfiles", "uvicorn", "yaml",
)  # fmt: skip
"""Loaded once before the modules are: cycles are among our own, and loading these again for each takes minutes."""

ALONE = f"""
import importlib, os, sys
for library in {LIBRARIES!r}:
    importlib.import_module(library)
sys.stdout.flush()
for name in sys.stdin.read().split():
    child = os.fork()
    if child == 0:
        try:
            __import__(name)
        except BaseException as error:
            os.write(1, (name + ": " + repr(error) + chr(10)).encode())
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)
"""


def modules() -> list[str]:
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "versions" in parts or path.name == "env.py":  # run by Alembic alone
                continue
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def test_every_module_can_be_imported_first() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ALONE], input="\n".join(modules()), text=True, capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout == ""


def test_the_facade_imports_nothing_heavy() -> None:
    code = f"import sys, controlplane, controlplane.cli; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
