"""What a model may be made of, and how a model's text becomes an engine's."""

from __future__ import annotations

import pytest

from controlplane.kernel.errors import ConfigurationError
from controlplane.usecases.sql_subset import check_select, tables_of, to_engine

SCHEMAS = {
    "silver.orders": {
        "order_id": "string", "qty": "int", "n": "long", "amount": "decimal(12, 2)", "x": "double", "d": "date",
        "t": "timestamptz",
        "b": "boolean", "j": "string",
    },
    "bronze.events": {"id": "string", "t": "timestamptz"},
}  # fmt: skip


def found(sql: str) -> list[str]:
    return [problem.message for problem in check_select(sql, file="m.sql", schemas=SCHEMAS)]


def of(expression: str, tail: str = "") -> list[str]:
    return found(f"select {expression} as v from silver.orders as o {tail}")


@pytest.mark.parametrize(
    "sql",
    [
        "select o.order_id from silver.orders as o;",
        "-- a comment\nselect o.order_id from silver.orders as o -- another",
        "with c as (select o.order_id, o.qty from silver.orders as o) select c.order_id, c.qty + 1 as q from c where c.qty > 0",
        "select o.order_id from silver.orders as o union all select e.id from bronze.events as e",
        "select o.order_id from silver.orders as o left anti join bronze.events as e on e.id = o.order_id",
        "select s.v from (select * from (values (1), (2)) as x(v)) as s",
        "select o.qty, count(*) as n from silver.orders as o group by grouping sets ((o.qty), ())",
        "select row_number() over w as r from silver.orders as o window w as (partition by o.qty order by o.t, o.order_id)",
        "select e.v from silver.orders as o lateral view explode(array(o.qty, 2)) e as v",
    ],
)
def test_one_select_of_known_constructs_is_fine(sql: str) -> None:
    assert found(sql) == []


