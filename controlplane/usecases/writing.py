"""Write (step 4): collapse what passed, by key, and put it on the run's audit branch as one snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import pyarrow as pa
from pyarrow import compute

from controlplane.contracts.model import Mode, WriteMode
from controlplane.gate import collapsing, screening
from controlplane.gate.collapsing import EXISTING, INCOMING, TOMBSTONES, Collapse
from controlplane.gate.model import KeptKind, KeptRow, Run
from controlplane.gate.properties import OPERATION, write_properties
from controlplane.gate.screening import DELETED, ROW
from controlplane.kernel.identity import SnapshotId
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.sql import identifier
from controlplane.kernel.table import DataFile
from controlplane.kernel.types import arrow_type, sql_type
from controlplane.usecases.backfilling import only_touched
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.screening import Screened, key_expression, order_values, plain
from pii_policies.sealing import seal, unseal

KEY = "__key"
_FEW = 500


@dataclass(frozen=True)
class Written:
    """What became of the passing rows.

    Attributes:
        snapshot_id: the run's snapshot on its branch.
        winners: events that change the table; the other passing ones are superseded.
        tombstones: to be remembered, so that a late older event does not bring a deleted row back.
        superseded_rows: ids of kept rows that a newer passing row of their key replaces.
        rows: rows handed to the writer (touched rows included).
    """

    snapshot_id: SnapshotId
    winners: int
    rows: int
    tombstones: tuple[KeptRow, ...] = ()
    superseded_rows: tuple[str, ...] = ()


def write(
    ports: Ports, governed: Governed, run: Run, screened: Screened, session: SqlSession, *, published: SnapshotId | None = None
) -> Written:
    """Write what passed screening; a run that has written before writes nothing again.

    Args:
        published: the run's snapshot if it is on main already.

    Raises:
        LostRaceError: the table kept moving under the write.
    """
    names = [name for name in governed.clear_columns if name in governed.columns]
    passing = screened.masked
    if screening.FATE in passing.schema.names:
        passing = passing.filter(compute.equal(passing.column(screening.FATE), screening.PASSING))
    mode = governed.spec.write_mode
    if mode.mode in {Mode.MERGE, Mode.SCD2}:
        session.register(INCOMING, passing.select([*names, *screened.extras, ROW, DELETED]))
        return _collapse(ports, governed, run, screened.kept, session, published)
    rows = passing.filter(compute.invert(passing.column(DELETED))).select(names)
    replaced = ports.reader.snapshot(governed.id, run.plan.base).files if mode.mode is Mode.OVERWRITE else None
    winners = passing.num_rows
    if run.plan.backfill is not None and mode.mode is Mode.OVERWRITE:
        rows, winners = only_touched(ports, governed, run, rows)
    snapshot = published or _commit(ports, governed, run, rows, replaced)
    return Written(snapshot, winners, rows.num_rows)


def _commit(ports: Ports, governed: Governed, run: Run, rows: pa.Table, replaces: Sequence[DataFile] | None) -> SnapshotId:
    done = ports.writer.open_branch(governed.id, run.run_id, run.plan.base)
    if done is not None:
        return done
    properties = write_properties(run.plan, run.clock) | {OPERATION: governed.spec.write_mode.mode.value}
    return ports.writer.commit(governed.id, run.run_id, rows, replaces=replaces, properties=properties)


def _collapse(
    ports: Ports, governed: Governed, run: Run, kept: Sequence[KeptRow], session: SqlSession, published: SnapshotId | None
) -> Written:
    roles = _roles(governed)
    ordered = collapsing.latest_query(roles) if roles.batch_order else collapsing.latest_by_arrival(roles.keys)
    latest = session.query(f"SELECT *, {key_expression(governed)} AS {KEY} FROM ({ordered})")
    files = ports.writer.files_of(governed.id, run.plan.base, latest.select(list(roles.keys)))
    existing = ports.reader.rows(governed.id, run.plan.base, files=files).read_all()
    keys = compute.unique(latest.column(KEY)).to_pylist()
    opened = [row for _, row in ports.kept_rows.open(governed.id, keys=keys if len(keys) <= _FEW else None)]
    stones = _tombstones(ports, governed, roles, opened)
    for name, relation in (("latest", latest), (EXISTING, existing), (TOMBSTONES, stones)):
        session.register(name, relation)
    against = [name for name, relation in ((EXISTING, existing), (TOMBSTONES, stones)) if relation.num_rows]
    winners = session.query(collapsing.winners_query("latest", roles, against)) if against else latest
    session.register("winners", winners)
    merging = governed.spec.write_mode.mode is Mode.MERGE
    query = collapsing.merged_query("winners", roles) if merging else collapsing.versions_query("winners", roles)
    rows = session.query(query)
    snapshot = published or _commit(ports, governed, run, rows, files)
    return Written(
        snapshot,
        winners.num_rows,
        rows.num_rows,
        _deleted(ports, governed, run, roles, winners, session),
        _superseded(governed, [*opened, *kept], winners),
    )


def _roles(governed: Governed) -> Collapse:
    mode: WriteMode = governed.spec.write_mode
    return Collapse(
        names=tuple(governed.columns),
        keys=mode.keys,
        order=tuple(name for name in mode.order_by if name in governed.columns),
        batch_order=mode.order_by,
        effective=mode.effective_at if mode.mode is Mode.SCD2 else None,
        valid_from=mode.valid_from,
        valid_to=mode.valid_to,
        is_current=mode.is_current,
    )


def _tombstones(ports: Ports, governed: Governed, roles: Collapse, opened: Sequence[KeptRow]) -> pa.Table:
    """Return the remembered deletes of the batch's keys, typed as the table: keys, ordering, and when they took effect."""
    secret = ports.seal.master()
    originals = [unseal(row.sealed, key=secret, row_id=row.row_id) for row in opened if row.kind is KeptKind.TOMBSTONE]
    names = {name: governed.columns[name] for name in dict.fromkeys([*roles.keys, *roles.order])}
    fields = [pa.field(name, arrow_type(kind)) for name, kind in names.items()]
    fields.append(pa.field("__effective", pa.timestamp("us", tz="UTC")))
    return pa.Table.from_pylist([dict(original) for original in originals], schema=pa.schema(fields))


