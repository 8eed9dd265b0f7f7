"""A receiver of webhooks that answers as it is told, and remembers what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Hook:
    """One receiver.

    Attributes:
        answer: status, content type and body of the next answers; a callable gets the number of the request (from 0).
        taken: bodies answered with 2xx; requests: headers and body of all.
    """

    url: str = ""
    answer: tuple[int, str, str] | Callable[[int], tuple[int, str, str]] = (200, "application/json", "{}")
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    requests: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """Idempotency keys of all requests, in order."""
        return [headers["Idempotency-Key"] for headers, _ in self.requests]


@contextmanager
def hooked() -> Iterator[Hook]:
    """Serve one receiver on a free port of this machine."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = len(hook.requests)
            hook.requests.append((dict(self.headers), body))
            time.sleep(hook.delay)
            status, kind, text = hook.answer(number) if callable(hook.answer) else hook.answer
            if 200 <= status < 300:
                hook.taken.append(json.loads(body))
            self.send_response(status)
            for name, value in hook.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            for sign in text:
                self.wfile.write(sign.encode())
                self.wfile.flush()
                time.sleep(hook.drip)

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                """The other side has hung up: that is what some tests are about."""

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
