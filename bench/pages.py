"""How long does a page take, and how heavy is it, when there is much to show? Every page over 2,000 datasets and 1 M stored results.

Makes a project with 2,000 contracts (25 checks each) and a store with 40,000 runs, 1 M results, 50,000 rows in quarantine, 10,000 objectives'
states and 10,000 alerts; serves it with uvicorn in a process of its own on loopback; asks for each page 30 times, one after the other, from
here. Floors (design): first byte 100 ms, HTML 60 KB, 1,500 elements. Processor time is the server's, a page; it says more than the
clock where others use the machine too. Then the pages' statements: none may read a whole large table.

Run: ``python -m bench.pages [DATASETS] [FOLDER]``. Prints Markdown; with a FOLDER the store is made once and kept.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from urllib.parse import urlencode
from uuid import UUID, uuid5

from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection

import controlplane
from alerting.model import fingerprint
from controlplane.gate.model import KeptKind, KeptRow, RunPlan, RunState
from controlplane.kernel.clock import ReplayClock
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.persistence.journal import plan_text
from controlplane.persistence.tables import alerts, dataset_states, datasets, measurements, runs
from controlplane.slas.model import Indicator
from controlplane.slas.status import Budget, Day, ObjectiveStatus, Point, PromiseState
from controlplane.usecases.ports import RunRecord
from controlplane.usecases.sign_in import Access
from pii_policies.keys.file import create_key_file

NAMESPACE, NOON = "iceberg://bench", datetime(2017, 10, 20, 12, tzinfo=UTC)
RUNS, TIMES, KEPT, ALERTS, OBJECTIVES = 20, 30, 50_000, 10_000, 5
ELEMENT = re.compile(r"<[a-zA-Z]")
LAYERS = ("bronze", "silver", "gold", "serving")
PROJECT = """version: 1
name: bench
namespace: iceberg://bench
catalog: {name: lake, type: sql, uri: "sqlite:///state/catalog.db"}
warehouse: file://state/warehouse
store: {url: "sqlite:///state/store.db"}
state: file://state/plane
keys: {tokens: {from: file, path: secrets/tokens.key, epoch: 1}, seal: {from: file, path: secrets/seal.key}}
contracts: [contracts]
calendar: {time_zone: UTC}
"""
HEAD = """apiVersion: v3.1.0
kind: DataContract
id: {layer}_{name}
version: 1.0.0
status: active
team: {{name: team-{team}}}
customProperties:
- {{property: controlplane.layer, value: {layer}}}
- {{property: controlplane.tier, value: {tier}}}
schema:
- name: {name}
  physicalName: {layer}.{name}
  description: Generated dataset {name}
  properties:
  - {{name: id, logicalType: integer, physicalType: bigint, required: true, primaryKey: true, primaryKeyPosition: 1}}
  - name: email
    logicalType: string
    customProperties:
    - {{property: controlplane.dataCategory, value: [email]}}
    - {{property: controlplane.sensitivity, value: restricted}}
    - {{property: controlplane.masking, value: {{technique: token, domain: email, profile: ascii-lower-trim}}}}
  - {{name: at, logicalType: timestamp, physicalType: timestamptz, required: true}}
"""
FIELD = """  - name: amount_{number}
    logicalType: number
    physicalType: decimal(12,2)
    required: true
    quality:
    - {{id: in_range, metric: invalidValues, arguments: {{minimum: 0}}, mustBe: 0, unit: rows, dimension: conformity, severity: error}}
    - {{id: not_huge, metric: invalidValues, arguments: {{maximum: {maximum}}}, mustBeLessThan: 1, unit: percent, dimension: accuracy, severity: warning}}
