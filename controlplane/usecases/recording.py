"""Record (step 8): the end of a run in one transaction, and what the outside is told about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from checks.model import CheckResult
from controlplane.gate.model import InputRole, Run
from controlplane.kernel.identity import SnapshotId
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Pipeline, Ports
from controlplane.usecases.ports import OutboxMessage
from lineage.columns import column_lineage
from lineage.events import to_openlineage
from lineage.model import Assertion, ColumnLineage, DatasetVersion, EventType, RunEvent

LINEAGE = "lineage"


def lineage_message(  # noqa: PLR0913 (one event tells all of a run)
    ports: Ports,
    governed: Governed,
    pipeline: Pipeline | None,
    run: Run,
    event_type: EventType,
    *,
    snapshot_id: SnapshotId | None = None,
    results: Sequence[CheckResult] = (),
    rows_written: int | None = None,
    error: str | None = None,
) -> OutboxMessage:
    """Return the outbox message that tells the outside about a run; the same event has the same id however often it is made."""
    columns = tuple(governed.columns.items())
    output = DatasetVersion(
        governed.id.namespace, governed.name, columns, str(snapshot_id) if snapshot_id is not None else None
    )
    event = RunEvent(
        event_type=event_type,
        at=run.clock,
        run_id=run.run_id,
        job_namespace=ports.namespace,
        job_name=pipeline.name if pipeline else (run.pipeline or governed.name),
        inputs=_inputs(ports, run),
        outputs=(output,),
        sql=pipeline.sql if pipeline else None,
        columns=pipeline_lineage(ports, pipeline) if pipeline and event_type is EventType.COMPLETE else None,
        assertions={governed.name: _assertions(results)} if results else {},
        error=error,
        rows_written=rows_written,
    )
    payload = to_openlineage(event)
    digest = sha256(json.dumps(payload, sort_keys=True, default=str).encode()).hexdigest()[:16]
    return OutboxMessage(f"{run.run_id}:{event_type.value}:{digest}", LINEAGE, payload)


def _inputs(ports: Ports, run: Run) -> tuple[DatasetVersion, ...]:
    inputs = []
    for pin in run.plan.inputs:
        if pin.role is InputRole.LANDING:
            continue
        if pin.role is InputRole.BATCH:
            continue
        known = ports.platform.datasets.get(pin.name)
        columns = tuple(known.columns.items()) if known else ()
        version = str(pin.upto) if pin.upto is not None else None
        inputs.append(DatasetVersion(run.plan.dataset.namespace, pin.name, columns, version))
    topics = {pin.name.partition("/")[0] for pin in run.plan.inputs if pin.role is InputRole.LANDING}
    inputs += [DatasetVersion(f"{ports.namespace}/landing", topic) for topic in sorted(topics)]
    return tuple(inputs)


def pipeline_lineage(ports: Ports, pipeline: Pipeline) -> ColumnLineage | None:
    """Return the column edges of a pipeline's SELECT as governed; None for ingestion.

    Columns that only order or delete rows are left out, and edges into masked fields say so.
    """
    if pipeline.sql is None:
        return None
    governed = ports.platform.governed(pipeline.dataset)
    masked = {rule.field for rule in governed.masks}
    found = column_lineage(pipeline.sql, schema=schema_of(ports, pipeline), output=governed.name)
    edges = (
        replace(edge, masking=edge.masking or edge.target.column in masked)
        for edge in found.edges
        if edge.target.column in governed.columns
    )
    return ColumnLineage(tuple(edges), found.unresolved)


def schema_of(ports: Ports, pipeline: Pipeline) -> Mapping[str, Sequence[str]]:
    """Return the columns of a pipeline's inputs, by dataset."""
    return {name: tuple(ports.platform.governed(name).columns) for name in pipeline.inputs if name in ports.platform.datasets}


def _assertions(results: Sequence[CheckResult]) -> tuple[Assertion, ...]:
    judged = [result for result in results if result.outcome in {Outcome.PASSED, Outcome.FAILED}]
    return tuple(
        Assertion(
            result.check.id,
            result.outcome is Outcome.PASSED,
            result.check.fields[0] if len(result.check.fields) == 1 else None,
            result.check.severity.value,
        )
        for result in judged
    )
