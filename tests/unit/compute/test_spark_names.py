"""Registered names and parameters of a Spark query are replaced, and nothing else of its text changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from controlplane.compute.spark import named_parameters, over_views
from controlplane.kernel.errors import QueryFailedError

VIEWS = {"silver.orders": "relation_0", "plain": "relation_1"}


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("select o.a from silver.orders as o", "select o.a from relation_0 as o"),
        ("select orders.a from silver.orders", "select orders.a from relation_0 AS orders"),
        ("select silver.orders.a from Silver.`Orders`", "select orders.a from relation_0 AS `Orders`"),
        (
            "select 'silver.orders' as a -- silver.orders\nfrom plain",
            "select 'silver.orders' as a -- silver.orders\nfrom relation_1 AS plain",
        ),
        (
            "with plain as (select a from silver.orders) select p.a from plain as p",
            "with plain as (select a from relation_0 AS orders) select p.a from plain as p",
        ),
        ("select a from bronze.clicks", "select a from bronze.clicks"),
        (
            "select 1 as a union all select b from plain where b in (select c from silver.orders)",
            "select 1 as a union all select b from relation_1 AS plain where b in (select c from relation_0 AS orders)",
        ),
    ],
)  # fmt: skip
def test_names_become_views(sql: str, changed: str) -> None:
    assert over_views(sql, VIEWS) == changed


@pytest.mark.parametrize(
    "sql",
    [
        "drop view plain", "select 1; select 2", "insert into plain select 1", "", "select from where",
        "select transform(a) using 'cat' from plain",
        "select java_method('java.lang.System', 'exit', 1)", "select `Reflect`('java.lang.System', 'exit', 1)",
        "select system.builtin.java_method('java.lang.System', 'exit', 1)", "select * from identifier('plain')",
    ],
)  # fmt: skip
def test_only_one_select_that_stays_inside_spark_is_run(sql: str) -> None:
    with pytest.raises(QueryFailedError):
        over_views(sql, VIEWS)


def test_parameters_get_names_in_their_order() -> None:
    sql = named_parameters("select ? as a, '?' as b -- ?\nwhere ?=?", 3)
    assert sql == "select  :p0  as a, '?' as b -- ?\nwhere  :p1 = :p2 "


@pytest.mark.parametrize("count", [0, 2])
def test_each_mark_needs_its_parameter(count: int) -> None:
    with pytest.raises(QueryFailedError, match=f"1 parameter marks and {count} parameters"):
        named_parameters("select ?", count)


def test_pyspark_is_imported_late() -> None:
    code = "import controlplane.compute.spark, sys; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
