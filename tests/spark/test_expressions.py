"""Every construct on the allow list gives the same rows on both engines; those it refuses do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.compute.spark import SparkRunner
from controlplane.kernel.errors import QueryFailedError
from controlplane.kernel.ports import SqlSession
from controlplane.usecases.sql_allowed import RULES
from controlplane.usecases.sql_subset import check_select, to_engine
from tests.spark.comparing import Comparison, Verdict, compare
from tests.spark.expressions import COLUMNS, RELATION, cells, refused, statements

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # PySpark leaves its result sockets to the collector
]

Sessions = tuple[SqlSession, SqlSession]


@pytest.fixture(scope="module")
def sessions(spark: SparkRunner) -> Iterator[Sessions]:
    with DuckDbRunner(threads=1).session() as ours, spark.session() as theirs:
        for session in (ours, theirs):
            session.register(RELATION, cells())
        yield ours, theirs


def compared(sessions: Sessions, sql: str) -> Comparison:
    ours, theirs = sessions
    try:
        return compare(ours.query(to_engine(sql, "duckdb")), theirs.query(to_engine(sql, "spark")))
    except QueryFailedError as error:
        return Comparison(Verdict.FAILED, str(error))


@pytest.mark.parametrize(("name", "sql"), list(statements()), ids=[name for name, _ in statements()])
def test_what_is_allowed_agrees(sessions: Sessions, name: str, sql: str) -> None:
    assert check_select(sql, file=name, schemas={RELATION: COLUMNS}) == []
    found = compared(sessions, sql)
    assert found.verdict.agrees, found.detail


@pytest.mark.parametrize(("name", "sql"), list(refused()), ids=[name for name, _ in refused()])
def test_what_is_refused_disagrees(sessions: Sessions, name: str, sql: str) -> None:
    assert check_select(sql, file=name, schemas={RELATION: COLUMNS}) != []
    assert not compared(sessions, sql).verdict.agrees, "the engines agree by now: it could be allowed"


def test_every_rule_of_the_allow_list_is_tried() -> None:
    tried = {type(node) for _, sql in statements() for node in sqlglot.parse_one(sql, read="databricks").walk()}
    assert set(RULES) <= tried
