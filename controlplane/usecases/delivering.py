"""Deliver what is in the outbox, at least once, each kind in a lane of its own: who does not answer holds up nobody else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from alerting.model import Notification, Priority
from alerting.routing import INBOX
from controlplane.kernel.errors import ConfigurationError, ControlPlaneError, MessageRefusedError
from controlplane.usecases.model import Ports
from controlplane.usecases.notify import NOTIFY
from controlplane.usecases.ports import OutboxMessage
from controlplane.usecases.recording import LINEAGE

_LINEAGE_PAUSE, _LINEAGE_LONGEST = timedelta(minutes=1), timedelta(hours=1)
_PAUSE, _LONGEST = timedelta(seconds=10), timedelta(minutes=15)
_DOUBLED_AT_MOST = 12
_LANES = 8
_SECONDS = 10.0
_REFUSED = 3


def deliver(ports: Ports, limit: int = 100) -> int:
    """Deliver due messages of all kinds; what is not taken is tried again later, longer and longer. Return how many were taken.

    Every lane works in a thread of its own and stops after 10 s, so that a slow receiver delays nobody but itself.

    Args:
        limit: messages of each kind at most.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    lanes = ports.outbox.lanes(datetime.now(UTC))
    if len(lanes) <= 1:
        return sum(_deliver_lane(ports, lane, limit) for lane in lanes)
    with ThreadPoolExecutor(min(len(lanes), _LANES), thread_name_prefix="deliver") as pool:
        return sum(pool.map(lambda lane: _deliver_lane(ports, lane, limit), lanes))


def deliver_here(ports: Ports, limit: int = 100) -> int:
    """Deliver what goes no further than lineage and the inbox: all that a run waits for. Return how many were taken."""
    return sum(_deliver_lane(ports, lane, limit) for lane in (LINEAGE, f"{NOTIFY}{INBOX}"))


def _deliver_lane(ports: Ports, lane: str, limit: int) -> int:
    messages = ports.outbox.due(datetime.now(UTC), limit, kind=lane)
    return _deliver_lineage(ports, messages) if lane == LINEAGE else _notify(ports, lane, messages)


def _deliver_lineage(ports: Ports, messages: Sequence[OutboxMessage]) -> int:
    delivered = 0
    for message in messages:
        try:
            for transport in ports.transports:
                transport.emit(message.payload)
        except ControlPlaneError as error:
            _postpone(ports, message, error, _pause(message, _LINEAGE_PAUSE, _LINEAGE_LONGEST))
            break  # whoever does not answer now would make a run wait once per message
        ports.outbox.delivered(message.message_id, datetime.now(UTC))
        delivered += 1
    return delivered


def _notify(ports: Ports, lane: str, messages: Sequence[OutboxMessage]) -> int:
    """Deliver one receiver's messages; whoever does not answer rests as a whole, a message it refuses alone."""
    started = time.monotonic()
    delivered = refused = 0
    for message in messages:
        try:
            _receiver(ports, lane)(notification_of(lane, message))
        except MessageRefusedError as error:
            _postpone(ports, message, error, _pause(message, _PAUSE, _LONGEST))
            refused += 1
        except ControlPlaneError as error:
            pause = _pause(message, _PAUSE, _LONGEST)
            _postpone(ports, message, error, pause)
            ports.outbox.rest(lane, datetime.now(UTC) + pause)
            break
        else:
            ports.outbox.delivered(message.message_id, datetime.now(UTC))
            delivered += 1
        if refused >= _REFUSED or time.monotonic() - started > _SECONDS:
            break
    return delivered


def _receiver(ports: Ports, lane: str) -> Callable[[Notification], None]:
    name = lane.removeprefix(NOTIFY)
    receiver = ports.receivers.get(name)
    if receiver is None:
        message = f"receiver {name} is not in the routes any more; name it there again, or its messages stay here"
        raise ConfigurationError(message)
    return receiver.deliver


def notification_of(lane: str, message: OutboxMessage) -> Notification:
    """Return the notification that an outbox message carries."""
    document: Mapping[str, object] = message.payload
    priority, subject = Priority(str(document["priority"])), str(document["subject"])
    return Notification(message.message_id, lane.removeprefix(NOTIFY), NOTIFY, priority, subject, document)


def _pause(message: OutboxMessage, shortest: timedelta, longest: timedelta) -> timedelta:
    return min(shortest * (1 << min(message.attempts, _DOUBLED_AT_MOST)), longest)


def _postpone(ports: Ports, message: OutboxMessage, error: ControlPlaneError, pause: timedelta) -> None:
    ports.outbox.postponed(message.message_id, str(error), datetime.now(UTC) + pause)
