"""What functions, operators, windows and aggregates do to a column."""

from __future__ import annotations

import pytest

from tests.unit.lineage.reading_cases import Case, check

CASES = [
    Case(
        "select order_id, amount + tax as total, amount * 1.19 as gross from silver.orders",
        """
        gross <- transformation silver.orders.amount
        order_id <- identity silver.orders.order_id
        total <- transformation silver.orders.amount, transformation silver.orders.tax
        """,
    ),
    Case(
        "select 1 as one, 'x' as word, null as nothing, current_date() as today from silver.orders",
        """
        """,
    ),
    Case(
        """
        select concat(name, ' ', email) as label, upper(trim(email)) as mail, substr(email, 1, 3) as start from
        silver.customers
        """,
        """
        label <- transformation silver.customers.email, transformation silver.customers.name
        mail <- transformation silver.customers.email
        start <- transformation silver.customers.email
        """,
    ),
    Case(
        """
        select cast(created_at as date) as day, date_trunc('month', created_at) as month, extract(year from created_at)
        as year, created_at + interval 1 day as later, datediff(day, created_at, current_date()) as age from
        silver.customers
        """,
        """
        age <- transformation silver.customers.created_at
        day <- transformation silver.customers.created_at
        later <- transformation silver.customers.created_at
        month <- transformation silver.customers.created_at
        year <- transformation silver.customers.created_at
        """,
    ),
    Case(
        "select case when status = 'paid' then amount else tax end as due from silver.orders",
        """
        due <- identity silver.orders.amount, identity silver.orders.tax, conditional silver.orders.status
        """,
    ),
    Case(
        "select case status when 'a' then amount when region then tax else 0 end as due from silver.orders",
        """
        due <- identity silver.orders.amount, identity silver.orders.tax, conditional silver.orders.region,
            conditional silver.orders.status
        """,
    ),
    Case(
        """
        select if(amount > tax, region, status) as picked, nvl2(region, amount, tax) as known, nullif(amount, tax) as
        changed from silver.orders
        """,
        """
        changed <- identity silver.orders.amount, conditional silver.orders.amount, conditional silver.orders.tax
        known <- identity silver.orders.amount, identity silver.orders.tax, conditional silver.orders.region
        picked <- identity silver.orders.region, identity silver.orders.status, conditional silver.orders.amount,
            conditional silver.orders.tax
        """,
    ),
    Case(
        """
        select coalesce(p.amount, o.amount, 0) as amount, ifnull(p.method, 'none') as method from silver.orders o left
        join silver.payments p on p.order_id = o.order_id
        """,
        """
        * <- join silver.orders.order_id, join silver.payments.order_id
        amount <- identity silver.orders.amount, identity silver.payments.amount, conditional silver.orders.amount,
            conditional silver.payments.amount
        method <- identity silver.payments.method, conditional silver.payments.method
        """,
    ),
    Case(
        "select decode(status, 'a', amount, region, tax, 0) as due from silver.orders",
        """
        due <- identity silver.orders.amount, identity silver.orders.tax, conditional silver.orders.region,
            conditional silver.orders.status
        """,
    ),
    Case(
        "select multiIf(amount > 1, tax, region = 'x', status, customer_id) as m from silver.orders",
        """
        m <- identity silver.orders.customer_id, identity silver.orders.status, identity silver.orders.tax,
            conditional silver.orders.amount, conditional silver.orders.region
        """,
        dialect="clickhouse",
    ),
    Case(
        """
        select greatest(amount, tax) as most, amount > tax as is_more, region in ('a', status) as listed, not (address
        is null) as has_address from silver.orders
        """,
        """
        has_address <- transformation silver.orders.address
        is_more <- transformation silver.orders.amount, transformation silver.orders.tax
        listed <- transformation silver.orders.region, transformation silver.orders.status
        most <- transformation silver.orders.amount, transformation silver.orders.tax
        """,
    ),
    Case(
        "select sum(amount) as s, avg(tax) as a, min(region) as lo, max(status) as hi from silver.orders",
        """
        a <- aggregation silver.orders.tax
        hi <- aggregation silver.orders.status
        lo <- aggregation silver.orders.region
        s <- aggregation silver.orders.amount
        """,
    ),
    Case(
        """
        select count(*) as rows, count(email) as mails, count(distinct email) as people, approx_count_distinct(email) as
        about, count_if(country = 'DE') as german from silver.customers
        """,
        """
        about <- masked aggregation silver.customers.email
        german <- masked aggregation silver.customers.country
        mails <- masked aggregation silver.customers.email
        people <- masked aggregation silver.customers.email
        """,
    ),
    Case(
        """
        select sum(case when status = 'paid' then amount else 0 end) as paid, count(case when region = 'a' then 1 end)
        as in_a from silver.orders
        """,
        """
        in_a <- masked conditional silver.orders.region
        paid <- aggregation silver.orders.amount, conditional silver.orders.status
        """,
    ),
    Case(
        "select sum(amount) filter (where status = 'paid') as paid from silver.orders",
        """
        paid <- aggregation silver.orders.amount, filter silver.orders.status
        """,
    ),
    Case(
        """
        select max_by(amount, created_at) as latest, first(region) as some_region, collect_list(status) as states,
        array_agg(distinct tax) as taxes from silver.orders
        """,
        """
        latest <- aggregation silver.orders.amount, sort silver.orders.created_at
        some_region <- aggregation silver.orders.region
        states <- aggregation silver.orders.status
        taxes <- aggregation silver.orders.tax
        """,
    ),
    Case(
        """
        select percentile_cont(0.5) within group (order by amount) as median, listagg(region, ',') within group (order
        by created_at) as regions from silver.orders
        """,
        """
        median <- aggregation silver.orders.amount
        regions <- aggregation silver.orders.region, sort silver.orders.created_at
        """,
    ),
    Case(
        """
        select corr(amount, tax) as c, bool_or(status = 'x') as any_x, sum(amount) / count(order_id) as mean from
        silver.orders
        """,
        """
        any_x <- aggregation silver.orders.status
        c <- aggregation silver.orders.amount, aggregation silver.orders.tax
        mean <- aggregation silver.orders.amount, masked aggregation silver.orders.order_id
        """,
    ),
    Case(
        """
        select row_number() over (partition by customer_id order by created_at desc) as n, rank() over (order by amount)
        as r from silver.orders
        """,
        """
        n <- window silver.orders.created_at, window silver.orders.customer_id
        r <- window silver.orders.amount
        """,
    ),
    Case(
        """
        select sum(amount) over (partition by region order by created_at rows between 1 preceding and current row) as
        running, lag(tax) over (order by created_at) as before from silver.orders
        """,
        """
        * <- window silver.orders.created_at
        before <- transformation silver.orders.tax
        running <- aggregation silver.orders.amount, window silver.orders.region
        """,
    ),
    Case(
        """
        select sum(amount) over w as running, count(tax) over (w rows unbounded preceding) as n from silver.orders
        window w as (partition by region order by created_at)
        """,
        """
        * <- window silver.orders.created_at, window silver.orders.region
        n <- masked aggregation silver.orders.tax
        running <- aggregation silver.orders.amount
        """,
    ),
    Case(
        """
        select first_value(amount) ignore nulls over (partition by region order by created_at) as f from silver.orders
        """,
        """
        f <- transformation silver.orders.amount, window silver.orders.created_at, window silver.orders.region
        """,
    ),
    Case(
        """
        select sum(sum(amount)) over (partition by region order by max(created_at)) as s from silver.orders group by
        region
        """,
        """
        s <- aggregation silver.orders.amount, group_by silver.orders.region, window silver.orders.created_at,
            window silver.orders.region
        """,
    ),
    Case(
        "select hmac(email, 'key', 'sha256') as token, aes_encrypt(email, name) as sealed from silver.customers",
        """
        sealed <- masked transformation silver.customers.email, masked transformation silver.customers.name
        token <- masked transformation silver.customers.email
        """,
    ),
    Case(
        """
        select md5(email) as m, sha2(email, 256) as s, hash(email) as h, xxhash64(email) as x, max(email) as top from
        silver.customers
        """,
        """
        h <- transformation silver.customers.email
        m <- transformation silver.customers.email
        s <- transformation silver.customers.email
        top <- aggregation silver.customers.email
        x <- transformation silver.customers.email
        """,
    ),
    Case(
        """
        select upper(hmac_sha256(email, 'key')) as token, max(hmac_sha256(email, 'key')) as top,
        concat(hmac_sha256(email, 'key'), name) as mixed from silver.customers
        """,
        """
        mixed <- masked transformation silver.customers.email, transformation silver.customers.name
        token <- masked transformation silver.customers.email
        top <- masked aggregation silver.customers.email
        """,
    ),
    Case(
        """
        select address.city as city, o.address.zip.code as code, items[0].sku as sku, address['x'] as x from
        silver.orders o
        """,
        """
        city <- transformation silver.orders.address
        code <- transformation silver.orders.address
        sku <- transformation silver.orders.items
        x <- transformation silver.orders.address
        """,
    ),
    Case(
        """
        select transform(items, i -> i.price * tax) as priced, filter(items, i -> i.qty > amount) as many, exists(items,
        i -> i.qty > 1) as any_many from silver.orders
        """,
        """
        any_many <- transformation silver.orders.items
        many <- transformation silver.orders.amount, transformation silver.orders.items
        priced <- transformation silver.orders.items, transformation silver.orders.tax
        """,
    ),
    Case(
        """
        select payload:a.b::string as b, get_json_object(payload, '$.a') as a, from_json(payload, 'c int').c as c from
        silver.events
        """,
        """
        a <- transformation silver.events.payload
        b <- transformation silver.events.payload
        c <- transformation silver.events.payload
        """,
    ),
    Case(
        """
        select named_struct('a', amount, 'b', tax) as pair, struct(region as r, status) as other, array(amount, tax) as
        both_, map(region, amount) as m from silver.orders
        """,
        """
        both_ <- transformation silver.orders.amount, transformation silver.orders.tax
        m <- transformation silver.orders.amount, transformation silver.orders.region
        other <- transformation silver.orders.region, transformation silver.orders.status
        pair <- transformation silver.orders.amount, transformation silver.orders.tax
        """,
    ),
    Case(
        "select to_json(struct(*)) as j from silver.payments",
        """
        j <- transformation silver.payments.amount, transformation silver.payments.method,
            transformation silver.payments.order_id, transformation silver.payments.paid_at,
            transformation silver.payments.payment_id
        """,
    ),
    Case(
        "select explode(tags) as tag, user_id from silver.events",
        """
        tag <- transformation silver.events.tags
        user_id <- identity silver.events.user_id
        """,
    ),
    Case(
        "select posexplode(tags) as (place, tag) from silver.events",
        """
        place <- transformation silver.events.tags
        tag <- transformation silver.events.tags
        """,
    ),
    Case(
        "select grouping(region) as g, region, sum(amount) as s from silver.orders group by rollup(region)",
        """
        * <- group_by silver.orders.region
        g <-
        region <- identity silver.orders.region
        s <- aggregation silver.orders.amount
        """,
    ),
    Case(
        "select amount * 2 as x, x + tax as y from silver.orders",
        """
        x <- transformation silver.orders.amount
        y <- transformation silver.orders.amount, transformation silver.orders.tax
        """,
    ),
    Case(
        "select upper(name) as name, length(name) as n from silver.customers",
        """
        n <- transformation silver.customers.name
        name <- transformation silver.customers.name
        """,
    ),
    Case(
        """
        select (select max(p.amount) from silver.payments p where p.order_id = o.order_id) as most, exists (select 1
        from silver.payments p where p.order_id = o.order_id) as is_paid, amount > (select avg(tax) from silver.orders)
        as big, status in (select method from silver.payments) as odd from silver.orders o
        """,
        """
        big <- transformation silver.orders.amount, aggregation silver.orders.tax
        is_paid <- filter silver.orders.order_id, filter silver.payments.order_id
        most <- aggregation silver.payments.amount, filter silver.orders.order_id, filter silver.payments.order_id
        odd <- transformation silver.orders.status, transformation silver.payments.method
        """,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_has_exactly_the_edges(case: Case) -> None:
    check(case)