@pytest.mark.parametrize(
    "expression",
    [
        "cast(o.qty as bigint)", "cast(o.t as date)", "cast(sum(o.n) over (partition by o.qty) as bigint)",
        "cast(null as date)",
        "cast(o.amount as decimal(28, 2)) * o.qty", "cast(o.n as double) / cast(nullif(o.qty, 0) as double)", "o.qty / 2",
        "o.n div nullif(o.qty, 0)", "o.n % 7", "round(o.amount, 1)", "o.d + 1", "o.t + interval 30 minutes",
        "datediff(o.t, o.d)",
        "cast(date_trunc('MONTH', o.d) as date)", "year(o.t)", "o.d > date'2024-01-01'",
        "o.t < timestamp'2024-01-01 00:00:00.5'",
        "get_json_object(o.j, '$.a.b[0]')", "substring(o.j, 1, 2)", "o.j like 'a%'", "coalesce(o.j, 'none')",
        "o.order_id = o.j",
        "case when o.qty > 1 then o.amount else 0 end", "trim(o.j)", "date_format(o.d, 'EEEE')", "max_by(o.j, o.t) over ()",
        "(select max(e.t) from bronze.events as e where e.id = o.order_id)", "`o`.`qty`", "make_date(2024, 1, o.qty)",
        "cast((select max(q.qty) from silver.orders as q) as string)",
    ],
)  # fmt: skip
def test_an_expression_of_proven_type_is_fine(expression: str) -> None:
    assert of(expression) == []


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("cast(o.j as int)", "cast from text"),
        ("o.j::date", "cast from text"),
        ("cast(get_json_object(o.j, '$.a') as int)", "cast from text"),
        ("cast(coalesce(o.j, 'x') as int)", "cast from text"),
        ("cast(max_by(o.j, o.t) over () as int)", "cast from text"),
        ("cast('1' as int)", "cast from text"),
        ("date'2024-1-1'", "cast from text"),
        ("try_cast(o.qty as string)", "TRY"),
        ("cast(u.a as date)", "type is not known"),
        ("cast(o.amount as int)", "round or print it differently"),
        ("cast(o.t as string)", "round or print it differently"),
        ("cast(o.x as decimal(12, 2))", "round or print it differently"),
        ("cast(o.qty as array<int>)", "a cast to ARRAY<INT>"),
        ("to_date(o.j)", "date made from text"),
        ("year(o.j)", "date made from text"),
        ("date_format(o.j, 'yyyy')", "date made from text"),
        ("datediff(o.j, o.d)", "date made from text"),
        ("o.amount / 2", "division of decimals"),
        ("u.a / 2", "unknown type"),
        ("o.n / o.qty", "may be zero"),
        ("o.n % 0", "may be zero"),
        ("o.amount div 2", "whole-number division"),
        ("o.amount * o.amount", "within 18 digits"),
        ("o.j + 1", "arithmetic with text"),
        ("2 * o.j", "arithmetic with text"),
        ("o.d + interval 1 day", "date and interval"),
        ("o.t - o.t", "difference of two dates"),
        ("o.t + interval 1 day * o.qty", "an interval that is computed"),
        ("o.j = 1", "compares text with something else"),
        ("o.j in (1, 2)", "compares text with something else"),
        ("o.d between '2024-01-01' and '2024-01-02'", "compares text with something else"),
        ("coalesce(o.qty, 'none')", "mixes text"),
        ("case when o.b then 1 else 'x' end", "mixes text"),
        ("sum(o.x) over ()", "sum of doubles"),
        ("round(o.x, 1)", "not known to be a decimal"),
        ("avg(o.amount) over ()", "AVG is not in the subset"),
        ("lower(o.j)", "LOWER is not in the subset"),
        ("date_add(o.d, 1)", "DATE_ADD is not in the subset; allowed: date + days"),
        ("now()", "NOW is not in the subset"),
        ("no_such(o.j)", "NO_SUCH is not in the subset"),
        ("`reflect`('java.lang.System', 'exit')", "REFLECT` is not in the subset"),
        ("substring(o.j, 0, 1)", "position"),
        ("split_part(o.j, 'x', o.qty)", "position"),
        ("o.j like o.order_id", "LIKE pattern"),
        ("o.j like 'a\\\\_'", "LIKE pattern"),
        ("get_json_object(trim(o.j), '$.a')", "no column"),
        ("get_json_object(o.j, '$.*')", "odd names"),
        ("date_trunc('CENTURY', o.t)", "the unit CENTURY"),
        ("extract(second from o.t)", "the unit SECOND"),
        ("trim(both 'x' from o.j)", "other characters"),
        ("datediff(MINUTE, o.t, o.t)", "another unit"),
        ("date_format(o.t, 'HH:mm')", "this date format"),
        ("array(1, 2)", "an array as a value"),
        ("explode(array(1, 2))", "outside of a lateral view"),
        ("o.qyt", "a column o.qyt that its dataset does not have"),
        ("silver.orders.qty", "named with its schema"),
        ("o.*", "a star in the outermost SELECT"),
        ("?", "not in the subset"),
        ("first(o.j) over (order by o.t)", "FIRST is not in the subset"),
    ],
)
def test_an_expression_that_engines_answer_differently_is_refused(expression: str, why: str) -> None:
    tail = "cross join bronze.unknown as u" if "u.a" in expression else ""
    assert any(why in message for message in of(expression, tail)), of(expression, tail)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("", "0 statements"),
        ("select", "a SELECT of nothing"),
        ("select 1 as a; select 2 as a", "2 statements"),
        ("delete from silver.orders", "no SELECT"),
        ("create table t as select 1", "no SELECT"),
        ("values (1)", "no SELECT"),
        ("select from where", "cannot be read"),
        ("select * from silver.orders", "a star"),
        ("select o.qty from orders as o", "a table named orders"),
        ("select o.qty from Silver.Orders as o", None),
        ("select o.qty from lake.silver.orders as o", "a table named lake.silver.orders"),
        ("select a from csv.`/etc/passwd`", "a table named csv"),
        ("select a from json.x", "a table named json"),
        ("select a from read_files('/etc')", "a table function"),
        ("select a from range(3)", "a table function"),
        ("select o.qty from silver.orders version as of 3 as o", "VERSION"),
        ("select o.qty from silver.orders tablesample (1 percent) as o", "TABLESAMPLE"),
        ("select o.qty from silver.orders as o limit 1", "LIMIT is not in the subset; allowed: row_number()"),
        ("select o.qty from silver.orders as o qualify row_number() over (order by o.qty) = 1", "QUALIFY"),
        ("select o.qty from silver.orders as o sort by o.qty", "SORT"),
        ("select /*+ broadcast(o) */ o.qty from silver.orders as o", "HINT"),
        ("select o.qty into t from silver.orders as o", "INTO"),
        ("select o.qty from silver.orders as o natural join bronze.events as e", "NATURAL"),
        ("with recursive r as (select 1 as a union all select a + 1 from r) select a from r", "recursive"),
        ("select transform(o.j) using 'cat' from silver.orders as o", "QUERYTRANSFORM"),
        ("select e.v from silver.orders as o lateral view explode(split(o.j, ',')) e as v", "LATERAL other than"),
        ("select a.v from (select 1 as v) pivot (sum(v) for v in (1)) as a", "PIVOT"),
    ],
)
def test_a_statement_outside_of_the_subset_is_refused(sql: str, why: str | None) -> None:
    if why is None:
        why = "a table named Silver.Orders"
    assert any(why in message for message in found(sql)), found(sql)


