"""Expressions of the subset, and some outside of it, over a table of nasty values: what the allow list rests on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from controlplane.kernel.types import arrow_type

RELATION = "probe.cells"
COLUMNS = {
    "id": "long", "g": "long", "i": "int", "l": "long", "d": "decimal(12, 2)", "e": "decimal(18, 4)", "x": "double",
    "s": "string", "t": "timestamptz", "u": "timestamptz", "n": "timestamp", "dt": "date", "du": "date", "b": "boolean",
    "j": "string",
}  # fmt: skip

SCALARS = """
coalesce(p.i, 0) | nvl(p.s, 'none') | nullif(p.i, 5) | if(p.b, 1, 0) | greatest(p.l, p.i) | least(p.t, p.u) | greatest(p.d, 0)
case when p.i > 0 then 'p' when p.i < 0 then 'n' else 'z' end | case p.i when 5 then 1 end | case when p.b then p.d else 0 end
p.i + 1 | p.l - 7 | p.l * 2 | -p.d | abs(p.l) | abs(p.d) | p.d + p.e | p.d - p.e | p.d + 1 | cast(p.d as decimal(28, 2)) * p.i
cast(p.d as decimal(28, 2)) * p.e | p.l % 7 | p.l % nullif(p.i, 0) | p.l div 1000000 | p.l div nullif(p.i, 0) | p.i / 3
p.l / nullif(p.i, 0) | cast(p.d as double) / cast(nullif(p.l, 0) as double) | cast(p.l as double) / 3 | p.x * 3 | p.x + 1
round(p.d, 1) | round(p.e, 2) | floor(p.d) | ceil(p.e)
cast(p.i as bigint) | cast(p.l as double) | cast(p.l as decimal(20, 2)) | cast(p.i as string) | cast(p.d as double)
cast(p.e as decimal(18, 2)) | cast(p.d as string) | cast(p.dt as string) | cast(p.b as int) | cast(p.t as date)
cast(p.n as date) | cast(p.dt as timestamp) | cast(p.n as timestamp) | cast(p.t as timestamp_ntz) | to_date(p.t) | 3000000000
p.t + interval 30 minutes | p.t - interval '7' days | p.t + interval 1 month | p.dt + 1 | p.dt - 30 | p.dt + p.i
p.t <= p.u + interval 30 minutes | p.dt between p.du and p.du + 30 | p.t >= timestamp'2024-03-31 01:00:00'
date'2024-02-29' | p.dt > date'2024-01-01' | (unix_micros(p.t) - unix_micros(p.u)) div 1000000 | unix_micros(p.t)
datediff(p.dt, p.du) | datediff(p.t, p.u) | datediff(p.t, p.du) | last_day(p.dt) | make_date(2024, 2, 29)
date_trunc('HOUR', p.t) | date_trunc('DAY', p.t) | date_trunc('WEEK', p.t) | date_trunc('QUARTER', p.t) | date_trunc('DAY', p.n)
date_trunc('MONTH', p.dt) | cast(date_trunc('MONTH', p.dt) as date) | year(p.dt) * 12 + month(p.dt) | quarter(p.dt)
year(p.t) | month(p.t) | day(p.t) | dayofmonth(p.dt) | hour(p.t) | minute(p.t) | weekofyear(p.dt) | dayofyear(p.dt)
dayofweek(p.dt) | dayofweek(p.t) | extract(year from p.dt) | extract(hour from p.t)
date_format(p.t, 'yyyy-MM-dd') | date_format(p.dt, 'yyyyMMdd') | date_format(p.dt, 'yyyy-MM') | date_format(p.dt, 'EEEE')
date_format(p.dt, 'MMMM') | date_format(p.t, 'yyyyMMddHH') | date_format(p.dt, 'yyyy')
concat(p.s, 'x') | concat_ws('-', p.s, 'x') | p.s || '.' || p.s | trim(p.s) | ltrim(p.s) | rtrim(p.s) | length(p.s)
left(p.s, 2) | right(p.s, 2) | substring(p.s, 1, 2) | substring(p.s, 3) | replace(p.s, '-', '') | translate(p.s, 'abc', 'ABC')
lpad(p.s, 5, '0') | instr(p.s, '?') | position('b' in p.s) | split_part(p.s, '?', 1) | split_part(p.s, '-', 2)
p.s like 'a%' | p.s not like '%?%' | p.s = '' | p.s in ('a', 'b') | p.s < 'b'
p.i in (1, 5) | p.i not in (1, 5) | p.i is null | p.i <=> 5 | p.i is distinct from 5 | p.i between 0 and 5 | not p.b
p.b and p.i > 0 | p.b or p.i > 0 | p.l > p.d | p.x > p.d | p.i = p.l | p.i <> 5
get_json_object(p.j, '$.a') | get_json_object(p.j, '$.b') | get_json_object(p.j, '$.c.d') | get_json_object(p.j, '$.c.d[0]')
null | cast(null as bigint) | true | 1.50 | 'text' | 1e2
"""

AGGREGATES = """
count(*) | count(p.i) | count(distinct p.s) | count(distinct p.dt, p.s) | count_if(p.b) | sum(p.i) | sum(p.l) | sum(p.d)
sum(case when p.b then p.d else 0 end) | sum(cast(p.d as decimal(28, 2)) * p.i) | sum(p.d) filter (where p.b) | min(p.s)
max(p.t) | min(p.dt) | max(p.x) | max(p.d) | bool_and(p.b) | bool_or(p.b) | max_by(p.s, p.id)
min_by(p.s, p.id) | max_by(p.t, p.id)
cast(sum(p.d) as double) / cast(nullif(count(p.d), 0) as double) | cast(sum(p.d) as decimal(18, 2))
max(case when p.b then p.t end)
"""

WINDOWS = """
row_number() over (partition by p.g order by p.t desc, p.id) | row_number() over (order by p.s nulls last, p.id)
row_number() over (partition by p.g order by p.x, p.id) | rank() over (partition by p.g order by p.i)
ntile(4) over (order by p.id)
dense_rank() over (partition by p.g order by p.d desc) | lag(p.t) over (partition by p.g order by p.t, p.id)
lag(p.i, 1, 0) over (partition by p.g order by p.id) | lead(p.s, 2) over (partition by p.g order by p.t, p.id)
sum(p.i) over (partition by p.g order by p.t, p.id) | sum(p.l) over (partition by p.g) | count(*) over (partition by p.g)
sum(p.d) over (partition by p.g order by p.id rows between 3 preceding and 1 following)
max(p.t) over (partition by p.g order by p.t, p.id rows between unbounded preceding and 1 preceding)
first_value(p.s) over (partition by p.g order by p.t, p.id) | max_by(p.s, p.id) over (partition by p.g)
last_value(p.s) over (partition by p.g order by p.t, p.id rows between unbounded preceding and unbounded following)
last_value(p.s) ignore nulls over (partition by p.g order by p.id rows between unbounded preceding and current row)
"""

STATEMENTS = {
    "distinct": "select distinct p.i, p.s from probe.cells as p",
    "union": "select p.i as v, 1 as k from probe.cells as p union select p.i, 2 from probe.cells as p",
    "intersect": "select p.l as v from probe.cells as p intersect select p.l from probe.cells as p where p.b",
    "except": "select p.l as v from probe.cells as p except select p.l from probe.cells as p where p.b",
    "grouping sets": (
        "select p.g, p.b, count(*) as n, grouping(p.g) as k from probe.cells as p group by grouping sets ((p.g, p.b), ())"
    ),
    "rollup": "select p.g, p.b, count(*) as n from probe.cells as p group by rollup (p.g, p.b)",
    "cube": "select p.g, p.b, count(*) as n from probe.cells as p group by cube (p.g, p.b)",
    "having": "select p.g, count(*) as n from probe.cells as p group by p.g having count(*) > 2",
    "group by alias": "select p.i + 1 as i, count(*) as n from probe.cells as p group by p.i + 1",
    "group by a name that is column and alias": "select p.i + 1 as g, count(*) as n from probe.cells as p group by g, p.i",
    "lateral view": "select p.id, e.v from probe.cells as p lateral view explode(array(p.i, 2)) e as v",
    "values": "select v.a, v.b from (values (1, 'x'), (2, null)) as v(a, b)",
    "left join": "select p.id, q.id as k from probe.cells as p left join probe.cells as q on p.i = q.l",
    "full join": "select p.id, q.id as k from probe.cells as p full outer join probe.cells as q on p.id = q.id + 1000",
    "join using": "select id, q.s from probe.cells as p join probe.cells as q using (id)",
    "semi join": "select p.id from probe.cells as p left semi join probe.cells as q on p.i = q.l",
    "anti join": "select p.id from probe.cells as p left anti join probe.cells as q on p.i = q.l",
    "exists": "select p.id from probe.cells as p where exists (select 1 from probe.cells as q where q.l = p.i)",
    "in": "select p.id from probe.cells as p where p.i in (select q.i from probe.cells as q where q.b)",
    "not in with nulls": "select p.id from probe.cells as p where p.i not in (select q.i from probe.cells as q where q.b)",
    "scalar subquery": "select p.id, (select max(q.l) from probe.cells as q where q.g = p.g) as v from probe.cells as p",
    "alias used again": "select p.id, p.i + 1 as w, w * 2 as v from probe.cells as p where p.i < 100",
    "named window": "select p.id, sum(p.l) over w as v from probe.cells as p window w as (partition by p.g order by p.id)",
    "empty group": "select count(*) as n, sum(p.l) as v, max(p.s) as m from probe.cells as p where false",
    "no group": "select p.g, count(*) as n from probe.cells as p where false group by p.g",
    "star in a subquery": "select q.id, q.s from (select * from probe.cells) as q",
    "order of nulls": "select p.id, row_number() over (order by p.i, p.id) as v from probe.cells as p",
}

# What the allow list refuses, and what its engines do: kept so that a later version that agrees is noticed.
REFUSED = """
avg(p.d) | p.d / 3 | round(p.x, 4) | cast(p.d as bigint) | cast(p.x as decimal(18, 6)) | cast(p.t as string)
lower(p.s) | upper(p.s) | substring(p.s, 0, 2) | date_add(p.dt, 1) | add_months(p.dt, 1) | p.dt + interval 1 day
p.t - p.u | p.dt - p.du | timestampdiff(MINUTE, p.t, p.u) | unix_seconds(p.t) | trunc(p.dt, 'MM') | sign(p.l) | isnan(p.x)
from_utc_timestamp(p.t, 'Europe/Berlin') | p.d * p.e | first(p.s) | percentile(p.x, 0.5) | ln(abs(p.x) + 1) | floor(p.x)
"""


def split(block: str) -> list[str]:
    """Return the expressions of one of the blocks above."""
    return [part.strip() for line in block.strip().splitlines() for part in line.split(" | ")]


def statements() -> Iterator[tuple[str, str]]:
    """Yield (what is tried, SELECT) for everything that has to agree."""
    for expression in split(SCALARS):
        yield expression, f"select p.id, {expression} as v from {RELATION} as p"
    for expression in split(AGGREGATES):
        yield expression, f"select p.g, {expression} as v from {RELATION} as p group by p.g"
    listed = ", ".join(f"{expression} as v{at}" for at, expression in enumerate(split(AGGREGATES)))
    yield "aggregates of nothing", f"select {listed} from {RELATION} as p where false"
    for expression in split(WINDOWS):
        yield expression, f"select p.id, {expression} as v from {RELATION} as p"
    yield from STATEMENTS.items()


def refused() -> Iterator[tuple[str, str]]:
    """Yield (what is tried, SELECT) for what the allow list refuses."""
    for expression in split(REFUSED):
        grouped = expression.startswith(("avg", "first", "percentile"))
        head, tail = ("p.g", " group by p.g") if grouped else ("p.id", "")
        yield expression, f"select {head}, {expression} as v from {RELATION} as p{tail}"


def cells(rows: int = 600, seed: int = 7) -> pa.Table:
    """Return the seeded table the expressions run over: NULLs, ties, extremes, DST days, odd text and odd JSON."""
    dice = random.Random(seed)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    texts = [
        "",
        "a",
        "ÄÖÜß İ",
        "a?b",
        "https://x.y/p/q?x=1&y=2",
        "ab-cd",
        "Ünï-cödé",
        "日本-語 😀",
        " x ",
        "%_\\",
        "O'Brien",
        "tab\there",
    ]
    documents = [
        '{"a":1,"b":"x","c":{"d":[1,2]}}', '{"a":null}', "", "not json", "[1,2]", '{"a":"\\u00e9","b":""}', '{"a":1.10}',
        '{"a":{"z":1,"y":[1,2]}}', '{"a":true,"b":"q\\"uo\\nte"}', '{"a":1', '{"a":12345678901234567}', '{"A":9,"b":"null"}',
    ]  # fmt: skip
    dst = [
        datetime(2024, 3, 31, 1, tzinfo=UTC),
        datetime(2024, 10, 27, 0, 59, 59, 999999, tzinfo=UTC),
        epoch - timedelta(microseconds=1),
    ]

    def instant() -> datetime:
        return dice.choice([*dst, epoch + timedelta(microseconds=dice.randint(-(10**15), 2 * 10**15))])

    def day() -> date:
        return date(1970, 1, 1) + timedelta(days=dice.randint(-20_000, 40_000))

    def number(limit: int, scale: int) -> Decimal:
        return Decimal(dice.choice([0, dice.randint(-1000, 1000), dice.randint(-limit, limit)])).scaleb(-scale)

    makers = {
        "g": lambda: dice.randint(1, 5), "i": lambda: dice.choice([0, 5, dice.randint(-50, 50)]),
        "l": lambda: dice.choice([dice.randint(-99, 99), dice.randint(-(10**14), 10**14)]),
        "d": lambda: number(10**11, 2), "e": lambda: number(10**13, 4),
        "x": lambda: dice.choice([float("nan"), -0.0, dice.random() * 1000, dice.randint(-9, 9) / 1000, -dice.random() * 1e12]),
        "s": lambda: dice.choice(texts), "t": instant, "u": instant, "n": lambda: instant().replace(tzinfo=None),
        "dt": day, "du": day, "b": lambda: dice.random() < 0.5, "j": lambda: dice.choice(documents),
    }  # fmt: skip
    columns: dict[str, list[object]] = {
        name: [make() if dice.random() < 0.8 else None for _ in range(rows)] for name, make in makers.items()
    }
    for name, values in columns.items():  # a group of nothing but NULLs
        values[:9] = [9] * 9 if name == "g" else [None] * 9
    schema = pa.schema([(name, arrow_type(kind)) for name, kind in COLUMNS.items()])
    return pa.table({"id": list(range(rows)), **columns}, schema=schema)
