"""What cannot be followed is said, never dropped; what can be guessed without doubt is followed without a schema."""

from __future__ import annotations

import pytest

from lineage.columns import column_lineage, to_report
from tests.unit.lineage.reading_cases import SHOP, expected_edges, found_edges

GAPS = [
    (
        "select * from silver.unknown",
        {},
        "output: * stands for the columns of silver.unknown, which are not known; give the schema",
    ),
    (
        "select a.*, b.name from a.x a join b.y b on a.id = b.id",
        {},
        "output: * stands for the columns of a.x, which are not known; give the schema",
    ),
    ("select nope from silver.orders", SHOP, "output.nope: column nope is not in silver.orders"),
    ("select o.nope from silver.orders o", SHOP, "output.nope: o has no column nope"),
    ("select p.amount from silver.orders o", SHOP, "output.amount: column p.amount is not in o"),
    (
        "select amount from silver.orders, silver.payments",
        SHOP,
        "output.amount: column amount is in each of silver.orders, silver.payments; write whose it is",
    ),
    (
        "select id from a.t join b.u on t.k = u.k",
        {},
        (
            "output.id: column id could belong to any of a.t, b.u, whose columns are not known; "
            "write whose it is or give their schema"
        ),
    ),
    ("select u.x from other.u", SHOP, "output: table other.u is not in the given schema"),
    (
        "select id from t",
        {"a.t": ["id"], "b.t": ["id"]},
        "output: table t could be any of a.t, b.t; write its schema before its name",
    ),
    ("select order_id from silver.orders where nope = 1", SHOP, "output: column nope is not in silver.orders"),
    ("select address.* from silver.orders", SHOP, "output: address.* stands for the fields of address, which are not known"),
    ("select q.* from silver.orders o", SHOP, "output: q.* stands for the fields of q, which are not known"),
    ("select count(*) as n, (select * from s.t) as x from silver.orders", {}, "output.x: the columns of s.t are not known"),
    (
        "select a from x.t natural join x.u",
        {"x.t": ["a"]},
        "output: NATURAL JOIN needs the columns of x.u, which are not known",
    ),
    (
        "select customer_id from silver.orders join silver.payments using (customer_id)",
        SHOP,
        "output: silver.payments has no column customer_id to join by",
    ),
    (
        "select order_id, amount from silver.orders union all select order_id from silver.payments",
        SHOP,
        "output: the branches of UNION have 2 and 1 columns",
    ),
    (
        "create view v (a, b) as select * from s.t",
        {},
        "v.a: its position in * of s.t is not known, because the columns of s.t are not known",
    ),
    (
        "insert into gold.x (a) select order_id, amount from silver.orders",
        SHOP,
        "gold.x: 2 columns are inserted into 1 of gold.x",
    ),
    (
        "merge into gold.x using silver.orders o on x.id = o.order_id when not matched then insert values (o.amount)",
        SHOP,
        "gold.x: INSERT without column names needs the columns of its table, which are not known",
    ),
    (
        "select * from silver.orders match_recognize (partition by region measures a.tax as m pattern (a) define a as tax > 1)",
        SHOP,
        "output: MATCH_RECOGNIZE makes columns that are not followed",
    ),
    ("copy into gold.x from 's3://bucket'", SHOP, "output: COPY is not a statement whose columns can be followed"),
]


@pytest.mark.parametrize(("sql", "schema", "reason"), GAPS, ids=lambda value: value[:50] if isinstance(value, str) else "")
def test_says_what_is_not_known(sql: str, schema: dict[str, list[str]], reason: str) -> None:
    assert reason in column_lineage(sql, dialect="snowflake" if "match_" in sql else "databricks", schema=schema).unresolved


DUCKDB_GAPS = [
    (
        "select columns('a.*') from silver.orders",
        "output.COLUMNS('a.*'): COLUMNS('a.*') chooses columns by a pattern; name them",
    ),
    ("select * from read_parquet('x.parquet')", "output: what table function read_parquet reads is not known"),
    (
        "pivot silver.payments on method using sum(amount)",
        "output: the columns that PIVOT makes are named by the data; list its values with IN",
    ),
]


@pytest.mark.parametrize(("sql", "reason"), DUCKDB_GAPS)
def test_says_what_duckdb_decides_at_run_time(sql: str, reason: str) -> None:
    assert reason in column_lineage(sql, dialect="duckdb", schema=SHOP).unresolved


def test_a_gap_hides_nothing_that_is_known() -> None:
    lineage = column_lineage("select order_id, nope from silver.orders", schema=SHOP)
    assert found_edges(lineage.edges) == expected_edges("order_id <- identity silver.orders.order_id")


GUESSES = [
    ("select x, t.y from s.t where z = 1", "* <- filter s.t.z\nx <- identity s.t.x\ny <- identity s.t.y"),
    ("with c as (select * from s.t) select c.x from c", "x <- identity s.t.x"),
    ("select x from (select * from (select * from s.t) a) b", "x <- identity s.t.x"),
    ("with u as (select * from a.x union all select * from b.y) select id from u", "id <- identity a.x.id, identity b.y.id"),
    (
        "select t.id, u.v from a.t join b.u using (id)",
        "* <- join a.t.id, join b.u.id\nid <- identity a.t.id\nv <- identity b.u.v",
    ),
    (
        "select price * qty as revenue, revenue * 0.1 as fee from s.t",
        "revenue <- transformation s.t.price, transformation s.t.qty\nfee <- transformation s.t.price, transformation s.t.qty",
    ),
    ("select date(ts) as day, count(*) as n from s.t group by day", "* <- group_by s.t.ts\nday <- transformation s.t.ts\nn <-"),
    ("select x.y.z from a.b.c as x", "z <- transformation a.b.c.y"),
    (
        "select A, a as b from s.T where exists (select 1 from s.t where S.t.A > 1)",
        "* <- filter s.T.A\nA <- identity s.T.A\nb <- identity s.T.A",
    ),
]


@pytest.mark.parametrize(("sql", "expected"), GUESSES)
def test_follows_without_a_schema_what_leaves_no_doubt(sql: str, expected: str) -> None:
    lineage = column_lineage(sql, dialect="databricks", schema={})
    assert lineage.unresolved == ()
    assert found_edges(lineage.edges) == expected_edges(expected)


def test_a_known_table_around_wins_with_a_doubt_over_an_unknown_one_inside() -> None:
    sql = "select order_id from silver.orders where exists (select 1 from s.unknown where region = 'x')"
    lineage = column_lineage(sql, schema={"silver.orders": ["order_id", "region"]})
    assert ("silver.orders.region", "output.order_id", "indirect", "filter", False) in found_edges(lineage.edges)
    assert any("could also belong to s.unknown" in reason for reason in lineage.unresolved)


def test_an_earlier_statement_makes_its_table_known() -> None:
    lineage = column_lineage("create table v as select order_id as k from silver.orders; select * from v", schema=SHOP)
    assert lineage.unresolved == ()
    assert ("v.k", "output.k", "direct", "identity", False) in found_edges(lineage.edges)


def test_the_report_is_sorted_and_holds_exactly_its_fields() -> None:
    report = to_report(column_lineage("select count(email) as n, nope from silver.customers", schema=SHOP, output="gold.x"))
    assert report == {
        "edges": [
            {
                "from": "silver.customers.email",
                "to": "gold.x.n",
                "kind": "direct",
                "transformation": "aggregation",
                "masking": True,
            }
        ],
        "unresolved": ["gold.x.nope: column nope is not in silver.customers"],
    }
