"""Messages posted as JSON to an address, signed so that the other side knows who sent them and when.

On the standard library: one POST, no retry of its own (the outbox tries again), no redirect, and an end to waiting even where
an answer trickles in byte by byte.
"""

from __future__ import annotations

import hmac
import http.client
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

from alerting.model import Notification
from controlplane.kernel.errors import ConfigurationError, ControlPlaneError, MessageRefusedError, UnavailableError

SIGNATURE = "X-Controlplane-Signature"
"""Header ``t=<seconds since 1970>,v1=<hex>``: HMAC-SHA-256 of ``<t>.<body>`` under the receiver's secret."""

IDEMPOTENCY = "Idempotency-Key"
"""Header with the message's id, the same however often the message is sent."""

_SHOWN = 200
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+)(?::\d{1,5})?")
_TAKEN = range(200, 300)
_REDIRECTS = range(300, 400)
_REFUSES_ONE = {400, 409, 413, 415, 422}


class WebhookReceiver:
    """Posts messages (``alerting.ports.Receiver``); any 2xx answer that is no web page means that the message was taken."""

    def __init__(self, name: str, url: str, *, secret: Callable[[], bytes] | None = None, timeout: float = 5.0) -> None:
        """Keep the address; nothing is sent or read yet.

        Args:
            name: of the receiver, for messages.
            url: http or https address; only its host is ever shown.
            secret: gives the signing secret; None leaves messages unsigned.
            timeout: seconds for the whole delivery.

        Raises:
            ConfigurationError: the address is not an http or https one.
        """
        check_address(url)
        self._name, self._address = name, urlsplit(url)
        self._secret, self._timeout = secret, timeout

    def deliver(self, notification: Notification) -> None:
        """Post one message, once; see the port for what it raises."""
        self._post(notification.document, {IDEMPOTENCY: notification.message_id})

    def ping(self, at: datetime) -> None:
        """Post ``{"version": 1, "status": "alive", "at": ...}``; raises like ``deliver``."""
        self._post({"version": 1, "receiver": self._name, "status": "alive", "at": at.isoformat()}, {})

    def _post(self, document: Mapping[str, object], more: Mapping[str, str]) -> None:
        body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "controlplane", **more}
        if self._secret is not None:
            headers[SIGNATURE] = signature(self._secret(), body, int(time.time()))
        path = (self._address.path or "/") + (f"?{self._address.query}" if self._address.query else "")
        with self._connected() as connection:
            connection.request("POST", path, body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read(_SHOWN).decode("utf-8", "replace").strip()
            is_page = "html" in (answer.headers.get("Content-Type") or "") or text[:1] == "<"
        problem = self._problem(answer.status, answer.reason, text, is_page=is_page)
        if problem is not None:
            raise problem

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        """Open a connection that is broken off when the time is over; what goes wrong in the block becomes one reason."""
        host, port = self._address.hostname or "", self._address.port
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(host, port, timeout=self._timeout, context=ssl.create_default_context())
            if self._address.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=self._timeout)
        )
        over = threading.Event()
        opened: list[socket.socket] = []  # the connection forgets its socket once an answer begins

        def break_off() -> None:
            over.set()
            for found in opened:
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(self._timeout, break_off)
        watch.daemon = True
        watch.start()
        try:
            connection.connect()
            opened.append(connection.sock)
            yield connection
            if over.is_set():
                raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            raise self._unavailable(error, late=over.is_set()) from error
        finally:
            watch.cancel()
            connection.close()

    @property
    def _who(self) -> str:
        return f"receiver {self._name} at {self._address.netloc}"

    def _problem(self, status: int, phrase: str, text: str, *, is_page: bool) -> ControlPlaneError | None:
        if status in _TAKEN:
            if not is_page:
                return None
            return UnavailableError(f"{self._who} answered {status} with a web page; check the address and its sign-in")
        said = phrase if is_page or not text else text.splitlines()[0]
        if status in _REDIRECTS:
            return UnavailableError(f"{self._who} redirects ({status}), which is not followed; configure the final address")
        if status in _REFUSES_ONE:
            return MessageRefusedError(f"{self._who} does not take this message: {status} {said}".rstrip())
        return UnavailableError(f"{self._who} answered {status} {said}".rstrip())

    def _unavailable(self, error: Exception, *, late: bool) -> UnavailableError:
        if late or isinstance(error, TimeoutError):
            return UnavailableError(f"{self._who} did not answer within {self._timeout:g} s")
        if isinstance(error, ssl.SSLError):
            return UnavailableError(f"{self._who} cannot be trusted: {error.reason or 'no TLS'}; check its certificate")
        if isinstance(error, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
            return UnavailableError(f"{self._who} broke off without an answer ({type(error).__name__})")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        return UnavailableError(f"{self._who} cannot be reached: {reason}")


def check_address(url: str) -> None:
    """Make sure that a message can be posted to an address.

    Raises:
        ConfigurationError: it is not http or https, has no host, or holds a user or password.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.netloc) and parts.port != 0
    except ValueError:
        usable = None
    else:
        if "@" in parts.netloc:
            message = "a webhook's url must not hold a user or password; sign messages with a secret instead"
            raise ConfigurationError(message)
    if not usable or not url.isascii() or any(sign <= " " for sign in url):
        message = "a webhook's url must be an http or https address, such as https://example.com/alerts"
        raise ConfigurationError(message)


def signature(secret: bytes, body: bytes, at: int) -> str:
    """Return the signature header of a body sent at a second since 1970."""
    return f"t={at},v1={hmac.new(secret, f'{at}.'.encode() + body, sha256).hexdigest()}"
