"""Token format v1 on Spark: the published vectors, truncation, formats, and no key where Spark shows its plans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from controlplane.compute.spark import SparkRunner, SparkSqlSession, over_views
from controlplane.kernel.types import arrow_type
from pii_policies.masking import PADS_RELATION, format_predicate, mask_query, mask_value, pads_relation
from pii_policies.model import MaskRule, MasterKey, Profile, Technique
from pii_policies.tokens import Vector, pads, token, vectors

pytestmark = [
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # PySpark leaves its result sockets to the collector
]

KEY = MasterKey(b"k" * 32, 3)
EMAIL = MaskRule("value", Technique.TOKEN, "customer-email", Profile.ASCII_LOWER_TRIM)


@pytest.fixture(scope="module")
def session(spark: SparkRunner) -> Iterator[SparkSqlSession]:
    """A session in a zone with summer time: canonical text must not depend on it."""
    with spark.session() as opened:
        assert isinstance(opened, SparkSqlSession)
        opened._spark.conf.set("spark.sql.session.timeZone", "Europe/Berlin")
        yield opened


def masked(
    session: SparkSqlSession,
    values: Sequence[object],
    canonical_type: str,
    rule: MaskRule,
    key: MasterKey = KEY,
    *,
    once: bool = False,
) -> list[object]:
    """Mask a column on Spark and return it in the order of the values."""
    table = pa.table({"n": range(len(values)), "value": pa.array(values, arrow_type(canonical_type))})
    session.register("silver.batch", table)
    session.register(PADS_RELATION, pads_relation([rule], key))
    columns = [("n", "long"), ("value", canonical_type)]
    query = mask_query("silver.batch", columns, [rule], key, dialect="spark", distinct=["value"] if once else [])
    return list(session.query(query.sql, query.parameters).sort_by("n")["value"].to_pylist())


def groups() -> list[tuple[str, list[Vector]]]:
    """Vectors that one query can check: of one type, rule and epoch."""
    found: dict[tuple[str, MaskRule, int], list[Vector]] = defaultdict(list)
    for vector in vectors():
        found[vector.type, vector.rule, vector.key.epoch].append(vector)
    return [(f"{kind} {rule.profile} {rule.domain} {epoch}", found[kind, rule, epoch]) for kind, rule, epoch in found]


@pytest.mark.parametrize(("name", "published"), groups(), ids=[name for name, _ in groups()])
def test_every_published_vector_holds(session: SparkSqlSession, name: str, published: list[Vector]) -> None:
    first = published[0]

    answer = masked(session, [*(vector.value for vector in published), None], first.type, first.rule, first.key)

    assert answer == [*(vector.token for vector in published), None], name


def test_tokens_of_distinct_values_are_the_same(session: SparkSqlSession) -> None:
    values = ["Jane@X.org", None, " jane@x.org", "Jane@X.org"]

    assert masked(session, values, "string", EMAIL, once=True) == [token(v, rule=EMAIL, key=KEY) for v in values]


@pytest.mark.parametrize("part", ["year", "month"])
@pytest.mark.parametrize(
    ("canonical_type", "values"),
    [
        ("date", [date(1980, 5, 17), date(1, 1, 1), None]),
        ("timestamp", [datetime(2017, 10, 29, 2, 30, 0, 1), None]),  # noqa: DTZ001
        ("timestamptz", [datetime(2017, 12, 31, 23, 30, tzinfo=UTC), datetime(2017, 9, 30, 22, 30, tzinfo=UTC), None]),
        ("string", ["10115", "1", "e\u0301x", None]),
    ],
)
def test_values_are_truncated_as_in_python(session: SparkSqlSession, canonical_type: str, values: list[Any], part: str) -> None:
    rule = MaskRule("value", Technique.TRUNCATE, to="2" if canonical_type == "string" else part)

    answer = masked(session, values, canonical_type, rule)

    assert answer == [mask_value(value, rule=rule, key=KEY) for value in values]


def test_a_nulled_field_keeps_its_type(session: SparkSqlSession) -> None:
    assert masked(session, ["x"], "string", MaskRule("value", Technique.NULL)) == [None]
    assert masked(session, [1], "decimal(10, 2)", MaskRule("value", Technique.NULL)) == [None]


@pytest.mark.parametrize(
    ("rule", "canonical_type", "good", "bad"),
    [
        (EMAIL, "string", token("x", rule=EMAIL, key=KEY), f"{token('x', rule=EMAIL, key=KEY)}\n"),
        (EMAIL, "string", token("x", rule=EMAIL, key=KEY), f"{token('x', rule=EMAIL, key=KEY)}0"),
        (EMAIL, "string", token("x", rule=EMAIL, key=KEY), "jane@x.org"),
        (MaskRule("value", Technique.TRUNCATE, to="year"), "date", date(1980, 1, 1), date(1980, 2, 1)),
        (MaskRule("value", Technique.TRUNCATE, to="2"), "string", "10", "101"),
    ],
)
def test_the_format_tells_masked_from_clear(
    session: SparkSqlSession, rule: MaskRule, canonical_type: str, good: Any, bad: Any
) -> None:
    predicate = format_predicate(rule, "value", canonical_type, epoch=3, dialect="spark")
    session.register("shown", pa.table({"n": [0, 1], "value": pa.array([good, bad], arrow_type(canonical_type))}))

    answer = session.query(f"SELECT {predicate} AS answer FROM shown ORDER BY n")
    assert answer["answer"].to_pylist() == [True, False]


def test_no_plan_and_no_column_name_shows_a_key(session: SparkSqlSession) -> None:
    masked(session, ["x"], "string", EMAIL)
    query = mask_query("silver.batch", [("n", "long"), ("value", "string")], [EMAIL], KEY, dialect="spark")
    frame = session._spark.sql(over_views(query.sql, session._views))
    seen = (frame._jdf.queryExecution().toString() + str(frame.columns)).lower()

    assert "value inner" in seen
    assert pads(EMAIL, KEY).inner[:8].hex() not in seen
    assert pads(EMAIL, KEY).outer[:8].hex() not in seen


def test_spark_shows_bound_parameters_which_is_why_keys_are_none(session: SparkSqlSession) -> None:
    text = "SELECT sha2(concat(?, CAST(value AS BINARY)), 256) FROM VALUES ('x') AS t(value)"
    frame = session._spark.sql(text, args=[b"SECRET-PAD"])

    assert b"SECRET-PAD".hex() in frame._jdf.queryExecution().toString().lower()
