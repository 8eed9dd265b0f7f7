"""One visit of a signed-in person: what a page handler is given, and how it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hmac import compare_digest
from typing import Annotated
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from controlplane.kernel.ports import Clock
from controlplane.usecases.facade import Plane
from controlplane.usecases.health import Health
from controlplane.usecases.sign_in import Access, Session
from controlplane.web.drawing import Moment, draw
from controlplane.web.navigation import Counts, Navigation

_NOTICE = 300
_FIELD = 4000


class NotSignedInError(Exception):
    """Raised when a page needs a session and there is none; the answer is the sign-in page."""


class FormRefusedError(Exception):
    """Raised when a form lacks its token or a field; ``status`` is the answer's, the message is for people."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class House:
    """What all requests of one application share; ``app.state.house``.

    Attributes:
        wall: wall clock, for sessions and the watcher.
        secure: whether people come by https.
    """

    plane: Plane
    access: Access
    wall: Clock
    navigation: Navigation
    secure: bool

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; the prefix binds it to this host and to https."""
        return "__Host-controlplane" if self.secure else "controlplane"

    @property
    def zone(self) -> tzinfo:
        """The project's time zone, in which all times are written."""
        return ZoneInfo(self.plane.ports.time_zone)


@dataclass(frozen=True)
class VisitState:
    """A request of somebody who is signed in.

    Attributes:
        now: the plane's clock; everything judged is measured against it.
        wall: wall time, for sessions and the watcher.
    """

    request: Request
    house: House
    session: Session
    now: datetime
    wall: datetime

    @property
    def plane(self) -> Plane:
        """The plane the pages are about."""
        return self.house.plane

    @property
    def subject(self) -> str:
        """Who is signed in, as the audit log knows them."""
        return self.session.subject

    @property
    def zone(self) -> tzinfo:
        """The project's time zone."""
        return self.house.zone

    def draw(self, template: str, *, status: int = 200, active: str = "", **context: object) -> HTMLResponse:
        """Return a page. ``active`` names the entry of the navigation it belongs to; the rest goes to the template."""
        counts, health = self.house.navigation.read(self.wall)
        common = {**frame(self.request, self.house, self.now), **_signed_in(self, counts, health)}
        shown = {**common, "active": active, **context}
        answer = HTMLResponse(draw(template, shown), status)
        if shown["notice"]:
            answer.delete_cookie("notice", path="/", secure=self.house.secure, httponly=True, samesite="lax")
        return answer

    def see(self, path: str, *, done: str = "") -> Response:
        """Send the browser on to a page of ours (303), where ``done`` is shown once."""
        self.house.navigation.forget()
        answer = RedirectResponse(path, 303)
        if done:
            set_cookie(answer, self.house, "notice", quote(done[:_NOTICE]), max_age=60)
        return answer


@dataclass(frozen=True)
class PostedForm:
    """The fields of a form whose token was right."""

    fields: FormData

    def get(self, name: str, default: str = "") -> str:
        """Return a field's text without the space around it."""
        value = self.fields.get(name, default)
        return value.strip()[:_FIELD] if isinstance(value, str) else default

    def many(self, name: str) -> tuple[str, ...]:
        """Return all values of a field that may be given several times."""
        return tuple(value for value in self.fields.getlist(name) if isinstance(value, str))

    def text(self, name: str, what: str) -> str:
        """Return a field that must be filled in. Raises ``FormRefusedError`` saying that ``what`` is missing."""
        value = self.get(name)
        if not value:
            message = f"Nothing was done: {what} is missing. Go back and fill it in; the audit log keeps it with your name."
            raise FormRefusedError(message, 400)
        return value


def house_of(request: Request) -> House:
    """Return what all requests share."""
    house = request.app.state.house
    if not isinstance(house, House):  # pragma: no cover (create_app puts it there)
        raise TypeError
    return house


def session_of(request: Request) -> Session | None:
    """Return the session of a request's cookie, None when there is none or it is over."""
    house = house_of(request)
    secret = request.cookies.get(house.cookie)
    return house.access.session(secret) if secret else None


def signed_in(request: Request) -> VisitState:
    """Return the visit of a request with a session. Raises ``NotSignedInError``."""
    house, session = house_of(request), session_of(request)
    if session is None:
        raise NotSignedInError
    return VisitState(request, house, session, house.plane.ports.clock.now(), house.wall.now())


Visit = Annotated[VisitState, Depends(signed_in)]
"""What a page handler asks for: a signed-in visit."""

Page = Annotated[int, Query(ge=1, le=100_000)]
"""Number of a page of a list, from 1."""


async def _fields(request: Request) -> FormData:
    return await request.form(max_files=0, max_fields=2_000)


def posted_form(visit: Visit, fields: Annotated[FormData, Depends(_fields)]) -> PostedForm:
    """Return a form's fields. Raises ``FormRefusedError`` when it does not carry the token of the session."""
    given = fields.get("csrf")
    if not isinstance(given, str) or not compare_digest(given.encode(), visit.session.csrf.encode()):
        message = "Nothing was done: this form belongs to another session. Go back, reload the page and send it again."
        raise FormRefusedError(message, 403)
    return PostedForm(fields)


Posted = Annotated[PostedForm, Depends(posted_form)]
"""What a handler of a form asks for: its fields, after its token was found right."""


def set_cookie(answer: Response, house: House, name: str, value: str, *, max_age: int) -> None:
    """Set a cookie that no script can read and no other site can send along with a form."""
    answer.set_cookie(name, value, max_age=max_age, path="/", secure=house.secure, httponly=True, samesite="lax")


def frame(request: Request, house: House, now: datetime) -> dict[str, object]:
    """Return what every page needs, signed in or not."""
    wall, theme = house.wall.now(), request.cookies.get("theme", "")
    return {
        "request": request,
        "moment": Moment(now, house.zone),
        "wall": wall,
        "replayed": abs((wall - now).total_seconds()) > 300,  # noqa: PLR2004 (five minutes: no drift of a machine's clock)
        "theme": theme if theme in {"light", "dark"} else "",
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "viewer": None,
        "notice": "",
        "active": "",
    }


def _signed_in(visit: VisitState, counts: Counts, health: Health) -> Mapping[str, object]:
    return {
        "viewer": visit.subject,
        "form_token": visit.session.csrf,
        "counts": counts,
        "watcher": health,
        "notice": unquote(visit.request.cookies.get("notice", ""))[:_NOTICE],
    }
