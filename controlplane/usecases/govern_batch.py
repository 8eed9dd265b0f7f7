"""A batch that the caller hands over: the same way through the gate as a pipeline's, without a SELECT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import TracebackType
from typing import Self
from uuid import uuid4

import pyarrow as pa

from controlplane.contracts.model import Mode, WriteMode
from controlplane.gate.model import Run
from controlplane.kernel.errors import ConfigurationError, ControlPlaneError
from controlplane.kernel.identity import SnapshotId
from controlplane.kernel.ports import SqlSession
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.govern_run import Task, govern
from controlplane.usecases.model import Ports
from controlplane.usecases.planning import Planned, plan_batch
from controlplane.usecases.report import RunReport, run_report
from controlplane.usecases.transforming import Offered, with_technical_columns


@dataclass
class BatchRun:
    """A batch under way, as ``with plane.govern(...) as run`` gives it. Several calls are one batch, one screening, one commit.

    Leaving the block carries the batch through the gate and never raises for ``held`` or ``failed``: read ``outcome``.
    An exception inside the block writes nothing and ends the run ``failed``; it is not swallowed.

    Attributes:
        report: the run's report once the block is left; None before.
    """

    ports: Ports
    governed: Governed
    job: str
    inputs: tuple[str, ...] = ()
    batch: str | None = None
    report: RunReport | None = None
    _tables: list[pa.Table] = field(default_factory=list)
    _mode: WriteMode | None = None

    def append(self, rows: pa.Table) -> None:
        """Add rows to the batch. Raises ``ConfigurationError`` when the dataset is not written by append."""
        self._take(rows, WriteMode(Mode.APPEND))

    def overwrite(self, rows: pa.Table) -> None:
        """Add rows to the batch, which replaces all rows of the dataset."""
        self._take(rows, WriteMode(Mode.OVERWRITE))

    def merge(self, rows: pa.Table, keys: Sequence[str] = ()) -> None:
        """Add events to the batch; per key the latest one counts, by the contract's ``orderBy``, else by arrival."""
        self._take(rows, WriteMode(Mode.MERGE, keys=tuple(keys)))

    @property
    def outcome(self) -> str:
        """How the run ended: ``published``, ``held``, ``failed`` ...; ``planned`` while the block is open."""
        return self.report.state if self.report else "planned"

    @property
    def snapshot_id(self) -> SnapshotId | None:
        """The snapshot the batch was written as, None if none was written."""
        return self.report.snapshot_id if self.report else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.report = RunReport.stopped(self.governed.name, f"the caller's block raised {type(error).__name__}")
            return
        try:
            run = self._govern()
        except ControlPlaneError as problem:
            self.report = RunReport.stopped(self.governed.name, str(problem))
        else:
            self.report = run_report(self.ports, run.run_id)

    def _take(self, rows: pa.Table, wanted: WriteMode) -> None:
        declared = self.governed.spec.write_mode
        if not isinstance(rows, pa.Table):
            message = f"rows for {self.governed.name} must be a pyarrow.Table, not {type(rows).__name__}"
            raise ConfigurationError(message)
        mode = _agree(self.governed, declared, wanted)
        if self._mode not in {None, mode}:
            message = f"one batch of {self.governed.name} is written one way; append, overwrite and merge cannot be mixed"
            raise ConfigurationError(message)
        self._mode = mode
        self._tables.append(rows)

    def _govern(self) -> Run:
        governed = self.governed
        if self._mode is not None:
            governed = replace(governed, spec=replace(governed.spec, write_mode=self._mode))
        rows = pa.concat_tables(self._tables, promote_options="permissive") if self._tables else None
        rows = rows if rows is not None else pa.table({})
        digest = _digest(rows)
        key = self.batch or f"{self.job}:{uuid4()}"

        def plan() -> Planned:
            return plan_batch(self.ports, governed, key=key, sha256=digest, inputs=self.inputs, job=self.job)

        def offer(planned: Planned, session: SqlSession) -> Offered:  # noqa: ARG001 (rows come from the caller)
            return Offered(with_technical_columns(self.ports, rows, planned.run.clock, ()), rows.num_rows)

        return govern(self.ports, Task(governed, plan, offer))


def _agree(governed: Governed, declared: WriteMode, wanted: WriteMode) -> WriteMode:
    """Return how a batch is written: as the contract says; the caller may choose only where the contract leaves it open."""
    if declared.mode is wanted.mode:
        if wanted.keys and declared.keys and wanted.keys != declared.keys:
            declared_keys, wanted_keys = ", ".join(declared.keys), ", ".join(wanted.keys)
            message = f"{governed.name} is merged by {declared_keys} ({governed.spec.place}), not by {wanted_keys}"
            raise ConfigurationError(message)
        return declared if declared.keys or not wanted.keys else replace(declared, keys=wanted.keys)
    if declared.mode is Mode.SCD2 and wanted.mode is Mode.MERGE:
        return declared
    if declared != WriteMode(Mode.APPEND, partition=declared.partition):
        message = (
            f"{governed.name} is written by {declared.mode.value} ({governed.spec.place}), not by {wanted.mode.value}; "
            f"call run.{'merge' if declared.mode is Mode.SCD2 else declared.mode.value}(...) or change its contract"
        )
        raise ConfigurationError(message)
    if wanted.mode is Mode.MERGE and not (wanted.keys or governed.spec.primary_key):
        message = (
            f"merging into {governed.name} needs keys: give merge(rows, keys=[...]) or declare a primaryKey in its contract"
        )
        raise ConfigurationError(message)
    return replace(
        wanted,
        keys=wanted.keys or (governed.spec.primary_key if wanted.mode is Mode.MERGE else ()),
        partition=declared.partition,
    )


def _digest(rows: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows.combine_chunks())
    return sha256(sink.getvalue()).hexdigest()
