"""An audit reads the columns its checks name, and all of them where a text does not tell."""

from __future__ import annotations

import pytest

from checks.model import Check, CheckKind
from checks.sql.needs import columns_here, columns_there


def sql(query: str, **more: object) -> Check:
    return Check("d.c", "d", CheckKind.SQL, query=query, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT count(*) FROM {object} WHERE A > b", {"a", "b"}),
        ("SELECT count(*) FROM (SELECT k FROM {object} GROUP BY k HAVING count(*) > 1) AS twice", {"k"}),
        ('SELECT count(*) FROM {object} AS o JOIN other USING (k) WHERE o."Part".x = 1', {"k", "part", "x"}),
    ],
)  # fmt: skip
def test_named_columns_are_needed(query: str, named: set[str]) -> None:
    assert named <= (columns_here(sql(query)) or set())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM (SELECT * FROM {object})", "SELECT count(o.*) FROM {object} AS o", "FROM {object}",
        "SELECT count(DISTINCT o) FROM {object} AS o", "SELECT count(*) FROM {object} NATURAL JOIN other",
        "SELECT max(COLUMNS('a.*')) FROM {object}", "SELECT * EXCLUDE (a) FROM {object}", "no SQL at (all",
    ],
)  # fmt: skip
def test_columns_that_are_not_named_mean_all(query: str) -> None:
    assert columns_here(sql(query)) is None


def test_fields_conditions_and_segments_are_needed() -> None:
    check = Check("d.c", "d", CheckKind.NULL_VALUES, ("Amount",), where="status = 'paid'", segment_by="region")
    assert columns_here(check) == frozenset({"amount", "status", "region"})


def test_both_sides_of_a_comparison() -> None:
    arguments = {"to": "p", "measure": "sum(a)", "toMeasure": "sum(b)", "keys": {"k": "CAST(t AS DATE)"}, "toWhere": "c > 0"}
    check = Check("d.c", "d", CheckKind.RECONCILIATION, arguments=arguments, where="z")
    assert {"a", "k", "z"} <= (columns_here(check) or set())
    assert {"b", "t", "c"} <= (columns_there(check) or set())
    assert "a" not in (columns_there(check) or set())


def test_a_count_of_rows_names_nothing() -> None:
    check = Check("d.c", "d", CheckKind.RECONCILIATION, arguments={"to": "p", "measure": "count(*)"})
    assert columns_there(check) == frozenset()


def test_a_parent_is_read_in_its_key_and_condition() -> None:
    check = Check("d.c", "d", CheckKind.REFERENCE, ("x",), {"to": "p", "fields": {"x": "y"}, "where": "is_current"})
    assert (columns_here(check), columns_there(check)) == (frozenset({"x"}), frozenset({"y", "is_current"}))


def test_arguments_that_cannot_be_read_mean_all() -> None:
    assert columns_there(Check("d.c", "d", CheckKind.RECONCILIATION, arguments={"to": "p"})) is None
