"""A merged or versioned table is a function of the set of events, whatever batches and order they came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.gate import collapsing
from controlplane.gate.collapsing import EXISTING, INCOMING, TOMBSTONES, Collapse
from controlplane.kernel.ports import SqlSession

START = datetime(2017, 10, 9, tzinfo=UTC)
TZ = pa.timestamp("us", tz="UTC")
MERGE = Collapse(names=("id", "v", "lsn"), keys=("id",), order=("lsn",), batch_order=("lsn",))
SCD2 = Collapse(
    names=("id", "v", "lsn", "at", "vf", "vt", "cur"),
    keys=("id",),
    order=("lsn",),
    batch_order=("lsn",),
    effective="at",
    valid_from="vf",
    valid_to="vt",
    is_current="cur",
)
EVENT = pa.schema(
    [("id", pa.int64()), ("v", pa.int64()), ("lsn", pa.int64()), ("at", TZ), ("__row", pa.int64()), ("__deleted", pa.bool_())]
)
STONE = pa.schema([("id", pa.int64()), ("lsn", pa.int64()), ("__effective", TZ)])
MERGED = pa.schema([("id", pa.int64()), ("v", pa.int64()), ("lsn", pa.int64())])
VERSIONED = pa.schema(
    [("id", pa.int64()), ("v", pa.int64()), ("lsn", pa.int64()), ("at", TZ), ("vf", TZ), ("vt", TZ), ("cur", pa.bool_())]
)

Event = tuple[int, int, bool]  # id, lsn, deleted: an event's content and time follow from its lsn


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        yield opened


def at(lsn: int) -> datetime:
    return START + timedelta(minutes=lsn)


def batch_table(events: Sequence[Event]) -> pa.Table:
    rows = [
        {"id": key, "v": None if gone else lsn * 10, "lsn": lsn, "at": at(lsn), "__row": row, "__deleted": gone}
        for row, (key, lsn, gone) in enumerate(events)
    ]
    return pa.Table.from_pylist(rows, schema=EVENT)


def replay(
    session: SqlSession, roles: Collapse, schema: pa.Schema, batches: Sequence[Sequence[Event]]
) -> list[dict[str, object]]:
    table, stones = schema.empty_table(), STONE.empty_table()
    for events in batches:
        session.register(INCOMING, batch_table(events))
        session.register("latest", session.query(collapsing.latest_query(roles)))
        session.register(EXISTING, table)
        session.register(TOMBSTONES, stones)
        winners = session.query(collapsing.winners_query("latest", roles))
        session.register("winners", winners)
        query = collapsing.versions_query if roles.effective else collapsing.merged_query
        table = session.query(query("winners", roles)).cast(schema)
        gone = [row for row in winners.to_pylist() if row["__deleted"]]
        new = pa.Table.from_pylist([{"id": r["id"], "lsn": r["lsn"], "__effective": r["at"]} for r in gone], schema=STONE)
        stones = pa.concat_tables([stones, new])
    return sorted(table.to_pylist(), key=lambda row: (row["id"], row["lsn"]))


def latest_state(events: Sequence[Event]) -> list[dict[str, object]]:
    last = {key: (lsn, gone) for key, lsn, gone in sorted(set(events), key=lambda event: event[1])}
    return [{"id": key, "v": lsn * 10, "lsn": lsn} for key, (lsn, gone) in sorted(last.items()) if not gone]


def history(events: Sequence[Event]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for key in sorted({event[0] for event in events}):
        timeline = sorted({event for event in events if event[0] == key}, key=lambda event: event[1])
        ends = [*(at(event[1]) for event in timeline[1:]), None]
        rows += [
            {"id": key, "v": lsn * 10, "lsn": lsn, "at": at(lsn), "vf": at(lsn), "vt": end, "cur": end is None}
            for (_, lsn, gone), end in zip(timeline, ends, strict=True)
            if not gone
        ]
    return rows


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Event], list[list[Event]]]:
    """Events of a few keys with lsns of their own, delivered in any order, cut anywhere, some of them more than once."""
    count = draw(st.integers(1, 12))
    events = [(draw(st.integers(1, 3)), lsn, draw(st.sampled_from([False, False, True]))) for lsn in range(1, count + 1)]
    repeated = draw(st.lists(st.sampled_from(events), max_size=4))
    stream = draw(st.permutations([*events, *repeated]))
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=4)))
    edges = [0, *cuts, len(stream)]
    return events, [list(stream[left:right]) for left, right in pairwise(edges)]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=deliveries())
def test_a_merged_table_is_the_latest_state_of_its_events(
    session: SqlSession, delivered: tuple[list[Event], list[list[Event]]]
) -> None:
    events, batches = delivered
    assert replay(session, MERGE, MERGED, batches) == latest_state(events)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivered=deliveries())
def test_a_versioned_table_is_the_history_of_its_events(
    session: SqlSession, delivered: tuple[list[Event], list[list[Event]]]
) -> None:
    events, batches = delivered
    assert replay(session, SCD2, VERSIONED, batches) == history(events)


def test_a_late_older_event_does_not_bring_a_deleted_row_back(session: SqlSession) -> None:
    assert replay(session, MERGE, MERGED, [[(1, 1, False)], [(1, 3, True)], [(1, 2, False)]]) == []


def test_a_delete_that_comes_before_its_insert_is_honoured(session: SqlSession) -> None:
    assert replay(session, MERGE, MERGED, [[(1, 3, True)], [(1, 1, False)]]) == []


def test_a_row_inserted_again_after_its_delete_keeps_the_gap_in_its_history(session: SqlSession) -> None:
    rows = replay(session, SCD2, VERSIONED, [[(1, 1, False)], [(1, 2, True)], [(1, 5, False)]])
    assert [(row["vf"], row["vt"], row["cur"]) for row in rows] == [(at(1), at(2), False), (at(5), None, True)]


def test_untouched_keys_of_a_touched_file_stay_as_they_are(session: SqlSession) -> None:
    rows = replay(session, SCD2, VERSIONED, [[(1, 1, False), (2, 2, False)], [(1, 3, False)]])
    assert [row["vt"] for row in rows if row["id"] == 2] == [None]
