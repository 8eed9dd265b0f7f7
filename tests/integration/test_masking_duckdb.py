"""The mask query on DuckDB: the published vectors, ugly text, types, order, formats; and no key where people look."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.types import arrow_type
from pii_policies.masking import format_predicate, mask_query, mask_value, masked_type
from pii_policies.model import MaskRule, MasterKey, Profile, SqlQuery, Technique
from pii_policies.tokens import Vector, pads, token, vectors

KEY = MasterKey(b"k" * 32, 3)
FEW = settings(deadline=None, max_examples=40)
ALL_PROFILES = [MaskRule("value", Technique.TOKEN, "d", profile) for profile in Profile]


def masked(
    values: Sequence[object], canonical_type: str, rule: MaskRule, key: MasterKey = KEY, distinct: Collection[str] = ()
) -> list[object]:
    """Mask a column and return it in the order of the values (which the numbers beside them restore)."""
    table = pa.table({"n": range(len(values)), "value": pa.array(values, arrow_type(canonical_type))})
    query = mask_query("main.batch", [("n", "long"), ("value", canonical_type)], [rule], key, distinct=distinct)
    rows = run(query, table)
    return [value for _, value in sorted(zip(rows["n"].to_pylist(), rows["value"].to_pylist(), strict=True))]


def run(query: SqlQuery, batch: pa.Table) -> pa.Table:
    with engine().cursor() as connection:
        connection.register("batch", batch)
        return connection.sql(query.sql, params=list(query.parameters)).to_arrow_table()


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """One DuckDB for all tests; each uses a cursor of its own."""
    return duckdb.connect()


@pytest.mark.parametrize("distinct", [(), ("value",)], ids=["each row", "each distinct value"])
@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector.name)
def test_every_published_vector_holds(vector: Vector, distinct: Collection[str]) -> None:
    answer = masked([vector.value, None, vector.value], vector.type, vector.rule, vector.key, distinct)

    assert answer == [vector.token, None, vector.token]


@FEW
@given(st.lists(st.text(), min_size=1), st.sampled_from(ALL_PROFILES))
def test_any_text_has_the_same_token_as_in_python(values: list[str], rule: MaskRule) -> None:
    assert masked(values, "string", rule) == [token(value, rule=rule, key=KEY) for value in values]


@FEW
@given(
    st.lists(st.text(st.sampled_from(" \t\r\n\x00\x0b\x0cAaZz019٣İß\u017fK\u212a\u0301-@.")), min_size=1),
    st.sampled_from(ALL_PROFILES),
)
def test_text_on_the_edge_of_a_profile_has_the_same_token_as_in_python(values: list[str], rule: MaskRule) -> None:
    assert masked(values, "string", rule, distinct=["value"]) == [token(value, rule=rule, key=KEY) for value in values]


@pytest.mark.parametrize(
    ("canonical_type", "values"),
    [
        ("long", [0, -1, 2**63 - 1, -(2**63)]),
        ("int", [0, -1, 2**31 - 1]),
        ("decimal(38, 10)", [Decimal("-0.0000000001"), Decimal("0E-10"), Decimal("9999999999999999999999999999.9999999999")]),
        ("date", [date(1, 1, 1), date(1582, 10, 10), date(9999, 12, 31)]),
        ("timestamptz", [datetime(1, 1, 1, tzinfo=UTC), datetime(2017, 10, 29, 1, 30, 0, 1, UTC)]),
        ("timestamptz", [datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime(9999, 12, 31, tzinfo=UTC)]),
        ("binary", [b"", b"\x00\xff", b"\\x41"]),
    ],
)  # fmt: skip
def test_other_types_have_the_same_token_as_in_python(canonical_type: str, values: list[object]) -> None:
    rule = ALL_PROFILES[0]

    assert masked(values, canonical_type, rule) == [token(value, rule=rule, key=KEY) for value in values]


@pytest.mark.parametrize("part", ["year", "month"])
@pytest.mark.parametrize(
    ("canonical_type", "values"),
    [
        ("date", [date(1980, 5, 17), date(1, 1, 1), date(2000, 2, 29), None]),
        ("timestamp", [datetime(1980, 5, 17, 23, 59, 59, 999_999), None]),  # noqa: DTZ001
        ("timestamptz", [datetime(2017, 12, 31, 23, 30, tzinfo=UTC), datetime(1969, 7, 20, 20, 17, tzinfo=UTC), None]),
    ],
)
def test_times_are_truncated_as_in_python_whatever_the_session_s_zone(
    canonical_type: str, values: list[object], part: str
) -> None:
    rule = MaskRule("value", Technique.TRUNCATE, to=part)
    query = mask_query("batch", [("value", canonical_type)], [rule], KEY)
    table = pa.table({"value": pa.array(values, arrow_type(canonical_type))})
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        connection.register("batch", table)
        rows = connection.sql(query.sql).to_arrow_table()

    assert rows["value"].cast(arrow_type(canonical_type)).to_pylist() == [mask_value(v, rule=rule, key=KEY) for v in values]


@FEW
@given(st.lists(st.text()), st.integers(1, 5))
def test_text_is_truncated_as_in_python(values: list[str], length: int) -> None:
    rule = MaskRule("value", Technique.TRUNCATE, to=str(length))

    assert masked(values, "string", rule) == [mask_value(value, rule=rule, key=KEY) for value in values]


ROWS = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        'odd "name"? ; --': pa.array(["Jane@X.org", None], pa.large_string()),
        "phone": pa.array(["+49 1", "---"], pa.large_string()),
        "born": pa.array([date(1980, 5, 17), None], pa.date32()),
        "paid": pa.array([Decimal("1.20"), Decimal("3.00")], pa.decimal128(12, 2)),
        "note": pa.array(["a", "b"], pa.large_string()),
    }
)
PLAN = [
    MaskRule('odd "name"? ; --', Technique.TOKEN, "customer-email", Profile.ASCII_LOWER_TRIM),
    MaskRule("phone", Technique.TOKEN, "phone", Profile.DIGITS),
    MaskRule("born", Technique.TRUNCATE, to="year"),
    MaskRule("paid", Technique.NULL),
    MaskRule("note", Technique.DROP),
]
TYPES = [
    ("id", "long"),
    ('odd "name"? ; --', "string"),
    ("phone", "string"),
    ("born", "date"),
    ("paid", "decimal(12, 2)"),
    ("note", "string"),
]


@pytest.mark.parametrize("distinct", [(), ("phone",), ('odd "name"? ; --', "phone")])
def test_a_whole_plan_at_once(distinct: Collection[str]) -> None:
    rows = run(mask_query("batch", TYPES, PLAN, KEY, distinct=distinct), ROWS).sort_by("id")

    assert rows.column_names == ["id", 'odd "name"? ; --', "phone", "born", "paid"]
    assert rows.to_pylist() == [
        {
            "id": 1,
            'odd "name"? ; --': token("jane@x.org", rule=PLAN[0], key=KEY),
            "phone": token("491", rule=PLAN[1], key=KEY),
            "born": date(1980, 1, 1),
            "paid": None,
        },
        {"id": 2, 'odd "name"? ; --': None, "phone": token("---", rule=PLAN[1], key=KEY), "born": None, "paid": None},
    ]


def test_masked_columns_have_the_type_that_was_promised() -> None:
    rows = run(mask_query("batch", TYPES, PLAN, KEY), ROWS)
    by_field = {rule.field: rule for rule in PLAN}

    for name, canonical_type in TYPES[:-1]:
        promised = masked_type(canonical_type, by_field[name]) if name in by_field else canonical_type
        assert rows.schema.field(name).type in {arrow_type(promised), pa.string() if promised == "string" else None}


def test_rows_keep_their_order_even_on_several_threads() -> None:
    count = 300_000
    table = pa.table({"n": range(count), "value": pa.array([f"v{n}" for n in range(count)], pa.large_string())})
    rows = run(mask_query("batch", [("n", "long"), ("value", "string")], [ALL_PROFILES[0]], KEY), table)

    assert rows["n"].to_pylist() == list(range(count))


TOKEN = "v1.d.3." + "0" * 31 + "f"
FORMATS: list[tuple[MaskRule, str, Any, bool]] = [
    (ALL_PROFILES[0], "string", TOKEN, True),
    (ALL_PROFILES[0], "string", "jane@x.org", False),
    (ALL_PROFILES[0], "string", "", False),
    (ALL_PROFILES[0], "string", TOKEN + "\n", False),
    (ALL_PROFILES[0], "string", "\n" + TOKEN, False),
    (ALL_PROFILES[0], "string", TOKEN[:-1], False),
    (ALL_PROFILES[0], "string", TOKEN + "0", False),
    (ALL_PROFILES[0], "string", TOKEN.replace("f", "F"), False),
    (ALL_PROFILES[0], "string", TOKEN.replace("v1.", "v1x"), False),
    (ALL_PROFILES[0], "string", TOKEN.replace(".d.", ".e."), False),
    (ALL_PROFILES[0], "string", TOKEN.replace(".3.", ".4."), False),
    (MaskRule("value", Technique.TRUNCATE, to="year"), "date", date(1980, 1, 1), True),
    (MaskRule("value", Technique.TRUNCATE, to="year"), "date", date(1980, 2, 1), False),
    (MaskRule("value", Technique.TRUNCATE, to="month"), "date", date(1980, 2, 1), True),
    (MaskRule("value", Technique.TRUNCATE, to="month"), "timestamptz", datetime(1980, 2, 1, tzinfo=UTC), True),
    (MaskRule("value", Technique.TRUNCATE, to="month"), "timestamptz", datetime(1980, 2, 1, 1, tzinfo=UTC), False),
    (MaskRule("value", Technique.TRUNCATE, to="2"), "string", "10", True),
    (MaskRule("value", Technique.TRUNCATE, to="2"), "string", "101", False),
    (MaskRule("value", Technique.NULL), "string", "x", False),
]


@pytest.mark.parametrize(("rule", "canonical_type", "value", "well_masked"), FORMATS)
def test_the_format_tells_masked_from_clear(rule: MaskRule, canonical_type: str, value: object, *, well_masked: bool) -> None:
    predicate = format_predicate(rule, "value", canonical_type, epoch=3)
    shown = SqlQuery(f"SELECT {predicate} AS answer FROM batch")

    rows = run(shown, pa.table({"value": pa.array([value], arrow_type(masked_type(canonical_type, rule)))}))
    assert rows["answer"].to_pylist() == [well_masked]


@FEW
@given(st.lists(st.text(), min_size=1), st.sampled_from([*ALL_PROFILES, MaskRule("value", Technique.TRUNCATE, to="2")]))
def test_whatever_the_mask_makes_fits_its_format(values: list[str], rule: MaskRule) -> None:
    query = mask_query("batch", [("value", "string")], [rule], KEY)
    checked = SqlQuery(f"SELECT {format_predicate(rule, 'value', 'string')} AS answer FROM ({query.sql})", query.parameters)

    rows = run(checked, pa.table({"value": pa.array(values, pa.large_string())}))
    assert set(rows["answer"].to_pylist()) == {True}


def test_neither_plan_nor_log_nor_profile_shows_a_key() -> None:
    query = mask_query("batch", TYPES, PLAN, KEY)
    with duckdb.connect() as connection:
        connection.register("batch", ROWS)
        connection.execute("SET enable_logging = true")
        seen = str(connection.execute(f"EXPLAIN ANALYZE {query.sql}", list(query.parameters)).fetchall())
        seen += str(connection.execute(f"EXPLAIN {query.sql}", list(query.parameters)).fetchall())
        connection.execute(query.sql, list(query.parameters))
        seen += str(connection.execute("SELECT message FROM duckdb_logs").fetchall())

    assert "customer-email" in seen
    for rule in PLAN[:2]:
        for pad in (pads(rule, KEY).inner, pads(rule, KEY).outer):
            assert pad[:8].hex() not in seen.lower()
            assert "".join(f"\\x{byte:02x}" for byte in pad[:4]) not in seen.lower().replace("\\\\", "\\")
            assert str(pad[:8]) not in seen
