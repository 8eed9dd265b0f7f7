"""Who is told about which alerts, and when: a tree of routes, first match first, as in Alertmanager. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from alerting.model import Priority, fingerprint, matches

INBOX = "inbox"
"""Name and kind of the receiver that is always there: messages are kept in the store and shown on pages."""

WEBHOOK = "webhook"
"""Kind of the receiver that posts messages to an address."""


@dataclass(frozen=True)
class Options:
    """How alerts of one route are put together into messages.

    Attributes:
        group_by: labels (or ``priority``) that the alerts of one message share.
        group_wait: time from a group's first alert to its first message.
        group_interval: least time between two messages of a group that say something new.
        repeat_interval: time after which a message is sent again although nothing changed.
    """

    group_by: tuple[str, ...] = ("dataset",)
    group_wait: timedelta = timedelta(seconds=30)
    group_interval: timedelta = timedelta(minutes=5)
    repeat_interval: timedelta = timedelta(hours=4)


@dataclass(frozen=True)
class Route:
    """One route with those below it.

    Attributes:
        receivers: names of those who are told; options and receivers are those of the route above where nothing else is said.
        matchers: label to value or pattern; all must match.
        continues: whether the routes after this one are tried although this one matched.
    """

    receivers: tuple[str, ...]
    options: Options = Options()
    matchers: Mapping[str, str] = field(default_factory=dict)
    continues: bool = False
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class SecretReference:
    """Where a receiver's secret is found when it is needed.

    Attributes:
        source: ``env`` or ``file``; name: of the variable, or path of the file.
    """

    source: str
    name: str


@dataclass(frozen=True)
class ReceiverSettings:
    """One receiver as ``routes.yaml`` names it.

    Attributes:
        url: may hold a token and so is not shown.
        secret: signs every message; None leaves messages unsigned.
        timeout: seconds that a delivery may take.
    """

    name: str
    kind: str = INBOX
    url: str = field(default="", repr=False)
    secret: SecretReference | None = None
    timeout: float = 5.0


@dataclass(frozen=True)
class Routes:
    """One ``routes.yaml``.

    Attributes:
        receivers: by name; the inbox is always among them.
        heartbeat: name of the receiver that is told after every good evaluation; None for nobody.
        base_url: where the pages are served, for links in messages; None leaves links out.
        sha256: of the file's bytes; ``default`` without a file.
    """

    root: Route
    receivers: Mapping[str, ReceiverSettings]
    heartbeat: str | None = None
    base_url: str | None = None
    sha256: str = "default"


@dataclass(frozen=True)
class Target:
    """One group of one receiver that an alert belongs to.

    Attributes:
        path: the matchers on the way from the root, so that a group is the same as long as its route is.
        labels: that all alerts of the group share.
    """

    receiver: str
    path: str
    labels: Mapping[str, str]
    options: Options

    @property
    def key(self) -> str:
        """Identity of the group for the receiver, 64 hex digits."""
        return _key(self.path, tuple(self.labels.items()))


@lru_cache(maxsize=4096)
def _key(path: str, labels: tuple[tuple[str, str], ...]) -> str:
    return fingerprint({"route": path, **{f"label {name}": value for name, value in labels}})


DEFAULT_ROUTES = Routes(
    root=Route(
        receivers=(INBOX,),
        routes=(Route(receivers=(INBOX,), options=Options(group_wait=timedelta(0)), matchers={"priority": Priority.P1}),),
    ),
    receivers={INBOX: ReceiverSettings(INBOX)},
)
"""Routes of a project without ``routes.yaml``: everything to the inbox by dataset, P1 at once."""


def targets(routes: Routes, labels: Mapping[str, str]) -> tuple[Target, ...]:
    """Return the groups that an alert belongs to, each once.

    The root matches everything; of a route's children the first that matches wins, and the next ones are tried too while the
    winner says ``continue``. A route none of whose children match takes the alert itself.

    Args:
        routes: the tree.
        labels: of the alert, and its ``priority``.
    """
    found = {(target.receiver, target.key): target for target in _below(routes.root, labels, "")}
    return tuple(found.values())


def _below(route: Route, labels: Mapping[str, str], above: str) -> tuple[Target, ...]:
    path = f"{above}/{','.join(f'{name}={route.matchers[name]}' for name in sorted(route.matchers))}"
    found: tuple[Target, ...] = ()
    for child in route.routes:
        if matches(child.matchers, labels):
            found += _below(child, labels, path)
            if not child.continues:
                break
    if found:
        return found
    shared = {name: labels.get(name, "") for name in route.options.group_by}
    return tuple(Target(receiver, path, shared, route.options) for receiver in route.receivers)
