"""One row a dataset: how its newest batch ended, what readers see, what the newest judged batch's checks said.

Kept with the record of every run's end, so that a page about thousands of datasets asks neither runs nor the catalog.
Which batches are held is not kept here: runs say it, and a held run may end without a record of its own.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from sqlalchemy import update
from sqlalchemy.engine import Connection

from controlplane.gate.model import Run, RunState
from controlplane.kernel.outcome import Outcome
from controlplane.persistence.database import insert_or_change
from controlplane.persistence.tables import dataset_states
from controlplane.usecases.ports import RunRecord

_TOLD = frozenset({RunState.PUBLISHED, RunState.HELD, RunState.FAILED})


def note_state(connection: Connection, number: int, run: Run, entry: RunRecord) -> None:
    """Keep what a run's end says of its dataset; what it does not speak of stays as it was.

    A run that only rewrote files has no balance: it changes which snapshot readers see, and nothing else.
    """
    if run.state is RunState.PUBLISHED and run.balance is None:
        mine = dataset_states.c.dataset_id == number
        connection.execute(update(dataset_states).where(mine).values(published_snapshot_id=run.snapshot_id))
        return
    if run.state is RunState.NOTHING_NEW:
        note_recovery(connection, number, run)
    if run.state not in _TOLD:
        return
    values: dict[str, Any] = {"run_id": str(run.run_id), "state": run.state.value, "clock": run.clock, "reason": run.reason}
    if run.state is RunState.PUBLISHED:
        values |= {
            "published_run_id": str(run.run_id),
            "published_snapshot_id": run.snapshot_id,
            "published_at": run.clock,
            "published_rows": entry.rows,
        }
    if entry.results:
        values |= {"judged_run_id": str(run.run_id), **_counts(entry)}
    new = dict.fromkeys((outcome.value for outcome in Outcome), 0)
    insert_or_change(connection, dataset_states, {"dataset_id": number, **new, **values}, "dataset_id", values)


def note_recovery(connection: Connection, number: int, run: Run) -> None:
    """Let a run that found nothing to do end what a failed one had said; beside that it says nothing of its dataset."""
    failed = (dataset_states.c.dataset_id == number, dataset_states.c.state == RunState.FAILED.value)
    values = {"run_id": str(run.run_id), "state": run.state.value, "clock": run.clock, "reason": run.reason}
    connection.execute(update(dataset_states).where(*failed).values(values))


def _counts(entry: RunRecord) -> dict[str, int]:
    found = Counter(result.outcome for result in entry.results or ())
    return {outcome.value: found[outcome] for outcome in Outcome}
