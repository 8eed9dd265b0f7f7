"""The hardest SELECTs the reference platform needs, over small and nasty inputs: ties, NULLs, late events, exact gaps, DST."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from controlplane.kernel.types import arrow_type

SCHEMAS: dict[str, dict[str, str]] = {
    "bronze.clickstream": {
        "event_id": "string", "user_id": "string", "event_type": "string", "page_url": "string", "ts": "timestamptz",
        "source_partition": "int", "source_offset": "long",
    },
    "bronze.cdc_orders": {
        "op": "string", "before": "string", "after": "string", "source_lsn": "long", "source_partition": "int",
        "source_offset": "long", "source_ts": "timestamptz",
    },
    "bronze.payments": {
        "payment_id": "string", "order_id": "string", "status": "string", "amount": "decimal(12, 2)",
        "occurred_at": "timestamptz", "source_partition": "int", "source_offset": "long",
    },
    "silver.orders": {
        "order_id": "string", "customer_id": "string", "region": "string", "status": "string", "created_at": "timestamptz",
    },
    "silver.order_items": {
        "order_id": "string", "line": "int", "quantity": "int", "unit_price": "decimal(12, 2)", "discount": "decimal(12, 2)",
    },
    "silver.customers": {
        "customer_id": "string", "segment": "string", "valid_from": "timestamptz", "valid_to": "timestamptz",
        "is_current": "boolean",
    },
}  # fmt: skip

MODELS: dict[str, str] = {
    "sessions": """
        with ordered as (
          select c.user_id, c.event_id, c.event_type, c.ts,
                 lag(c.ts) over (partition by c.user_id order by c.ts, c.event_id) as previous
          from bronze.clickstream as c
          where c.user_id is not null and c.ts is not null
        ), numbered as (
          select o.*, sum(case when o.previous is null or o.ts > o.previous + interval 30 minutes then 1 else 0 end)
                        over (partition by o.user_id order by o.ts, o.event_id) as number
          from ordered as o
        )
        select concat(n.user_id, '-', min_by(n.event_id, n.event_id)) as session_id, n.user_id,
               min(n.ts) as started_at, max(n.ts) as ended_at,
               (unix_micros(max(n.ts)) - unix_micros(min(n.ts))) div 1000000 as seconds,
               count(*) as events, count_if(n.event_type = 'view') as views, bool_or(n.event_type = 'search') as searched
        from numbered as n
        group by n.user_id, n.number""",
    "sessions with late events": """
        with touched as (
          select l.user_id, l.ts - interval 1 hours as opens, l.ts + interval 1 hours as closes
          from bronze.clickstream as l
          where l.event_type = 'late'
        )
        select c.user_id, c.event_id, c.ts,
               row_number() over (partition by c.user_id order by c.ts desc, c.event_id) as newest
        from bronze.clickstream as c
        left semi join touched as t on t.user_id = c.user_id and c.ts between t.opens and t.closes""",
    "final payment status": """
        with ranked as (
          select p.*, row_number() over (
                   partition by p.payment_id
                   order by p.occurred_at desc nulls last, p.source_partition desc, p.source_offset desc) as place
          from bronze.payments as p
        )
        select r.payment_id, r.order_id, r.status, r.amount, r.occurred_at, o.customer_id, o.region,
               case when r.status = 'refunded' then -r.amount when r.status = 'captured' then r.amount else 0 end as net
        from ranked as r left join silver.orders as o on o.order_id = r.order_id
        where r.place = 1""",
    "payment history by max_by": """
        select p.payment_id, max_by(p.status, p.source_offset) as last_status,
               min_by(p.occurred_at, p.source_offset) as first_at,
               count(distinct p.status) as statuses, max(p.amount) as amount
        from bronze.payments as p group by p.payment_id""",
    "daily revenue": """
        with lines as (
          select i.order_id, sum(cast(i.unit_price as decimal(28, 2)) * i.quantity - coalesce(i.discount, 0)) as total
          from silver.order_items as i
          group by i.order_id
        )
        select cast(o.created_at as date) as day, coalesce(o.region, 'unknown') as region, count(distinct o.order_id) as orders,
               sum(l.total) as revenue, sum(case when o.status = 'returned' then l.total else 0 end) as returned,
               cast(sum(l.total) as double) / cast(nullif(count(l.total), 0) as double) as average
        from silver.orders as o left join lines as l on l.order_id = o.order_id
        where o.status is null or o.status <> 'cancelled'
        group by grouping sets ((cast(o.created_at as date), coalesce(o.region, 'unknown')), (cast(o.created_at as date)))""",
    "cohorts": """
        with firsts as (
          select o.customer_id, min(cast(date_trunc('MONTH', o.created_at) as date)) as cohort
          from silver.orders as o where o.created_at is not null group by o.customer_id
        ), active as (
          select distinct o.customer_id, cast(date_trunc('MONTH', o.created_at) as date) as month from silver.orders as o
          where o.created_at is not null
        )
        select f.cohort, (year(a.month) - year(f.cohort)) * 12 + month(a.month) - month(f.cohort) as age,
               count(distinct a.customer_id) as customers,
               cast(count(distinct a.customer_id) as double) / cast(nullif(max(s.size), 0) as double) as retention
        from firsts as f
        join active as a on a.customer_id <=> f.customer_id
        join (select f2.cohort, count(*) as size from firsts as f2 group by f2.cohort) as s on s.cohort = f.cohort
        group by f.cohort, (year(a.month) - year(f.cohort)) * 12 + month(a.month) - month(f.cohort)""",
    "hourly funnel": """
        with steps as (
          select date_trunc('HOUR', c.ts) as hour, c.user_id,
                 max(case when c.event_type = 'view' then 1 else 0 end) as viewed,
                 max(case when c.event_type = 'cart' then 1 else 0 end) as carted,
                 max(case when c.event_type = 'purchase' then 1 else 0 end) as bought
          from bronze.clickstream as c where c.ts is not null group by date_trunc('HOUR', c.ts), c.user_id
        )
        select s.hour, count(s.user_id) as users, sum(s.viewed) as viewed, sum(s.viewed * s.carted) as carted,
               sum(s.viewed * s.carted * s.bought) as bought,
               cast(sum(s.viewed * s.carted * s.bought) as double) / cast(nullif(sum(s.viewed), 0) as double) as conversion,
               lag(sum(s.bought)) over (order by s.hour) as bought_before
        from steps as s group by s.hour""",
    "calendar": """
        with bounds as (
          select min(cast(o.created_at as date)) as first, max(cast(o.created_at as date)) as last from silver.orders as o
        ), digits as (
          select v.d from (values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) as v(d)
        ), days as (
          select b.first + (h.d * 100 + t.d * 10 + u.d) as day, b.last
          from bounds as b cross join digits as h cross join digits as t cross join digits as u
        )
        select d.day, date_format(d.day, 'yyyyMMdd') as day_key, year(d.day) as year, quarter(d.day) as quarter,
               month(d.day) as month, weekofyear(d.day) as week, dayofweek(d.day) as weekday,
               date_format(d.day, 'EEEE') as name,
               dayofweek(d.day) in (1, 7) as weekend, d.day = last_day(d.day) as month_end, datediff(d.last, d.day) as days_left
        from days as d where d.day <= d.last""",
    "latest state from CDC": """
        with events as (
          select coalesce(get_json_object(c.after, '$.order_id'), get_json_object(c.before, '$.order_id')) as order_id,
                 get_json_object(c.after, '$.status') as status, get_json_object(c.after, '$.total') as total,
                 get_json_object(c.after, '$.customer.id') as customer_id, get_json_object(c.after, '$.tags[0]') as tag,
                 c.op = 'd' as deleted, c.source_lsn, c.source_partition, c.source_offset, c.source_ts
          from bronze.cdc_orders as c
        ), ranked as (
          select e.*, row_number() over (partition by e.order_id
                   order by e.source_lsn desc nulls last, e.source_partition desc, e.source_offset desc) as place
          from events as e where e.order_id is not null
        )
        select r.order_id, r.status, r.total, r.customer_id, r.tag, r.source_lsn, r.source_ts from ranked as r
        where r.place = 1 and not r.deleted""",
    "as-of join": """
        select o.order_id, o.created_at, c.segment, c.valid_from,
               coalesce(c.segment, 'before the first version') as shown
        from silver.orders as o
        left join silver.customers as c
          on c.customer_id = o.customer_id and o.created_at >= c.valid_from
         and (c.valid_to is null or o.created_at < c.valid_to)""",
}


def inputs(seed: int = 11, rows: int = 400) -> dict[str, pa.Table]:
    """Return one seeded table per input dataset; ``rows=0`` gives empty ones."""
    dice = random.Random(seed)
    makers = {
        "bronze.clickstream": _click, "bronze.cdc_orders": _change, "bronze.payments": _payment, "silver.orders": _order,
        "silver.order_items": _item, "silver.customers": _version,
    }  # fmt: skip
    return {
        name: pa.Table.from_pylist([make(dice, at) for at in range(rows)], schema=_schema(SCHEMAS[name]))
        for name, make in makers.items()
    }


def _schema(columns: dict[str, str]) -> pa.Schema:
    return pa.schema([(name, arrow_type(kind)) for name, kind in columns.items()])


def _instant(dice: random.Random) -> datetime:
    """Some hours around both changes of the clock, in steps of ten minutes: gaps of exactly 30 minutes and ties occur."""
    start = dice.choice([datetime(2024, 3, 30, 20, tzinfo=UTC), datetime(2024, 10, 26, 20, tzinfo=UTC)])
    return start + timedelta(minutes=10 * dice.randint(0, 90), microseconds=dice.choice([0, 0, 0, 1, 999_999]))


def _maybe(dice: random.Random, value: object, odds: float = 0.05) -> object:
    return None if dice.random() < odds else value


def _click(dice: random.Random, at: int) -> dict[str, object]:
    return {
        "event_id": f"e{at:05d}", "user_id": _maybe(dice, f"u{dice.randint(1, 12)}"),
        "event_type": _maybe(dice, dice.choice(["view", "view", "cart", "purchase", "search", "late"])),
        "page_url": "https://shop/p?q=1", "ts": _maybe(dice, _instant(dice)), "source_partition": at % 3, "source_offset": at,
    }  # fmt: skip


def _change(dice: random.Random, at: int) -> dict[str, object]:
    order = f"o{dice.randint(1, 60)}"
    row = {
        "order_id": order, "status": dice.choice(["new", "paid", None, 'zurück "x"\n']),
        "total": f"{dice.randint(0, 99999) / 100:.2f}",
        "customer": {"id": dice.randint(1, 9)}, "tags": dice.choice([["a", "b"], [], ["ß"]]),
    }  # fmt: skip
    op = dice.choice(["c", "u", "u", "u", "d"])
    after = None if op == "d" else json.dumps(row, ensure_ascii=dice.random() < 0.5)
    if dice.random() < 0.03:
        after = dice.choice(["", "{", "null", '{"order_id": "' + order])
    return {
        "op": op, "before": json.dumps({"order_id": order}) if op in "ud" else None, "after": after,
        "source_lsn": _maybe(dice, dice.randint(1, 80)), "source_partition": at % 3, "source_offset": at,
        "source_ts": _instant(dice),
    }  # fmt: skip


def _payment(dice: random.Random, at: int) -> dict[str, object]:
    return {
        "payment_id": f"p{dice.randint(1, 70)}", "order_id": _maybe(dice, f"o{dice.randint(1, 90)}"),
        "status": _maybe(dice, dice.choice(["authorised", "captured", "refunded", "charged back"]), 0.1),
        "amount": _maybe(dice, Decimal(dice.choice([0, 1, dice.randint(-(10**11), 10**11)])).scaleb(-2)),
        "occurred_at": _maybe(dice, _instant(dice)), "source_partition": at % 3, "source_offset": at,
    }  # fmt: skip


def _order(dice: random.Random, at: int) -> dict[str, object]:
    created = datetime(2023, 11, 1, tzinfo=UTC) + timedelta(hours=dice.randint(0, 9000)) if at % 2 else _instant(dice)
    return {
        "order_id": f"o{at}", "customer_id": _maybe(dice, f"c{dice.randint(1, 15)}"),
        "region": _maybe(dice, dice.choice(["north", "south", "", "Ü"])),
        "status": _maybe(dice, dice.choice(["paid", "cancelled", "returned"])), "created_at": _maybe(dice, created),
    }  # fmt: skip


def _item(dice: random.Random, at: int) -> dict[str, object]:
    return {
        "order_id": f"o{dice.randint(0, 300)}", "line": at, "quantity": _maybe(dice, dice.choice([0, 1, 2, -1, 2**31 - 1])),
        "unit_price": _maybe(dice, Decimal(dice.choice([1, 333, 10**12 - 1])).scaleb(-2)),
        "discount": _maybe(dice, Decimal(dice.randint(0, 50)).scaleb(-2), 0.3),
    }  # fmt: skip


def _version(dice: random.Random, at: int) -> dict[str, object]:
    start = datetime(2023, 11, 1, tzinfo=UTC) + timedelta(days=30 * (at // 15))
    return {
        "customer_id": f"c{at % 15 + 1}", "segment": _maybe(dice, dice.choice(["new", "loyal"])), "valid_from": start,
        "valid_to": start + timedelta(days=30) if at < 150 else None, "is_current": at >= 150,
    }  # fmt: skip
