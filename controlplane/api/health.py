"""What machines ask about the plane itself: is the process alive, can it work, how is it. No sign-in.

Anybody may learn whether the process is alive and ready. Reasons and numbers are told on this machine only.
"""

from __future__ import annotations

from ipaddress import ip_address

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from controlplane.api.measuring import MeasuredApp, Measures
from controlplane.usecases.facade import Plane
from controlplane.usecases.health import readiness

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_UNAVAILABLE, _FORBIDDEN = 503, 403


def instrument(app: FastAPI, plane: Plane) -> None:
    """Add ``/healthz``, ``/readyz`` and ``/metrics`` to an app, and measure every answer it gives from now on."""
    measures = Measures(plane)
    app.include_router(router(plane, measures))
    app.add_middleware(MeasuredApp, measures=measures)


def router(plane: Plane, measures: Measures) -> APIRouter:
    """Return the three addresses."""
    found = APIRouter(include_in_schema=False)

    @found.get("/healthz")
    def healthz() -> Response:
        """Say that the process is alive; nothing is asked, so that a store that is down kills no process."""
        return PlainTextResponse("ok\n")

    @found.get("/readyz")
    def readyz(request: Request) -> Response:
        """Say whether store and catalog answer; 503 with plain reasons where they do not."""
        problems = readiness(plane.ports)
        document: dict[str, object] = {"ready": not problems}
        if is_near(request):
            document["problems"] = problems
        return JSONResponse(document, status_code=_UNAVAILABLE if problems else 200)

    @found.get("/metrics")
    def metrics(request: Request) -> Response:
        """Return the numbers, to a client on this machine."""
        if not is_near(request):
            return PlainTextResponse("metrics are told on this machine only\n", status_code=_FORBIDDEN)
        return Response(measures.text(), media_type=_PROMETHEUS)

    return found


def is_near(request: Request) -> bool:
    """Return whether a client is on this machine, and no proxy here speaks for one elsewhere."""
    if request.client is None or {"forwarded", "x-forwarded-for"} & set(request.headers):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False
