"""The journal of runs: what each pinned, how far it came, what it consumed."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, func, literal_column, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from controlplane.gate.model import Balance, InputPin, InputRole, Run, RunPlan, RunState
from controlplane.kernel.errors import LostRaceError, UnableToEvaluateError
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.ports import Clock
from controlplane.persistence.database import Database, insert_many, known_dataset, own_dataset
from controlplane.persistence.dataset_states import note_recovery
from controlplane.persistence.tables import OPEN_STATES, run_inputs, runs

_ATTEMPTS = 3
_OPENED_AGAIN = frozenset({RunState.FAILED, RunState.ABANDONED, RunState.SUPERSEDED})
_BALANCE = tuple(field.name for field in fields(Balance))
_IS_OPEN: ColumnElement[bool] = literal_column(f"runs.state IN ({', '.join(repr(state) for state in OPEN_STATES)})")
"""Written out like the condition of ``one_open_run``, so that SQLite can use that index."""

_ONE_RUN = select(runs).where(runs.c.run_id == bindparam("of_run"))
_OPEN_RUN = select(runs).where(runs.c.dataset_id == bindparam("number"), _IS_OPEN)
_NEW_RUN = runs.insert()
_CHANGE = update(runs).where(runs.c.run_id == bindparam("of_run")).returning(runs)
_CHANGE_OPEN = _CHANGE.where(_IS_OPEN)
_CONSUMED = (
    select(run_inputs.c.name, run_inputs.c.sha256)
    .join(runs, runs.c.run_id == run_inputs.c.run_id)
    .where(
        run_inputs.c.dataset_id == bindparam("number"),
        run_inputs.c.role == InputRole.LANDING.value,
        runs.c.state == RunState.PUBLISHED.value,
        func.substr(run_inputs.c.name, 1, bindparam("length", type_=Integer)) == bindparam("prefix"),
    )
)
_PUBLISHED_BATCH = (
    select(runs)
    .join(run_inputs, run_inputs.c.run_id == runs.c.run_id)
    .where(
        run_inputs.c.dataset_id == bindparam("number"),
        run_inputs.c.role == InputRole.BATCH.value,
        run_inputs.c.name == bindparam("key"),
        runs.c.state == RunState.PUBLISHED.value,
    )
    .order_by(runs.c.started_wall.desc())
    .limit(1)
)


class StoredJournal:
    """Runs in the store, one transaction a call (``gate.ports.RunJournal``)."""

    def __init__(self, database: Database, wall: Clock) -> None:
        """Take the database and the wall clock that orders runs."""
        self._database = database
        self._wall = wall

    def open_run(self, dataset: DatasetId) -> Run | None:
        """Return the dataset's open run, if any."""
        with self._database.reading() as connection:
            number = known_dataset(connection, dataset)
            row = connection.execute(_OPEN_RUN, {"number": number}).first()
        return None if row is None else run_of(row)

    def find(self, run_id: RunId) -> Run | None:
        """Return a run by id."""
        with self._database.reading() as connection:
            return stored_run(connection, run_id)

    def plan(self, plan: RunPlan, *, clock: datetime, pipeline: str | None) -> Run:
        """Insert the run, or return the stored one; one that failed, was abandoned or superseded is opened again.

        A run that is opened again takes the new clock and forgets how it ended.

        Raises:
            LostRaceError: the dataset already has another open run; the message names it.
        """
        for _ in range(_ATTEMPTS):
            try:
                with self._database.writing() as connection:
                    return self._plan(connection, plan, clock, pipeline)
            except IntegrityError:  # only on PostgreSQL: another process planned at the same moment; look again
                continue
        message = f"another process keeps planning runs of {plan.dataset} at the same moment; run this again"
        raise LostRaceError(message)

    def _plan(self, connection: Connection, plan: RunPlan, clock: datetime, pipeline: str | None) -> Run:
        number = own_dataset(connection, plan.dataset)
        run = stored_run(connection, plan.run_id)
        if run is not None and run.state not in _OPENED_AGAIN:
            return run
        other = connection.execute(_OPEN_RUN, {"number": number}).first()
        if other is not None:
            message = (
                f"run {other.run_id} of {plan.dataset} is still open ({other.state}) and a dataset has one open run at a time; "
                "let it finish, or run its pipeline again to resume it"
            )
            raise LostRaceError(message)
        planned = Run(plan.run_id, plan, RunState.PLANNED, clock, pipeline)
        values = {"state": planned.state.value, "clock": clock, "pipeline": pipeline, "started_wall": self._wall.now()}
        if run is not None:
            ended = dict.fromkeys([*_BALANCE, "snapshot_id", "reason", "details", "bytes_read", "bytes_written", "seconds"])
            again = update(runs).where(runs.c.run_id == str(run.run_id))
            connection.execute(again.values({**values, **ended, "ended_wall": None}))
            return planned
        row = {"run_id": str(plan.run_id), "dataset_id": number, "plan": plan_text(plan), **values}
        connection.execute(_NEW_RUN, row)
        inputs = [_input_row(plan, number, ordinal, pin) for ordinal, pin in enumerate(plan.inputs)]
        if inputs:
            insert_many(connection, run_inputs, inputs)
        return planned

    def advance(
        self,
        run: Run,
        state: RunState,
        *,
        reason: str | None = None,
        snapshot_id: SnapshotId | None = None,
        balance: Balance | None = None,
    ) -> Run:
        """Move a run to a state; values that are None stay as they were.

        Raises:
            LostRaceError: the run has ended meanwhile (another process superseded it) and cannot be under way again.
            UnableToEvaluateError: the store does not know the run.
        """
        values: dict[str, object] = {"state": state.value, **balance_values(balance)}
        if reason is not None:
            values["reason"] = reason
        if snapshot_id is not None:
            values["snapshot_id"] = snapshot_id
        values["ended_wall"] = None if state.is_open else self._wall.now()
        change = _CHANGE_OPEN if state.is_open else _CHANGE
        with self._database.writing() as connection:
            row = connection.execute(change, {**values, "of_run": str(run.run_id)}).first()
            if row is None:
                raise _cannot_go_on(connection, run)
            if state is RunState.NOTHING_NEW:
                note_recovery(connection, row.dataset_id, run_of(row, run.plan))
        return run_of(row, run.plan)

    def consumed_files(self, dataset: DatasetId, topic: str) -> Collection[tuple[str, str]]:
        """Return (``topic/file``, sha256) of the landing files that published runs of the dataset consumed."""
        with self._database.reading() as connection:
            number = known_dataset(connection, dataset)
            rows = connection.execute(_CONSUMED, {"number": number, "prefix": f"{topic}/", "length": len(topic) + 1})
            return frozenset((name, sha256 or "") for name, sha256 in rows.tuples())

    def runs(self, dataset: DatasetId | None = None, *, state: RunState | None = None, limit: int = 100) -> Sequence[Run]:
        """Return runs, the one planned (or opened again) last first."""
        query = _runs_query(of_dataset=dataset is not None, in_state=state is not None)
        values = {"at_most": limit, "state": None if state is None else state.value}
        with self._database.reading() as connection:
            number = None if dataset is None else known_dataset(connection, dataset)
            return [run_of(row) for row in connection.execute(query, {**values, "number": number})]

    def published_batch(self, dataset: DatasetId, key: str) -> Run | None:
        """Return the published run that wrote the batch of this key, if any."""
        with self._database.reading() as connection:
            number = known_dataset(connection, dataset)
            row = connection.execute(_PUBLISHED_BATCH, {"number": number, "key": key}).first()
        return None if row is None else run_of(row)


