"""What a free SQL check may be made of."""

from __future__ import annotations

import pytest

from controlplane.usecases.sql_subset import check_steward_query


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from silver.orders where amount < 0",
        "with bad as (select * from silver.orders o where regexp_matches(o.j, '^x')) select count(*) from bad",
        "select avg(amount), stddev(x), quantile_cont(amount, 0.5), lower(j) from silver.orders limit 3",
        "select count(*) from silver.orders o left join bronze.events e on e.id = o.order_id where e.id is null",
        "select * from generate_series(1, 3) as g(n) where n not in (select qty from silver.orders)",
        "select try_cast(j as int), j::date, epoch_us(t), strptime(j, '%Y') from silver.orders qualify rank() over () = 1",
    ],
)
def test_a_check_may_compute_freely_over_allowed_datasets(sql: str) -> None:
    assert check_steward_query(sql, ["silver.orders", "bronze.events"], "duckdb") == []


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from silver.customers", "select count(*) from orders", "select count(*) from other.silver.orders",
        "delete from silver.orders", "select 1; drop table silver.orders", "insert into silver.orders select 1", "",
        "select from",
        "select * from information_schema.tables",
    ],
)  # fmt: skip
def test_a_check_reads_allowed_datasets_only(sql: str, dialect: str) -> None:
    assert check_steward_query(sql, ["silver.orders"], "duckdb" if dialect == "duckdb" else "spark") != []


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'", "select * from read_parquet('s3://x/y')",
        "select * from glob('*')", "select * from duckdb_settings()", "select * from query('select 1')",
        "select getenv('HOME')",
        "select current_setting('memory_limit')", "select nextval('s')", "select random()", "select uuid()",
        "select current_user",
        "select json_execute_serialized_sql('x')", "select now()", "copy (select 1) to 'x'", "attach 'x'",
        "set threads = 1",
        "pragma database_list", "select * from query_table('silver.orders')", "select write_log('x')", "select $secret",
        "select ?",
        "install httpfs", "call pragma_version()", "explain select 1",
        "select * from sniff_csv('x')", "select * from which_secret('x', 's3')", "from read_text('/etc/passwd')",
        "select (select content from read_text('/etc/passwd'))",
    ],
)  # fmt: skip
def test_a_check_on_duckdb_stays_inside(sql: str) -> None:
    assert check_steward_query(sql, ["silver.orders"], "duckdb") != []


@pytest.mark.parametrize(
    "sql",
    [
        "select java_method('java.lang.System', 'exit', 1)", "select reflect('java.lang.System', 'getenv')",
        "select `try_reflect`('java.lang.System', 'getenv')", "select system.builtin.java_method('a', 'b')",
        "select transform(order_id) using 'sh' from silver.orders", "select * from csv.`/etc/passwd`",
        "select * from read_files('/x')",
        "select input_file_name() from silver.orders", "select /*+ broadcast(o) */ 1 from silver.orders as o",
        "select * from silver.orders version as of 1", "select * from silver.orders timestamp as of '2024-01-01'",
        "select rand()", "select current_user()", "refresh table silver.orders", "cache table silver.orders", "add jar 'x'",
        "select * from identifier('silver.customers')", "select http_request('x')", "select secret('a', 'b')",
        "select ai_query('a', 'b')",
        "select session_user()", "select * from range(3)",
    ],
)  # fmt: skip
def test_a_check_on_spark_stays_inside(sql: str) -> None:
    assert check_steward_query(sql, ["silver.orders"], "spark") != []


def test_a_check_on_spark_may_compute() -> None:
    sql = "select count(*) from silver.orders as o where o.j rlike '^x' and o.amount < (select avg(amount) from silver.orders)"
    assert check_steward_query(sql, ["silver.orders"], "spark") == []
