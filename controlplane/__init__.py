"""A data quality and governance control plane built around contracts and SLAs.

``controlplane.open("path/to/project")`` returns the plane of a project; everything else hangs from it. The names below are the
public Python surface; they load when they are first used, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from controlplane.kernel.clock import ReplayClock, ShiftedClock
    from controlplane.kernel.errors import ControlPlaneError
    from controlplane.kernel.ports import Clock
    from controlplane.usecases.facade import Plane
    from controlplane.usecases.overview import DatasetSummary
    from controlplane.usecases.report import CheckReport, RunReport

__all__ = ["CheckReport", "ControlPlaneError", "DatasetSummary", "Plane", "ReplayClock", "RunReport", "ShiftedClock", "open"]

_HOMES = {
    "CheckReport": "controlplane.usecases.report",
    "ControlPlaneError": "controlplane.kernel.errors",
    "DatasetSummary": "controlplane.usecases.overview",
    "Plane": "controlplane.usecases.facade",
    "ReplayClock": "controlplane.kernel.clock",
    "RunReport": "controlplane.usecases.report",
    "ShiftedClock": "controlplane.kernel.clock",
}


def open(project: str | Path, *, clock: Clock | None = None) -> Plane:  # noqa: A001 (the verb people expect)
    """Return the control plane of a project folder (or of its ``controlplane.yaml``). Nothing connects before it is used.

    Args:
        clock: where the plane gets its time from; the machine's clock by default. Replays and tests give their own.

    Raises:
        ConfigurationError: the project file or a contract cannot be used; the message lists every problem with file and line.
    """
    from controlplane.bootstrap import open_plane  # noqa: PLC0415 (importing the facade must stay cheap and free of cycles)

    return open_plane(project, clock=clock)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
