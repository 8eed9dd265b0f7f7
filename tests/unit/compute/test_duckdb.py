"""DuckDB sessions are closed to everything but what was registered."""

from __future__ import annotations

import gc

import pyarrow as pa
import pytest

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.errors import QueryFailedError, QueryTimedOutError


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/hostname')", "SELECT * FROM '/etc/hostname'", "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')", "SELECT * FROM read_parquet('https://localhost/x.parquet')",
        "COPY (SELECT 1) TO '/tmp/x.csv'", "ATTACH '/tmp/x.db'", "INSTALL httpfs", "LOAD httpfs", "SET threads = 1",
        "SET lock_configuration = false", "RESET memory_limit", "PRAGMA database_list", "CREATE TABLE t AS SELECT 1",
        "SELECT 1; SELECT 2", "SELECT getenv('HOME')",
    ],
)  # fmt: skip
def test_nothing_outside_is_reached_or_changed(sql: str) -> None:
    with DuckDbRunner(threads=1).session() as session, pytest.raises(QueryFailedError):
        session.query(sql)


def test_variables_of_the_program_are_no_tables() -> None:
    secret = pa.table({"a": [1]})
    with DuckDbRunner(threads=1).session() as session, pytest.raises(QueryFailedError, match="secret does not exist"):
        session.query("SELECT * FROM secret")
    assert secret.num_rows == 1


def test_more_memory_than_allowed_is_a_bound_exceeded() -> None:
    with DuckDbRunner(memory_limit="20MB", threads=1).session() as session, pytest.raises(QueryTimedOutError, match="memory"):
        session.query("SELECT range AS r FROM range(5000000) ORDER BY hash(range)")


def test_text_comes_back_large() -> None:
    with DuckDbRunner(threads=1).session() as session:
        found = session.query("SELECT 'a' AS t, 'b'::BLOB AS b, sum(1) AS n, current_setting('TimeZone') AS z")
    assert [str(kind) for kind in found.schema.types] == ["large_string", "large_binary", "decimal128(38, 0)", "large_string"]
    assert found["z"].to_pylist() == ["UTC"]


def test_a_database_that_is_used_again_knows_nothing_of_the_session_before() -> None:
    runner = DuckDbRunner(threads=1)
    with runner.session() as first:
        first.register("plain", pa.table({"a": [1]}))
        first.register("silver.people", pa.table({"a": [1]}))
        assert first.query("SELECT count(*) AS n FROM silver.people").to_pylist() == [{"n": 1}]
    with runner.session() as second:
        for name in ("plain", "silver.people"):
            with pytest.raises(QueryFailedError):
                second.query(f"SELECT * FROM {name}")
        second.register("silver.people", pa.table({"b": [2]}))
        assert second.query("SELECT * FROM silver.people").to_pylist() == [{"b": 2}]
    with runner.session() as third:
        assert third.query("SELECT current_setting('TimeZone') AS z").to_pylist() == [{"z": "UTC"}]


def test_sessions_side_by_side_do_not_see_each_other() -> None:
    runner = DuckDbRunner(threads=1)
    with runner.session() as one, runner.session() as other:
        one.register("silver.people", pa.table({"a": [1]}))
        with pytest.raises(QueryFailedError):
            other.query("SELECT * FROM silver.people")
        assert one.query("SELECT a FROM silver.people").to_pylist() == [{"a": 1}]


def test_rows_of_a_closed_session_are_given_back() -> None:
    runner = DuckDbRunner(threads=1)
    before = pa.total_allocated_bytes()
    with runner.session() as session:
        session.register("silver.numbers", pa.table({"a": pa.array(range(1_000_000))}))
    gc.collect()
    assert pa.total_allocated_bytes() - before < 1_000_000
