"""What people and programs get when something is wrong: one plain page or one problem document, never a stack trace."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from controlplane.api.problems import problem_of
from controlplane.kernel.errors import ControlPlaneError
from controlplane.web.drawing import draw
from controlplane.web.visiting import FormRefusedError, NotSignedInError, VisitState, frame, house_of, signed_in

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """What an error page says.

    Attributes:
        symbol, tone: what stands before it; heading: what is the case; words: why, and what to do next.
        holds: what still holds.
    """

    status: int
    symbol: str
    tone: str
    heading: str
    words: str
    holds: str = ""


_READERS = "Readers keep the last good snapshot of every dataset; nothing is published while this lasts."
_NOT_FOUND = Trouble(
    404, "none", "dim", "There is nothing here", "No page has this address. Search finds datasets, fields and checks."
)
_DEFECT = Trouble(
    500,
    "errored",
    "err",
    "This page could not be drawn",
    "This is a defect of the control plane; its log has the reason.",
    _READERS,
)
_METHOD = Trouble(405, "none", "dim", "This address takes no such request", "Go back and use the buttons of the page.")


def answer_errors(app: FastAPI) -> None:
    """Register one answer for each family of errors."""
    app.add_exception_handler(NotSignedInError, _sign_in_first)
    app.add_exception_handler(FormRefusedError, _refused)
    app.add_exception_handler(ControlPlaneError, _told)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(HTTPException, _http)


async def _sign_in_first(request: Request, error: Exception) -> Response:  # noqa: ARG001 (the signature of handlers)
    if request.method in {"GET", "HEAD"}:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse("/sign-in" + ("" if here == "/" else "?" + urlencode({"to": here})), 303)
    words = "Your session is over, so nothing was done. Sign in, then send the form again."
    return await _page(request, Trouble(401, "lock", "dim", "You are not signed in", words))


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, FormRefusedError) else 400
    return await _page(request, Trouble(status, "failed", "bad", "The form was not taken", str(error)))


async def _told(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if _is_api(request):
        return JSONResponse(problem.document(), problem.status, media_type="application/problem+json")
    holds = _READERS if problem.status >= 500 else ""  # noqa: PLR2004 (server side of HTTP's status codes)
    symbol, tone = ("errored", "err") if holds else ("failed", "bad") if problem.status != 404 else ("none", "dim")  # noqa: PLR2004
    return await _page(request, Trouble(problem.status, symbol, tone, problem.title, problem.detail, holds))


async def _unusable(request: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    said = "; ".join(f"{entry['loc'][-1]}: {entry['msg']}" for entry in found) or "a parameter cannot be used"
    if _is_api(request):
        document = {"type": "about:blank", "title": "A parameter cannot be used", "status": 422, "detail": said}
        return JSONResponse(document, 422, media_type="application/problem+json")
    return await _page(request, Trouble(400, "failed", "bad", "A part of this address cannot be used", f"{said}."))


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    trouble = _METHOD if status == _METHOD.status else _NOT_FOUND if status == _NOT_FOUND.status else None
    trouble = trouble or Trouble(
        status, "failed", "bad", "The request was not taken", "Go back, reload the page and try again."
    )
    if _is_api(request):
        detail = error.detail if isinstance(error, HTTPException) and status not in {404, 405} else trouble.heading
        document = {"type": "about:blank", "title": trouble.heading, "status": status, "detail": detail}
        return JSONResponse(document, status, media_type="application/problem+json", headers=headers)
    return await _page(request, trouble)


async def answer_defect(request: Request, error: Exception) -> Response:
    """Answer what nobody foresaw: the log gets the error, people a plain page."""
    _LOG.error("a page could not be drawn: %s %s", request.method, request.url.path, exc_info=error)
    if _is_api(request):
        document = {"type": "about:blank", "title": _DEFECT.heading, "status": 500, "detail": _DEFECT.words}
        return JSONResponse(document, 500, media_type="application/problem+json")
    try:
        return await _page(request, _DEFECT)
    except Exception:  # noqa: BLE001 (the last stop; what went wrong is in the log)
        _LOG.exception("nor could the page that says so")
        return PlainTextResponse(f"{_DEFECT.heading}. {_DEFECT.words}\n", 500)


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/v1")


async def _page(request: Request, trouble: Trouble) -> Response:
    return await run_in_threadpool(_drawn, request, trouble)


def _drawn(request: Request, trouble: Trouble) -> Response:
    """Draw the page with the navigation where somebody is signed in and the store answers, else without."""
    visit = _visit(request)
    if visit is not None:
        try:
            return visit.draw("trouble.html", status=trouble.status, trouble=trouble)
        except ControlPlaneError:
            pass  # the store does not answer, so there are no counts; what is the case is said without them
    house = house_of(request)
    shown = frame(request, house, house.wall.now())
    return HTMLResponse(draw("trouble.html", {**shown, "trouble": trouble}), trouble.status)


def _visit(request: Request) -> VisitState | None:
    try:
        return signed_in(request)
    except (NotSignedInError, ControlPlaneError):
        return None
