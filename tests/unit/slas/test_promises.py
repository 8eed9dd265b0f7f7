from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kernel.documents import parse_document
from controlplane.kernel.reading import Issues
from controlplane.slas.errors import PromisesInvalidError
from controlplane.slas.loading import parse_promises, read_service_levels
from controlplane.slas.model import Basis, Indicator

SLAS = """\
version: 1
promises:
- id: hourly
  consumer: bi
  description: The morning report
  datasets: [gold.sales, gold.returns]
  objectives:
  - {id: fresh, indicator: freshness, within: PT2H, target: 99.5, window: P30D, slice: PT5M, time_zone: Europe/Berlin}
  - {id: complete, indicator: completeness, basis: landed, target: 99.5, window: P30D}
  - {id: right, indicator: accuracy, target: 99.9, window: P30D}
- id: queries
  consumer: bi
  objectives: [{id: quick, indicator: query_time, within: PT10S, percentile: 95, target: 99, window: P30D}]
maintenance:
- {from: "2024-03-01T02:00:00+01:00", to: "2024-03-01T04:00:00+01:00", datasets: ["gold.*"], reason: compaction}
"""
GUARANTEES = {"gold.sales": timedelta(hours=2), "gold.returns": timedelta(hours=1), "silver.sales": None}


def changed(old: str, new: str) -> str:
    assert SLAS.count(old) == 1, old
    return SLAS.replace(old, new)


def refused(text: str, guarantees: dict[str, timedelta | None] | None = None) -> list[str]:
    with pytest.raises(PromisesInvalidError) as caught:
        parse_promises(text.encode(), "slas.yaml", guarantees)
    return [str(problem) for problem in caught.value.problems]


def test_a_file_is_read_whole() -> None:
    found = parse_promises(SLAS.encode(), "slas.yaml", GUARANTEES)
    assert found.warnings == ()
    hourly, queries = found.promises
    assert (hourly.id, hourly.consumer, hourly.datasets) == ("hourly", "bi", ("gold.sales", "gold.returns"))
    fresh, complete, right = hourly.objectives
    assert (fresh.indicator, fresh.within, fresh.slice) == (Indicator.FRESHNESS, timedelta(hours=2), timedelta(minutes=5))
    assert (fresh.target, fresh.window, fresh.time_zone) == (Decimal("99.5"), timedelta(days=30), "Europe/Berlin")
    assert (complete.basis, right.target) == (Basis.LANDED, Decimal("99.9"))
    assert (queries.datasets, queries.objectives[0].percentile) == ((), Decimal(95))
    assert fresh.place == "slas.yaml:8"


def test_maintenance_covers_datasets_by_pattern_and_ends_before_its_end() -> None:
    (found,) = parse_promises(SLAS.encode(), "slas.yaml").maintenance
    start = datetime(2024, 3, 1, 1, tzinfo=UTC)
    assert found.covers("gold.sales", start)
    assert not found.covers("silver.sales", start)
    assert not found.covers("gold.sales", start + timedelta(hours=2))
    assert not found.covers("gold.sales", start - timedelta(seconds=1))


