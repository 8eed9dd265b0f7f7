"""After the replay: serve the demo's project while its sources go on with the following days."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import controlplane
from pipelines.demo.feeder import Feeder
from pipelines.faults import with_faults
from pipelines.sources import HORIZON_DAYS, build_window


def serve(root: Path, until: datetime) -> int:
    """Serve a replayed project until it is stopped; return the exit code of ``controlplane serve``.

    The plane's clock stands at ``until`` now and goes on from there at the pace of the wall clock, for the sources and for the
    plane alike.

    Args:
        root: folder of the project.
        until: end of what was replayed.
    """
    behind = datetime.now(UTC) - until
    window = with_faults(build_window(days=HORIZON_DAYS))
    command = [sys.executable, "-m", "controlplane", "serve", "--once-link", f"--clock-behind=PT{behind.total_seconds():.0f}S"]
    with Feeder(window, root / "state" / "landing", controlplane.ShiftedClock(behind).now):
        try:
            return subprocess.run(command, cwd=root, check=False).returncode  # noqa: S603 (our own command, no shell)
        except KeyboardInterrupt:  # the command got the same signal and has ended
            return 0
