"""Statements that write: INSERT, CREATE ... AS, MERGE, UPDATE, DELETE, and several in one text."""

from __future__ import annotations

import pytest

from tests.unit.lineage.reading_cases import SHOP, Case, check

CASES = [
    Case(
        "insert into gold.sales (b, a) select order_id, amount from silver.orders",
        """
        gold.sales.a <- identity silver.orders.amount
        gold.sales.b <- identity silver.orders.order_id
        """,
    ),
    Case(
        "insert into gold.sales select order_id, sum(amount) from silver.orders group by order_id",
        """
        * <- group_by silver.orders.order_id
        gold.sales.id <- identity silver.orders.order_id
        gold.sales.total <- aggregation silver.orders.amount
        """,
        schema={**SHOP, "gold.sales": ["id", "total"]},
    ),
    Case(
        "insert overwrite table gold.sales partition (day = '1') select amount from silver.orders",
        """
        gold.sales.a <- identity silver.orders.amount
        """,
        schema={**SHOP, "gold.sales": ["a", "day"]},
    ),
    Case(
        "insert into gold.sales by name select order_id as a, amount as b from silver.orders",
        """
        gold.sales.a <- identity silver.orders.order_id
        gold.sales.b <- identity silver.orders.amount
        """,
        dialect="duckdb",
    ),
    Case(
        "insert into gold.sales values (1, 'x')",
        """
        """,
    ),
    Case(
        "with t as (select order_id, amount from silver.orders) insert into gold.sales select * from t",
        """
        gold.sales.amount <- identity silver.orders.amount
        gold.sales.order_id <- identity silver.orders.order_id
        """,
        dialect="postgres",
    ),
    Case(
        """
        insert into silver.customers (customer_id, email) select order_id, region from silver.orders on conflict
        (customer_id) do update set name = customers.name || excluded.email
        """,
        """
        silver.customers.customer_id <- identity silver.orders.order_id
        silver.customers.email <- identity silver.orders.region
        silver.customers.name <- transformation silver.customers.name, transformation silver.orders.region
        """,
        dialect="postgres",
    ),
    Case(
        """
        create or replace table gold.x as select order_id, amount from silver.orders; insert into gold.y select * from
        gold.x
        """,
        """
        gold.x.amount <- identity silver.orders.amount
        gold.x.order_id <- identity silver.orders.order_id
        gold.y.amount <- identity gold.x.amount
        gold.y.order_id <- identity gold.x.order_id
        """,
    ),
    Case(
        "create view gold.v (a, b) as select order_id, amount from silver.orders where tax > 0",
        """
        * <- filter silver.orders.tax
        gold.v.a <- identity silver.orders.order_id
        gold.v.b <- identity silver.orders.amount
        """,
    ),
    Case(
        "create table gold.copy clone silver.payments",
        """
        gold.copy.amount <- identity silver.payments.amount
        gold.copy.method <- identity silver.payments.method
        gold.copy.order_id <- identity silver.payments.order_id
        gold.copy.paid_at <- identity silver.payments.paid_at
        gold.copy.payment_id <- identity silver.payments.payment_id
        """,
    ),
    Case(
        "select order_id, amount into gold.z from silver.orders",
        """
        gold.z.amount <- identity silver.orders.amount
        gold.z.order_id <- identity silver.orders.order_id
        """,
        dialect="tsql",
    ),
    Case(
        "from silver.orders insert into gold.a select order_id insert into gold.b select amount where tax > 1",
        """
        gold.a.order_id <- identity silver.orders.order_id
        gold.b.amount <- identity silver.orders.amount, filter silver.orders.tax
        """,
        dialect="hive",
    ),
    Case(
        """
        merge into silver.orders t using (select order_id, sum(amount) as amount, max(method) as method from
        silver.payments group by order_id) s on t.order_id = s.order_id when matched and s.method = 'void' then delete
        when matched then update set amount = s.amount, t.tax = t.tax + s.amount when not matched then insert (order_id,
        amount) values (s.order_id, s.amount)
        """,
        """
        * <- filter silver.payments.method, group_by silver.payments.order_id, join silver.orders.order_id,
            join silver.payments.order_id
        silver.orders.amount <- aggregation silver.payments.amount
        silver.orders.order_id <- identity silver.payments.order_id
        silver.orders.tax <- transformation silver.orders.tax, aggregation silver.payments.amount
        """,
    ),
    Case(
        """
        merge into silver.orders t using silver.payments s on t.order_id = s.order_id when matched then update set *
        when not matched then insert *
        """,
        """
        * <- join silver.orders.order_id, join silver.payments.order_id
        silver.orders.amount <- identity silver.payments.amount
        silver.orders.order_id <- identity silver.payments.order_id
        """,
    ),
    Case(
        """
        merge `silver.orders` t using `silver.payments` s on t.order_id = s.order_id when not matched then insert row
        """,
        """
        * <- join silver.orders.order_id, join silver.payments.order_id
        silver.orders.amount <- identity silver.payments.amount
        silver.orders.order_id <- identity silver.payments.order_id
        """,
        dialect="bigquery",
    ),
    Case(
        """
        update silver.orders o set amount = p.amount, tax = tax * 2 from silver.payments p where p.order_id = o.order_id
        """,
        """
        * <- filter silver.orders.order_id, filter silver.payments.order_id
        silver.orders.amount <- identity silver.payments.amount
        silver.orders.tax <- transformation silver.orders.tax
        """,
        dialect="postgres",
    ),
    Case(
        """
        update silver.orders set (amount, tax) = (select p.amount, 1 from silver.payments p where p.order_id =
        orders.order_id)
        """,
        """
        * <- filter silver.orders.order_id, filter silver.payments.order_id
        silver.orders.amount <- identity silver.payments.amount
        silver.orders.tax <-
        """,
        dialect="postgres",
    ),
    Case(
        """
        update o set amount = p.amount from silver.orders o join silver.payments p on p.order_id = o.order_id where
        p.method = 'x'
        """,
        """
        silver.orders.amount <- identity silver.payments.amount, filter silver.payments.method,
            join silver.orders.order_id, join silver.payments.order_id
        """,
        dialect="tsql",
    ),
    Case(
        "update silver.orders set address.city = region where true",
        """
        silver.orders.address <- identity silver.orders.region
        """,
        dialect="bigquery",
    ),
    Case(
        "delete from silver.customers where country in (select region from silver.orders)",
        """
        * <- filter silver.customers.country, filter silver.orders.region
        silver.customers.country <-
        silver.customers.created_at <-
        silver.customers.customer_id <-
        silver.customers.email <-
        silver.customers.name <-
        """,
    ),
    Case(
        """
        with gone as (delete from silver.payments where amount < 0 returning order_id, amount) insert into gold.gone
        select * from gone
        """,
        """
        * <- filter silver.payments.amount
        gold.gone.amount <- identity silver.payments.amount
        gold.gone.order_id <- identity silver.payments.order_id
        silver.payments.amount <-
        silver.payments.method <-
        silver.payments.order_id <-
        silver.payments.paid_at <-
        silver.payments.payment_id <-
        """,
        dialect="postgres",
    ),
    Case(
        "cache table c as select order_id as k from silver.orders; select * from c",
        """
        c.k <- identity silver.orders.order_id
        k <- identity c.k
        """,
    ),
    Case(
        "begin select order_id from silver.orders; select payment_id from silver.payments; end",
        """
        order_id <- identity silver.orders.order_id
        payment_id <- identity silver.payments.payment_id
        """,
        dialect="bigquery",
    ),
    Case(
        "set x = 1; use db; drop table gone; create table empty_ (a int); select order_id from silver.orders",
        """
        order_id <- identity silver.orders.order_id
        """,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_has_exactly_the_edges(case: Case) -> None:
    check(case)
