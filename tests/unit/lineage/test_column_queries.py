"""Common table expressions, set operations, clauses and stars."""

from __future__ import annotations

import pytest

from tests.unit.lineage.reading_cases import Case, check

CASES = [
    Case(
        "with orders as (select * from silver.orders where amount > 0) select order_id, amount from orders",
        """
        * <- filter silver.orders.amount
        amount <- identity silver.orders.amount
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "with orders as (select order_id, tax from orders) select * from orders",
        """
        order_id <- identity orders.order_id
        tax <- identity orders.tax
        """,
        schema={"orders": ["order_id", "tax"]},
    ),
    Case(
        """
        with a as (select order_id as k from silver.orders), b as (select k from a), c as (with a as (select amount as k
        from silver.payments) select k from a) select a.k as x, b.k as y, c.k as z from a, b, c
        """,
        """
        x <- identity silver.orders.order_id
        y <- identity silver.orders.order_id
        z <- identity silver.payments.amount
        """,
    ),
    Case(
        """
        with t(a, b) as (select order_id, amount from silver.orders), u as (select b as a from t) select t.a, u.a as ua
        from t join u on t.b = u.a
        """,
        """
        * <- join silver.orders.amount
        a <- identity silver.orders.order_id
        ua <- identity silver.orders.amount
        """,
    ),
    Case(
        "select q.x from (with t as (select order_id as x from silver.orders) select x from t) q",
        """
        x <- identity silver.orders.order_id
        """,
    ),
    Case(
        "with unused as (select * from nowhere.at_all) select order_id from silver.orders",
        """
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        """
        select order_id, amount from silver.orders union all select payment_id, amount from silver.payments union all
        select customer_id, null from silver.customers
        """,
        """
        amount <- identity silver.orders.amount, identity silver.payments.amount
        order_id <- identity silver.customers.customer_id, identity silver.orders.order_id,
            identity silver.payments.payment_id
        """,
    ),
    Case(
        """
        (select order_id from silver.orders) union (select payment_id from silver.payments order by amount limit 1)
        order by order_id
        """,
        """
        order_id <- identity silver.orders.order_id, identity silver.payments.payment_id, sort silver.orders.order_id,
            sort silver.payments.amount, sort silver.payments.payment_id
        """,
    ),
    Case(
        """
        with u as (select * from silver.customers union all select * from silver.customers where country = 'DE') select
        u.email from u where u.name <> ''
        """,
        """
        email <- identity silver.customers.email, filter silver.customers.country, filter silver.customers.name
        """,
    ),
    Case(
        "select order_id, amount from silver.orders intersect select order_id, amount from silver.payments",
        """
        amount <- identity silver.orders.amount, identity silver.payments.amount
        order_id <- identity silver.orders.order_id, identity silver.payments.order_id
        """,
    ),
    Case(
        "select order_id from silver.orders except select order_id from silver.payments where method = 'card'",
        """
        order_id <- identity silver.orders.order_id, filter silver.payments.method, filter silver.payments.order_id
        """,
    ),
    Case(
        """
        select amount, order_id from silver.payments union all by name select order_id, tax as amount from silver.orders
        """,
        """
        amount <- identity silver.orders.tax, identity silver.payments.amount
        order_id <- identity silver.orders.order_id, identity silver.payments.order_id
        """,
        dialect="duckdb",
    ),
    Case(
        """
        with recursive tree as (select customer_id, name, cast(null as string) as above from silver.customers where
        country = 'DE' union all select c.customer_id, c.name, t.name from silver.customers c join tree t on c.country =
        t.customer_id) select * from tree
        """,
        """
        * <- filter silver.customers.country, join silver.customers.country, join silver.customers.customer_id
        above <- identity silver.customers.name
        customer_id <- identity silver.customers.customer_id
        name <- identity silver.customers.name
        """,
    ),
    Case(
        """
        with recursive n(x) as (select 1 union all select x + 1 from n where x < 10) select x, order_id from n join
        silver.orders on order_id = x
        """,
        """
        * <- join silver.orders.order_id
        order_id <- identity silver.orders.order_id
        x <-
        """,
        dialect="postgres",
    ),
    Case(
        """
        with recursive t(n, p) as (select order_id, amount from silver.orders union select p, n from t) select n, p from
        t
        """,
        """
        n <- identity silver.orders.amount, identity silver.orders.order_id
        p <- identity silver.orders.amount, identity silver.orders.order_id
        """,
        dialect="postgres",
    ),
    Case(
        """
        with t as (select order_id as n, 0 as depth from silver.orders union all select p.payment_id, t.depth + 1 from
        silver.payments p join t on p.order_id = t.n) select n, depth from t
        """,
        """
        * <- join silver.orders.order_id, join silver.payments.order_id, join silver.payments.payment_id
        depth <-
        n <- identity silver.orders.order_id, identity silver.payments.payment_id
        """,
        dialect="tsql",
    ),
    Case(
        "select region, sum(amount) as s from silver.orders group by 1 order by s desc, 1",
        """
        * <- group_by silver.orders.region, sort silver.orders.amount, sort silver.orders.region
        region <- identity silver.orders.region
        s <- aggregation silver.orders.amount
        """,
    ),
    Case(
        """
        select date_trunc('month', created_at) as m, count(distinct customer_id) as c from silver.orders group by m
        having c > 1 order by m
        """,
        """
        * <- group_by silver.orders.created_at, masked filter silver.orders.customer_id, sort silver.orders.created_at
        c <- masked aggregation silver.orders.customer_id
        m <- transformation silver.orders.created_at
        """,
    ),
    Case(
        """
        select region, status, sum(amount) as s from silver.orders group by grouping sets ((region), (status), ())
        having sum(tax) > 0
        """,
        """
        * <- filter silver.orders.tax, group_by silver.orders.region, group_by silver.orders.status
        region <- identity silver.orders.region
        s <- aggregation silver.orders.amount
        status <- identity silver.orders.status
        """,
    ),
    Case(
        "select region, sum(amount) as s from silver.orders group by rollup(region, status), cube(tax)",
        """
        * <- group_by silver.orders.region, group_by silver.orders.status, group_by silver.orders.tax
        region <- identity silver.orders.region
        s <- aggregation silver.orders.amount
        """,
    ),
    Case(
        "select region, sum(amount) as s from silver.orders group by all order by all",
        """
        * <- group_by silver.orders.region, sort silver.orders.amount, sort silver.orders.region
        region <- identity silver.orders.region
        s <- aggregation silver.orders.amount
        """,
    ),
    Case(
        "select distinct region, status from silver.orders",
        """
        region <- identity silver.orders.region
        status <- identity silver.orders.status
        """,
    ),
    Case(
        "select distinct on (region) order_id from silver.orders order by region, created_at desc",
        """
        order_id <- identity silver.orders.order_id, group_by silver.orders.region, sort silver.orders.created_at,
            sort silver.orders.region
        """,
        dialect="postgres",
    ),
    Case(
        """
        select order_id from silver.orders qualify row_number() over (partition by customer_id order by created_at) = 1
        """,
        """
        order_id <- identity silver.orders.order_id, filter silver.orders.created_at, filter silver.orders.customer_id
        """,
        dialect="snowflake",
    ),
    Case(
        """
        select * from (select order_id, row_number() over (partition by customer_id order by created_at) as rn from
        silver.orders) where rn = 1
        """,
        """
        * <- filter silver.orders.created_at, filter silver.orders.customer_id
        order_id <- identity silver.orders.order_id
        rn <- window silver.orders.created_at, window silver.orders.customer_id
        """,
    ),
    Case(
        """
        select order_id from silver.orders o where exists (select 1 from silver.payments p where p.order_id = o.order_id
        and p.method = 'card') and customer_id not in (select customer_id from silver.customers where country = 'X')
        """,
        """
        order_id <- identity silver.orders.order_id, filter silver.customers.country,
            filter silver.customers.customer_id, filter silver.orders.customer_id, filter silver.orders.order_id,
            filter silver.payments.method, filter silver.payments.order_id
        """,
    ),
    Case(
        """
        select order_id from silver.orders o where amount > all (select p.amount from silver.payments p where p.order_id
        = o.order_id)
        """,
        """
        order_id <- identity silver.orders.order_id, filter silver.orders.amount, filter silver.orders.order_id,
            filter silver.payments.amount, filter silver.payments.order_id
        """,
    ),
    Case(
        "select order_id from silver.orders where (region, status) in (select country, name from silver.customers)",
        """
        order_id <- identity silver.orders.order_id, filter silver.customers.country, filter silver.customers.name,
            filter silver.orders.region, filter silver.orders.status
        """,
    ),
    Case(
        "select * from silver.payments",
        """
        amount <- identity silver.payments.amount
        method <- identity silver.payments.method
        order_id <- identity silver.payments.order_id
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
    ),
    Case(
        "select p.*, o.region from silver.payments p join silver.orders o on o.order_id = p.order_id",
        """
        * <- join silver.orders.order_id, join silver.payments.order_id
        amount <- identity silver.payments.amount
        method <- identity silver.payments.method
        order_id <- identity silver.payments.order_id
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        region <- identity silver.orders.region
        """,
    ),
    Case(
        "select p.* except (amount, method), p.amount as paid from silver.payments p",
        """
        order_id <- identity silver.payments.order_id
        paid <- identity silver.payments.amount
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
    ),
    Case(
        "select * exclude (amount) replace (upper(method) as method) from silver.payments",
        """
        method <- transformation silver.payments.method
        order_id <- identity silver.payments.order_id
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
        dialect="duckdb",
    ),
    Case(
        "select * rename (amount as paid) from silver.payments",
        """
        method <- identity silver.payments.method
        order_id <- identity silver.payments.order_id
        paid <- identity silver.payments.amount
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
        dialect="snowflake",
    ),
    Case(
        "select *, amount * 2 as amount from silver.payments",
        """
        amount <- identity silver.payments.amount, transformation silver.payments.amount
        method <- identity silver.payments.method
        order_id <- identity silver.payments.order_id
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
    ),
    Case(
        "from silver.payments",
        """
        amount <- identity silver.payments.amount
        method <- identity silver.payments.method
        order_id <- identity silver.payments.order_id
        paid_at <- identity silver.payments.paid_at
        payment_id <- identity silver.payments.payment_id
        """,
        dialect="duckdb",
    ),
    Case(
        "from silver.payments |> where amount > 10 |> aggregate sum(amount) as s group by method",
        """
        * <- filter silver.payments.amount, group_by silver.payments.method
        method <- identity silver.payments.method
        s <- aggregation silver.payments.amount
        """,
        dialect="bigquery",
    ),
    Case(
        "select order_id from silver.orders distribute by region sort by amount",
        """
        order_id <- identity silver.orders.order_id, sort silver.orders.amount
        """,
    ),
    Case(
        """
        with 10 as lim, (select max(amount) from silver.payments) as mx select order_id, amount / mx as share from
        silver.orders where amount > lim
        """,
        """
        * <- filter silver.orders.amount
        order_id <- identity silver.orders.order_id
        share <- transformation silver.orders.amount, aggregation silver.payments.amount
        """,
        dialect="clickhouse",
    ),
    Case(
        """
        select sumIf(amount, status = 'x') as s, uniqExact(customer_id) as u, argMax(amount, created_at) as m from
        silver.orders prewhere region = 'a'
        """,
        """
        * <- filter silver.orders.region
        m <- aggregation silver.orders.amount, sort silver.orders.created_at
        s <- aggregation silver.orders.amount, conditional silver.orders.status
        u <- masked aggregation silver.orders.customer_id
        """,
        dialect="clickhouse",
    ),
    Case(
        """
        select order_id from silver.orders start with customer_id is null connect by prior order_id = customer_id and
        rownum < 5
        """,
        """
        order_id <- identity silver.orders.order_id, filter silver.orders.customer_id, filter silver.orders.order_id
        """,
        dialect="oracle",
    ),
    Case(
        "select Order_ID as OrderID, O.AMOUNT from Silver.Orders O",
        """
        AMOUNT <- identity silver.orders.amount
        OrderID <- identity silver.orders.order_id
        """,
    ),
    Case(
        'select "Order_ID", o."amount" as "Total Amount" from silver.orders o',
        """
        Order_ID <- identity silver.orders.Order_ID
        Total Amount <- identity silver.orders.amount
        """,
        dialect="postgres",
        schema={"silver.orders": ["Order_ID", "amount"]},
    ),
    Case(
        'select A as x, "A" as y from t',
        """
        x <- identity t.a
        y <- identity t.A
        """,
        dialect="postgres",
        schema={"t": ["a", "A"]},
    ),
    Case(
        "select order_id from lake.silver.orders",
        """
        order_id <- identity silver.orders.order_id
        """,
    ),
    Case(
        "select order_id, t.c, cat.sch.t.d from orders join cat.sch.t on t.k = orders.order_id",
        """
        * <- join cat.sch.t.k, join silver.orders.order_id
        c <- identity cat.sch.t.c
        d <- identity cat.sch.t.d
        order_id <- identity silver.orders.order_id
        """,
        schema={"silver.orders": ["order_id"], "cat.sch.t": ["c", "d", "k"]},
    ),
    Case(
        "select x.a, y.a as b, z.a as c from s.t x, lake.s.t y, s.t z",
        """
        a <- identity s.t.a
        b <- identity s.t.a
        c <- identity s.t.a
        """,
        schema={"s.t": ["a"]},
    ),
    Case(
        "select x.a, y.a as b from one.s.t x, two.s.t y",
        """
        a <- identity s.t.a
        b <- identity two.s.t.a
        """,
        schema={"s.t": ["a"]},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_has_exactly_the_edges(case: Case) -> None:
    check(case)
