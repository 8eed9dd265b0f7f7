"""Rows that a caller hands over: append, merge and overwrite, judged and written like any other batch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from controlplane.kernel.errors import ConfigurationError
from tests.integration.shop import rows_of
from tests.integration.visits import batch, make_project, open_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def shown(project: Path) -> dict[object, object]:
    with open_project(project) as plane:
        return {row["visit_id"]: row["pages"] for row in rows_of(plane, "silver.visits")}


def test_several_calls_are_one_batch_and_one_commit(project: Path) -> None:
    with open_project(project) as plane:
        with plane.govern("silver.visits", job="visits") as run:
            run.append(batch("a"))
            run.append(batch("b"))
        assert (run.outcome, run.report.balance["offered"] if run.report else 0) == ("published", 4)
        dataset = plane.ports.platform.governed("silver.visits").id
        head = plane.ports.reader.head(dataset)
        assert head is not None
        assert len(plane.ports.reader.lineage_of(dataset, head.snapshot_id)) == 2, "the empty first snapshot, and one commit"


def test_merge_keeps_the_last_row_of_a_key(project: Path) -> None:
    with open_project(project) as plane:
        with plane.govern("silver.visits", job="visits") as run:
            run.merge(pa.table({"visit_id": ["x", "y", "x"], "pages": [1, 2, 3]}), keys=["visit_id"])
        assert run.outcome == "published", run.report
        with plane.govern("silver.visits", job="visits") as run:
            run.merge(pa.table({"visit_id": ["y", "z"], "pages": [7, 8]}), keys=["visit_id"])
        assert run.outcome == "published", run.report
        assert run.report is not None
        assert run.report.balance["passed"] == 2
    assert shown(project) == {"x": 3, "y": 7, "z": 8}


def test_overwrite_replaces_everything_or_nothing(project: Path) -> None:
    steps = [
        (batch("old"), "published", "old-0"),
        (batch("bad", pages=0), "held", "old-0"),
        (batch("new"), "published", "new-0"),
    ]
    with open_project(project) as plane:
        for rows, outcome, first in steps:
            with plane.govern("silver.visits", job="visits") as run:
                run.overwrite(rows)
            assert run.outcome == outcome
            assert min(map(str, shown(project))) == first


def test_an_exception_inside_the_block_writes_nothing_and_is_not_swallowed(project: Path) -> None:
    with open_project(project) as plane:
        run = plane.govern("silver.visits", job="visits")

        def broken() -> None:
            with run:
                run.append(batch("a"))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            broken()
        assert run.outcome == "failed"
        assert plane.runs("silver.visits") == []


def test_an_empty_block_is_nothing_new(project: Path) -> None:
    with open_project(project) as plane:
        with plane.govern("silver.visits", job="visits") as run:
            pass
        assert run.outcome in {"nothing_new", "failed"}
        assert rows_of(plane, "silver.visits") == []


def test_ways_of_writing_do_not_mix(project: Path) -> None:
    with open_project(project) as plane, plane.govern("silver.visits", job="visits") as run:
        run.append(batch("a"))
        with pytest.raises(ConfigurationError, match="cannot be mixed"):
            run.overwrite(batch("b"))
        with pytest.raises(ConfigurationError, match="must be a pyarrow"):
            run.append([{"visit_id": "a"}])  # type: ignore[arg-type]


def test_a_column_that_is_missing_is_one_sentence(project: Path) -> None:
    with open_project(project) as plane:
        with plane.govern("silver.visits", job="visits") as run:
            run.append(pa.table({"pages": [1]}))
        assert run.outcome == "failed"
        assert run.report is not None
        assert "have no column visit_id" in str(run.report.reason)
