"""What type an expression has, as far as the text and the schemas prove it."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from controlplane.usecases.sql_typing import Typing

SCHEMAS = {
    "silver.orders": {
        "order_id": "string", "qty": "int", "n": "long", "amount": "decimal(12, 2)", "x": "double", "d": "date",
        "t": "timestamptz",
        "b": "boolean", "j": "string",
    },
    "bronze.events": {"id": "string", "t": "timestamptz"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("o.qty", "int"), ("qty", "int"), ("o.QTY", "int"), ("nothing", None), ("o.nothing", None),
        ("c.total", "decimal(22, 2)"),
        ("c.m", "string"), ("v.a", "long"), ("v.b", "string"), ("s.k", "date"), ("s.z", None), ("1", "int"),
        ("3000000000", "long"),
        ("1.50", "decimal(3, 2)"), ("1e2", "double"), ("null", "null"), ("'x'", "string"), ("o.qty + 1", "int"),
        ("o.n * o.qty", "long"),
        ("o.amount * 2", "decimal(23, 2)"), ("o.amount + o.n", "decimal(21, 2)"), ("o.x * 2", "double"),
        ("o.d + 1", "date"),
        ("o.t + interval 1 hour", "timestamptz"), ("o.d - o.d", None), ("o.qty / 2", "double"), ("count(*)", "long"),
        ("sum(o.qty)", "long"),
        ("sum(o.x)", "double"), ("sum(distinct o.qty)", "long"), ("round(o.amount, 1)", "decimal(12, 2)"),
        ("round(o.x)", None),
        ("coalesce(o.qty, o.n)", "long"), ("coalesce(o.qty, null)", "int"), ("coalesce(o.qty, o.j)", None),
        ("if(o.b, o.d, null)", "date"),
        ("case when o.b then 1 else 2.5 end", "decimal(11, 1)"), ("max(o.t) over ()", "timestamptz"),
        ("lag(o.d) over (order by o.t)", "date"),
        ("(select max(e.t) from bronze.events as e)", "timestamptz"), ("cast(o.j as decimal(10, 2))", "decimal(10, 2)"),
        ("cast(o.j as decimal)", "decimal(10, 0)"), ("o.b and o.qty > 1", "boolean"), ("e.w", None),
        ("to_date(o.t)", "date"),
        ("date_trunc('DAY', o.d)", "timestamptz"), ("u.first", "long"), ("again", None), ("twice", "int"),
        ("least(o.amount, 1)", "decimal(12, 2)"),
    ],
)  # fmt: skip
def test_types_are_inferred_from_text_and_schemas(expression: str, kind: str | None) -> None:
    sql = f"""
      with c as (select sum(o.amount) as total, max(o.order_id) as m from silver.orders as o),
           u(first) as (select o.qty from silver.orders as o union all select o.n from silver.orders as o)
      select {expression} as probed, again + 1 as again, o.qty as once, once as twice
      from silver.orders as o cross join c cross join (values (1, null), (3000000000, 'x')) as v(a, b)
      cross join (select q.d as k, p.* from silver.orders as q cross join (select 1 as y) as p) as s cross join u
      lateral view explode(array(1, 2)) e as w"""
    root = sqlglot.parse_one(sql, read="databricks")
    assert isinstance(root, exp.Select)
    assert Typing(SCHEMAS).of(root.selects[0]) == kind
