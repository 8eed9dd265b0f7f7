"""kill -9 after every step of a governed run, in every write mode: the restarted run ends where an unharmed one does."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from controlplane.gate.model import RunState
from controlplane.usecases.facade import Plane
from controlplane.usecases.ports import RunRecord
from tests.integration.shop import Feed, later, make_shop, open_shop, rows_of

PIPELINES = ("cdc_customers", "customers", "cdc_orders", "orders", "fact_orders")
"""append, scd2, append, merge, overwrite."""

POINTS = ("planned", "screened", "branch", "committed", "written", "audited", "published", "recorded")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingPort:
    """A port that lets one method do its work and then kills the process, as a power cut would."""

    def __init__(self, port: object, method: str, when: Callable[..., bool] = lambda *_, **__: True) -> None:
        self._port, self._method, self._when = port, method, when

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._port, name)
        if name != self._method:
            return attribute

        def dying(*args: object, **keywords: object) -> object:
            result = attribute(*args, **keywords)
            if self._when(*args, **keywords):
                die()
            return result

        return dying


def harmed(plane: Plane, point: str) -> Plane:
    """Return a plane that dies right after a point."""
    ports = plane.ports
    states = {state.value for state in RunState}
    if point == "planned":
        return Plane(replace(ports, journal=DyingPort(ports.journal, "plan")))  # type: ignore[arg-type]
    if point == "branch":
        return Plane(replace(ports, writer=DyingPort(ports.writer, "open_branch")))  # type: ignore[arg-type]
    if point == "committed":
        return Plane(replace(ports, writer=DyingPort(ports.writer, "commit")))  # type: ignore[arg-type]
    if point == "published":
        return Plane(replace(ports, writer=DyingPort(ports.writer, "publish")))  # type: ignore[arg-type]
    if point == "recorded":

        def ended(entry: RunRecord) -> bool:
            return entry.state is RunState.PUBLISHED

        return Plane(replace(ports, records=DyingPort(ports.records, "record", ended)))  # type: ignore[arg-type]
    assert point in states

    def reached(_run: object, state: RunState, **_: object) -> bool:
        return state == point

    return Plane(replace(ports, journal=DyingPort(ports.journal, "advance", reached)))  # type: ignore[arg-type]


def run_and_die(folder: str, point: str, pipeline: str, hours: int) -> None:
    harmed(open_shop(Path(folder), later(hours)), point).run(pipeline)


@dataclass
class Shop:
    """A shop and the feed that fills it."""

    folder: Path
    feed: Feed

    def deliver(self, hours: int) -> None:
        """Deliver a batch: changes, a delete, a late older event, a bad row, a waiting row, a broken line, a repeated record."""
        feed, base, at = self.feed, 100 * hours, later(hours)
        for number in range(1, 6):
            feed.customer("c" if hours == 1 else "u", number, at, region=("north", "east")[hours % 2])
            feed.order("c", base + number, number, at)
        late = feed.customer("u", 2, later(hours - 0.8), region="west")
        feed.lines["customers"].remove(late)
        feed.customer("u", 2, later(hours - 0.4), region="south")
        feed.raw("customers", late)
        feed.customer("c", base + 7, at, email="no address at all")
        feed.customer("d", 3, later(hours - 0.1))
        paid = feed.order("u", base + 1, 1, at, status="paid", amount="25.00")
        feed.order("d", base + 4, 4, at)
        feed.order("c", base + 6, 99, at)
        feed.raw("orders", "{not json")
        feed.raw("orders", paid)
        feed.flush(at)

    def carry(self, pipeline: str, hours: int) -> dict[str, object]:
        """Run a pipeline and return everything that must not depend on kills."""
        with open_shop(self.folder, later(hours)) as plane:
            report = plane.run(pipeline)
            governed = plane.ports.platform.governed(plane.ports.platform.pipeline(pipeline).dataset)
            kept = [
                (row.kind, row.key, row.reasons, row.status, row.since) for _, row in plane.ports.kept_rows.open(governed.id)
            ]
            return {
                "state": report.state,
                "reason": report.reason,
                "balance": report.balance,
                "checks": [(result.check_id, result.outcome, result.reason) for result in report.results],
                "rows": list(map(comparable, rows_of(plane, governed.name))),
                "kept": sorted(kept, key=str),
                "dead letters": len(plane.ports.dead_letters.open(governed.id)),
                "open": plane.ports.journal.open_run(governed.id),
            }


def comparable(row: dict[str, object]) -> dict[str, object]:
    """Return a row without what two shops with keys of their own cannot have in common."""
    return {name: value for name, value in row.items() if not (isinstance(value, str) and value.startswith("v1."))}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Shop]:
    """Two shops that are fed alike; runs of the first are killed."""
    folders = [make_shop(tmp_path_factory.mktemp(name) / "project") for name in ("harmed", "unharmed")]
    return Shop(folders[0], Feed(folders[0])), Shop(folders[1], Feed(folders[1]))


@pytest.fixture(scope="module")
def children() -> Any:
    """Processes that start quickly, with everything imported and no thread running."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.preloaded"])
    return context


@pytest.mark.parametrize("hours", range(1, len(POINTS) + 1), ids=POINTS)
def test_killed_runs_end_as_if_they_had_not_been_killed(shops: tuple[Shop, Shop], children: Any, hours: int) -> None:
    point = POINTS[hours - 1]
    damaged, sound = shops
    damaged.deliver(hours)
    sound.deliver(hours)
    for pipeline in PIPELINES:
        process = children.Process(target=run_and_die, args=(str(damaged.folder), point, pipeline, hours))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL, f"{pipeline} did not die at {point}: exit code {process.exitcode}"
        found, expected = damaged.carry(pipeline, hours), sound.carry(pipeline, hours)
        if point == "recorded":  # nothing is left to do, so the restarted run finds nothing new
            assert found["state"] == "nothing_new"
            found = {name: found[name] for name in ("rows", "kept", "dead letters", "open")}
            expected = {name: expected[name] for name in found}
        assert found == expected, pipeline
        assert expected["rows"], f"{pipeline} compares nothing"


def test_the_batches_have_every_kind_of_row(shops: tuple[Shop, Shop]) -> None:
    with open_shop(shops[1].folder, later(9)) as plane:
        shops[1].deliver(9)
        reports = {pipeline: plane.run(pipeline) for pipeline in PIPELINES}
    assert reports["cdc_orders"].balance["dead_lettered"] == 1
    assert reports["cdc_orders"].balance["duplicates"] == 1
    assert reports["customers"].balance["quarantined"] == 1
    assert reports["orders"].balance["superseded"] > 0
    assert reports["orders"].balance["waiting"] > 0
