"""DuckDB sessions are closed to everything but what was registered."""

from __future__ import annotations

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
    import pyarrow as pa  # noqa: PLC0415 - a local name, as a caller would have it

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
