"""The native engine in DuckDB against plain Python: every row judged twice, by SQL and by the words of the standard."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.engines.native import NativeEngine
from checks.judging import judge
from checks.model import Check, CheckKind, Facts
from checks.planning import failing_predicate
from checks.ports import Subject
from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.outcome import Outcome, Stage
from controlplane.kernel.ports import SqlSession

COLUMNS = {"whole": "long", "money": "decimal(12, 2)", "ratio": "double", "word": "string", "other": "long"}
TYPES = {
    "whole": pa.int64(),
    "money": pa.decimal128(12, 2),
    "ratio": pa.float64(),
    "word": pa.large_string(),
    "other": pa.int64(),
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "whole": st.none() | st.integers(-3, 6),
            "money": st.none() | st.decimals(-3, 3, places=2),
            "ratio": st.none() | st.sampled_from([0.1, 0.0, -0.1, 1.0, math.nan, math.inf, -math.inf]),
            "word": st.none() | st.sampled_from(["", "a", "A", "ab", "it's", "N/A", "é", "😀😀", "a\n", "\x00", "%", "?"]),
            "other": st.none() | st.integers(0, 2),
        }
    ),
    max_size=12,
)
PARENTS = pa.table(
    {"id": pa.array([1, 2, 3, None], pa.int64()), "part": pa.array([0, 1, 1, 1], pa.int64()), "live": [True, True, False, True]}
)
KNOWN = {"parent": "parent_rows"}

Row = Mapping[str, object]


def _limited(row: Row, field: str, broken: Callable[[object], bool]) -> bool:
    value = row[field]
    return value is not None and (value != value or broken(value))  # noqa: PLR0124 (NaN differs from itself)


def _text(row: Row, broken: Callable[[str], bool]) -> bool:
    value = row["word"]
    return value is not None and broken(str(value))


RULES: dict[str, tuple[Check, Callable[[Row], bool]]] = {}


def rule(name: str, kind: CheckKind, *fields: str, **arguments: object) -> Callable[..., None]:
    """Register a rule with what it says in Python."""

    def add(broken: Callable[[Row], bool]) -> None:
        check = Check(name, "silver.orders", kind, fields=fields, arguments=arguments)
        RULES[name] = (check, broken)

    return add


INVALID = CheckKind.INVALID_VALUES
REFERENCE = CheckKind.REFERENCE
rule("null", CheckKind.NULL_VALUES, "ratio")(lambda row: row["ratio"] is None)
rule("missing", CheckKind.MISSING_VALUES, "word", missingValues=[None, "", "N/A"])(lambda row: row["word"] in {None, "", "N/A"})
rule("minimum", INVALID, "ratio", minimum=0.1)(lambda row: _limited(row, "ratio", lambda value: value < 0.1))  # type: ignore[operator]
rule("range", INVALID, "money", minimum="-1.5", exclusiveMaximum=2)(
    lambda row: _limited(row, "money", lambda value: not Decimal("-1.5") <= value < 2)  # type: ignore[operator]
)
rule("list", INVALID, "whole", validValues=[1, 2, "3", 4.0, "x"])(
    lambda row: _limited(row, "whole", lambda value: value not in {1, 2, 3, 4})
)
rule("words", INVALID, "word", validValues=["it's", "%", "?", "a"])(
    lambda row: _text(row, lambda text: text not in {"it's", "%", "?", "a"})
)
rule("pattern", INVALID, "word", pattern="[ab]")(lambda row: _text(row, lambda text: re.search("[ab]", text) is None))
rule("anchored", INVALID, "word", pattern="^a$")(lambda row: _text(row, lambda text: text != "a"))
rule("length", INVALID, "word", minLength=1, maxLength=1)(lambda row: _text(row, lambda text: len(text) != 1))
rule("parent", REFERENCE, "whole", to="parent", fields={"whole": "id"})(lambda row: row["whole"] not in {None, 1, 2, 3})
rule("live parent", REFERENCE, "whole", to="parent", fields={"whole": "id"}, where="live")(
    lambda row: row["whole"] not in {None, 1, 2}
)
rule("parent of two", REFERENCE, "whole", "other", to="parent", fields={"whole": "id", "other": "part"})(
    lambda row: None not in (row["whole"], row["other"]) and (row["whole"], row["other"]) not in {(1, 0), (2, 1), (3, 1)}
)
_SOME = Check("where", "silver.orders", CheckKind.NULL_VALUES, fields=("ratio",), where="whole > 2")
RULES["where"] = (_SOME, lambda row: row["whole"] in {3, 4, 5, 6} and row["ratio"] is None)


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        opened.register("parent_rows", PARENTS)
        yield opened


def _table(rows: list[dict[str, object]]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_every_row_is_flagged_as_the_rule_says(session: SqlSession, rows: list[dict[str, object]]) -> None:
    session.register("batch", _table(rows))
    flags = []
    for index, (check, _) in enumerate(RULES.values()):
        predicate = failing_predicate(check, COLUMNS, KNOWN)
        flags.append(f"({predicate}) AS f{index}")
    found = session.query(f"SELECT *, {', '.join(flags)} FROM batch").to_pylist()
    for index, (name, (_, broken)) in enumerate(RULES.items()):
        assert [row[f"f{index}"] for row in found] == [broken(row) for row in rows], name


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_the_engine_counts_what_the_predicates_flag(session: SqlSession, rows: list[dict[str, object]]) -> None:
    session.register("batch", _table(rows))
    keys = [(row["whole"], row["other"]) for row in rows if None not in (row["whole"], row["other"])]
    doubles = Check("doubles", "silver.orders", CheckKind.DUPLICATE_VALUES, fields=("whole", "other"))
    checks = [check for check, _ in RULES.values()] + [doubles]
    subject = Subject(session, "batch", COLUMNS, Facts(now=datetime(2017, 10, 16, tzinfo=UTC)), KNOWN)
    found = {one.check_id: one for one in NativeEngine().measure(checks, subject)}
    for name, (_, broken) in RULES.items():
        assert found[name].rows_failed == sum(map(broken, rows)), name
    assert found["doubles"].rows_failed == len(keys) - len(set(keys))
    assert found["null"].rows_total == len(rows)


def test_parents_without_rows_leave_every_child_alone(session: SqlSession) -> None:
    session.register("batch", _table([{"whole": 1, "money": None, "ratio": None, "word": None, "other": None}]))
    session.register("nobody", PARENTS.slice(0, 0))
    check = Check("c", "silver.orders", REFERENCE, fields=("whole",), arguments={"to": "parent", "fields": {"whole": "id"}})
    subject = Subject(session, "batch", COLUMNS, Facts(now=datetime(2017, 10, 16, tzinfo=UTC)), {"parent": "nobody"})
    (measured,) = NativeEngine().measure([check], subject)
    assert measured.rows_failed == 1


def test_large_tables_are_counted_exactly(session: SqlSession) -> None:
    count = 200_000
    numbers = pa.array(range(count), pa.int64())
    session.register("batch", pa.table({"whole": numbers, "other": pa.array([one % 1000 for one in range(count)], pa.int64())}))
    session.register("many", pa.table({"id": pa.array(range(0, count, 2), pa.int64())}))
    checks = [
        Check("odd", "silver.orders", REFERENCE, fields=("whole",), arguments={"to": "many", "fields": {"whole": "id"}}),
        Check("unique", "silver.orders", CheckKind.DUPLICATE_VALUES, fields=("whole",)),
        Check("repeated", "silver.orders", CheckKind.DUPLICATE_VALUES, fields=("other",)),
    ]
    facts = Facts(now=datetime(2017, 10, 16, tzinfo=UTC))
    found = NativeEngine().measure(
        checks, Subject(session, "batch", {"whole": "long", "other": "long"}, facts, {"many": "many"})
    )
    assert [one.rows_failed for one in found] == [count // 2, 0, count - 1000]
    outcomes = [judge(check, one, stage=Stage.OBSERVE, facts=facts).outcome for check, one in zip(checks, found, strict=True)]
    assert outcomes == [Outcome.FAILED, Outcome.PASSED, Outcome.FAILED]
