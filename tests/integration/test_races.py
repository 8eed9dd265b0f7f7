"""Two governed writers and a foreign one on one table: nothing is lost, nothing doubled, and no bad row is ever visible."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path
from typing import Any

import pytest

from controlplane.kernel.errors import HeldError
from tests.integration.test_kills import harmed
from tests.integration.visits import batch, foreign_writer, governed_writer, make_project, open_project

COUNT = 8


def visible(folder: Path) -> list[dict[str, Any]]:
    with open_project(folder) as plane:
        dataset = plane.ports.platform.governed("silver.visits").id
        head = plane.ports.reader.head(dataset)
        assert head is not None
        rows: list[dict[str, Any]] = plane.ports.reader.rows(dataset, head.snapshot_id).read_all().to_pylist()
        return rows


@pytest.mark.timeout(600)
def test_racing_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with open_project(folder) as plane, plane.govern("silver.visits", job="first", batch="first") as run:
        run.append(batch("first"))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=governed_writer, args=(str(folder), name, COUNT)) for name in ("one", "two")]
    writers.append(context.Process(target=foreign_writer, args=(str(folder), "foreign", COUNT)))
    for writer in writers:
        writer.start()
    seen_bad = 0
    while any(writer.is_alive() for writer in writers):
        seen_bad += sum(row["pages"] < 1 for row in visible(folder))
        time.sleep(0.1)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert seen_bad == 0
    expected = [f"{name}-{number}-{row}" for name in ("one", "two", "foreign") for number in range(COUNT) for row in range(2)]
    assert sorted(row["visit_id"] for row in visible(folder)) == sorted([*expected, "first-0", "first-1"])


def test_a_batch_that_lost_its_base_is_reapplied_and_judged_again(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with open_project(folder) as plane:
        with plane.govern("silver.visits", job="a", batch="bad") as bad:
            bad.append(batch("x", pages=0))
        assert bad.outcome == "held"
        foreign_writer(str(folder), "foreign", 1)
        report = plane.release(str(bad.report.run_id if bad.report else ""), "seen and accepted")
        assert report.state == "published"
    assert sorted(row["visit_id"] for row in visible(folder)) == ["foreign-0-0", "foreign-0-1"], "rows set aside stay aside"


def test_a_release_accepts_only_what_failed_when_the_batch_was_held(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    with open_project(folder) as plane:
        with plane.govern("silver.visits", job="a", batch="bad") as bad:
            bad.append(batch("x", pages=0, rows=1))
            bad.append(batch("foreign-0", rows=1))
        assert bad.outcome == "held"
        foreign_writer(str(folder), "foreign", 1)
        with pytest.raises(HeldError, match="primary_key"):
            plane.release(str(bad.report.run_id if bad.report else ""), "seen and accepted")
    assert sorted(row["visit_id"] for row in visible(folder)) == ["foreign-0-0", "foreign-0-1"]


def dying(folder: str, point: str, name: str) -> None:
    with open_project(Path(folder)) as plane, harmed(plane, point).govern("silver.visits", job="visits", batch=name) as run:
        run.append(batch(name))


@pytest.mark.parametrize("point", ["written", "published"])
@pytest.mark.parametrize("next_name", ["same", "other"])
def test_a_batch_whose_writer_was_killed_is_neither_lost_nor_doubled(tmp_path: Path, point: str, next_name: str) -> None:
    folder = make_project(tmp_path / "project")
    process = multiprocessing.get_context("spawn").Process(target=dying, args=(str(folder), point, "same"))
    process.start()
    process.join(120)
    assert process.exitcode == -9
    for name in dict.fromkeys((next_name, "same")):
        with open_project(folder) as plane, plane.govern("silver.visits", job="visits", batch=name) as run:
            run.append(batch(name))
        assert run.outcome == "published", run.report
    assert sorted(row["visit_id"] for row in visible(folder)) == sorted(
        f"{name}-{row}" for name in {next_name, "same"} for row in range(2)
    )