@cache
def _runs_query(*, of_dataset: bool, in_state: bool) -> Select[Any]:
    """Return the SELECT of the newest runs, of a dataset and in a state where they are given."""
    query = select(runs).order_by(runs.c.started_wall.desc(), runs.c.run_id).limit(bindparam("at_most", type_=Integer))
    if of_dataset:
        query = query.where(runs.c.dataset_id == bindparam("number"))
    return query.where(runs.c.state == bindparam("state")) if in_state else query


def stored_run(connection: Connection, run_id: RunId) -> Run | None:
    """Return a run as the store has it now, None if it does not."""
    row = connection.execute(_ONE_RUN, {"of_run": str(run_id)}).first()
    return None if row is None else run_of(row)


def run_of(row: Row[Any], plan: RunPlan | None = None) -> Run:
    """Return the run of a row of ``runs``; ``plan`` saves reading it where it is known."""
    return Run(
        run_id=RunId(UUID(row.run_id)),
        plan=plan or plan_of(row.plan),
        state=RunState(row.state),
        clock=row.clock,
        pipeline=row.pipeline,
        snapshot_id=row.snapshot_id,
        balance=balance_of(row),
        reason=row.reason,
    )


def balance_of(row: Row[Any]) -> Balance | None:
    """Return the balance of a row of ``runs``, None before there was one."""
    return None if row.offered is None else Balance(*(getattr(row, name) for name in _BALANCE))


