"""The other datasets a check compares with, at the snapshots a run pinned (or at their heads, for observations)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from checks.model import Check, CheckKind
from checks.sql.needs import columns_there
from controlplane.gate.model import Run
from controlplane.kernel.errors import DatasetUnknownError
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.types import arrow_type
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports

_COMPARING = (CheckKind.REFERENCE, CheckKind.RECONCILIATION)


def register_parents(
    ports: Ports, governed: Governed, run: Run | None, checks: Sequence[Check], session: SqlSession
) -> Mapping[str, str]:
    """Register every dataset the checks compare with; return dataset name to the name it is registered under.

    Without a run (an observation) the heads are read. A governed parent without rows yet is an empty table, so that its
    children wait for it; a dataset nobody knows is left out, and checks that need it cannot be evaluated.
    """
    pins = {pin.name: pin.upto for pin in run.plan.inputs} if run is not None else {}
    names: dict[str, str] = {}
    for name in dict.fromkeys(_compared(checks)):
        rows = _rows(ports, governed, name, pins.get(name), [check for check in checks if check.arguments.get("to") == name])
        if rows is not None:
            names[name] = "parent_" + name.replace(".", "_")
            session.register(names[name], rows)
    return names


def _compared(checks: Sequence[Check]) -> Sequence[str]:
    return [str(check.arguments["to"]) for check in checks if check.kind in _COMPARING and "to" in check.arguments]


def _rows(ports: Ports, governed: Governed, name: str, pin: SnapshotId | None, checks: Sequence[Check]) -> pa.Table | None:
    dataset = DatasetId(governed.id.namespace, name)
    known = ports.platform.datasets.get(name)
    try:
        head = ports.reader.head(dataset) if pin is None else ports.reader.snapshot(dataset, pin)
    except DatasetUnknownError:
        head = None
    if head is None:
        if known is None:
            return None
        return pa.schema([(column, arrow_type(kind)) for column, kind in known.columns.items()]).empty_table()
    wanted = _columns(checks)
    names = head.schema.names
    columns = None if wanted is None else [name for name in names if name.lower() in wanted] or names[:1]
    return ports.reader.rows(dataset, head.snapshot_id, columns=columns).read_all()


def _columns(checks: Sequence[Check]) -> set[str] | None:
    """Return the columns of the parent that the checks name, in lower case; None where only reading all of them is safe."""
    wanted: set[str] = set()
    for check in checks:
        needed = columns_there(check)
        if needed is None:
            return None
        wanted |= needed
    return wanted
