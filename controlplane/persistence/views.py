"""What pages read of the store: every question is one or two statements over an index, whatever the number of datasets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, Select, or_, select

from controlplane.gate.model import RunState
from controlplane.kernel.outcome import Outcome
from controlplane.persistence.journal import balance_of
from controlplane.persistence.kept_files import chunks
from controlplane.persistence.kept_views import KeptViews
from controlplane.persistence.records import result_of
from controlplane.persistence.tables import dataset_states, datasets, measurements, runs
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.views_ports import DatasetState, PastResult, RunFilter, RunLine

_JUDGED = (RunState.PUBLISHED.value, RunState.HELD.value)
_LINE = select(
    runs.c.run_id, runs.c.pipeline, runs.c.state, runs.c.clock, runs.c.snapshot_id, runs.c.reason, runs.c.seconds,
    runs.c.started_wall, runs.c.ended_wall, runs.c.offered, runs.c.passed, runs.c.superseded, runs.c.quarantined,
    runs.c.waiting, runs.c.dead_lettered, runs.c.duplicates, datasets.c.name,
).join(datasets, datasets.c.dataset_id == runs.c.dataset_id)  # fmt: skip
_STATE = select(datasets.c.name, *(column for column in dataset_states.c if column.name != "dataset_id")).join(
    datasets, datasets.c.dataset_id == dataset_states.c.dataset_id
)
"""In the order of the attributes of ``DatasetState``."""

_NEWEST_FIRST = (runs.c.clock.desc(), runs.c.run_id.desc())


class StoredViews(KeptViews):
    """Read models over the store (``usecases.views_ports.Views``), of the datasets of one namespace."""

    def states(self, names: Collection[str] | None = None) -> Mapping[str, DatasetState]:
        """Return the state of datasets (None: of all); one that never had a batch is not among them."""
        query = _STATE.where(datasets.c.namespace == self.namespace)
        return {row[0]: DatasetState(*row) for row in self._named(query, names)}

    def runs(self, wanted: RunFilter, limit: int = 50) -> Sequence[RunLine]:
        """Return runs, newest first by the plane's clock."""
        query = _LINE.order_by(*_NEWEST_FIRST).limit(limit)
        if wanted.states:
            query = query.where(runs.c.state.in_(wanted.states))
        if wanted.since is not None:
            query = query.where(runs.c.clock >= wanted.since)
        if wanted.until is not None:
            query = query.where(runs.c.clock < wanted.until)
        if wanted.after is not None:
            clock, run_id = wanted.after
            query = query.where(runs.c.clock <= clock, or_(runs.c.clock < clock, runs.c.run_id < run_id))
        with self.database.reading() as connection:
            if wanted.dataset is None:
                query = query.where(datasets.c.namespace == self.namespace)
            else:
                query = query.where(runs.c.dataset_id == self.number(connection, wanted.dataset))
            return [_line(row) for row in connection.execute(query)]

    def run(self, run_id: str) -> RunLine | None:
        """Return one run, None when there is none."""
        with self.database.reading() as connection:
            row = connection.execute(_LINE.where(runs.c.run_id == run_id)).first()
        return None if row is None else _line(row)

    def held(self, names: Collection[str] | None = None) -> Sequence[RunLine]:
        """Return batches that wait for a person, newest first."""
        query = _LINE.where(runs.c.state == RunState.HELD.value, datasets.c.namespace == self.namespace)
        return [_line(row) for row in self._named(query.order_by(*_NEWEST_FIRST), names)]

    def results(self, run_ids: Collection[str], *, all_passed: bool = True) -> Mapping[str, Sequence[StoredResult]]:
        """Return the results of runs in the order they were recorded; without ``all_passed`` only those that did not pass."""
        found: dict[str, list[StoredResult]] = defaultdict(list)
        query = select(measurements).order_by(measurements.c.run_id, measurements.c.ordinal)
        if not all_passed:
            query = query.where(measurements.c.outcome != Outcome.PASSED.value)
        with self.database.reading() as connection:
            for some in chunks(sorted(run_ids)):
                for row in connection.execute(query.where(measurements.c.run_id.in_(some))):
                    found[row.run_id].append(result_of(row))
        return found

    def recent(self, dataset: str, newest: int = 20) -> Sequence[PastResult]:
        """Return what every check said in a dataset's newest judged runs, oldest first."""
        judged = select(runs.c.run_id).where(runs.c.state.in_(_JUDGED), runs.c.offered.is_not(None))
        with self.database.reading() as connection:
            mine = judged.where(runs.c.dataset_id == self.number(connection, dataset)).order_by(*_NEWEST_FIRST)
            ids = connection.execute(mine.limit(newest)).scalars().all()
            query = _past().where(measurements.c.run_id.in_(ids)).order_by(measurements.c.at, measurements.c.measurement_id)
            return [_result(row) for row in connection.execute(query)]

    def history(self, dataset: str, check_id: str, limit: int = 60, until: datetime | None = None) -> Sequence[PastResult]:
        """Return what one check said last (up to a moment), in runs and on published data, oldest first."""
        with self.database.reading() as connection:
            mine = [measurements.c.dataset_id == self.number(connection, dataset), measurements.c.check_id == check_id]
            if until is not None:
                mine.append(measurements.c.at <= until)
            last = (measurements.c.at.desc(), measurements.c.measurement_id.desc())
            rows = connection.execute(_past().where(*mine).order_by(*last).limit(limit)).all()
        return [_result(row) for row in reversed(rows)]

    def _named(self, query: Select[Any], names: Collection[str] | None) -> list[Row[Any]]:
        """Return the rows of a query over ``datasets``, of the named ones only."""
        with self.database.reading() as connection:
            if names is None:
                return list(connection.execute(query).all())
            pieces = chunks(sorted(names))
            return [row for some in pieces for row in connection.execute(query.where(datasets.c.name.in_(some)))]


def _past() -> Select[Any]:
    kept = ("check_id", "segment", "outcome", "value", "unit", "at", "run_id", "rows_failed", "rows_total", "stage")
    return select(*(measurements.c[name] for name in kept))


def _line(row: Row[Any]) -> RunLine:
    return RunLine(
        run_id=row.run_id,
        dataset=row.name,
        pipeline=row.pipeline,
        state=row.state,
        clock=row.clock,
        snapshot_id=row.snapshot_id,
        balance=balance_of(row),
        reason=row.reason,
        seconds=row.seconds,
        started_wall=row.started_wall,
        ended_wall=row.ended_wall,
    )


def _result(row: Row[Any]) -> PastResult:
    values = row._asdict()
    values["value"] = None if row.value is None else Decimal(row.value)
    return PastResult(**values)
