"""``serve`` as a person starts it: a process of its own, asked over HTTP, stopped by a signal."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from controlplane import open as open_project
from controlplane.cli import main
from controlplane.cli.starting import create_project

LOADED = 60.0  # seconds to wait for a process on a busy machine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    create_project(folder)
    return folder


@dataclass
class Served:
    """A process that serves a project."""

    process: subprocess.Popen[str]
    url: str
    first_lines: list[str]

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urlopen(self.url + path, timeout=LOADED) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=LOADED)
        return self.process.returncode, output, errors


class Serving:
    """Starts processes that are gone when the test ends."""

    def __init__(self, folder: Path, started: ExitStack) -> None:
        self._folder, self._started = folder, started

    def start(self, *options: str, lines: int = 1) -> Served:
        command = [sys.executable, "-u", "-m", "controlplane", "serve", "--port", "0", *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONTROLPLANE_")}
        process = subprocess.Popen(
            command, cwd=self._folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._started.enter_context(process)
        self._started.callback(process.kill)
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(lines)]
        found = re.search(r"at (http://\S+)", first[0])
        if found is None:
            pytest.fail(f"{first} {process.communicate(timeout=LOADED)}")
        return Served(process, found[1], first)


@pytest.fixture
def serving(folder: Path) -> Iterator[Serving]:
    with ExitStack() as started:
        yield Serving(folder, started)


def listening(url: str) -> None:
    until = time.monotonic() + LOADED
    while time.monotonic() < until:
        try:
            with urlopen(f"{url}/healthz", timeout=LOADED):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("it does not listen")


def events(errors: str) -> list[dict[str, object]]:
    assert "Traceback" not in errors, errors
    return [json.loads(line) for line in errors.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_it_serves_until_it_is_told_to_stop(serving: Serving, number: int) -> None:
    served = serving.start("--no-schedule", "--no-pages")
    listening(served.url)
    assert served.get("/readyz") == (200, '{"ready":true,"problems":[]}')
    assert served.get("/nothing")[0] == 404
    code, output, errors = served.stop(number)
    assert (code, output) == (0, "controlplane has stopped\n")
    assert [event["event"] for event in events(errors)] == ["stopped"]


def test_it_does_what_is_due_and_logs_what_it_did(serving: Serving, folder: Path) -> None:
    with (folder / "controlplane.yaml").open("a", encoding="utf-8") as file:
        file.write("schedule: {evaluation: PT1S, notifications: PT1S}\nlogs: state/logs/serve.jsonl\n")
    served = serving.start("--no-pages")
    listening(served.url)
    with open_project(folder) as plane:
        wanted = {f"run:{name}" for name in plane.pipelines()} | {"evaluation", "notifications"}
        until = time.monotonic() + LOADED
        while any(plane.ports.slots.last_done(job) is None for job in wanted):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert plane.health().state == "ok"
        assert {run.state.value for run in plane.runs()} == {"published"}
    code, _, errors = served.stop()
    assert code == 0
    said = events(errors)
    assert said == events((folder / "state/logs/serve.jsonl").read_text("utf-8"))
    ended = [event for event in said if event["event"] == "run ended"]
    assert {str(event["job"]) for event in ended} == {job for job in wanted if job.startswith("run:")}
    assert all(event["run_id"] and event["dataset"] and event["slot"] for event in ended)
    assert [event for event in said if event["level"] == "error"] == []


def test_pages_are_served_and_a_link_signs_in(serving: Serving) -> None:
    served = serving.start("--no-schedule", "--once-link", lines=2)
    listening(served.url)
    assert f"{served.url}/sign-in/once?token=" in served.first_lines[1]
    assert served.get("/")[0] in {200, 401, 403}
    code, _, errors = served.stop()
    assert code == 0
    assert "token=" not in errors


def refused(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = main(["serve", "--project", str(folder), *options])
    return code, capsys.readouterr().err


def test_a_taken_port_is_one_sentence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = refused(folder, capsys, "--port", str(port))
    assert code == 5
    assert said == f"controlplane: port {port} on 127.0.0.1 is taken; stop what uses it, or choose another with --port\n"


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("0.0.0.0", "lets other machines in"),
        ("no.such.host.invalid", "is no address of this machine"),
        ("192.0.2.1", "--allow-remote"),
        ("::", "lets other machines in"),
    ],
    ids=["every address", "no address", "an address elsewhere", "every address, version 6"],
)
def test_a_host_that_is_not_this_machine_alone_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], host: str, words: str
) -> None:
    code, said = refused(folder, capsys, "--host", host)
    assert code == 2
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_folder_without_a_project_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(tmp_path, capsys)
    assert code == 2
    assert "there is no project here" in said