def test_a_problem_tells_file_line_and_what_is_allowed() -> None:
    problems = check_select(
        "select\n  o.order_id,\n  avg(o.qty) as a\nfrom silver.orders as o\nwhere o.j = 1", file="a/b.sql", schemas=SCHEMAS
    )
    assert [(problem.file, problem.line) for problem in problems] == [("a/b.sql", 3), ("a/b.sql", 5)]
    assert str(problems[0]).startswith("a/b.sql:3: AVG is not in the subset; allowed: cast(sum(x) as double)")


def test_the_line_of_a_syntax_error_is_told() -> None:
    assert check_select("select a\nfrom t t2 t3\n", file="m.sql")[0].line == 2


def test_without_schemas_casts_of_columns_are_refused_and_columns_are_not_judged() -> None:
    assert [p.message for p in check_select("select o.anything from silver.orders as o", file="m.sql")] == []
    assert check_select("select cast(o.qty as bigint) as q from silver.orders as o", file="m.sql") != []


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("select 1 as a", set()),
        ("select o.a from Silver.Orders as o join `bronze`.`events` as e on true", {"silver.orders", "bronze.events"}),
        (
            "with c as (select a from silver.orders) select a from c where a in (select b from gold.f)",
            {"silver.orders", "gold.f"},
        ),
        ("with orders as (select a from silver.orders) select a from orders", {"silver.orders"}),
        ("with c as (select a from c) select a from c", {"c"}),
        ("select 'silver.orders' as a -- silver.orders", set()),
    ],
)
def test_tables_are_datasets_and_no_ctes(sql: str, tables: set[str]) -> None:
    assert tables_of(sql) == tables


@pytest.mark.parametrize(
    ("expression", "duckdb"),
    [
        ("get_json_object(o.j, '$.a')", "TRY(o.j ->> '$.a')"),
        ("max_by(o.j, o.t)", "ARG_MAX_NULL(o.j, o.t)"),
        ("min_by(o.j, o.t) over (partition by o.n)", "ARG_MIN_NULL(o.j, o.t) OVER (PARTITION BY o.n)"),
        ("date_trunc('HOUR', o.t)", "CAST(DATE_TRUNC('HOUR', o.t) AS TIMESTAMPTZ)"),
        ("dayofweek(o.d)", "(DAYOFWEEK(CAST(o.d AS DATE)) + 1)"),
        ("count_if(o.b)", "COUNT(CASE WHEN o.b THEN 1 END)"),
        ("cast(o.n as int)", "CAST(o.n AS INT)"),
        ("row_number() over (order by o.n)", "ROW_NUMBER() OVER (ORDER BY o.n NULLS FIRST)"),
    ],
)
def test_what_duckdb_answers_differently_is_rendered_otherwise(expression: str, duckdb: str) -> None:
    assert (
        to_engine(f"select {expression} as v from silver.orders as o", "duckdb")
        == f"SELECT {duckdb} AS v FROM silver.orders AS o"
    )


def test_spark_gets_the_text_as_it_is_written() -> None:
    assert to_engine("-- why\nselect o.a from silver.orders as o ;\n", "spark") == "-- why\nselect o.a from silver.orders as o"


@pytest.mark.parametrize("dialect", ["duckdb", "spark"])
@pytest.mark.parametrize("sql", ["select 1; select 2", "drop table t", "select from where", "-- nothing"])
def test_what_is_no_select_has_no_engine_text(sql: str, dialect: str) -> None:
    with pytest.raises(ConfigurationError, match="a model must be exactly one SELECT"):
        to_engine(sql, "duckdb" if dialect == "duckdb" else "spark")
    with pytest.raises(ConfigurationError):
        tables_of(sql)
