"""What stands before every request: which host is meant, where a form came from, how large it may be, and what browsers may do.

A page on another site can make a browser send requests here. It cannot choose the ``Host`` header of a name it does not own, so
a rebound name is refused; and browsers tell the truth in ``Origin`` and ``Sec-Fetch-Site``, so a foreign form is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine; always allowed."""

OnDefect = Callable[[Request, Exception], Awaitable[Response]]
"""Answers an error that nobody foresaw."""

_API = "/api/"
_STATIC = "/static/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # not no-referrer: browsers would then send forms with the origin "null"
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Guard:
    """ASGI middleware: refuses what comes from elsewhere and puts the security headers on every answer."""

    def __init__(
        self, app: ASGIApp, *, base_url: str, on_defect: OnDefect, hosts: Iterable[str] = (), secure: bool = False
    ) -> None:
        """Take what is allowed.

        Args:
            base_url: where people reach the pages, e.g. ``http://127.0.0.1:8765``; its host is allowed.
            on_defect: answers an error that nobody foresaw.
            hosts: further host names, without port.
            secure: whether people come by https; browsers are then told to stay there.
        """
        self._app = app
        self._on_defect = on_defect
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts), _host(urlsplit(base_url).netloc)}
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it; every answer carries the security headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._stamp(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refused = self._refusal(scope, Headers(scope=scope))
        try:
            await (refused or self._app)(scope, receive, send_guarded)
        except Exception as error:  # the last stop: whatever it is, a person gets a page
            if begun:
                raise
            answer = await self._on_defect(Request(scope, receive), error)
            await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This host name is not served here.\n", 400)
        if scope["method"] in _READING or scope["path"].startswith(_API):
            return None  # the API takes a bearer token, which no other site can make a browser send
        if not _is_same_site(headers):
            return PlainTextResponse("This form was sent from another site, so nothing was done.\n", 403)
        return None

    def _stamp(self, headers: MutableHeaders, path: str) -> None:
        for name, value in self._headers.items():
            headers[name] = value
        if not path.startswith(_STATIC):
            headers["cache-control"] = "no-store"


def peer(request: Request) -> str:
    """Return the address a request came from, for counting tries."""
    return request.client.host if request.client else "unknown"


def _is_same_site(headers: Headers) -> bool:
    """Return whether a browser says that a form comes from here; a client that says nothing has no cookie to abuse."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _host(text: str) -> str:
    """Return a host header without its port, lower-cased; ``[::1]:80`` keeps its brackets."""
    host = text.strip().lower()
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
