"""Words of the gate: a run of one batch, what it pinned, where it stands, and what became of every row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID, uuid5

from controlplane.kernel.identity import DatasetId, RunId, SnapshotId

_RUN_NAMESPACE = UUID("6f2c3d0e-53a4-5a5e-9a0b-0c0f6f0f6a11")


class RunState(StrEnum):
    """How far a run came."""

    PLANNED = "planned"
    SCREENED = "screened"
    WRITTEN = "written"
    AUDITED = "audited"
    PUBLISHED = "published"
    HELD = "held"
    NOTHING_NEW = "nothing_new"
    FAILED = "failed"
    ABANDONED = "abandoned"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """Whether the run is still under way; a dataset has at most one such run."""
        return self in {RunState.PLANNED, RunState.SCREENED, RunState.WRITTEN, RunState.AUDITED}


class InputRole(StrEnum):
    """How an input is read: rows appended since last time, a whole pinned snapshot, parents, a landing file, own rows."""

    NEW = "new"
    ALL = "all"
    REFERENCE = "reference"
    LANDING = "landing"
    BATCH = "batch"


@dataclass(frozen=True, order=True)
class InputPin:
    """One input of a run, pinned.

    Attributes:
        name: dataset name, landing file (``topic/file``), or batch key.
        after: for ``new``: snapshot consumed before (exclusive); None: from the beginning.
        upto: snapshot id read (as text), None for landing files and batches; a dataset without a snapshot is not pinned.
        sha256: of a landing file's bytes or a batch's rows.
    """

    role: InputRole
    name: str
    after: SnapshotId | None = None
    upto: SnapshotId | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class RunPlan:
    """Everything the answer of a run depends on.

    Attributes:
        base: main's head when the run was planned.
        reentering: ids of waiting or retried rows that enter again, sorted.
        backfill: [from, to) of event time that is read once more; such a run pages nobody.
        watermark: everything that the sources made up to it is among the inputs; None when no source says so. No part of the
            run's id: the same inputs are the same run, however much later a source says that there was nothing else.
    """

    dataset: DatasetId
    base: SnapshotId
    inputs: tuple[InputPin, ...]
    contract_sha256: str
    sql_sha256: str
    policy_sha256: str
    key_epoch: int
    reentering: tuple[str, ...] = ()
    backfill: tuple[datetime, datetime] | None = None
    watermark: datetime | None = None

    @property
    def run_id(self) -> RunId:
        """UUIDv5 over all of the plan: the same plan is the same run."""
        parts = {
            "dataset": [self.dataset.namespace, self.dataset.name],
            "base": self.base,
            "inputs": [[pin.role, pin.name, pin.after, pin.upto, pin.sha256] for pin in sorted(self.inputs, key=_pin_order)],
            "versions": [self.contract_sha256, self.sql_sha256, self.policy_sha256, self.key_epoch],
            "reentering": sorted(self.reentering),
        }
        if self.backfill is not None:
            parts["backfill"] = [moment.isoformat() for moment in self.backfill]
        return RunId(uuid5(_RUN_NAMESPACE, json.dumps(parts, sort_keys=True)))

    @property
    def files_digest(self) -> str | None:
        """Digest over the landing files of the plan, None without any; the list itself lives in the store."""
        files = sorted(f"{pin.name}@{pin.sha256}" for pin in self.inputs if pin.role is InputRole.LANDING)
        return sha256("\n".join(files).encode()).hexdigest() if files else None


def _pin_order(pin: InputPin) -> tuple[str, str, str]:
    return (pin.role.value, pin.name, pin.sha256 or "")


@dataclass(frozen=True)
class Balance:
    """Where every row of a batch went.

    Ingestion: ``read == passed + dead_lettered + duplicates``; otherwise
    ``offered == passed + superseded + quarantined + waiting``.
    """

    offered: int = 0
    passed: int = 0
    superseded: int = 0
    quarantined: int = 0
    waiting: int = 0
    dead_lettered: int = 0
    duplicates: int = 0

    @property
    def missing(self) -> int:
        """Rows unaccounted for; anything but 0 is a defect of the gate."""
        placed = self.passed + self.superseded + self.quarantined + self.waiting + self.dead_lettered + self.duplicates
        return self.offered - placed


@dataclass(frozen=True)
class Run:
    """One run as the journal knows it.

    Attributes:
        clock: the plane's clock when the run was planned; a resumed run keeps it.
        snapshot_id: the audited (later published) snapshot.
        reason: why it is held, failed or superseded; or a note on a published one.
    """

    run_id: RunId
    plan: RunPlan
    state: RunState
    clock: datetime
    pipeline: str | None = None
    snapshot_id: SnapshotId | None = None
    balance: Balance | None = None
    reason: str | None = None


class KeptKind(StrEnum):
    """Why a row is kept beside the table."""

    QUARANTINED = "quarantined"
    WAITING = "waiting"
    TOMBSTONE = "tombstone"


class KeptStatus(StrEnum):
    """Life of a kept row: staged until its run is recorded, then open, then closed one way or another."""

    STAGED = "staged"
    OPEN = "open"
    RETRYING = "retrying"
    RELEASED = "released"
    SUPERSEDED = "superseded"
    DISCARDED = "discarded"
    EXPIRED = "expired"


@dataclass(frozen=True)
class KeptRow:
    """A row kept beside the table.

    Attributes:
        row_id: hex digest over dataset, business key and ordering, so that the same event is the same row.
        key: canonical text of the business key, *masked* where the key is masked; used to find newer rows of the key.
        reasons: ids of the checks it failed or waits for.
        masked: the row as people may see it.
        sealed: the clear original, AES-256-GCM under the seal key with row_id as associated data.
        since: when the first run saw it (plane's clock).
    """

    row_id: str
    kind: KeptKind
    key: str
    reasons: tuple[str, ...]
    masked: Mapping[str, object]
    sealed: bytes
    since: datetime
    run_id: RunId | None = None
    status: KeptStatus = KeptStatus.STAGED


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be read at all.

    Attributes:
        position: where it stands, ``file:line``.
        reason: one sentence without the message's values.
        sealed: the message, sealed with position as associated data, so that it can be replayed.
    """

    source: str
    position: str
    reason: str
    sealed: bytes


@dataclass(frozen=True)
class Decision:
    """What the gate does with an audited snapshot.

    Attributes:
        state: ``published`` or ``held``.
        reasons: plain sentences: why it is held, or notes on what was published all the same.
    """

    state: RunState
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableDefinition:
    """How a governed table is to look.

    Attributes:
        fields: (name, canonical type, required) in order.
        partition: Iceberg transforms as text (``day(created_at)``, ``bucket(16, order_id)``).
        hidden_bounds: fields whose bounds must not reach manifests (labelled or masked ones).
    """

    fields: tuple[tuple[str, str, bool], ...]
    partition: tuple[str, ...] = ()
    hidden_bounds: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LandingFile:
    """A file of the landing zone, ``name`` relative to it."""

    name: str
    sha256: str
    size_bytes: int
