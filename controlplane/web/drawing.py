"""Templates to pages: the one environment, what every page is given, and files with their digest in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from controlplane.web import charts, formatting, words
from controlplane.web.paging import link

_STATIC = files("controlplane.web") / "static"


@dataclass(frozen=True)
class Moment:
    """What "now" and "today" mean on a page: the plane's clock, in the project's zone."""

    now: datetime
    zone: tzinfo


def draw(template: str, context: Mapping[str, object]) -> str:
    """Return a page as HTML. ``context`` has ``moment``, and what the template names; anything missing is an error."""
    return environment().get_template(template).render(context)


@cache
def environment() -> Environment:
    """Return the environment of all templates: autoescape on, undefined names are errors."""
    made = Environment(
        loader=PackageLoader("controlplane.web"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.filters |= {
        "n": formatting.thousands,
        "pct": formatting.percent,
        "bytes": formatting.size,
        "duration": formatting.duration,
        "plural": formatting.plural,
        "day": formatting.day,
        "short": formatting.short,
        "at": _at,
        "ago": _relative(formatting.ago),
        "ahead": _relative(formatting.ahead),
        "segment": partial(quote, safe=""),
    }
    made.globals |= {
        "status_of": words.status,
        "budget_bar": charts.budget,
        "static": static,
        "link": link,
        "zone_words": formatting.zone_words,
        "full": pass_context(_full),
    }
    return made


def static(name: str) -> str:
    """Return the address of a static file; it changes with the content, so that browsers may keep it for ever."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    return sha256((_STATIC / name).read_bytes()).hexdigest()[:12]


@pass_context
def _at(
    context: Context, moment: datetime | date | None, *, seconds: bool = False, now: datetime | None = None
) -> Markup | str:
    """Write a time as people read it, with the exact one for machines; ``now`` is wall time where the time is."""
    page: Moment = context["moment"]
    if moment is None:
        return formatting.UNKNOWN
    if not isinstance(moment, datetime):
        return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(), formatting.day(moment))
    text = formatting.at(moment, page.zone, now or page.now, seconds=seconds)
    return Markup('<time datetime="{}">{}</time>').format(moment.isoformat(timespec="seconds"), text)


def _full(context: Context, moment: datetime) -> str:
    page: Moment = context["moment"]
    return formatting.full(moment, page.zone)


def _relative(words_of: Callable[[datetime | None, datetime], str]) -> Callable[..., str]:
    @pass_context
    def written(context: Context, moment: datetime | None, now: datetime | None = None) -> str:
        page: Moment = context["moment"]
        return escape(words_of(moment, now or page.now))

    return written
