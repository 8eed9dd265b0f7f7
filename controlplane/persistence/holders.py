"""Who holds a lease: a process on a machine, told apart from a later process with the same number."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    """Return ``host:pid:start`` of this process (start in clock ticks since boot, 0 where the system does not tell)."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid()) or 0}"


def has_died(holder: str) -> bool:
    """Return whether a holder was a process of this machine that is certainly gone, so that nobody need wait for its lease.

    A holder elsewhere, or in any other notation, counts as alive: its lease ends when its time is over.
    """
    host, _, rest = holder.partition(":")
    pid, _, start = rest.partition(":")
    if host != socket.gethostname() or not pid.isdigit() or not start.isdigit():
        return False
    if start == "0":
        return not _exists(int(pid))
    return str(_started(int(pid))) != start


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> int | None:
    """Return when a process started, from ``/proc/<pid>/stat`` field 22 (proc(5)); None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    state, fields = stat.rpartition(")")[2].split()[0], stat.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else int(fields[19])
