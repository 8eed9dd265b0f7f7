"""What each scheduled job does, on a real project."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import controlplane
from controlplane.cli.starting import create_project
from controlplane.gate.model import RunState
from controlplane.kernel.clock import ReplayClock
from controlplane.usecases.agenda import EVALUATION, HOUSEKEEPING, NOTIFICATIONS, RETENTION, Job, Work
from controlplane.usecases.facade import Plane
from controlplane.usecases.ports import OutboxMessage
from controlplane.usecases.retention_ports import Retention
from controlplane.usecases.scheduled_work import perform
from controlplane.usecases.watching import notice_outage

RULE = "    - id: amount_range\n"
SCHEDULED = (
    "    - {{id: daily, metric: invalidValues, arguments: {{minimum: {least}}}, mustBe: 0, severity: error, "
    "scheduler: cron, schedule: '0 6 * * *'}}\n"
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "shop"
    create_project(folder)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "shop"))


@pytest.fixture
def plane(folder: Path) -> Iterator[Plane]:
    with controlplane.open(folder) as plane:
        yield plane


def job(plane: Plane, name: str) -> Job:
    return next(job for job in plane.ports.agenda.jobs if job.name == name)


def do(plane: Plane, *names: str) -> None:
    for name in names:
        perform(plane.ports, job(plane, name))


def test_a_project_has_a_job_for_every_pipeline_in_lineage_order_and_its_own(plane: Plane) -> None:
    jobs = {job.name: job for job in plane.ports.agenda.jobs}
    assert list(jobs) == [*(f"run:{name}" for name in plane.pipelines()), EVALUATION, NOTIFICATIONS, HOUSEKEEPING, RETENTION]
    assert [jobs[name].after for name in jobs if name.startswith("run:")] == [(), ("run:order_events",), ("run:orders",)]
    now = datetime(2026, 11, 20, 10, 7, tzinfo=UTC)
    assert jobs["run:order_events"].trigger.latest(now) == now.replace(minute=5)
    assert jobs["run:orders"].trigger.latest(now) == now.replace(minute=0)


def test_pipelines_run_and_promises_are_evaluated(plane: Plane) -> None:
    do(plane, *(f"run:{name}" for name in plane.pipelines()), EVALUATION, NOTIFICATIONS)
    assert {run.state for run in plane.runs()} == {RunState.PUBLISHED}


def test_a_table_that_nobody_publishes_any_more_is_kept_small(folder: Path) -> None:
    start = datetime.now(UTC)
    with controlplane.open(folder) as plane:
        do(plane, *(f"run:{name}" for name in plane.pipelines()), HOUSEKEEPING)
        governed = plane.ports.platform.governed("bronze.order_events")
        head = plane.ports.reader.head(governed.id)
        assert head is not None
        assert len(plane.ports.reader.lineage_of(governed.id, head.snapshot_id)) == 2
    with controlplane.open(folder, clock=ReplayClock(start + governed.spec.history + timedelta(days=1))) as plane:
        do(plane, HOUSEKEEPING)
        assert len(plane.ports.reader.lineage_of(governed.id, head.snapshot_id)) == 1


def test_housekeeping_leaves_a_dataset_that_is_being_written_alone(plane: Plane) -> None:
    do(plane, *(f"run:{name}" for name in plane.pipelines()))
    dataset = plane.ports.platform.governed("silver.orders").id
    with plane.ports.leases.hold(dataset, timedelta(minutes=1)):
        do(plane, HOUSEKEEPING)


def test_the_store_forgets_but_not_what_snapshots_name(plane: Plane) -> None:
    do(plane, *(f"run:{name}" for name in plane.pipelines()))
    do(plane, *(f"run:{name}" for name in plane.pipelines()))
    plane.ports.outbox.add([OutboxMessage("waits", "notify:pager", {})])
    before = plane.runs()
    assert {run.state for run in before} == {RunState.PUBLISHED, RunState.NOTHING_NEW}
    nothing = timedelta(0)
    ports = replace(plane.ports, retention=Retention(*[nothing] * 6))
    perform(ports, job(plane, RETENTION))
    assert {run.run_id for run in plane.runs()} == {run.run_id for run in before if run.state is RunState.PUBLISHED}
    assert plane.check("silver.orders").rows
    assert all(plane.report(str(run.run_id)).results for run in plane.runs())
    assert sum(waiting.count for waiting in plane.messages_waiting()) == 1


@pytest.mark.parametrize(("least", "alerts"), [(-1_000_000, 0), (1_000_000, 1)], ids=["passes", "fails"])
def test_an_observed_check_is_judged_by_its_schedule_and_alerts(folder: Path, least: int, alerts: int) -> None:
    contract = folder / "contracts/orders.odcs.yaml"
    text = contract.read_text("utf-8")
    name = "check:silver.orders 0 6 * * *"

    def scheduled(least: int) -> Plane:
        contract.write_text(text.replace(RULE, SCHEDULED.format(least=least) + RULE), "utf-8")
        return controlplane.open(folder)

    with scheduled(-1_000_000) as plane:
        do(plane, name)  # nothing is published yet: nothing to observe
        do(plane, *(f"run:{pipeline}" for pipeline in plane.pipelines()))
    with scheduled(least) as plane:
        do(plane, name)
        assert job(plane, name).checks == {"silver.orders.amount.daily"}
        assert [alert.labels.get("check") for alert in plane.alerts(state="open").alerts] == [
            "silver.orders.amount.daily"
        ] * alerts


def evaluated(plane: Plane, ago: timedelta) -> None:
    """Let the last scheduled evaluation be some time ago."""
    claim = plane.ports.slots.claim(EVALUATION, datetime.now(UTC) - ago, timedelta(minutes=1))
    assert claim is not None
    assert plane.ports.slots.end(claim)


def outages(plane: Plane, state: str) -> int:
    return sum(alert.kind == "plane_outage" for alert in plane.alerts(state=state).alerts)


def test_promises_that_nobody_evaluates_any_more_are_one_alert_until_somebody_does(plane: Plane) -> None:
    notice_outage(plane.ports)
    assert outages(plane, "open") == 0  # a plane that never had a schedule misses none
    evaluated(plane, timedelta(0))
    notice_outage(plane.ports)
    assert outages(plane, "open") == 0
    patient = replace(plane.ports, intervals=replace(plane.ports.intervals, evaluation=timedelta(microseconds=1)))
    for _ in range(3):
        notice_outage(patient)
    assert outages(plane, "open") == 1
    assert plane.alerts(state="open").alerts[0].priority == "P1"
    perform(plane.ports, Job(EVALUATION, Work.EVALUATE, job(plane, EVALUATION).trigger))
    assert outages(plane, "open") == 0
    assert outages(plane, "resolved") == 1


def test_the_next_start_notices_before_it_evaluates(plane: Plane) -> None:
    evaluated(plane, timedelta(0))
    late = replace(plane.ports, intervals=replace(plane.ports.intervals, evaluation=timedelta(microseconds=1)))
    perform(late, job(plane, EVALUATION))
    assert outages(plane, "resolved") == 1


def test_the_proof_of_masking_reads_the_log_and_the_files_it_was_turned_over_to(folder: Path) -> None:
    with (folder / "controlplane.yaml").open("a", encoding="utf-8") as file:
        file.write("logs: state/logs/serve.jsonl\n")
    with controlplane.open(folder) as plane:
        do(plane, *(f"run:{name}" for name in plane.pipelines()))
        (folder / "state/logs").mkdir()
        for name in ("serve.jsonl", "serve.jsonl.1"):
            (folder / "state/logs" / name).write_text('{"event": "jane.canary@example.org"}\n', "utf-8")
        found = plane.prove_masking(["jane.canary@example.org"]).findings
    assert {Path(str(finding.place).split(":")[0]).name for finding in found} == {"serve.jsonl", "serve.jsonl.1"}
