"""Who holds a lease: a process, named so that it can be told from every other one and be known to be gone."""

from __future__ import annotations

import os
import socket
from hashlib import sha256
from pathlib import Path

_PARTS = 4
_ENDED = frozenset("ZX")  # zombie and dead, as /proc/<pid>/stat shows them


def this_process() -> str:
    """Return this process as ``host:pid:start:machine``.

    ``start`` is in clock ticks since boot. ``machine`` is a digest of the kernel's boot id and of the namespace that process
    numbers belong to: containers share a kernel and often a host name, but the number 7 is another process in each.
    Where the system does not tell these, the name is ``host:pid``.
    """
    name = f"{socket.gethostname()}:{os.getpid()}"
    machine, start = _machine(), _started(os.getpid())
    return name if machine is None or start is None else f"{name}:{start}:{machine}"


def has_died(holder: str) -> bool:
    """Return whether a holder was a process on this machine that is certainly gone, so that nobody need wait for its lease.

    A holder elsewhere, or in any other notation, counts as alive: its lease ends when its time is over.
    """
    parts = holder.rsplit(":", _PARTS - 1)
    if len(parts) < _PARTS or parts[-1] != _machine() or not parts[1].isdigit():
        return False
    return str(_started(int(parts[1]))) != parts[2]


def _machine() -> str | None:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        namespace = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return None
    return sha256(f"{boot}{namespace}".encode()).hexdigest()[:12]


def _started(pid: int) -> int | None:
    """Return when a process started, from ``/proc/<pid>/stat`` field 22 (proc(5)); None where there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name in field 2 may hold blanks and brackets; field 3 follows it
    return None if fields[0] in _ENDED else int(fields[19])
