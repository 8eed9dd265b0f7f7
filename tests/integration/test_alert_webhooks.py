"""The webhook receiver against a real server: what it sends, and one clear reason for everything that goes wrong."""

from __future__ import annotations

import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from alerting.model import Notification, Priority
from alerting.receivers.secrets import read_secret
from alerting.receivers.webhook import IDEMPOTENCY, SIGNATURE, WebhookReceiver
from alerting.routing import SecretReference
from controlplane.kernel.errors import ConfigurationError, ControlPlaneError, MessageRefusedError, UnavailableError
from tests.integration.hooks import Hook, hooked

SECRET = b"0123456789abcdef"
MESSAGE = Notification("m-1", "on_call", "webhook", Priority.P1, "é", {"subject": "é", "b": 1, "a": [2]})
PAGE = "<!doctype html><title>Sign in</title>"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as found:
        yield found


def receiver(hook: Hook, timeout: float = 2.0, path: str = "/alerts?key=t0ken") -> WebhookReceiver:
    return WebhookReceiver("on_call", f"{hook.url}{path}", secret=lambda: SECRET, timeout=timeout)


def test_a_message_is_posted_as_signed_json_with_its_key(hook: Hook) -> None:
    receiver(hook).deliver(MESSAGE)
    headers, body = hook.requests[0]
    assert json.loads(body) == dict(MESSAGE.document)
    assert headers["Content-Type"] == "application/json"
    assert headers[IDEMPOTENCY] == "m-1"
    stamp, sign = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
    assert sign == hmac.new(SECRET, f"{stamp}.".encode() + body, sha256).hexdigest()
    assert abs(int(stamp) - time.time()) < 60


def test_without_a_secret_nothing_is_signed(hook: Hook) -> None:
    WebhookReceiver("on_call", hook.url).deliver(MESSAGE)
    assert SIGNATURE not in hook.requests[0][0]


def test_a_ping_says_that_the_plane_is_alive(hook: Hook) -> None:
    at = datetime(2017, 10, 9, tzinfo=UTC)
    receiver(hook).ping(at)
    assert hook.taken == [{"version": 1, "receiver": "on_call", "status": "alive", "at": at.isoformat()}]


ANSWERS: dict[str, tuple[tuple[int, str, str], type[ControlPlaneError], str]] = {
    "500": ((500, "text/plain", "no disk\nstack trace"), UnavailableError, "answered 500 no disk"),
    "500 with a page": ((503, "text/html", PAGE), UnavailableError, "answered 503 Service Unavailable"),
    "200 with a page": ((200, "text/html", PAGE), UnavailableError, "answered 200 with a web page; check the address"),
    "200 with a page that says it is text": ((200, "text/plain", PAGE), UnavailableError, "answered 200 with a web page"),
    "400": ((400, "application/json", '{"error": "too long"}'), MessageRefusedError, 'does not take this message: 400 {"error": "too long"}'),
    "413": ((413, "text/plain", ""), MessageRefusedError, "does not take this message: 413 Request Entity Too Large"),
    "401": ((401, "text/plain", "who?"), UnavailableError, "answered 401 who?"),
    "404": ((404, "text/html", PAGE), UnavailableError, "answered 404 Not Found"),
    "429": ((429, "text/plain", "slow down"), UnavailableError, "answered 429 slow down"),
    "redirect": ((302, "text/plain", ""), UnavailableError, "redirects (302), which is not followed; configure the final address"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_that_takes_nothing_is_one_reason(hook: Hook, name: str) -> None:
    hook.answer, kind, reason = ANSWERS[name]
    hook.headers = {"Location": f"{hook.url}/elsewhere"} if name == "redirect" else {}
    with pytest.raises(kind) as caught:
        receiver(hook).deliver(MESSAGE)
    assert type(caught.value) is kind
    assert str(caught.value) == f"receiver on_call at {hook.url[7:]} {reason}" or str(caught.value).startswith(
        f"receiver on_call at {hook.url[7:]} {reason}"
    )
    assert "t0ken" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(hook.requests) == 1


@pytest.mark.parametrize("code", [200, 201, 202, 204])
def test_every_2xx_is_taken(hook: Hook, code: int) -> None:
    hook.answer = (code, "text/plain", "" if code == 204 else "ok")
    receiver(hook).deliver(MESSAGE)


def test_a_slow_answer_is_not_waited_for(hook: Hook) -> None:
    hook.delay = 0.6
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
        receiver(hook, timeout=0.3).deliver(MESSAGE)
    assert time.monotonic() - started < 0.6


def test_an_answer_that_trickles_in_is_not_waited_for(hook: Hook) -> None:
    hook.answer, hook.drip = (200, "text/plain", "o" * 40), 0.05
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"did not answer within 0\.3 s"):
        receiver(hook, timeout=0.3).deliver(MESSAGE)
    assert time.monotonic() - started < 1.5


def test_nobody_there_is_one_reason() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UnavailableError, match=f"receiver x at 127.0.0.1:{port} cannot be reached: Connection refused"):
        WebhookReceiver("x", f"http://127.0.0.1:{port}").deliver(MESSAGE)


def test_a_server_that_hangs_up_or_speaks_no_http_is_one_reason() -> None:
    for answer in (b"", b"nonsense\r\n\r\n"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(5)
            port = server.getsockname()[1]
            hook = WebhookReceiver("x", f"http://127.0.0.1:{port}", timeout=1)

            def hang_up(server: socket.socket = server, answer: bytes = answer) -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(10_000)
                    connection.sendall(answer)

            thread = threading.Thread(target=hang_up)
            thread.start()
            with pytest.raises(UnavailableError, match="broke off without an answer"):
                hook.deliver(MESSAGE)
            thread.join()


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "x", "http://", "http://a:b@c/", "https://ex ample/", "http://[::1", "http://x:99999/", "http://x\n/"]
)
def test_an_address_that_is_none_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="a webhook's url must"):
        WebhookReceiver("x", url)


def test_a_secret_is_read_when_it_is_needed_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(SECRET + b"\n")
    (tmp_path / "short").write_bytes(b"tooshort")
    by_name, by_file = SecretReference("env", "HOOK"), SecretReference("file", "key")
    assert read_secret(by_file, "x", root=tmp_path, environ={}) == SECRET
    assert read_secret(by_name, "x", root=tmp_path, environ={"HOOK": SECRET.decode()}) == SECRET
    cases = {
        "environment variable HOOK is not set": (by_name, {}),
        "HOOK holds 5 bytes; its secret needs at least 16": (by_name, {"HOOK": "short"}),
        "short holds 8 bytes": (SecretReference("file", "short"), {}),
        "cannot be read": (SecretReference("file", "none"), {}),
    }
    for message, (reference, environ) in cases.items():
        with pytest.raises(ConfigurationError, match=message) as caught:
            read_secret(reference, "x", root=tmp_path, environ=environ)
        assert "tooshort" not in str(caught.value)
