"""Every SELECT of the reference platform gives the same rows on DuckDB and on Spark, from full and from empty inputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.compute.spark import SparkRunner
from controlplane.contracts.loading import load_contracts
from controlplane.contracts.model import DatasetSpec
from controlplane.usecases.sql_subset import check_select, tables_of, to_engine
from tests.spark.comparing import TABLE, compare
from tests.spark.made_inputs import table_of

ROOT = Path(__file__).parents[2]
PIPELINES = [entry for entry in yaml.safe_load((ROOT / "controlplane.yaml").read_text())["pipelines"] if "sql" in entry]

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # PySpark leaves its result sockets to the collector
]


@pytest.fixture(scope="module")
def datasets() -> dict[str, DatasetSpec]:
    contracts = load_contracts([ROOT / "pipelines" / "contracts"])
    return {spec.name: spec for contract in contracts for spec in contract.datasets}


def test_every_select_of_the_platform_is_compared() -> None:
    written = {
        path.relative_to(ROOT).as_posix() for layer in ("silver", "gold") for path in (ROOT / "pipelines" / layer).glob("*.sql")
    }
    assert written == {entry["sql"] for entry in PIPELINES}


@pytest.mark.parametrize("rows", [300, 0], ids=["full", "empty"])
@pytest.mark.parametrize("pipeline", PIPELINES, ids=[entry["dataset"] for entry in PIPELINES])
def test_a_select_of_the_platform_agrees(
    spark: SparkRunner, datasets: dict[str, DatasetSpec], pipeline: dict[str, str], rows: int
) -> None:
    sql = (ROOT / pipeline["sql"]).read_text(encoding="utf-8")
    schemas = {name: {field.name: field.type for field in spec.fields} for name, spec in datasets.items()}
    assert check_select(sql, file=pipeline["sql"], schemas=schemas) == []
    with DuckDbRunner(threads=1).session() as ours, spark.session() as theirs:
        for seed, name in enumerate(sorted(tables_of(sql))):
            made = table_of(datasets[name], sql, rows, seed)
            ours.register(name, made)
            theirs.register(name, made)
        found = compare(ours.query(to_engine(sql, "duckdb")), theirs.query(to_engine(sql, "spark")))
    TABLE.append((f"{pipeline['dataset']}, {rows} rows in", found.verdict, found.rows, found.detail))
    assert found.verdict.agrees, found.detail
    assert (found.rows > 0) == (rows > 0)
