"""Transform (step 2): one row per event from a run's pinned inputs, plus the kept rows that enter again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

import pyarrow as pa
import sqlglot
from sqlglot import exp

from controlplane.contracts.model import Mode
from controlplane.gate.model import InputPin, InputRole, KeptRow, Run
from controlplane.gate.screening import REENTERED, ROW, SINCE
from controlplane.kernel.errors import SnapshotExpiredError, UnableToEvaluateError
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.types import arrow_type
from controlplane.usecases.backfilling import read_again
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.ingesting import Ingested, ingest
from controlplane.usecases.model import Pipeline, Ports
from controlplane.usecases.sql_subset import to_engine
from controlplane.usecases.wires import Wire
from pii_policies.sealing import unseal

RAW = "raw"
_INSTANT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Offered:
    """What a run has to judge.

    Attributes:
        raw: source-typed rows with the technical columns ``__row``, ``__since`` and ``__reentered``.
        input_rows: rows read from inputs (0: nothing was new after all).
        ingested: set for ingestion only.
    """

    raw: pa.Table
    input_rows: int
    ingested: Ingested | None = None
    duplicates: int = 0


def transform(
    ports: Ports, governed: Governed, pipeline: Pipeline, run: Run, reentering: Sequence[KeptRow], session: SqlSession
) -> Offered:
    """Return the rows a pipeline's run offers to the gate.

    Raises:
        QueryFailedError: the SELECT fails on its inputs.
        UnableToEvaluateError: an input can no longer be read as it was pinned.
    """
    if pipeline.topic is not None:
        return _ingest(ports, governed, pipeline.topic, pipeline.wire, run)
    selected, input_rows = _select(ports, governed, pipeline, run, session, even_nothing=bool(reentering))
    return Offered(with_technical_columns(ports, selected, run.clock, reentering), input_rows)


def with_technical_columns(ports: Ports, rows: pa.Table, clock: datetime, reentering: Sequence[KeptRow]) -> pa.Table:
    """Return ``rows`` and the originals of re-entering rows, numbered, with the time each was first seen."""
    fresh = _number(rows, pa.repeat(pa.scalar(clock, _INSTANT), rows.num_rows), start=0, reentered=False)
    if not reentering:
        return fresh
    originals = [unseal(row.sealed, key=ports.seal.master(), row_id=row.row_id) for row in reentering]
    again = _like(rows.schema, originals)
    since = pa.array([row.since for row in reentering], _INSTANT)
    numbered = _number(again, since, start=rows.num_rows, reentered=True)
    return pa.concat_tables([fresh, numbered], promote_options="permissive")


def _number(rows: pa.Table, since: pa.Array, *, start: int, reentered: bool) -> pa.Table:
    count = rows.num_rows
    rows = rows.append_column(ROW, pa.arange(start, start + count))
    return rows.append_column(SINCE, since).append_column(REENTERED, pa.repeat(pa.scalar(reentered), count))


def _like(schema: pa.Schema, originals: Sequence[Mapping[str, object]]) -> pa.Table:
    """Return kept originals in the columns of today's SELECT; a column whose type has changed since is offered as text."""
    arrays, fields = [], []
    for column in schema:
        values = [original.get(column.name) for original in originals]
        try:
            array = pa.array(values, column.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = pa.array([None if value is None else str(value) for value in values], pa.large_string())
        arrays.append(array)
        fields.append(pa.field(column.name, array.type))
    return pa.table(arrays, schema=pa.schema(fields))


def _ingest(ports: Ports, governed: Governed, topic: str, wire: Wire, run: Run) -> Offered:
    ingested = ingest(ports, topic, wire, run.plan.inputs, run.clock)
    rows = ingested.table()
    fresh = _without_known(ports, governed, run, rows)
    raw = with_technical_columns(ports, fresh, run.clock, ())
    return Offered(raw, ingested.read, ingested, rows.num_rows - fresh.num_rows + ingested.tombstones)


def _without_known(ports: Ports, governed: Governed, run: Run, rows: pa.Table) -> pa.Table:
    """Drop events whose (topic, partition, offset) came before, in this batch or in the table."""
    identity = ["topic", "source_partition", "source_offset"]
    if rows.num_rows == 0 or not set(identity) <= set(governed.columns):
        return rows
    keys = rows.select(identity)
    files = ports.writer.files_of(governed.id, run.plan.base, keys.select(identity[1:]))
    known = ports.reader.rows(governed.id, run.plan.base, columns=identity, files=files).read_all()
    if known.num_rows == 0 and keys.group_by(identity).aggregate([]).num_rows == rows.num_rows:
        return rows
    with ports.runners["duckdb"].session() as session:
        session.register("batch", rows.select(identity).append_column(ROW, pa.arange(0, rows.num_rows)))
        session.register("known", known)
        kept = session.query(
            f"SELECT {ROW} FROM batch AS b WHERE NOT EXISTS (SELECT 1 FROM known AS k WHERE k.topic = b.topic "
            "AND k.source_partition = b.source_partition AND k.source_offset = b.source_offset) "
            f"QUALIFY row_number() OVER (PARTITION BY topic, source_partition, source_offset ORDER BY {ROW}) = 1 "
            f"ORDER BY {ROW}"
        )
    return rows.take(kept.column(ROW))


def _select(
    ports: Ports, governed: Governed, pipeline: Pipeline, run: Run, session: SqlSession, *, even_nothing: bool
) -> tuple[pa.Table, int]:
    """Return the rows of the SELECT and how many it had to read; a batch without any is not put through it."""
    runner = ports.runners[pipeline.engine]
    read, used, text = _understood(str(pipeline.sql), runner.dialect)
    pins = {pin.name: pin for pin in run.plan.inputs}
    input_rows, relations = 0, {}
    for name in [name for name in pipeline.inputs if name in read]:
        rows = _input_rows(ports, governed, run, pins.get(name), used, name)
        if pipeline.inputs[name] is not InputRole.REFERENCE:
            input_rows += rows.num_rows
        relations[name] = rows
    if not input_rows and not even_nothing and governed.spec.write_mode.mode is not Mode.OVERWRITE:
        return pa.table({}), 0
    if pipeline.engine == "duckdb":
        return _query(session, relations, text), input_rows
    with runner.session() as other:
        return _query(other, relations, text), input_rows


@lru_cache(maxsize=1_000)
def _understood(sql: str, dialect: Literal["duckdb", "spark"]) -> tuple[frozenset[str], frozenset[str] | None, str]:
    """Return the tables a SELECT reads, the columns it may name in lower case (None: any), and its text for an engine."""
    tree = sqlglot.parse_one(sql, read="databricks")
    used = None if tree.find(exp.Star) else frozenset(column.name.lower() for column in tree.find_all(exp.Column))
    read = frozenset(f"{table.db}.{table.name}" if table.db else table.name for table in tree.find_all(exp.Table))
    return read, used, to_engine(sql, dialect)


def _query(session: SqlSession, relations: Mapping[str, pa.Table], text: str) -> pa.Table:
    for name, rows in relations.items():
        session.register(name, rows)
    return session.query(text)


def _input_rows(
    ports: Ports, governed: Governed, run: Run, pin: InputPin | None, used: frozenset[str] | None, name: str
) -> pa.Table:
    """Return an input's pinned rows, in the columns the SELECT may name; an input without a snapshot is an empty table."""
    known = ports.platform.governed(name).columns
    columns = [column for column in known if used is None or column.lower() in used] or list(known)[:1]
    if pin is None or pin.upto is None:
        return pa.schema([(column, arrow_type(known[column])) for column in columns]).empty_table()
    dataset = DatasetId(governed.id.namespace, name)
    if pin.role is InputRole.NEW:
        appended = _appended(ports, governed, dataset, pin, columns)
        return read_again(ports, run, pin, appended, columns)
    return ports.reader.rows(dataset, pin.upto, columns=columns).read_all()


def _appended(ports: Ports, governed: Governed, dataset: DatasetId, pin: InputPin, columns: Sequence[str]) -> pa.Table:
    upto = SnapshotId(int(pin.upto or 0))
    try:
        return ports.reader.appended(dataset, pin.after, upto, columns)
    except SnapshotExpiredError as error:
        if governed.spec.write_mode.mode in {Mode.MERGE, Mode.SCD2}:
            return ports.reader.rows(dataset, upto, columns=columns).read_all()  # reading all again is harmless here
        message = (
            f"{governed.name} cannot go on where it stopped in {dataset.name}: snapshot {pin.after} has expired there; "
            f"raise controlplane.history of {dataset.name}, and rebuild {governed.name} from its beginning"
        )
        raise UnableToEvaluateError(message) from error
