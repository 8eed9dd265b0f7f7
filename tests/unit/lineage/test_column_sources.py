"""Tables, joins, sub-queries, lateral views and table functions after FROM."""

from __future__ import annotations

import pytest

from tests.unit.lineage.reading_cases import Case, check

CASES = [
    Case(
        """
        select o.order_id, c.email from silver.orders o left join silver.customers c on o.customer_id = c.customer_id
        and c.country = 'DE' where o.status = 'paid'
        """,
        """
        * <- filter silver.orders.status, join silver.customers.country, join silver.customers.customer_id,
            join silver.orders.customer_id
        email <- identity silver.customers.email
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        """
        select customers.order_id, orders.email from silver.orders customers join silver.customers orders on
        orders.customer_id = customers.customer_id
        """,
        """
        * <- join silver.customers.customer_id, join silver.orders.customer_id
        email <- identity silver.customers.email
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select silver.orders.amount, orders.tax, silver.orders.address.city from silver.orders",
        """
        amount <- identity silver.orders.amount
        city <- transformation silver.orders.address
        tax <- identity silver.orders.tax
        """,
    ),
    Case(
        "select order_id, email from silver.orders o, silver.customers c where o.customer_id = c.customer_id",
        """
        * <- filter silver.customers.customer_id, filter silver.orders.customer_id
        email <- identity silver.customers.email
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select customer_id, email from silver.orders join silver.customers using (customer_id)",
        """
        * <- join silver.customers.customer_id, join silver.orders.customer_id
        customer_id <- identity silver.customers.customer_id, identity silver.orders.customer_id
        email <- identity silver.customers.email
        """,
    ),
    Case(
        "select customer_id, email, order_id from silver.orders left join silver.customers using (customer_id)",
        """
        * <- join silver.customers.customer_id, join silver.orders.customer_id
        customer_id <- identity silver.orders.customer_id
        email <- identity silver.customers.email
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select customer_id from silver.orders right join silver.customers using (customer_id)",
        """
        customer_id <- identity silver.customers.customer_id, join silver.customers.customer_id,
            join silver.orders.customer_id
        """,
    ),
    Case(
        "select customer_id from silver.orders full outer join silver.customers using (customer_id)",
        """
        customer_id <- identity silver.customers.customer_id, identity silver.orders.customer_id,
            join silver.customers.customer_id, join silver.orders.customer_id
        """,
    ),
    Case(
        """
        select o.customer_id as mine, c.customer_id as theirs from silver.orders o join silver.customers c using
        (customer_id)
        """,
        """
        * <- join silver.customers.customer_id, join silver.orders.customer_id
        mine <- identity silver.orders.customer_id
        theirs <- identity silver.customers.customer_id
        """,
    ),
    Case(
        "select * from silver.payments p join (select order_id, region from silver.orders) o using (order_id)",
        """
        * <- join silver.orders.order_id, join silver.payments.order_id
        amount <- identity silver.payments.amount
        method <- identity silver.payments.method
        order_id <- identity silver.orders.order_id, identity silver.payments.order_id
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        region <- identity silver.orders.region
        """,
    ),
    Case(
        """
        select * from (select order_id, region from silver.orders) natural join (select order_id, method from
        silver.payments)
        """,
        """
        * <- join silver.orders.order_id, join silver.payments.order_id
        method <- identity silver.payments.method
        order_id <- identity silver.orders.order_id, identity silver.payments.order_id
        region <- identity silver.orders.region
        """,
    ),
    Case(
        """
        select o.order_id from silver.orders o left semi join silver.payments p on p.order_id = o.order_id and p.amount
        > 0
        """,
        """
        order_id <- identity silver.orders.order_id, join silver.orders.order_id, join silver.payments.amount,
            join silver.payments.order_id
        """,
    ),
    Case(
        """
        select order_id from silver.customers c join silver.orders using (customer_id) left semi join silver.payments on
        payment_id = email and method = 'x'
        """,
        """
        order_id <- identity silver.orders.order_id, join silver.customers.customer_id, join silver.customers.email,
            join silver.orders.customer_id, join silver.payments.method, join silver.payments.payment_id
        """,
    ),
    Case(
        """
        select * from silver.customers c left anti join silver.orders o on o.customer_id = c.customer_id where name is
        not null
        """,
        """
        * <- filter silver.customers.name, join silver.customers.customer_id, join silver.orders.customer_id
        country <- identity silver.customers.country
        created_at <- identity silver.customers.created_at
        customer_id <- identity silver.customers.customer_id
        email <- identity silver.customers.email
        name <- identity silver.customers.name
        """,
    ),
    Case(
        """
        select a.order_id as x, b.order_id as y from silver.orders a join silver.orders b on a.customer_id =
        b.customer_id and a.created_at < b.created_at
        """,
        """
        * <- join silver.orders.created_at, join silver.orders.customer_id
        x <- identity silver.orders.order_id
        y <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select t.tag from silver.events lateral view outer explode(tags) t as tag where tag like 'a%'",
        """
        tag <- transformation silver.events.tags, filter silver.events.tags
        """,
    ),
    Case(
        "select user_id, pos, tag from silver.events lateral view posexplode(tags) t as pos, tag",
        """
        pos <- transformation silver.events.tags
        tag <- transformation silver.events.tags
        user_id <- identity silver.events.user_id
        """,
    ),
    Case(
        "select e.user_id, j.a, j.b from silver.events e lateral view json_tuple(payload, 'a', 'b') j as a, b",
        """
        a <- transformation silver.events.payload
        b <- transformation silver.events.payload
        user_id <- identity silver.events.user_id
        """,
    ),
    Case(
        """
        select o.order_id, u.tag from silver.orders o lateral view explode(items) t as item join silver.events e on
        e.user_id = item lateral view explode(e.tags) u as tag
        """,
        """
        * <- join silver.events.user_id, join silver.orders.items
        order_id <- identity silver.orders.order_id
        tag <- transformation silver.events.tags
        """,
    ),
    Case(
        "select v.a, v.b, o.order_id from silver.orders o cross join (values (1, 'x'), (2, 'y')) as v(a, b)",
        """
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select g, order_id from generate_series(1, 10) as t(g), silver.orders",
        """
        order_id <- identity silver.orders.order_id
        """,
        dialect="postgres",
    ),
    Case(
        """
        select x.amount from silver.orders o, lateral (select p.amount from silver.payments p where p.order_id =
        o.order_id order by p.paid_at limit 1) x
        """,
        """
        amount <- identity silver.payments.amount, filter silver.orders.order_id, filter silver.payments.order_id,
            sort silver.payments.paid_at
        """,
        dialect="postgres",
    ),
    Case(
        "select y.b from silver.orders t cross apply (select t.amount + tax as b) y",
        """
        b <- transformation silver.orders.amount, transformation silver.orders.tax
        """,
        dialect="tsql",
    ),
    Case(
        "select item.sku, off from silver.orders, unnest(orders.items) as item with offset as off",
        """
        off <- transformation silver.orders.items
        sku <- transformation silver.orders.items
        """,
        dialect="bigquery",
    ),
    Case(
        "select o.order_id, item.sku from silver.orders o, o.items as item",
        """
        order_id <- identity silver.orders.order_id
        sku <- transformation silver.orders.items
        """,
        dialect="bigquery",
    ),
    Case(
        "select user_id, t.x, n from silver.events cross join unnest(tags) with ordinality as t(x, n)",
        """
        n <- transformation silver.events.tags
        user_id <- identity silver.events.user_id
        x <- transformation silver.events.tags
        """,
        dialect="trino",
    ),
    Case(
        "select f.value:name::string as n, f.index from silver.events, lateral flatten(input => tags) f",
        """
        index <- transformation silver.events.tags
        n <- transformation silver.events.tags
        """,
        dialect="snowflake",
    ),
    Case(
        "select order_id, s.amount from stream(silver.orders) s",
        """
        amount <- identity silver.orders.amount
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select item from silver.orders array join items as item",
        """
        item <- transformation silver.orders.items
        """,
        dialect="clickhouse",
    ),
    Case(
        "select jt.name from silver.events, json_table(payload, '$[*]' columns (name varchar(10) path '$.n')) as jt",
        """
        name <- transformation silver.events.payload
        """,
        dialect="mysql",
    ),
    Case(
        """
        select p.order_id, c.email from (silver.orders o join silver.payments p on p.order_id = o.order_id) join
        silver.customers c on c.customer_id = o.customer_id
        """,
        """
        * <- join silver.customers.customer_id, join silver.orders.customer_id, join silver.orders.order_id,
            join silver.payments.order_id
        email <- identity silver.customers.email
        order_id <- identity silver.payments.order_id
        """,
        dialect="postgres",
    ),
    Case(
        """
        select t1.order_id, t2.amount from silver.orders t1 asof join silver.payments t2 on t1.order_id = t2.order_id
        and t1.created_at >= t2.paid_at
        """,
        """
        * <- join silver.orders.created_at, join silver.orders.order_id, join silver.payments.order_id,
            join silver.payments.paid_at
        amount <- identity silver.payments.amount
        order_id <- identity silver.orders.order_id
        """,
        dialect="duckdb",
    ),
    Case(
        """
        select * from (select order_id, method, amount from silver.payments) pivot (sum(amount) for method in ('card' as
        card, 'cash' as cash))
        """,
        """
        card <- aggregation silver.payments.amount, conditional silver.payments.method
        cash <- aggregation silver.payments.amount, conditional silver.payments.method
        order_id <- identity silver.payments.order_id
        """,
    ),
    Case(
        "select * from silver.payments pivot (sum(amount) as s, count(order_id) as n for method in ('card', 'cash'))",
        """
        card_n <- masked aggregation silver.payments.order_id, conditional silver.payments.method
        card_s <- aggregation silver.payments.amount, conditional silver.payments.method
        cash_n <- masked aggregation silver.payments.order_id, conditional silver.payments.method
        cash_s <- aggregation silver.payments.amount, conditional silver.payments.method
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
    ),
    Case(
        """
        select * from (select payment_id, amount, order_id from silver.payments) unpivot (v for k in (amount as 'a',
        order_id as 'o'))
        """,
        """
        payment_id <- identity silver.payments.payment_id
        v <- identity silver.payments.amount, identity silver.payments.order_id
        """,
    ),
    Case(
        "pivot silver.payments on method in ('a', 'b') using sum(amount) group by order_id",
        """
        a <- aggregation silver.payments.amount, conditional silver.payments.method
        b <- aggregation silver.payments.amount, conditional silver.payments.method
        order_id <- identity silver.payments.order_id
        """,
        dialect="duckdb",
    ),
    Case(
        "unpivot silver.payments on amount, order_id into name n value v",
        """
        method <- identity silver.payments.method
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        v <- identity silver.payments.amount, identity silver.payments.order_id
        """,
        dialect="duckdb",
    ),
    Case(
        "select s.x, y from (select order_id, amount from silver.orders) as s(x, y)",
        """
        x <- identity silver.orders.order_id
        y <- identity silver.orders.amount
        """,
        dialect="postgres",
    ),
    Case(
        "select x, y from silver.orders as o(x, y)",
        """
        x <- identity silver.orders.order_id
        y <- identity silver.orders.customer_id
        """,
        dialect="postgres",
    ),
    Case(
        "select p from silver.payments p",
        """
        p <- transformation silver.payments.amount, transformation silver.payments.method,
            transformation silver.payments.order_id, transformation silver.payments.paid_at,
            transformation silver.payments.payment_id
        """,
        dialect="postgres",
    ),
    Case(
        "select order_id from silver.orders tablesample (10 percent) version as of 3 where amount > 1",
        """
        order_id <- identity silver.orders.order_id, filter silver.orders.amount
        """,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_has_exactly_the_edges(case: Case) -> None:
    check(case)
