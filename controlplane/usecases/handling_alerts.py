"""What people do about alerts: take one over, silence some for a while. Every change is in the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from alerting import lifecycle
from alerting.model import MATCHABLE, Alert, AlertState, Notification, Priority, Silence
from alerting.routing import Target, targets
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.problems import listed, unknown
from controlplane.usecases.alert_ports import OPEN, AlertFilter, AlertPage
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import AuditEntry


def list_alerts(ports: Ports, wanted: AlertFilter, limit: int, offset: int) -> AlertPage:
    """Return a page of alerts. Raises ``ConfigurationError`` for a state that is none."""
    states = (OPEN, *(state.value for state in AlertState))
    if wanted.state is not None and wanted.state not in states:
        raise ConfigurationError(unknown("state", wanted.state, states))
    return ports.alerts.page(wanted, limit, offset)


def priority_of(word: str | None) -> Priority | None:
    """Return a priority by its word. Raises ``ConfigurationError`` for a word that is none."""
    if word is None:
        return None
    try:
        return Priority(word)
    except ValueError:
        raise ConfigurationError(unknown("priority", word, list(Priority))) from None


def show_alert(ports: Ports, alert_id: int) -> Alert:
    """Return an alert. Raises ``ConfigurationError`` when there is none of this number."""
    alert = ports.alerts.get(alert_id)
    if alert is None:
        raise _no_alert(alert_id)
    return alert


def acknowledge(ports: Ports, alert_id: int, by: str | None, comment: str) -> Alert:
    """Take an open alert over: its end is still told, nothing else, unless it gets more urgent. Return it.

    Raises:
        ConfigurationError: there is no such alert, or it is over.
    """
    actor, now = by or ports.actor, ports.clock.now()
    with ports.alerts.book() as book:
        alert = book.find(alert_id)
        if alert is None:
            raise _no_alert(alert_id)
        try:
            taken = lifecycle.acknowledge(alert, actor, now)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        book.save([taken])
        states = (alert.state.value, taken.state.value)
        book.audit(_entry(ports, actor, "alert.acknowledge", f"alert:{alert_id}", comment, *states))
    return taken


def silence(ports: Ports, matchers: Mapping[str, str], ends: datetime, by: str | None, reason: str) -> Silence:
    """Tell nobody about matching alerts from now until ``ends`` (the plane's clock); pages still show them. Return the silence.

    Raises:
        ConfigurationError: there is no matcher or an unknown label, no reason, or the end is past or without a time zone.
    """
    actor, now = by or ports.actor, ports.clock.now()
    for name in matchers:
        if name not in MATCHABLE:
            raise ConfigurationError(unknown("label", name, MATCHABLE))
    if not matchers:
        message = f"a silence needs at least one label and its value, such as dataset=gold.*; labels are {listed(MATCHABLE)}"
        raise ConfigurationError(message)
    if not reason.strip():
        message = "a silence needs a reason: it is kept in the audit log with your name"
        raise ConfigurationError(message)
    if ends.tzinfo is None or ends <= now:
        message = f"a silence must end after now ({now.isoformat()}), with an offset; {ends.isoformat()} does not"
        raise ConfigurationError(message)
    with ports.alerts.book() as book:
        made = book.put_silence(Silence(dict(matchers), now, ends, actor, reason))
        book.audit(_entry(ports, actor, "silence.add", f"silence:{made.silence_id}", reason, after=_shown(made)))
    return made


def unsilence(ports: Ports, silence_id: int, by: str | None) -> Silence:
    """End a silence now; what it kept back is told with the next messages. Return it as it ended.

    Raises:
        ConfigurationError: there is no such silence, or it is over.
    """
    actor, now = by or ports.actor, ports.clock.now()
    with ports.alerts.book() as book:
        known = book.silence(silence_id)
        if known is None or known.ends <= now:
            what = f"there is no silence {silence_id}" if known is None else f"silence {silence_id} is over"
            message = f"{what}; `controlplane alerts silences` lists those in force"
            raise ConfigurationError(message)
        ended = book.put_silence(replace(known, ends=now))
        book.audit(_entry(ports, actor, "silence.end", f"silence:{silence_id}", known.reason, _shown(known), _shown(ended)))
    return ended


def route_labels(ports: Ports, labels: Mapping[str, str]) -> Sequence[Target]:
    """Return who would be told about an alert with these labels.

    Raises:
        ConfigurationError: a label is none that alerts have, or the priority is none.
    """
    for name in labels:
        if name not in MATCHABLE:
            raise ConfigurationError(unknown("label", name, MATCHABLE))
    priority_of(labels.get("priority"))
    return targets(ports.platform.routes, labels)


def send_test(ports: Ports, receiver: str) -> None:
    """Send one receiver a message that says it is a test, now and past the outbox.

    Raises:
        ConfigurationError: there is no such receiver, or it cannot be used as it is set up.
        UnavailableError: it does not answer. MessageRefusedError: it does not take the message.
    """
    if receiver not in ports.receivers:
        raise ConfigurationError(unknown("receiver", receiver, sorted(ports.receivers)))
    now = ports.clock.now()
    message_id = f"test-{receiver}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    subject = f"Test message to {receiver}: nothing is wrong"
    document = {
        "version": 1, "message_id": message_id, "receiver": receiver, "status": "test", "priority": Priority.P3.value,
        "subject": subject, "at": now.isoformat(), "group": {}, "groups": 0, "firing": 0, "resolved": 0,
        "by_priority": {priority.value: 0 for priority in Priority}, "alerts": [], "not_listed": 0,
    }  # fmt: skip
    kind = ports.platform.routes.receivers[receiver].kind
    ports.receivers[receiver].deliver(Notification(message_id, receiver, kind, Priority.P3, subject, document))


def _no_alert(alert_id: int) -> ConfigurationError:
    return ConfigurationError(f"there is no alert {alert_id}; `controlplane alerts list` shows the known ones")


def _shown(silence: Silence) -> str:
    matchers = ", ".join(f"{name}={value}" for name, value in silence.matchers.items())
    return f"{matchers} until {silence.ends.isoformat()}"


def _entry(  # noqa: PLR0913, PLR0917 (an audit entry has as many parts)
    ports: Ports, actor: str, verb: str, subject: str, reason: str, before: str = "", after: str = ""
) -> AuditEntry:
    return AuditEntry(datetime.now(UTC), ports.clock.now(), actor, verb, subject, reason, before, after)
