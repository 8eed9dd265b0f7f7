"""The application: pages, the JSON API and the process's health behind one guard."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from controlplane.api import health, routes
from controlplane.api.callers import Gate
from controlplane.api.trying import Tries
from controlplane.kernel.clock import SystemClock
from controlplane.kernel.ports import Clock
from controlplane.usecases.facade import Plane
from controlplane.usecases.sign_in import Access
from controlplane.web.answering import answer_defect, answer_errors
from controlplane.web.guarding import Guard
from controlplane.web.navigation import Navigation
from controlplane.web.pages import alerts, api_docs, board, datasets, quarantine, runs, search, signing_in
from controlplane.web.visiting import House

_PAGES = (board, alerts, datasets, runs, quarantine, search, signing_in, api_docs)
_BODY = 1_000_000
_KEPT = int(timedelta(days=365).total_seconds())


class Files(StaticFiles):
    """Static files; their addresses carry a digest, so browsers may keep them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, to be kept for a year where the address carries a digest."""
        answer = await super().get_response(path, scope)
        answer.headers["cache-control"] = f"public, max-age={_KEPT}, immutable" if scope["query_string"] else "no-cache"
        return answer


@asynccontextmanager
async def _settled(_app: FastAPI) -> AsyncIterator[None]:
    """Take what is there before the first request (contracts, checks, pipelines) out of the garbage collector's rounds.

    It lives as long as the process, and a full round over 2,000 compiled contracts stops every page for half a second.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def create_app(
    plane: Plane,
    *,
    base_url: str = "http://127.0.0.1:8765",
    hosts: Iterable[str] = (),
    secure: bool = False,
    wall: Clock | None = None,
) -> FastAPI:
    """Return the web application of a plane. Nothing connects before the first request.

    Args:
        base_url: where people reach it; its host is served, beside this machine's own names.
        hosts: further host names that are served.
        secure: whether people come by https: cookies then need it.
        wall: wall clock, for sessions and the watcher; the machine's by default.
    """
    clock = wall or SystemClock()
    app = FastAPI(
        title="Control plane",
        version=version("controlplane"),
        summary="State of promises, alerts, datasets and runs.",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        max_body_size=_BODY,
        lifespan=_settled,
    )
    house = House(plane, Access(plane.ports, clock), clock, Navigation(plane, clock), secure)
    app.state.house = house
    app.state.gate = Gate(plane, house.access, Tries(clock), house.cookie)
    app.mount("/static", Files(packages=[("controlplane.web", "static")]))
    app.include_router(routes.router, prefix="/api/v1")
    for module in _PAGES:
        app.include_router(module.router, include_in_schema=False)
    answer_errors(app)
    health.instrument(app, plane)
    app.add_middleware(Guard, base_url=base_url, hosts=hosts, secure=secure, on_defect=answer_defect)
    return app