def _deleted(
    ports: Ports, governed: Governed, run: Run, roles: Collapse, winners: pa.Table, session: SqlSession
) -> tuple[KeptRow, ...]:
    """Return a tombstone for every delete that took effect; it keeps keys and ordering only, sealed like other kept rows."""
    if not compute.any(winners.column(DELETED)).as_py():
        return ()
    names = list(dict.fromkeys([*roles.keys, *roles.order]))
    typed = ", ".join(f"CAST({identifier(name)} AS {sql_type(governed.columns[name])}) AS {identifier(name)}" for name in names)
    effective = identifier(roles.effective) if roles.effective else "CAST(NULL AS TIMESTAMPTZ)"
    rows = session.query(f"SELECT {typed}, {effective} AS __effective, {KEY} FROM winners WHERE {DELETED}").to_pylist()
    secret, stones = ports.seal.master(), []
    for row in rows:
        key = str(row.pop(KEY))
        row_id = "t" + sha256("\0".join([governed.name, key, *map(str, order_values(governed, row))]).encode()).hexdigest()[:31]
        shown: Mapping[str, object] = {name: plain(value) for name, value in row.items() if not name.startswith("__")}
        stones.append(
            KeptRow(
                row_id=row_id,
                kind=KeptKind.TOMBSTONE,
                key=key,
                reasons=(),
                masked={**shown, "__order": order_values(governed, row)},
                sealed=seal(row, key=secret, row_id=row_id),
                since=run.clock,
                run_id=run.run_id,
            )
        )
    return tuple(stones)


def _superseded(governed: Governed, kept: Sequence[KeptRow], winners: pa.Table) -> tuple[str, ...]:
    """Return the ids of kept rows (older ones and this run's own) whose key a newer or equally new passing row now holds."""
    mode = governed.spec.write_mode
    remembers = mode.mode is Mode.SCD2  # a delete stays part of a key's history
    candidates = [row for row in kept if not (remembers and row.kind is KeptKind.TOMBSTONE)]
    if not candidates or not mode.order_by:
        return ()
    order = [name for name in mode.order_by if name in winners.schema.names]
    wanted = pa.array({row.key for row in candidates}, winners.schema.field(KEY).type)
    newest: dict[str, list[object]] = {}
    for row in winners.select([KEY, *order]).filter(compute.is_in(winners.column(KEY), wanted)).to_pylist():
        key = str(row[KEY])
        newest[key] = max(newest.get(key, []), order_values(governed, row), key=_comparable)
    return tuple(
        row.row_id for row in candidates if row.key in newest and _comparable(_order_of(row)) < _comparable(newest[row.key])
    )


def _order_of(row: KeptRow) -> list[object]:
    order = row.masked.get("__order")
    return list(order) if isinstance(order, list) else []


def _comparable(values: Sequence[object]) -> list[tuple[int, int | float, str]]:
    """Return a sort key over plain values in which numbers compare as numbers and null is smallest."""
    return [
        (0, 0, "") if value is None
        else (1, value, "") if isinstance(value, int | float)
        else (2, 0, str(value))
        for value in values
    ]  # fmt: skip
