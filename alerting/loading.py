"""``routes.yaml`` (version 1) -> ``Routes``, with every problem reported at once, each with file and line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from alerting.model import MATCHABLE, AlertKind, Priority
from alerting.receivers.webhook import check_address
from alerting.routing import DEFAULT_ROUTES, INBOX, WEBHOOK, Options, ReceiverSettings, Route, Routes, SecretReference
from controlplane.kernel.documents import Document, read_document
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.package_schemas import package_schema
from controlplane.kernel.problems import DocumentInvalidError, Steps, kind_of, shown, unknown
from controlplane.kernel.reading import Issues, Section, duplicates
from controlplane.kernel.variables import Allowed, substituted

SCHEMA = "routes.schema.json"
_VERSION = 1
_NAME = re.compile("[A-Za-z0-9_-]{1,32}")
_LONGEST = 60
_TIMES = ("group_wait", "group_interval", "repeat_interval")


class RoutesInvalidError(DocumentInvalidError):
    """Raised when a ``routes.yaml`` cannot be used; ``problems`` has all that is wrong, the text one line for each."""


def load_routes(path: Path, datasets: Collection[str] | None = None, environ: Mapping[str, str] | None = None) -> Routes:
    """Return who is told about which alerts.

    Args:
        path: of the file.
        datasets: every known dataset; None leaves unjudged whether a matcher can match one.
        environ: where ``${NAME}`` in a webhook's url is looked up; None: nowhere, so that every ``${NAME}`` is a problem.

    Raises:
        RoutesInvalidError: anything is wrong with the file; all problems are listed, with line and what is allowed.
    """
    try:
        document, content = read_document(path)
    except DocumentInvalidError as error:
        raise RoutesInvalidError(error.problems) from None
    issues = Issues(document)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"the file holds {kind_of(document.data)} at its top"
        issues.add((), f"{what}; it is a map with version, receivers and route")
        raise RoutesInvalidError(issues.problems)
    routes = _Reader(document, issues, datasets, environ or {}).routes(sha256(content).hexdigest())
    issues.settle()
    for where, message in package_schema(SCHEMA).errors(document.data):
        issues.add(where, message)
    issues.refuse(RoutesInvalidError)
    return routes


class _Reader:
    """Reads one file; what is wrong is noted in ``issues``."""

    def __init__(
        self, document: Document, issues: Issues, datasets: Collection[str] | None, environ: Mapping[str, str]
    ) -> None:
        allowed = Allowed(_is_url, lambda _: False, "a webhook's url")
        self._top = Section(issues, (), substituted(document.data, issues, environ, allowed))
        self._datasets = datasets
        self._known: dict[str, ReceiverSettings] = dict(DEFAULT_ROUTES.receivers)

    def routes(self, digest: str) -> Routes:
        """Return the whole file."""
        top = self._top
        if top.value("version", required=True) not in (None, _VERSION):
            top.problem("version", f"must be {_VERSION}, the only version there is")
        self._receivers()
        root = self._root(top.section("route", required=True))
        heartbeat = top.text("heartbeat")
        if heartbeat is not None:
            self._reachable(top, ("heartbeat",), heartbeat)
        base_url = top.text("base_url")
        if base_url is not None and not _is_address(base_url):
            top.problem("base_url", "must be the http or https address that people open the pages at")
        top.done()
        return Routes(root, self._known, heartbeat, base_url.rstrip("/") if base_url else None, digest)

    def _receivers(self) -> None:
        names = []
        for section in self._top.sections("receivers"):
            name = section.text("name", required=True)
            webhook = section.section("webhook", required=True)
            section.done()
            if name is None:
                continue
            names.append(name)
            if name == INBOX:
                section.problem("name", f"{INBOX} is always there, with messages kept in the store; choose another name")
            elif not _NAME.fullmatch(name):
                section.problem("name", f"{shown(name)} may hold 1 to 32 letters, digits, '_' and '-' only")
            self._known[name] = _webhook(name, webhook) if webhook else ReceiverSettings(name, WEBHOOK)
        for name in duplicates(names):
            self._top.problem("receivers", f"the name {name!r} is given to two receivers; choose another")

    def _reachable(self, section: Section, place: tuple[str | int, ...], name: str) -> None:
        """Check a receiver that is told about the plane itself: the inbox would tell nobody that the plane has stopped."""
        if name == INBOX:
            section.issues.add(section.at(*place), f"{INBOX} stops with the plane; name a webhook of somebody who notices")
        else:
            self._exists(section, place, name)

    def _exists(self, section: Section, place: tuple[str | int, ...], name: str) -> None:
        if name not in self._known:
            section.issues.add(section.at(*place), unknown("receiver", name, sorted(self._known)))

    def _root(self, section: Section | None) -> Route:
        if section is None:
            return DEFAULT_ROUTES.root
        for key in ("matchers", "continue"):
            if key in section:
                section.value(key)
                section.problem(key, f"{key} is for the routes below: the first one matches everything; remove it")
        if "receivers" not in section and section.data:
            section.issues.add(section.path, f"the key 'receivers' is missing; name at least one, such as {INBOX}")
        return self._route(section, Route(receivers=(INBOX,)), is_root=True)

    def _route(self, section: Section, above: Route, *, is_root: bool = False) -> Route:
        receivers = section.texts("receivers")
        for position, name in enumerate(receivers):
            self._exists(section, ("receivers", position), name)
        if "receivers" in section and section.data["receivers"] == []:
            section.problem("receivers", f"is empty, so nobody would be told; name at least one, such as {INBOX}")
        options = self._options(section, above.options)
        matchers = {} if is_root else self._matchers(section)
        continues = False if is_root else section.flag("continue")
        route = Route(receivers or above.receivers, options, matchers, continues=bool(continues))
        below = tuple(self._route(inner, route) for inner in section.sections("routes"))
        section.done()
        return Route(route.receivers, options, matchers, continues=route.continues, routes=below)

    @staticmethod
    def _options(section: Section, above: Options) -> Options:
        group_by = section.texts("group_by") if "group_by" in section else above.group_by
        for position, name in enumerate(group_by if "group_by" in section else ()):
            if name not in MATCHABLE:
                section.issues.add(section.at("group_by", position), unknown("label", name, MATCHABLE))
        times: dict[str, timedelta] = {}
        for key in _TIMES:
            found = section.duration(key)
            times[key] = getattr(above, key) if found is None else found
            if found is not None and not found and key != "group_wait":
                section.problem(key, "must be longer than nothing")
        return Options(group_by, **times)

    def _matchers(self, section: Section) -> Mapping[str, str]:
        inner = section.section("matchers", required=True)
        if inner is None:
            return {}
        if not inner.data:
            section.problem("matchers", "is empty, so it would match everything; name a label and its value")
        matchers: dict[str, str] = {}
        for name in inner.data:
            if name not in MATCHABLE:
                inner.asked[name] = None
                inner.problem(name, unknown("label", name, MATCHABLE))
                continue
            pattern = inner.text(name)
            if pattern is not None:
                matchers[name] = pattern
                self._can_match(inner, name, pattern)
        return matchers

    def _can_match(self, section: Section, name: str, pattern: str) -> None:
        """Note a pattern that no alert can ever match."""
        values: Mapping[str, Collection[str] | None] = {
            "kind": [kind.value for kind in AlertKind],
            "priority": [priority.value for priority in Priority],
            "dataset": self._datasets,
        }
        known = values.get(name)
        if known is not None and not any(fnmatchcase(value, pattern) for value in known):
            section.problem(name, unknown(name, pattern, sorted(known)))


def _webhook(name: str, section: Section) -> ReceiverSettings:
    url, timeout = section.text("url", required=True), section.number("timeout")
    inner = section.section("secret")
    section.done()
    if url is not None:
        try:
            check_address(url)
        except ConfigurationError as error:
            section.problem("url", str(error))
    if timeout is not None and not 0 < timeout <= _LONGEST:
        section.problem("timeout", f"must be seconds above 0 up to {_LONGEST}, not {timeout}")
    secret = next(iter(_secret(inner)), None) if inner else None
    seconds = ReceiverSettings.timeout if timeout is None else float(timeout)
    return ReceiverSettings(name, WEBHOOK, url or "", secret, seconds)


def _secret(section: Section) -> Iterator[SecretReference]:
    """Yield where a secret is, or nothing where that cannot be read."""
    source = section.text("from", required=True, allowed=("env", "file"))
    key, other = ("name", "path") if source == "env" else ("path", "name")
    found = section.text(key, required=source is not None)
    section.value(other)
    section.done()
    if source is not None and other in section:
        section.problem(other, f"{other} is not for from: {source}; remove it")
    if source is not None and found is not None:
        yield SecretReference(source, found)


def _is_url(path: Steps) -> bool:
    return path[:1] == ("receivers",) and path[-2:] == ("webhook", "url")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not parts.query and not parts.fragment