"""
PAGES = (
    "/", "/alerts", "/alerts/1", "/datasets", "/datasets?page=20", "/datasets?state=held", "/datasets?q=0815&layer=silver", "/datasets/{name}",
    "/datasets/{name}/checks/{check}", "/checks", "/checks?outcome=failed", "/checks?q=not_huge&page=9", "/runs", "/runs?state=held",
    "/runs?dataset={name}", "/runs/{run}", "/quarantine", "/quarantine/{name}", "/quarantine/{name}?after={after}", "/search?q=table_00", "/search?q=amount",
)  # fmt: skip


def make(folder: Path, count: int) -> None:
    """Write the project and fill its store."""
    (folder / "contracts").mkdir(parents=True)
    (folder / "controlplane.yaml").write_text(PROJECT, encoding="utf-8")
    for key in ("tokens", "seal"):
        create_key_file(folder / "secrets" / f"{key}.key")
    for number in range(count):
        values = {"layer": LAYERS[number % 4], "name": f"table_{number:04}", "team": number % 40, "tier": 1 + number % 3}
        fields = "".join(FIELD.format(number=field, maximum=1000 * (field + 1)) for field in range(4))
        (folder / "contracts" / f"{number:04}.odcs.yaml").write_text(HEAD.format(**values) + fields, encoding="utf-8")
    with plane_of(folder) as plane:
        plane.ports.views.states()
        engine = create_engine(f"sqlite:///{folder}/state/store.db")
        with engine.begin() as connection:
            fill(connection, plane)
        engine.dispose()
        keep(plane)
        promise(plane)


def plane_of(folder: Path) -> controlplane.Plane:
    return controlplane.open(folder, clock=ReplayClock(NOON))


def fill(connection: Connection, plane: controlplane.Plane) -> None:
    """Insert runs, results, states and alerts."""
    rng = random.Random(7)
    for number, governed in enumerate(plane.ports.platform.datasets.values(), 1):
        connection.execute(datasets.insert(), {"dataset_id": number, "namespace": NAMESPACE, "name": governed.name})
        lines, results = [], []
        for turn in range(RUNS):
            held = turn == RUNS - 1 and number % 50 == 0
            line, found = ended(number, governed, turn, "held" if held else "published", rng)
            lines.append(line)
            results += found
        connection.execute(runs.insert(), lines)
        connection.execute(measurements.insert(), results)
        connection.execute(dataset_states.insert(), standing(number, lines, results[-len(governed.checks) :]))
    raised = [alert(number, name, rng) for number, name in enumerate(cycle(list(plane.ports.platform.datasets), ALERTS))]
    connection.execute(alerts.insert(), raised)


def ended(
    number: int, governed: object, turn: int, state: str, rng: random.Random
) -> tuple[dict[str, object], list[dict[str, object]]]:
    checks, dataset = governed.checks, governed.id  # type: ignore[attr-defined]
    at = NOON - timedelta(hours=RUNS - turn, seconds=number)
    run_id = str(uuid5(UUID(int=number), str(turn)))
    plan = RunPlan(dataset, SnapshotId(turn + 1), (), "c" * 64, "s" * 64, "p" * 64, 1)
    balance = {
        "offered": 1000,
        "passed": 990,
        "superseded": 0,
        "quarantined": 10,
        "waiting": 0,
        "dead_lettered": 0,
        "duplicates": 0,
    }
    reason = "amount_0 broke its range" if state == "held" else None
    line = {
        "run_id": run_id, "dataset_id": number, "pipeline": governed.name, "state": state, "plan": plan_text(plan), "clock": at,  # type: ignore[attr-defined]
        "snapshot_id": turn + 100, "reason": reason, "seconds": 0.4, "started_wall": at, "ended_wall": at, **balance,
    }  # fmt: skip
    results = []
    for ordinal, check in enumerate(checks):
        bad = rng.random() < (0.2 if state == "held" else 0.002)
        results.append({
            "run_id": run_id, "ordinal": ordinal, "dataset_id": number, "snapshot_id": turn + 100, "at": at, "check_id": check.id,
            "check_sha256": "0" * 64, "kind": check.kind.value, "stage": "screen", "segment": None, "field": ", ".join(check.fields) or None,
            "dimension": None, "severity": check.severity.value, "outcome": "failed" if bad else "passed", "value": "12" if bad else "0",
            "unit": check.unit, "rows_total": 1000, "rows_failed": 12 if bad else 0, "quarantined": 0, "threshold": '{"mustBe": 0}',
            "evidence": "screening", "reason": f"{12 if bad else 0} of 1000 rows break {check.id}; 0 allowed",
        })  # fmt: skip
    return line, results


def standing(number: int, lines: Sequence[Mapping[str, object]], results: Sequence[Mapping[str, object]]) -> dict[str, object]:
    newest = lines[-1]
    seen = next(line for line in reversed(lines) if line["state"] == "published")
    counts = {
        name: sum(result["outcome"] == name for result in results) for name in ("passed", "failed", "errored", "no_evidence")
    }
    return {
        "dataset_id": number, "run_id": newest["run_id"], "state": newest["state"], "clock": newest["clock"], "reason": newest["reason"],
        "published_run_id": seen["run_id"], "published_snapshot_id": seen["snapshot_id"], "published_at": seen["clock"],
        "published_rows": 20_000, "judged_run_id": newest["run_id"], **counts,
    }  # fmt: skip


def alert(number: int, name: str, rng: random.Random) -> dict[str, object]:
    labels = {"kind": "check_failure", "dataset": name, "check": f"{name}.amount_{number}.in_range"}
    at = NOON - timedelta(minutes=number)
    is_open = number % 5 == 0
    return {
        "fingerprint": fingerprint(labels), "kind": "check_failure", "dataset": name, "priority": rng.choice(["P1", "P2", "P3"]),
        "state": "firing" if is_open else "resolved", "labels": json.dumps(labels),
        "annotations": json.dumps({"summary": f"12 of 1000 rows of {name} break in_range", "check_id": f"{name}.amount_0.in_range"}),
        "priority_reason": "P2: check_failure, tier 1", "started_at": at, "fired_at": at, "resolved_at": None if is_open else at,
        "resolution": None if is_open else "passed", "updated_at": at, "evidence_at": at, "occurrences": 3, "flaps": 0,
    }  # fmt: skip


def keep(plane: controlplane.Plane) -> None:
    """Put rows into quarantine through the real port: most beside one table, some beside fifty others."""
    names = list(plane.ports.platform.datasets)
    for name, count in [(names[49], KEPT - 50 * 100), *((name, 100) for name in names[100:150])]:
        plan = RunPlan(DatasetId(NAMESPACE, name), SnapshotId(9999), (), "c" * 64, "s" * 64, "p" * 64, 1)
        run = plane.ports.journal.plan(plan, clock=NOON, pipeline=name)
        plane.ports.kept_rows.stage(run, [kept(name, number) for number in range(count)])
        plane.ports.records.record(RunRecord(run=run, state=RunState.PUBLISHED, results=None))


def kept(name: str, number: int) -> KeptRow:
    shown = {
        "id": number,
        "email": f"v1.email.1.{number:032x}",
        "at": NOON.isoformat(),
        **{f"amount_{field}": "-1.50" for field in range(4)},
    }
    reasons = (
        (f"{name}.amount_{number % 4}.in_range",) if number % 3 else (f"{name}.amount_0.in_range", f"{name}.amount_1.in_range")
    )
    since = NOON - timedelta(seconds=number)
    return KeptRow(f"{number:032x}", KeptKind.QUARANTINED, str(number), reasons, shown, b"\0" * 300, since)


def promise(plane: controlplane.Plane) -> None:
    """Store the states of five objectives a dataset."""
    points = tuple(Point(NOON - timedelta(minutes=30 * step), Decimal(step * 60)) for step in range(48))[::-1]
    days = tuple(Day(NOON.date() - timedelta(days=step), Decimal(step % 3), Decimal(step % 3), "kept") for step in range(30))[
        ::-1
    ]
    states = list(PromiseState)
    kept_states = [
        ObjectiveStatus(
            f"promise-{number % 100}", f"objective-{objective}", f"consumer-{number % 12}", name, 1 + number % 3, Indicator.FRESHNESS,
            states[(number + objective) % 8 if number % 10 == 0 else 5], NOON, NOON, Decimal("99.5"), 30, "the newest data is 26 min old",
            value=Decimal(1560), bound=Decimal(21600), budget=Budget("min", Decimal(216), Decimal(20)), day_series=points, days=days,
        )
        for number, name in enumerate(plane.ports.platform.datasets)
        for objective in range(OBJECTIVES)
    ]  # fmt: skip
    plane.ports.service_levels.keep(kept_states)


def cycle(names: Sequence[str], count: int) -> Iterator[str]:
    for number in range(count):
        yield names[number % len(names)]


def serve(folder: Path) -> None:
    """Serve the project, and say on standard output when and where."""
    import uvicorn  # noqa: PLC0415 (only the serving process needs it)

    from controlplane.web.app import create_app  # noqa: PLC0415

    started = time.process_time()
    plane = plane_of(folder)
    print(json.dumps({"seconds": time.process_time() - started, "link": Access(plane.ports).new_link()}), flush=True)
    config = uvicorn.Config(
        create_app(plane, base_url="http://127.0.0.1:8799"), host="127.0.0.1", port=8799, log_level="warning", access_log=False
    )
    uvicorn.Server(config).run()


class Visitor:
    """One person with a session, on one kept connection."""

    def __init__(self, link: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", 8799, timeout=60)
        self.cookie = ""
        self._arrive(link)

    def _arrive(self, link: str) -> None:
        for _ in range(200):
            try:
                self.connection.connect()
                break
            except OSError:
                time.sleep(0.1)
        form = {"token": link.partition("token=")[2]}
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": "http://127.0.0.1:8799"}
        self.connection.request("POST", "/sign-in/once", urlencode(form), headers)
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status == 303, answer.status
        self.cookie = str(answer.headers["set-cookie"]).partition(";")[0]

    def get(self, path: str) -> tuple[float, str]:
        """Return the seconds to the first byte, and the page."""
        started = time.perf_counter()
        self.connection.request("GET", path, headers={"cookie": self.cookie})
        answer = self.connection.getresponse()
        first = time.perf_counter() - started
        html = answer.read().decode()
        assert answer.status == 200, (path, answer.status, re.sub(r"<[^>]+>|\s+", " ", html)[-400:])
        return first, html


def measure(folder: Path) -> None:
    """Ask for every page and print what it cost."""
    wanted = paths(folder)
    server = subprocess.Popen([sys.executable, "-m", "bench.pages", "--serve", str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        told = json.loads(server.stdout.readline())
        print(f"opening the project (reading and compiling its contracts): {told['seconds']:.1f} s of processor time\n")
        visitor = Visitor(told["link"])
        print("| page | first byte, median ms | p95 ms | processor ms | KB | elements |\n|---|---|---|---|---|---|")
        for path in wanted:
            visitor.get(path)
            before = processor(server.pid)
            found = [visitor.get(path) for _ in range(TIMES)]
            cost = (processor(server.pid) - before) / TIMES
            firsts, html = sorted(first for first, _ in found), found[-1][1]
            late = firsts[int(len(firsts) * 0.95)]
            size, elements = len(html.encode()) / 1000, len(ELEMENT.findall(html))
            shown = f"{median(firsts) * 1000:.0f} | {late * 1000:.0f} | {cost * 1000:.0f} | {size:.1f} | {elements}"
            print(f"| `{path[:60]}` | {shown} |", flush=True)
    finally:
        server.terminate()
        server.wait()


def processor(pid: int) -> float:
    """Return the seconds of processor time a process has used (Linux: proc(5), fields 14 and 15 of ``stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def paths(folder: Path) -> Sequence[str]:
    name = f"{LAYERS[49 % 4]}.table_0049"
    with plane_of(folder) as plane:
        name = list(plane.ports.platform.datasets)[49]
        held = plane.ports.views.held([name])
        page = plane.quarantine_page(name)
        assert page.after is not None
        known = {
            "name": name, "check": f"{name}.amount_0.in_range", "run": held[0].run_id,
            "after": urlencode({"": "~".join([page.after[0].isoformat(), *page.after[1:]])})[1:],
        }  # fmt: skip
        statements(plane, name)
    return [path.format(**known) for path in PAGES]


def statements(plane: controlplane.Plane, name: str) -> None:
    """Print the plan of every statement that reads a whole table of the large ones."""
    database = plane.ports.views.database  # type: ignore[attr-defined]
    seen: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        seen.append((statement, parameters))

    with database.reading() as connection:
        event.listen(connection.engine, "before_cursor_execute", note)
        engine = connection.engine
    for look in (
        plane.dataset_list, lambda: plane.dataset_page(name), plane.check_list, lambda: plane.check_page(name, f"{name}.amount_0.in_range"), plane.run_list,
        lambda: plane.quarantine_page(name), plane.quarantine_list,
    ):  # fmt: skip
        look()
    event.remove(engine, "before_cursor_execute", note)
    scans = set()
    with database.reading() as connection:
        for statement, parameters in seen:
            if statement.startswith(("SELECT", "WITH")):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
                scans |= {
                    f"{row[3]}: {statement[:110]}..."
                    for row in plan
                    if re.match(r"SCAN (runs|measurements|kept_rows|alerts)", row[3])
                }
    print(f"{len(seen)} statements; those that read a whole large table or index:", *sorted(scans) or ["none"], sep="\n- ")
    print()


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == ["--serve"]:
        serve(Path(arguments[1]))
        return
    count = int(arguments[0]) if arguments else 2_000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(arguments[1] if len(arguments) > 1 else f"{scratch}/project")
        if not folder.exists():
            make(folder, count)
        measure(folder)


if __name__ == "__main__":
    main()
