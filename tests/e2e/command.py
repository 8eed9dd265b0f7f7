"""Runs the command line as a stranger does: in a process of its own, in some folder, with nothing of this repository on the path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    """What a command said and how it ended."""

    code: int
    output: str
    errors: str

    @property
    def document(self) -> Any:
        """The JSON document it printed."""
        return json.loads(self.output)


def run_command(
    *arguments: str, folder: Path, module: str | None = "controlplane", python: str = sys.executable, timeout: float = 180
) -> Ran:
    """Run ``python -m controlplane ARGUMENTS`` (or a script, with ``module=None``) in a folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "CONTROLPLANE_"))}
    command = [python, *(["-m", module] if module else []), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=timeout)
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)
