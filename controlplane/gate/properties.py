"""What every snapshot we write carries in its summary, so that the proof travels with the table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.gate.model import InputRole, RunPlan
from controlplane.kernel.identity import RunId, SnapshotId
from controlplane.kernel.table import Snapshot

RUN_ID = "controlplane.run-id"
INPUTS = "controlplane.inputs"
PUBLISHED_AT = "controlplane.published-at"
OPERATION = "controlplane.operation"
VERSIONS = "controlplane.versions"
REWRITE = "rewrite"

_ADDED_BYTES = "added-files-size"  # Iceberg spec, Optional Snapshot Summary Fields


@dataclass(frozen=True)
class Consumed:
    """What a table's published rows were made from.

    Attributes:
        snapshots: input dataset to the snapshot consumed (new) or read (all, reference).
        versions: contract, SQL, policy and key versions it was made under.
    """

    snapshots: Mapping[str, SnapshotId]
    roles: Mapping[str, InputRole]
    versions: tuple[str, ...] = ()


def write_properties(plan: RunPlan, clock: datetime) -> dict[str, str]:
    """Return the summary properties of a run's snapshot; ``inputs`` is the truth for what was consumed."""
    inputs = {pin.name: [pin.role.value, pin.upto] for pin in plan.inputs if pin.upto is not None}
    batches = [pin.name for pin in plan.inputs if pin.role is InputRole.BATCH]
    return {
        RUN_ID: str(plan.run_id),
        PUBLISHED_AT: clock.isoformat(),
        INPUTS: json.dumps({"snapshots": inputs, "files": plan.files_digest, "batches": batches}, sort_keys=True),
        VERSIONS: ",".join(versions(plan)),
    }


def versions(plan: RunPlan) -> tuple[str, ...]:
    """Return what a plan's answer depends on beside its rows."""
    return (plan.contract_sha256, plan.sql_sha256, plan.policy_sha256, str(plan.key_epoch))


def carried_on(snapshots: Iterable[Snapshot]) -> dict[str, str]:
    """Return the properties a snapshot that changes no rows takes over from the newest governed ancestor."""
    for snapshot in snapshots:
        if INPUTS in snapshot.properties:
            return {name: snapshot.properties[name] for name in (INPUTS, VERSIONS) if name in snapshot.properties}
    return {}


def consumed(snapshots: Iterable[Snapshot]) -> Consumed:
    """Return what the newest governed snapshot of an ancestry (newest first) says was consumed; empty if none says."""
    properties = carried_on(snapshots)
    if INPUTS not in properties:
        return Consumed({}, {})
    inputs = json.loads(properties[INPUTS])["snapshots"]
    return Consumed(
        {name: SnapshotId(upto) for name, (_, upto) in inputs.items()},
        {name: InputRole(role) for name, (role, _) in inputs.items()},
        tuple(properties.get(VERSIONS, "").split(",")),
    )


def bytes_written(snapshot: Snapshot) -> int | None:
    """Return the size of the files a snapshot added; None where it does not say."""
    stated = snapshot.properties.get(_ADDED_BYTES, "")
    return int(stated) if stated.isdecimal() else None


def wrote(snapshot: Snapshot, run_id: RunId) -> bool:
    """Return whether a run wrote this snapshot."""
    return snapshot.properties.get(RUN_ID) == str(run_id)
