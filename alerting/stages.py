"""From alerts to messages, stage by stage: muting, what is new to a receiver, how many messages, what they say. Pure.

A stage never forgets an alert: what is not said now stays untold in the notification log and is looked at again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TypeAlias

from alerting.lifecycle import tell
from alerting.model import Alert, AlertState, Group, Notification, Priority, Silence
from alerting.routing import Options

LISTED = 20
"""Alerts that one message lists at most; the rest is counted."""

MESSAGES_PER_MINUTE = 20
"""Messages that one receiver is sent within a minute at most; what is over goes into one that sums it up."""

_TEXT = 500
_SUBJECT = 200
_ANNOTATIONS = 12
_TOLD = {AlertState.PENDING, AlertState.FIRING}

Mute: TypeAlias = Callable[[Alert, datetime], str | None]
"""A reason why nobody is told about an alert now; None where there is none. A silence is one; so is a failing root upstream."""


@dataclass(frozen=True)
class Saying:
    """What one group has to say.

    Attributes:
        firing: alerts to be named as firing; resolved: those a message named and that are over now; both worst first.
        group: the notification log once it is said.
    """

    group: Group
    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...]

    @property
    def priority(self) -> Priority:
        """The worst priority named."""
        return min((alert.priority for alert in (*self.firing, *self.resolved)), key=lambda priority: priority.rank)


def silenced(silences: Sequence[Silence]) -> Mute:
    """Return the stage that mutes what a silence covers."""

    def mute(alert: Alert, at: datetime) -> str | None:
        covering = next((silence for silence in silences if silence.covers(alert, at)), None)
        return None if covering is None else f"silenced by {covering.actor}: {covering.reason}"

    return mute


def wake(group: Group, options: Options, now: datetime) -> Group:
    """Return a group that has something to say: due after its wait, or an interval after its last message."""
    at = now + options.group_wait
    if group.told and group.notified_at is not None:
        at = max(now, group.notified_at + options.group_interval)
    return replace(group, due_at=at if group.due_at is None else min(group.due_at, at))


def examine(
    group: Group, options: Options, members: Sequence[Alert], mutes: Sequence[Mute], now: datetime
) -> tuple[Group, Saying | None]:
    """Return a due group as it is without saying anything, and what it has to say now.

    Only what is new is said: an alert the receiver was not told of, or as less urgent, or whose end it was not told of. When
    nothing is new, what fires is said again after ``repeat_interval``. Who has taken an alert over is told its end only.

    Args:
        members: the group's open alerts, and those of ``group.told`` that are over.
    """
    mute = {alert.alert_id for alert in members if any(stage(alert, now) for stage in mutes)}
    audible = sorted((alert for alert in members if alert.alert_id not in mute), key=_worst_first)
    firing = tuple(alert for alert in audible if alert.state in _TOLD)
    resolved = tuple(alert for alert in audible if not alert.is_open and alert.alert_id in group.told)
    news = resolved or any(_is_news(alert, group) for alert in firing)
    last = group.notified_at
    if news and group.told and last is not None and now < last + options.group_interval:
        return replace(group, due_at=last + options.group_interval), None
    repeats = bool(firing) and last is not None and now >= last + options.repeat_interval
    if news or repeats:
        return group, Saying(_said(group, options, members, (firing, resolved), now), firing, resolved)
    untold = any(_is_news(alert, group) or not alert.is_open for alert in members if alert.alert_id in mute)
    if untold:
        return group, None
    if last is None or not any(alert.state in _TOLD for alert in members):
        return replace(group, due_at=None), None
    repeat = last + options.repeat_interval
    return replace(group, due_at=repeat if repeat > now else now + options.group_interval), None


def _is_news(alert: Alert, group: Group) -> bool:
    told = group.told.get(alert.alert_id)
    return alert.state in _TOLD and (told is None or alert.priority.rank < told.rank)


def _said(
    group: Group, options: Options, members: Sequence[Alert], said: tuple[Sequence[Alert], Sequence[Alert]], now: datetime
) -> Group:
    """Return the notification log after a message; alerts that are still untold (muted) keep the group due."""
    firing, resolved = said
    left = {alert.alert_id for alert in members} - {alert.alert_id for alert in resolved}
    told = {number: priority for number, priority in group.told.items() if number in left}
    told |= {alert.alert_id: alert.priority for alert in firing}
    after = replace(group, told=told, notified_at=now, sequence=group.sequence + 1)
    if any(_is_news(alert, after) or (not alert.is_open and alert.alert_id in told) for alert in members):
        return replace(after, due_at=now + options.group_interval)
    return replace(after, due_at=now + options.repeat_interval if told else None)


def share_out(sayings: Sequence[Saying], room: int) -> Sequence[Sequence[Saying]]:
    """Return what is said together in one message each, at most ``room`` messages, the most urgent first.

    What does not fit is summed up in the last one; without any room nothing is said, and all of it is tried again.
    """
    ordered = sorted(sayings, key=lambda saying: (saying.priority.rank, saying.group.key))
    if len(ordered) <= room:
        return [[saying] for saying in ordered]
    if room < 1:
        return []
    return [*([saying] for saying in ordered[: room - 1]), ordered[room - 1 :]]


def compose(kind: str, together: Sequence[Saying], now: datetime, base_url: str | None) -> Notification:
    """Return the message that says what groups of one receiver have to say: at most ``LISTED`` alerts, all of them counted."""
    receiver = together[0].group.receiver
    firing = sorted((tell(alert, now) for saying in together for alert in saying.firing), key=_worst_first)
    resolved = sorted((alert for saying in together for alert in saying.resolved), key=_worst_first)
    priority = min((saying.priority for saying in together), key=lambda found: found.rank)
    listed = [*firing, *resolved][:LISTED]
    counts = Counter(alert.priority.value for alert in firing)
    status = "firing" if firing else "resolved"
    subject = _subject(together, firing, resolved, priority)
    message_id = _message_id(receiver, together, now)
    document = {
        "version": 1,
        "message_id": message_id,
        "receiver": receiver,
        "status": status,
        "priority": priority.value,
        "subject": subject,
        "at": now.isoformat(),
        "group": dict(together[0].group.labels) if len(together) == 1 else {},
        "groups": len(together),
        "firing": len(firing),
        "resolved": len(resolved),
        "by_priority": {name.value: counts[name.value] for name in Priority},
        "alerts": [alert_document(alert, base_url) for alert in listed],
        "not_listed": len(firing) + len(resolved) - len(listed),
    }
    return Notification(message_id, receiver, kind, priority, subject, document)


def alert_document(alert: Alert, base_url: str | None = None) -> dict[str, object]:
    """Return an alert as messages and the command line show it; long texts are cut."""
    document: dict[str, object] = {
        "alert_id": alert.alert_id,
        "fingerprint": alert.fingerprint,
        "state": alert.state.value,
        "priority": alert.priority.value,
        "priority_reason": alert.priority_reason,
        "kind": alert.kind.value,
        "dataset": alert.dataset,
        "summary": _cut(alert.summary, _TEXT),
        "labels": {name: _cut(value, _TEXT) for name, value in alert.labels.items()},
        "annotations": {
            name: _cut(value, _TEXT) for name, value in list(alert.annotations.items())[:_ANNOTATIONS] if name != "summary"
        },
        "started_at": alert.started_at.isoformat(),
        "evidence_at": alert.evidence_at.isoformat(),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": alert.resolved_at.isoformat() if alert.resolved_at else None,
        "resolution": _cut(alert.resolution, _TEXT) if alert.resolution else None,
        "occurrences": alert.occurrences,
        "flaps": alert.flaps,
    }
    return document if base_url is None else {**document, "url": f"{base_url}/alerts/{alert.alert_id}"}


def _subject(together: Sequence[Saying], firing: Sequence[Alert], resolved: Sequence[Alert], priority: Priority) -> str:
    shown = firing or resolved
    head = priority.value if firing else f"Resolved, {priority.value}"
    if len(shown) == 1:
        where = f"{shown[0].dataset}: " if shown[0].dataset else ""
        return _cut(f"{head}: {where}{shown[0].summary if firing else shown[0].resolution or shown[0].summary}", _SUBJECT)
    names = sorted({alert.dataset for alert in shown if alert.dataset is not None})
    where = names[0] if len(names) == 1 else f"{len(names)} datasets" if names else f"{len(together)} groups"
    return _cut(f"{head}: {len(shown)} alerts on {where}; first: {shown[0].summary}", _SUBJECT)


def _message_id(receiver: str, together: Sequence[Saying], now: datetime) -> str:
    said = [[saying.group.key, saying.group.sequence] for saying in together]
    text = json.dumps([receiver, now.isoformat(), said])
    return sha256(text.encode()).hexdigest()[:32]


def _worst_first(alert: Alert) -> tuple[int, datetime, int]:
    return (alert.priority.rank, alert.started_at, alert.alert_id)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def told_text(told: Mapping[int, Priority]) -> str:
    """Return what a receiver was told of as JSON, for a store."""
    return json.dumps({str(number): priority.value for number, priority in sorted(told.items())})


def told_of(text: str) -> Mapping[int, Priority]:
    """Return what ``told_text`` made into text."""
    return {int(number): Priority(value) for number, value in json.loads(text).items()}
