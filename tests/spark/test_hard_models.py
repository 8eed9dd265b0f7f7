"""The hardest SELECTs of the reference platform give the same rows on both engines, from full and from empty inputs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.compute.spark import SparkRunner
from controlplane.kernel.ports import SqlSession
from controlplane.usecases.sql_subset import check_select, to_engine
from tests.spark.comparing import TABLE, compare
from tests.spark.hard_models import MODELS, SCHEMAS, inputs

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # PySpark leaves its result sockets to the collector
]


@pytest.fixture(scope="module", params=[400, 0], ids=["full", "empty"])
def sessions(request: pytest.FixtureRequest, spark: SparkRunner) -> Iterator[tuple[SqlSession, SqlSession]]:
    with DuckDbRunner(threads=1).session() as ours, spark.session() as theirs:
        for name, rows in inputs(rows=request.param).items():
            ours.register(name, rows)
            theirs.register(name, rows)
        yield ours, theirs


@pytest.mark.parametrize("name", MODELS)
def test_a_hard_select_agrees(sessions: tuple[SqlSession, SqlSession], name: str) -> None:
    ours, theirs = sessions
    assert check_select(MODELS[name], file=name, schemas=SCHEMAS) == []
    found = compare(ours.query(to_engine(MODELS[name], "duckdb")), theirs.query(to_engine(MODELS[name], "spark")))
    TABLE.append((name, found.verdict, found.rows, found.detail))
    assert found.verdict.agrees, found.detail