def test_a_slice_has_a_default() -> None:
    found = parse_promises(changed("slice: PT5M, ", "").encode(), "slas.yaml")
    assert found.promises[0].objectives[0].slice == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("version: 1", "version: 2", 1, ("must be 1",)),
        ("version: 1\n", "", 1, ("'version' is missing",)),
        ("- id: hourly\n", "- id: hourly\n  datsets: []\n", 4, ("unknown key 'datsets'", "did you mean 'datasets'")),
        ("basis: landed", "bases: landed, basis: landed", 9, ("unknown key 'bases'", "did you mean 'basis'")),
        ("reason: compaction", "reson: x, reason: compaction", 15, ("did you mean 'reason'",)),
        ("indicator: accuracy", "indicator: acuracy", 10, ("did you mean 'accuracy'", "query_time")),
        ("target: 99.9", "target: 100", 10, ("greater than 0 and less than 100, not 100",)),
        ("target: 99.9", "target: 0", 10, ("greater than 0",)),
        ("target: 99.9", "target: high", 10, ("must be a number",)),
        ("percentile: 95", "percentile: 100", 13, ("greater than 0 and less than 100",)),
        ("percentile: 95, ", "", 13, ("query_time needs percentile",)),
        (", time_zone: Europe/Berlin", "", 8, ("freshness needs time_zone",)),
        ("time_zone: Europe/Berlin", "time_zone: Europe/Berln", 8, ("is not a time zone",)),
        ("within: PT2H, ", "", 8, ("freshness needs within",)),
        ("within: PT2H", "within: 2h", 8, ("'2h' is not a duration", "PT6H")),
        ("slice: PT5M", "slice: P31D", 8, ("shorter than the window",)),
        ("target: 99.9", "target: 93", 10, ("at 93 %", "more than 14.3 times", "from 14.4 times", "more than 93.1 %")),
        ("basis: landed, target: 99.5", "basis: landed, target: 80", 9, ("more than 5.0 times", "shorter window")),
        (
            "within: PT2H, target: 99.5",
            "within: PT2H, target: 83",
            8,
            ("more than 5.9 times", "from 6.0 times on (6 h of 30 d)"),
        ),
        ("basis: landed, ", "", 9, ("completeness needs basis",)),
        ("basis: landed", "basis: landing", 9, ("did you mean 'landed'",)),
        ("indicator: accuracy", "indicator: accuracy, slice: PT1M", 10, ("slice is not for accuracy",)),
        ("id: right", "id: fresh", 7, ("'fresh' is given to two objectives",)),
        ("- id: queries", "- id: hourly", 2, ("'hourly' is given to two promises",)),
        ("  datasets: [gold.sales, gold.returns]\n", "", 3, ("freshness is about datasets",)),
        ("  consumer: bi\n  description", "  description", 3, ("'consumer' is missing",)),
        ('from: "2024-03-01T02:00:00+01:00"', 'from: "2024-03-01T02:00:00"', 15, ("is not a time with an offset",)),
        ('from: "2024-03-01T02:00:00+01:00"', 'from: "2024-03-01T05:00:00+01:00"', 15, ("is not after from",)),
        (", reason: compaction", "", 15, ("'reason' is missing",)),
    ],
)
def test_what_is_wrong_is_one_sentence(old: str, new: str, line: int, words: tuple[str, ...]) -> None:
    (problem,) = refused(changed(old, new))
    assert problem.startswith(f"slas.yaml:{line}: ")
    for word in words:
        assert word in problem


@pytest.mark.parametrize("text", ["", "- a\n", "words\n", "a: [1\n", "version: 1\n"])
def test_what_is_no_such_file_is_a_sentence(text: str) -> None:
    assert refused(text)[0].startswith("slas.yaml:")


def test_a_dataset_must_be_known() -> None:
    (problem,) = refused(changed("gold.sales,", "gold.sale,"), GUARANTEES)
    assert "unknown dataset 'gold.sale': did you mean 'gold.sales'?" in problem
    (problem,) = refused(changed('["gold.*"]', '["golden.*"]'), GUARANTEES)
    assert "'golden.*' matches no dataset" in problem


def test_nothing_is_promised_that_the_contract_does_not_guarantee() -> None:
    (problem,) = refused(changed("within: PT2H", "within: PT1H"), GUARANTEES)
    assert "fresh promises gold.sales within 3600 s, but its contract guarantees 7200 s" in problem


def test_a_promise_on_a_dataset_without_a_guarantee_is_told() -> None:
    found = parse_promises(changed("gold.returns", "silver.sales").encode(), "slas.yaml", GUARANTEES)
    (warning,) = found.warnings
    assert "its contract guarantees no latency" in warning


def test_the_schema_for_editors_has_the_keys_that_loading_reads() -> None:
    file = resources.files("controlplane") / "schemas" / "slas.schema.json"
    schema = json.loads(file.read_text("utf-8"))
    text = (
        "version: 1\nzzz: 1\npromises:\n- {id: a, consumer: b, zzz: 1, objectives: [{id: c, indicator: accuracy, target: 9, "
        "window: P1D, zzz: 1}]}\nmaintenance: [{zzz: 1}]\n"
    )
    issues = Issues(parse_document(text.encode(), "slas.yaml"))
    read_service_levels(issues.document, issues)
    said = {
        problem.path.split(".")[-2].split("[")[0] if "." in problem.path else "": sorted(
            problem.message.split("allowed are ")[1].split(", ")
        )
        for problem in issues.problems
        if "'zzz'" in problem.message
    }
    parts = schema["$defs"]
    assert said == {
        "": sorted(schema["properties"]),
        "promises": sorted(parts["promise"]["properties"]),
        "objectives": sorted(parts["objective"]["properties"]),
        "maintenance": sorted(parts["maintenance"]["properties"]),
    }


@given(st.integers(0, len(SLAS)), st.integers(0, 30), st.text(max_size=6))
@settings(max_examples=100, deadline=None)
def test_nothing_else_is_ever_raised(start: int, length: int, new: str) -> None:
    text = SLAS[:start] + new + SLAS[start + length :]
    try:
        parse_promises(text.encode("utf-8", "surrogatepass"), "slas.yaml", GUARANTEES)
    except PromisesInvalidError as error:
        said = error.problems
    else:
        return
    assert said
