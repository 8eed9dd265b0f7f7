"""What every lineage transport promises, on a file and on a real server on this machine; and what each promises alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from controlplane.kernel.errors import ConfigurationError, UnavailableError
from lineage.ports import LineageTransport
from lineage.transports import load_transport

EVENT: dict[str, object] = {"eventType": "COMPLETE", "job": {"name": "Übernacht \u2028 läuft"}, "inputs": [], "n": 1}


@dataclass
class Server:
    """A listener that keeps what it was sent and answers as it is told."""

    url: str = ""
    status: int = 201
    body: bytes = b""
    content_type: str = "application/json"
    location: str | None = None
    hangs: bool = False
    breaks: bool = False
    received: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    state: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.state.hangs:
            self.state.released.wait(10)
            return
        if self.state.breaks:
            self.connection.close()
            return
        self.state.received.append((self.path, {key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(self.state.status)
        if self.state.location is not None:
            self.send_header("Location", self.state.location)
        self.send_header("Content-Type", self.state.content_type)
        self.send_header("Content-Length", str(len(self.state.body)))
        self.end_headers()
        self.wfile.write(self.state.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()
    handler = type("Handler", (_Handler,), {"state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        listener.daemon_threads = True
        state.url = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        state.released.set()
        listener.shutdown()
        thread.join()


@dataclass
class Subject:
    """One adapter under test: what arrived, and how to make its other side fail and come back."""

    transport: LineageTransport
    arrived: Callable[[], list[object]]
    fail: Callable[[], None]
    heal: Callable[[], None]


@pytest.fixture(params=["file", "http"])
def subject(request: pytest.FixtureRequest, tmp_path: Path, server: Server) -> Subject:
    if request.param == "file":
        path = tmp_path / "deep" / "down" / "lineage.jsonl"
        path.parent.parent.mkdir()

        def fail() -> None:
            path.parent.write_text("a file where a folder should be")

        def arrived() -> list[object]:
            # Not splitlines: it also breaks at characters that may stand inside a JSON text.
            return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]

        return Subject(load_transport({"to": "file", "path": str(path)}, root=tmp_path), arrived, fail, path.parent.unlink)

    def set_status(status: int) -> None:
        server.status = status

    return Subject(
        load_transport({"to": "http", "url": server.url, "timeout": 5}, root=tmp_path),
        lambda: [json.loads(body) for _, _, body in server.received if server.status == 201],
        lambda: set_status(503),
        lambda: (set_status(201), server.received.clear())[0],
    )


def test_events_arrive_whole_and_in_order(subject: Subject) -> None:
    events = [{**EVENT, "n": number} for number in range(5)]
    for event in events:
        subject.transport.emit(event)
    assert subject.arrived() == events


def test_a_large_event_arrives_in_one_piece(subject: Subject) -> None:
    event = {"edges": ["é" * 1000] * 500}
    subject.transport.emit(event)
    assert subject.arrived() == [event]


def test_an_event_is_not_changed_by_sending(subject: Subject) -> None:
    event = json.loads(json.dumps(EVENT))
    subject.transport.emit(event)
    assert event == EVENT


def test_what_is_not_taken_is_said_and_the_next_one_goes_through(subject: Subject) -> None:
    subject.fail()
    with pytest.raises(UnavailableError) as caught:
        subject.transport.emit(EVENT)
    assert caught.value.__cause__ is not None
    assert caught.value.exit_code == 5
    assert "Übernacht" not in str(caught.value)
    subject.heal()
    subject.transport.emit(EVENT)
    assert subject.arrived() == [EVENT]


def test_nothing_is_opened_before_the_first_event(tmp_path: Path) -> None:
    load_transport({"to": "file", "path": "state/lineage.jsonl"}, root=tmp_path)
    load_transport({"to": "http", "url": "http://127.0.0.1:1"}, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_starts_at_the_root(tmp_path: Path) -> None:
    load_transport({"to": "file", "path": "state/lineage.jsonl"}, root=tmp_path).emit(EVENT)
    load_transport({"to": "file", "path": f"file://{tmp_path}/state/lineage.jsonl"}, root=Path("/nowhere")).emit(EVENT)
    assert len((tmp_path / "state" / "lineage.jsonl").read_bytes().splitlines()) == 2


def test_lines_of_several_writers_never_mix(tmp_path: Path) -> None:
    event = {"text": "x" * 20_000}

    def write() -> None:
        transport = load_transport({"to": "file", "path": "l.jsonl"}, root=tmp_path)
        for _ in range(20):
            transport.emit(event)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = (tmp_path / "l.jsonl").read_text().splitlines()
    assert len(lines) == 80
    assert all(json.loads(line) == event for line in lines)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full (Linux)")
def test_a_full_disk_is_said() -> None:
    with pytest.raises(UnavailableError, match="No space left on device"):
        load_transport({"to": "file", "path": "/dev/full"}, root=Path("/")).emit(EVENT)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_answer_of_success_is_taken(server: Server, status: int) -> None:
    server.status = status
    load_transport({"to": "http", "url": server.url}, root=Path()).emit(EVENT)
    assert len(server.received) == 1


def test_the_request_is_what_openlineage_asks_for(server: Server) -> None:
    settings = {"to": "http", "url": f"{server.url}/base/", "endpoint": "/api/v1/openlineage/lineage", "api_key": "k-1"}
    load_transport(settings, root=Path()).emit(EVENT)
    [(path, headers, body)] = server.received
    assert path == "/base/api/v1/openlineage/lineage"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == "Bearer k-1"
    assert json.loads(body) == EVENT


def test_without_a_key_no_one_is_authorised_and_the_path_is_the_usual_one(server: Server) -> None:
    load_transport({"to": "http", "url": server.url}, root=Path()).emit(EVENT)
    [(path, headers, _)] = server.received
    assert path == "/api/v1/lineage"
    assert "authorization" not in headers


@pytest.mark.parametrize(
    ("status", "body", "content_type", "said"),
    [
        (500, b"", "application/json", "500 Internal Server Error"),
        (422, b'{"errors":["run must not be null"]}', "application/json", '422 {"errors":["run must not be null"]}'),
        (404, b"<html><h1>Not here</h1></html>", "text/html", "404 Not Found"),
        (502, b"  <!doctype html><p>proxy</p>", "text/plain", "502 Bad Gateway"),
        (503, b"first line\nsecond line", "text/plain", "503 first line"),
        (500, b"\xff\xfe broken text", "text/plain", "500"),
    ],
)
def test_a_refusal_is_one_sentence_with_the_servers_word(
    server: Server, status: int, body: bytes, content_type: str, said: str
) -> None:
    server.status, server.body, server.content_type = status, body, content_type
    with pytest.raises(UnavailableError) as caught:
        load_transport({"to": "http", "url": server.url, "api_key": "k-1"}, root=Path()).emit(EVENT)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "<" not in str(caught.value)
    assert "k-1" not in str(caught.value)
    assert len(server.received) == 1


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.status, server.location = 307, f"{server.url}/elsewhere"
    with pytest.raises(UnavailableError, match="307"):
        load_transport({"to": "http", "url": server.url, "api_key": "k-1"}, root=Path()).emit(EVENT)
    assert [path for path, _, _ in server.received] == ["/api/v1/lineage"]


def test_a_silent_server_is_given_up_after_the_timeout(server: Server) -> None:
    server.hangs = True
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.1 s"):
        load_transport({"to": "http", "url": server.url, "timeout": 0.1}, root=Path()).emit(EVENT)


def test_a_server_that_breaks_off_is_said(server: Server) -> None:
    server.breaks = True
    with pytest.raises(UnavailableError, match=r"broke off|cannot be reached"):
        load_transport({"to": "http", "url": server.url}, root=Path()).emit(EVENT)


def test_nobody_listening_is_said() -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1 cannot be reached"):
        load_transport({"to": "http", "url": "http://127.0.0.1:1"}, root=Path()).emit(EVENT)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "lineage.to is None; allowed are file, http"),
        ({"to": "kafka"}, "lineage.to is 'kafka'; allowed are file, http"),
        ({"to": ["http"]}, "allowed are file, http"),
        ({"to": "file"}, "needs path"),
        ({"to": "file", "path": ""}, "needs path"),
        ({"to": "file", "path": 3}, "lineage.path must be text, not int"),
        ({"to": "file", "path": "x", "mode": "a"}, "does not know mode"),
        ({"to": "http"}, "needs url"),
        ({"to": "http", "url": "http://h", "apikey": "k"}, "does not know apikey"),
        ({"to": "http", "url": "file:///etc/passwd"}, "is not an http or https address"),
        ({"to": "http", "url": "marquez:5000"}, "is not an http or https address"),
        ({"to": "http", "url": "http://user:secret@h"}, "must not hold a user or password"),
        ({"to": "http", "url": "http://h:port"}, "is not an http or https address"),
        ({"to": "http", "url": "http://h", "timeout": 0}, "seconds above 0 up to 60"),
        ({"to": "http", "url": "http://h", "timeout": "5"}, "seconds above 0 up to 60"),
        ({"to": "http", "url": "http://h", "timeout": True}, "seconds above 0 up to 60"),
        ({"to": "http", "url": "http://h", "api_key": 5}, "lineage.api_key must be text, not int"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_sent(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_transport(settings, root=Path())
    assert said in str(caught.value)
