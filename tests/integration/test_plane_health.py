"""What the plane says of itself, with a real store and catalog: healthy, never scheduled, late, and with parts that are away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from controlplane import Plane
from controlplane import open as open_project
from controlplane.api.health import instrument
from controlplane.cli.starting import create_project
from controlplane.usecases.agenda import EVALUATION
from controlplane.usecases.health import health
from controlplane.usecases.ports import OutboxMessage
from tests.fakes.store_kit import SettableClock

MINUTE = timedelta(minutes=1)
NO_DATABASE = "this is no database, and long enough to be seen as none" * 20
HERE, ELSEWHERE = ("127.0.0.1", 50_000), ("192.0.2.7", 50_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("health") / "shop"
    create_project(folder)
    with open_project(folder) as plane:
        for name in plane.pipelines():
            plane.run(name)
    return folder


@pytest.fixture
def plane(folder: Path, tmp_path: Path) -> Iterator[Plane]:
    shutil.copytree(folder, tmp_path / "shop")
    with open_project(tmp_path / "shop") as plane:
        yield plane


def client(plane: Plane, address: tuple[str, int] = HERE) -> TestClient:
    app = FastAPI(openapi_url=None)

    @app.get("/things/{number}")
    def thing(number: int) -> int:
        return number

    instrument(app, plane)
    return TestClient(app, client=address, raise_server_exceptions=False)


def evaluated(plane: Plane) -> None:
    slot = datetime.now(UTC).replace(second=0, microsecond=0)
    claim = plane.ports.slots.claim(EVALUATION, slot, MINUTE)
    assert claim is not None
    assert plane.ports.slots.end(claim)


def numbers(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_a_plane_without_a_schedule_says_so(plane: Plane) -> None:
    found = plane.health()
    assert (found.state, found.last_evaluation, found.problems) == ("never", None, ())
    assert sum(found.runs.values()) == len(plane.pipelines())
    assert found.checks["passed"] > 0


def test_a_watched_plane_is_ok_and_late_after_three_intervals(plane: Plane) -> None:
    evaluated(plane)
    assert plane.health().state == "ok"
    later = SettableClock(datetime.now(UTC) + 3 * MINUTE)
    assert health(plane.ports, later).state == "late"


def test_what_waits_is_counted_with_its_age(plane: Plane) -> None:
    plane.ports.outbox.add([OutboxMessage(f"m{number}", "notify:pager", {}) for number in range(3)])
    found = plane.health()
    assert found.messages_waiting == 3
    assert found.oldest_message is not None
    assert timedelta(0) <= found.oldest_message < MINUTE


def test_a_ready_plane_answers_200(plane: Plane) -> None:
    asked = client(plane)
    assert asked.get("/healthz").text == "ok\n"
    assert asked.get("/readyz").json() == {"ready": True, "problems": []}


def test_a_store_that_is_away_makes_the_plane_unready_and_kills_nothing(plane: Plane, tmp_path: Path) -> None:
    store = tmp_path / "shop/state/store.db"
    plane.close()
    for file in store.parent.glob("store.db*"):
        file.unlink()
    store.write_text(NO_DATABASE, "utf-8")
    asked = client(plane)
    assert asked.get("/healthz").status_code == 200
    answer = asked.get("/readyz")
    assert answer.status_code == 503
    assert len(answer.json()["problems"]) == 1
    assert "store.db" in answer.json()["problems"][0]
    assert plane.health().state == "unknown"
    assert numbers(asked.get("/metrics").text)["controlplane_up"] == 0.0


def test_a_catalog_that_is_away_makes_the_plane_unready(plane: Plane, tmp_path: Path) -> None:
    plane.close()
    (tmp_path / "shop/state/catalog.db").write_text(NO_DATABASE, "utf-8")
    answer = client(plane).get("/readyz")
    assert answer.status_code == 503
    assert "catalog" in answer.json()["problems"][0]


def test_others_learn_whether_but_not_why(plane: Plane) -> None:
    proxied = {"x-forwarded-for": "192.0.2.7"}
    for asked, headers in ((client(plane, ELSEWHERE), {}), (client(plane), proxied)):
        assert asked.get("/readyz", headers=headers).json() == {"ready": True}
        assert asked.get("/metrics", headers=headers).status_code == 403


def test_the_numbers_are_prometheus_text(plane: Plane) -> None:
    evaluated(plane)
    asked = client(plane)
    for number in (1, 2, 3):
        asked.get(f"/things/{number}")
    asked.get("/nothing/here")
    answer = asked.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = numbers(answer.text)
    assert found["controlplane_up"] == 1.0
    assert found['controlplane_runs{state="published"}'] == len(plane.pipelines())
    assert found["controlplane_messages_waiting"] >= 0
    assert 0 <= found["controlplane_last_evaluation_age_seconds"] < 60
    assert found['controlplane_http_seconds_count{method="GET",route="/things/{number}",status="200"}'] == 3
    assert found['controlplane_http_seconds_count{method="GET",route="unknown",status="404"}'] == 1
