"""From alerts to messages in the outbox: what changed wakes its groups, groups that are due say what is new.

Waiting, intervals and repeats are judged on the plane's clock; sending is on wall time and somewhere else (``delivering``).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from alerting.lifecycle import tell
from alerting.model import Alert, AlertState, Group
from alerting.routing import Options, Routes, Target, targets
from alerting.stages import MESSAGES_PER_MINUTE, Saying, compose, examine, share_out, silenced, wake
from controlplane.kernel.errors import ControlPlaneError
from controlplane.kernel.logs import event
from controlplane.usecases.alert_ports import AlertBook
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import OutboxMessage

NOTIFY = "notify:"
"""What the kind of an outbox message for a receiver begins with; the receiver's name follows."""

Place: TypeAlias = tuple[str, str]
Change: TypeAlias = tuple[Alert | None, Alert]
"""An alert as it was before (None: it is new) and as it is stored now."""

_MINUTE = timedelta(minutes=1)
_ALLOWANCE = ""
_ROUTES: Place = ("", "routes")


def tick(ports: Ports) -> int:
    """Let every group that is due say what is new; return how many messages were put into the outbox.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    now = ports.clock.now()
    with ports.alerts.book() as book:
        _follow_routes(ports.platform.routes, book, now)
        return _say(ports, book, book.due(now), now)


def announce(ports: Ports, book: AlertBook, changes: Sequence[Change], now: datetime) -> int:
    """Wake the groups of alerts that changed in a way worth telling; those due at once speak. Return how many messages."""
    woken = _wake(ports.platform.routes, book, [change for change in changes if _is_worth_telling(*change)], now)
    return _say(ports, book, [group for group in woken if group.due_at is not None and group.due_at <= now], now)


def heartbeat(ports: Ports) -> None:
    """Tell whoever the routes name that the plane is alive; what goes wrong is logged and nothing else."""
    name = ports.platform.routes.heartbeat
    if name is None:
        return
    try:
        ports.receivers[name].ping(ports.clock.now())
    except ControlPlaneError as error:
        event("heartbeat not taken", logging.WARNING, receiver=name, reason=str(error))


def _is_worth_telling(before: Alert | None, after: Alert) -> bool:
    if before is None or after.priority.rank < before.priority.rank:
        return after.is_open
    if after.is_open:
        return not before.is_open
    return before.is_open and before.state is not AlertState.PENDING


def _wake(routes: Routes, book: AlertBook, changes: Sequence[Change], now: datetime) -> Sequence[Group]:
    """Store when the groups of changed alerts are looked at next, and return them."""
    wanted: dict[Place, tuple[Target, list[Alert]]] = {}
    for _, alert in changes:
        for target in targets(routes, alert.routed_by):
            wanted.setdefault((target.receiver, target.key), (target, []))[1].append(alert)
    known = book.groups(wanted) if wanted else {}
    woken = []
    for place, (target, alerts) in wanted.items():
        group = known.get(place, Group(target.receiver, target.key, target.labels))
        if any(alert.is_open or alert.alert_id in group.told for alert in alerts):
            woken.append(wake(group, target.options, now))
    book.keep(woken)
    return woken


def _follow_routes(routes: Routes, book: AlertBook, now: datetime) -> None:
    """Wake the groups of all open alerts when the routes are others than last time, so that nobody is forgotten."""
    known = book.groups([_ROUTES]).get(_ROUTES)
    if known is None or known.labels.get("sha256") != routes.sha256:
        _wake(routes, book, [(None, alert) for alert in book.open_alerts()], now)
        book.keep([Group(*_ROUTES, {"sha256": routes.sha256})])


def _say(ports: Ports, book: AlertBook, due: Sequence[Group], now: datetime) -> int:
    """Put what due groups have to say into the outbox; a receiver without room for a message is tried again later."""
    routes = ports.platform.routes
    book.keep([replace(group, due_at=None) for group in due if group.receiver not in routes.receivers])
    rooms = _rooms(book, {group.receiver for group in due if group.receiver in routes.receivers}, now)
    due = [group for group in due if group.receiver in rooms and rooms[group.receiver].sequence < MESSAGES_PER_MINUTE]
    if not due:
        return 0
    members, options = _members(routes, due, book.concerned(due))
    mutes = [silenced(book.silences(now))]
    sayings: dict[str, list[Saying]] = defaultdict(list)
    quiet = []
    for group in due:
        place = (group.receiver, group.key)
        after, saying = examine(group, options.get(place, routes.root.options), members[place], mutes, now)
        if saying is None:
            quiet.append(after)
        else:
            sayings[group.receiver].append(saying)
    book.keep([group for group in quiet if group not in due])
    return sum(_put(ports, book, said, rooms[receiver], now) for receiver, said in sayings.items())


def _rooms(book: AlertBook, receivers: Collection[str], now: datetime) -> Mapping[str, Group]:
    """Return of each receiver how many messages (``sequence``) it was sent in the minute that began at ``notified_at``."""
    known = book.groups([(name, _ALLOWANCE) for name in sorted(receivers)]) if receivers else {}
    rooms = {}
    for name in receivers:
        room = known.get((name, _ALLOWANCE))
        is_over = room is None or room.notified_at is None or now - room.notified_at >= _MINUTE
        rooms[name] = Group(name, _ALLOWANCE, {}, None, now) if room is None or is_over else room
    return rooms


def _members(
    routes: Routes, due: Sequence[Group], alerts: Sequence[Alert]
) -> tuple[Mapping[Place, list[Alert]], Mapping[Place, Options]]:
    """Return the alerts of each due group, those it was told of among them, and the options of its route."""
    told: dict[int, list[Place]] = defaultdict(list)
    members: dict[Place, list[Alert]] = {(group.receiver, group.key): [] for group in due}
    options: dict[Place, Options] = {}
    for group in due:
        for number in group.told:
            told[number].append((group.receiver, group.key))
    for alert in alerts:
        places = set(told.get(alert.alert_id, ()))
        for target in targets(routes, alert.routed_by):
            place = (target.receiver, target.key)
            if place in members:
                options[place] = target.options
                places |= {place} if alert.is_open else set()
        for place in places:
            members[place].append(alert)
    return members, options


def _put(ports: Ports, book: AlertBook, sayings: Sequence[Saying], room: Group, now: datetime) -> int:
    """Store the messages of one receiver, what it knows from now on, and that the alerts they count were told."""
    routes = ports.platform.routes
    receiver = routes.receivers[room.receiver]
    messages = []
    said: list[Saying] = []
    for together in share_out(sayings, MESSAGES_PER_MINUTE - room.sequence):
        notification = compose(receiver.kind, together, now, routes.base_url)
        messages.append(OutboxMessage(notification.message_id, f"{NOTIFY}{receiver.name}", notification.document))
        said += together
    book.queue(messages)
    book.keep([*(saying.group for saying in said), replace(room, sequence=room.sequence + len(messages))])
    named = {alert.alert_id: alert for saying in said for alert in saying.firing}
    book.save([tell(alert, now) for alert in named.values() if alert.state is AlertState.PENDING])
    return len(messages)
