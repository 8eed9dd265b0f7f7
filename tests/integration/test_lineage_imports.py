"""What a fresh interpreter loads for lineage: nothing slow before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULES = [
    "lineage",
    "lineage.model",
    "lineage.ports",
    "lineage.columns",
    "lineage.columns.flows",
    "lineage.columns.sources",
    "lineage.columns.statements",
    "lineage.graph",
    "lineage.events",
    "lineage.transports",
    "lineage.transports.file",
    "lineage.transports.http",
]


def _loaded(statement: str) -> set[str]:
    script = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("module", MODULES)
def test_every_module_can_be_imported_alone(module: str) -> None:
    loaded = _loaded(f"import {module}")
    assert not {name for name in loaded if name.split(".")[0] in {"openlineage", "requests", "attr"}}


def test_events_and_transports_need_no_sql_parser_and_no_http_client_before_use() -> None:
    loaded = _loaded("import lineage.events, lineage.transports")
    assert not loaded & {"sqlglot", "http.client", "urllib.request"}
