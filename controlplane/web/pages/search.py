"""Search over datasets, fields and checks; a single hit opens at once."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controlplane.usecases.viewing.searching import Hit
from controlplane.web.visiting import Visit

router = APIRouter()
_LONGEST = 200


@router.get("/search", response_class=HTMLResponse)
def search(visit: Visit, q: str = "") -> Response:
    """Draw what was found, or open it when it is one thing."""
    found = visit.plane.search(q.strip()[:_LONGEST])
    if found.total == 1:
        return RedirectResponse(where(found.shown[0]), 303)
    return visit.draw("search.html", active="", found=found, where=where)


def where(hit: Hit) -> str:
    """Return the address of what was found."""
    page = f"/datasets/{quote(hit.dataset)}"
    if hit.kind == "check":
        return f"{page}/checks/{quote(hit.name)}"
    return page if hit.kind == "dataset" else f"{page}#fields"
