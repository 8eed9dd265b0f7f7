"""Rules are flagged row by row, and counted: by fate, by condition, and without rows that are back for another try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.gate import screening
from controlplane.gate.screening import DELETED, FATE, NEVER, REENTERED, ROW, SINCE, Count, Rule

NOW = datetime(2017, 10, 9, 12, tzinfo=UTC)
LATENESS = timedelta(hours=6)
ROWS = [
    {"x": 1, "back": False, "gone": False, "since": NOW},
    {"x": -1, "back": False, "gone": False, "since": NOW},
    {"x": -1, "back": True, "gone": False, "since": NOW},
    {"x": -1, "back": False, "gone": True, "since": NOW},
    {"x": 7, "back": False, "gone": False, "since": NOW},
    {"x": 7, "back": True, "gone": False, "since": NOW - timedelta(hours=7)},
]
POSITIVE = Rule("positive", "x < 0")
PARENT = Rule("parent", "x = 7", parental=True)


def flagged(rules: Sequence[Rule], *, sets_aside: bool = True) -> pa.Table:
    batch = pa.table({
        "x": pa.array([row["x"] for row in ROWS], pa.int64()), ROW: pa.array(range(len(ROWS)), pa.int64()),
        SINCE: pa.array([row["since"] for row in ROWS], pa.timestamp("us", tz="UTC")),
        REENTERED: [row["back"] for row in ROWS], DELETED: [row["gone"] for row in ROWS],
    })  # fmt: skip
    wanted = ["x", ROW, DELETED, SINCE, REENTERED]
    sql = screening.flagged_query("SELECT * FROM typed", wanted, rules, now=NOW, lateness=LATENESS, sets_aside=sets_aside)
    with DuckDbRunner(threads=1).session() as session:
        session.register("typed", batch)
        return session.query(f"SELECT * FROM ({sql}) ORDER BY {ROW}")


def test_each_row_has_its_fate() -> None:
    fates = flagged([POSITIVE, PARENT]).column(FATE).to_pylist()
    assert fates == ["passing", "quarantined", "quarantined", "passing", "waiting", "quarantined"]


def test_rows_are_counted_by_fate_and_rule() -> None:
    rules = [POSITIVE, PARENT, Rule("casts", NEVER), Rule("some", "x < 0", where="x <> 1")]
    totals, counts = screening.count_flags(flagged(rules), rules, sets_aside=True)
    assert totals == {"offered": 6, "passing": 2, "quarantined": 3, "waiting": 1}
    assert counts == {
        "positive": Count(total=5, failed=2, counted=1),
        "parent": Count(total=5, failed=2, counted=0, waiting=1, late=1),
        "casts": Count(total=5, failed=0, counted=0),
        "some": Count(total=4, failed=2, counted=1),
    }


def test_of_a_whole_result_no_row_leaves() -> None:
    rules = [POSITIVE, PARENT]
    found = flagged(rules, sets_aside=False)
    totals, counts = screening.count_flags(found, rules, sets_aside=False)
    assert FATE not in found.schema.names
    assert totals == {"offered": 6, "passing": 6, "quarantined": 0, "waiting": 0}
    assert counts["parent"] == Count(total=5, failed=2, counted=2)


@pytest.mark.parametrize("rules", [[], [Rule("casts", NEVER)], [Rule("noted", "x < 0", blocking=False)]])
def test_without_a_blocking_rule_all_pass(rules: list[Rule]) -> None:
    totals, _ = screening.count_flags(flagged(rules), rules, sets_aside=True)
    assert totals["passing"] == len(ROWS)


def test_reasons_are_the_blocking_rules_a_row_breaks() -> None:
    rules = [Rule("casts", NEVER), POSITIVE, Rule("noted", "x < 0", blocking=False)]
    assert screening.reasons_of(flagged(rules).to_pylist()[1], rules) == ("positive",)


def test_a_row_mended_by_a_newer_one_of_its_key_is_told_apart() -> None:
    rules = [Rule("casts", NEVER), POSITIVE]
    with DuckDbRunner(threads=1).session() as session:
        session.register("flagged", flagged(rules).append_column("k", pa.array([1, 2, 2, 3, 2, 1])))
        corrected = session.query(screening.corrected_query("flagged", rules, ["k"], [ROW]))
    _, counts = screening.count_flags(flagged(rules), rules, sets_aside=True)
    mended = screening.without_corrected(counts, corrected, rules)
    assert mended["positive"] == Count(total=5, failed=2, counted=0, corrected=1)
