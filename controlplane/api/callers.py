"""Who calls the API: the bearer of a token, or, for reading only, somebody who is signed in to the pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from controlplane.api.trying import Tries
from controlplane.kernel.errors import SignInRefusedError
from controlplane.usecases.facade import Plane
from controlplane.usecases.sign_in import Access

_READING = frozenset({"GET", "HEAD"})
_BEARER = HTTPBearer(auto_error=False, description="A token: `controlplane token new --name NAME` prints one.")


@dataclass(frozen=True)
class Gate:
    """What the API needs of the application; ``app.state.gate``.

    Attributes:
        cookie: name of the pages' session cookie.
    """

    plane: Plane
    access: Access
    tries: Tries
    cookie: str


@dataclass(frozen=True)
class CallerState:
    """A call by somebody who may.

    Attributes:
        subject: who calls, as the audit log knows them.
    """

    plane: Plane
    subject: str


def caller(request: Request, token: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> CallerState:
    """Return who calls.

    A session is enough for reading. Anything that changes something needs a token, which no other site can make a browser
    send.

    Raises:
        HTTPException: 401 without a token or session that is good, 429 after too many tries.
    """
    gate: Gate = request.app.state.gate
    if token is not None:
        return CallerState(gate.plane, _bearer(gate, request, token.credentials))
    secret = request.cookies.get(gate.cookie)
    session = gate.access.session(secret) if secret and request.method in _READING else None
    if session is None:
        message = "Give a token: Authorization: Bearer TOKEN. `controlplane token new --name NAME` prints one."
        raise _refused(message)
    return CallerState(gate.plane, session.subject)


Caller = Annotated[CallerState, Depends(caller)]
"""What a handler of the API asks for."""


def _bearer(gate: Gate, request: Request, secret: str) -> str:
    address = request.client.host if request.client else "unknown"
    wait = gate.tries.wait(address)
    if wait:
        seconds = str(int(wait.total_seconds()) + 1)
        message = "Too many tries with a wrong token; wait a minute."
        raise HTTPException(429, message, {"Retry-After": seconds})
    try:
        return gate.access.bearer(secret)
    except SignInRefusedError:
        gate.tries.failed(address)
        message = "This token does not open anything: it has expired, was revoked or never existed."
        raise _refused(message) from None


def _refused(message: str) -> HTTPException:
    return HTTPException(401, message, {"WWW-Authenticate": "Bearer"})