def balance_values(balance: Balance | None) -> dict[str, int]:
    """Return a balance as columns of ``runs``; nothing where there is none."""
    return {} if balance is None else {name: getattr(balance, name) for name in _BALANCE}


def plan_text(plan: RunPlan) -> str:
    """Return a plan as JSON; ``plan_of`` reads it back equal."""
    document = {
        "dataset": [plan.dataset.namespace, plan.dataset.name],
        "base": plan.base,
        "inputs": [[pin.role.value, pin.name, pin.after, pin.upto, pin.sha256] for pin in plan.inputs],
        "contract_sha256": plan.contract_sha256,
        "sql_sha256": plan.sql_sha256,
        "policy_sha256": plan.policy_sha256,
        "key_epoch": plan.key_epoch,
        "reentering": list(plan.reentering),
    }
    if plan.backfill is not None:
        document["backfill"] = [moment.isoformat() for moment in plan.backfill]
    if plan.watermark is not None:
        document["watermark"] = plan.watermark.isoformat()
    return json.dumps(document, separators=(",", ":"))


def plan_of(text: str) -> RunPlan:
    """Return the plan of its JSON."""
    document = json.loads(text)
    inputs = (
        InputPin(InputRole(role), name, after, upto, sha256) for role, name, after, upto, sha256 in document.pop("inputs")
    )
    dataset, reentering = DatasetId(*document.pop("dataset")), tuple(document.pop("reentering"))
    span = document.pop("backfill", None)
    backfill = (datetime.fromisoformat(span[0]), datetime.fromisoformat(span[1])) if span else None
    stated = document.pop("watermark", None)
    watermark = datetime.fromisoformat(stated) if stated else None
    return RunPlan(
        dataset=dataset, inputs=tuple(inputs), reentering=reentering, backfill=backfill, watermark=watermark, **document
    )


def _input_row(plan: RunPlan, number: int, ordinal: int, pin: InputPin) -> dict[str, object]:
    return {
        "run_id": str(plan.run_id),
        "ordinal": ordinal,
        "dataset_id": number,
        "role": pin.role.value,
        "name": pin.name,
        "after_id": pin.after,
        "upto_id": pin.upto,
        "sha256": pin.sha256,
    }


def _cannot_go_on(connection: Connection, run: Run) -> Exception:
    stored = stored_run(connection, run.run_id)
    if stored is None:
        return unknown_run(run)
    return LostRaceError(
        f"run {run.run_id} of {run.plan.dataset} has ended as {stored.state.value} meanwhile, so it cannot go on; "
        "run its pipeline again"
    )


def unknown_run(run: Run) -> UnableToEvaluateError:
    """Return the error for a run that the store was never told about."""
    return UnableToEvaluateError(f"run {run.run_id} of {run.plan.dataset} is not in the store; plan it before anything else")
