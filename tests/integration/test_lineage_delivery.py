"""Lineage goes out through the outbox: a receiver that is down never fails a run, and nothing it missed is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.integration.visits import batch, make_project, open_project


class Receiver(BaseHTTPRequestHandler):
    """Takes OpenLineage events, or answers 503 while ``down`` is set."""

    events: list[dict[str, object]] = []  # noqa: RUF012 (one list for the whole server is what is wanted)
    down = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not Receiver.down:
            Receiver.events.append(json.loads(body))
        self.send_response(503 if Receiver.down else 201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Receiver.events, Receiver.down = [], False
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_receiver_that_is_down_costs_no_run_and_misses_nothing(tmp_path: Path, url: str) -> None:
    folder = make_project(tmp_path / "project", f'lineage: [{{to: http, url: "{url}"}}]')
    Receiver.down = True
    with open_project(folder) as plane:
        with plane.govern("silver.visits", job="visits", batch="one") as run:
            run.append(batch("one"))
        assert run.outcome == "published"
        assert Receiver.events == []
        Receiver.down = False
        with plane.govern("silver.visits", job="visits", batch="two") as run:
            run.append(batch("two"))
        assert run.outcome == "published"
        due = plane.ports.outbox.due(datetime.now(UTC) + timedelta(hours=2))
        assert [(message.attempts, bool(message.last_error)) for message in due] == [(1, True)], (
            "the one that was refused waits"
        )
    kinds = [event["eventType"] for event in Receiver.events]
    assert sorted(map(str, kinds)) == ["COMPLETE", "COMPLETE", "START"]
    names = {event["job"]["name"] for event in Receiver.events}  # type: ignore[index]
    assert names == {"visits"}
