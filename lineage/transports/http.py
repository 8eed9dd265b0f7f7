"""Events posted to any OpenLineage address: Marquez, OpenMetadata, DataHub, or another plane.

Written on the standard library: ``openlineage-python`` takes about a second to import, and its own five retries would hold up a
run that the outbox repeats anyway.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import IO
from urllib.parse import urlsplit

from controlplane.kernel.errors import ConfigurationError, UnavailableError

_SHOWN = 200
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::\d{1,5})?")


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key would go to a server that nobody configured, and a POST would become a GET."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: IO[bytes],  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: http.client.HTTPMessage,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> urllib.request.Request | None:
        """Refuse."""
        return None


class HttpTransport:
    """Posts events as JSON; any answer of 2xx means that the event was taken."""

    def __init__(self, url: str, *, endpoint: str = "api/v1/lineage", api_key: str | None = None, timeout: float = 5.0) -> None:
        """Keep the address; nothing is sent yet.

        Args:
            url: scheme and host, perhaps with a path (``http://marquez:5000``).
            endpoint: path below it.
            api_key: sent as a bearer token.
            timeout: seconds to wait for a connection and for each part of the answer.

        Raises:
            ConfigurationError: the URL is not an http or https one.
        """
        parts = urlsplit(url.strip())
        if "@" in parts.netloc:
            message = "Lineage url must not hold a user or password; give api_key instead."
            raise ConfigurationError(message)
        if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.netloc):
            message = f"Lineage url {url!r} is not an http or https address; write for example http://marquez:5000."
            raise ConfigurationError(message)
        self._address = f"{url.strip().rstrip('/')}/{endpoint.lstrip('/')}" if endpoint else url.strip()
        self._host = parts.netloc
        self._api_key = api_key
        self._timeout = timeout

    def emit(self, event: Mapping[str, object]) -> None:
        """Post one event, once.

        Raises:
            UnavailableError: the server does not answer in time or does not take the event; the message holds its answer's
                status, and of its text at most 200 characters of the first line.
        """
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "controlplane"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key}"
        body = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        request = urllib.request.Request(self._address, data=body, headers=headers, method="POST")  # noqa: S310 - http(s) only
        try:
            with urllib.request.build_opener(_StayHere).open(request, timeout=self._timeout) as answer:
                answer.read(_SHOWN)
        except urllib.error.HTTPError as error:
            with error:
                message = f"Lineage server {self._host} did not take the event: {error.code} {_first_line(error)}"
            raise UnavailableError(message) from error
        except TimeoutError as error:
            message = f"Lineage server {self._host} did not answer within {self._timeout:g} s; it is tried again later."
            raise UnavailableError(message) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                message = f"Lineage server {self._host} did not answer within {self._timeout:g} s; it is tried again later."
                raise UnavailableError(message) from error
            message = f"Lineage server {self._host} cannot be reached: {error.reason}; check lineage.url and the network."
            raise UnavailableError(message) from error
        except (OSError, http.client.HTTPException) as error:
            message = f"Lineage server {self._host} broke off: {type(error).__name__}; it is tried again later."
            raise UnavailableError(message) from error


def _first_line(error: urllib.error.HTTPError) -> str:
    """Return the start of an error answer; a page of HTML says nothing, so its reason phrase stands in."""
    try:
        text = error.read(_SHOWN).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException):
        text = ""
    is_page = text[:1] == "<" or "html" in (error.headers.get("Content-Type") or "")
    return (text.splitlines() or [""])[0] if text and not is_page else error.reason
