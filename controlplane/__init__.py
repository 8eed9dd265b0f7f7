"""A data quality and governance control plane built around contracts and SLAs.

``controlplane.open("path/to/project")`` returns the plane of a project; everything else hangs from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from controlplane.kernel.ports import Clock
    from controlplane.usecases.facade import Plane

__all__ = ["open"]


def open(project: str | Path, *, clock: Clock | None = None) -> Plane:  # noqa: A001 (the verb people expect)
    """Return the control plane of a project folder (or of its ``controlplane.yaml``). Nothing connects before it is used.

    Args:
        clock: where the plane gets its time from; the machine's clock by default. Replays and tests give their own.

    Raises:
        ConfigurationError: the project file or a contract cannot be used; the message lists every problem with file and line.
    """
    from controlplane.bootstrap import open_plane  # noqa: PLC0415 (importing the facade must stay cheap and free of cycles)

    return open_plane(project, clock=clock)
