"""Signing in and out: a one-time link that a prefetch cannot burn, or a token; and the theme, which needs no session."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controlplane.api.callers import Gate
from controlplane.api.trying import Tries
from controlplane.kernel.errors import SignInRefusedError
from controlplane.usecases.sign_in import SESSION_LIFE
from controlplane.web.drawing import draw
from controlplane.web.guarding import peer
from controlplane.web.visiting import Posted, frame, house_of, session_of, set_cookie

router = APIRouter()

_YEAR = 365 * 86400
Secret = Annotated[str, Form(max_length=1024)]
Where = Annotated[str, Form(max_length=2048)]


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in_page(request: Request, to: Annotated[str, Query(max_length=2048)] = "/") -> Response:
    """Show the form for a token, or go on where there is a session already."""
    if session_of(request) is not None:
        return RedirectResponse(local(to), 303)
    return _page(request, to=to)


@router.get("/sign-in/once", response_class=HTMLResponse)
def link_page(request: Request, token: Annotated[str, Query(max_length=1024)] = "") -> Response:
    """Show the button that follows a one-time link; looking at it, as mail programs do, uses nothing up."""
    return _page(request, link_token=token)


@router.post("/sign-in/once")
def follow_link(request: Request, token: Secret = "", to: Where = "/") -> Response:
    """Use a one-time link up and open a session."""
    return _enter(request, token, to, by_link=True)


@router.post("/sign-in")
def sign_in(request: Request, token: Secret = "", to: Where = "/") -> Response:
    """Open a session for the bearer of a token."""
    return _enter(request, token, to, by_link=False)


@router.post("/sign-out")
def sign_out(request: Request, posted: Posted) -> Response:  # noqa: ARG001 (its token was verified)
    """End the session, here and in the store."""
    house = house_of(request)
    house.access.sign_out(request.cookies.get(house.cookie, ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(house.cookie, path="/", secure=house.secure, httponly=True, samesite="lax")
    answer.headers["clear-site-data"] = '"cache"'
    return answer


@router.post("/theme")
def choose_theme(request: Request, theme: Where = "", to: Where = "/") -> Response:
    """Remember light, dark or (empty) what the system says."""
    answer = RedirectResponse(local(to), 303)
    set_cookie(answer, house_of(request), "theme", theme if theme in {"light", "dark"} else "", max_age=_YEAR)
    return answer


def local(path: str) -> str:
    r"""Return a path of this site, ``/`` for anything that could lead elsewhere (``//host``, ``/\host``, ``https:...``)."""
    is_ours = path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isprintable()
    return path if is_ours and not path.startswith("/sign-") else "/"


def _enter(request: Request, secret: str, to: str, *, by_link: bool) -> Response:
    house, tries, address = house_of(request), _tries(request), peer(request)
    wait = tries.wait(address)
    if wait:
        answer = _page(request, to=to, problem="Too many tries. Wait a minute, then try again.", status=429)
        answer.headers["retry-after"] = str(int(wait.total_seconds()) + 1)
        return answer
    try:
        session = house.access.follow_link(secret) if by_link else house.access.sign_in(secret)
    except SignInRefusedError:
        tries.failed(address)
        return _page(
            request, to=to, problem="This does not open anything: it was used, has expired or never existed.", status=401
        )
    old = request.cookies.get(house.cookie)
    if old:
        house.access.sign_out(old)  # whatever cookie was planted or left: it opens nothing from now on
    entered = RedirectResponse(local(to), 303)
    set_cookie(entered, house, house.cookie, session, max_age=int(SESSION_LIFE.total_seconds()))
    return entered


def _page(request: Request, *, to: str = "/", link_token: str | None = None, problem: str = "", status: int = 200) -> Response:
    house = house_of(request)
    shown = frame(request, house, house.plane.ports.clock.now())
    return HTMLResponse(draw("sign_in.html", {**shown, "to": local(to), "link_token": link_token, "problem": problem}), status)


def _tries(request: Request) -> Tries:
    gate: Gate = request.app.state.gate
    return gate.tries
