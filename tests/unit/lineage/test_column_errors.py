"""Wrong dialects and texts that do not parse are one sentence each."""

from __future__ import annotations

import logging

import pytest

from controlplane.kernel.errors import ConfigurationError
from lineage.columns import column_lineage


def _message(sql: str, dialect: str = "databricks") -> str:
    with pytest.raises(ConfigurationError) as caught:
        column_lineage(sql, dialect=dialect, schema={})
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_an_unknown_dialect_names_near_and_common_ones() -> None:
    assert _message("select 1", "sparc").startswith(
        "SQL dialect 'sparc' is unknown (perhaps spark or spark2 is meant); allowed"
    )
    assert "duckdb" in _message("select 1", "zzz")
    assert "' '" in _message("select 1", " ")


def test_dialect_names_do_not_mind_case() -> None:
    assert column_lineage("select a from t", dialect="DuckDB", schema={}).unresolved == ()


@pytest.mark.parametrize(
    ("sql", "part"),
    [
        ("select (a\nfrom t", "line 2, column 4 near 'from'"),
        ("select a from", "the end of the text"),
        ("select a b c from t", "line 1, column 12 near 'c'"),
        ("select 'abc", "ends inside a quoted text"),
        ("", "holds no statement"),
        ("-- only a remark", "holds no statement"),
        ("foo bar", "starts with no statement"),
        ("select * from {{ ref('x') }}", "line 1"),
        ("select a from " + "(select a from " * 400 + "t" + ")" * 400, "nested too deeply"),
    ],
)
def test_what_does_not_parse_says_where(sql: str, part: str) -> None:
    assert part in _message(sql)


def test_the_parser_logs_nothing_about_commands(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        lineage = column_lineage("call refresh_all(); select a from t", schema={})
    assert [record.message for record in caplog.records] == []
    assert len(lineage.edges) == 1


def test_long_generated_sql_is_read() -> None:
    many = " + ".join(f"c{index}" for index in range(2000))
    branches = " union all ".join(f"select x{index} as x from t{index}" for index in range(300))
    nested = "coalesce(a, " * 30 + "b" + ")" * 30
    assert len(column_lineage(f"select {many} as total from t", schema={}).edges) == 2000
    assert len(column_lineage(branches, schema={}).edges) == 300
    assert len(column_lineage(f"select {nested} as x from t", schema={}).edges) == 4
