"""What is in the streams of events, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from pipelines.sources.clicks import EVENT_TYPES, SESSION_GAP
from pipelines.sources.events import step_of
from pipelines.sources.payments import STATUSES
from pipelines.sources.streams import Event, Stream


@dataclass(frozen=True)
class StreamFacts:
    """Lines of one topic of events.

    Attributes:
        events: different events, each counted once.
        resent: records that repeat an event under another offset.
        redelivered: records delivered a second time, with the same partition and offset.
        malformed: lines that cannot become a row.
        late: events that arrive one or two steps after they happened (contained in ``events``).
    """

    events: int = 0
    resent: int = 0
    redelivered: int = 0
    malformed: int = 0
    late: int = 0

    @property
    def rows(self) -> int:
        """Rows that bronze ends up with."""
        return self.events + self.resent

    @property
    def lines(self) -> int:
        """Everything delivered."""
        return self.rows + self.redelivered + self.malformed


@dataclass(frozen=True)
class ClickFacts:
    """What the clickstream holds once all of it is delivered.

    Attributes:
        unknown_types: records whose event type nothing knows; their events belong to no session.
        clicks: events of known types.
        removed_paths: of these, the ones on pages whose path holds an e-mail address.
        sessions: events of one user with no pause of over 30 minutes between them.
        purchasing: sessions with a purchase; purchases: all purchases.
    """

    stream: StreamFacts = field(default_factory=StreamFacts)
    unknown_types: int = 0
    clicks: int = 0
    removed_paths: int = 0
    sessions: int = 0
    purchasing: int = 0
    purchases: int = 0


@dataclass(frozen=True)
class PaymentFacts:
    """What the payments' stream holds once all of it is delivered.

    Attributes:
        waiting: records that are delivered a step or more before their order can be published.
        payments: by final status.
        captured: sum of the amounts that were ever captured; refunded: of those that were given or taken back later.
    """

    stream: StreamFacts = field(default_factory=StreamFacts)
    waiting: int = 0
    payments: Mapping[str, int] = field(default_factory=dict)
    captured: Decimal = Decimal("0.00")
    refunded: Decimal = Decimal("0.00")


def click_facts(stream: Stream) -> ClickFacts:
    """Return the facts of the clickstream."""
    known = [event for event in stream.events if event.value["event_type"] in EVENT_TYPES]
    sessions = list(_sessions(known))
    return ClickFacts(
        stream=_stream_facts(stream),
        unknown_types=sum(event.value["event_type"] not in EVENT_TYPES for event, _ in stream.records),
        clicks=len(known),
        removed_paths=sum("@" in str(event.value["page_url"]).partition("?")[0] for event in known),
        sessions=len(sessions),
        purchasing=sum("purchase" in types for types in sessions),
        purchases=sum(types["purchase"] for types in sessions),
    )


def payment_facts(stream: Stream, published: Mapping[object, datetime], start: datetime) -> PaymentFacts:
    """Return the facts of the payments.

    Args:
        stream: the payments.
        published: step in which each order can be published.
        start: of the window, from which steps are counted.
    """
    final: dict[object, Event] = {}
    for event in stream.events:  # in the order they happened
        final[event.value["payment_id"]] = event
    states = Counter(str(event.value["status"]) for event in final.values())
    return PaymentFacts(
        stream=_stream_facts(stream),
        waiting=sum(published[event.value["order_id"]] > step_of(due, start) for event, due in stream.records),
        payments={status: states[status] for status in STATUSES},
        captured=_sum(final, STATUSES[1:]),
        refunded=_sum(final, STATUSES[2:]),
    )


def _stream_facts(stream: Stream) -> StreamFacts:
    return StreamFacts(
        events=len(stream.events),
        resent=len(stream.records) - len(stream.events),
        redelivered=stream.redelivered,
        malformed=stream.malformed,
        late=sum(event.late > 0 for event in stream.events),
    )


def _sessions(events: list[Event]) -> Iterator[Counter[str]]:
    """Yield how often each event type occurs, session by session."""
    for _, of_user in groupby(sorted(events, key=lambda event: (event.key, event.at)), key=lambda event: event.key):
        types: Counter[str] = Counter()
        last: datetime | None = None
        for event in of_user:
            if last is not None and event.at - last > SESSION_GAP:
                yield types
                types = Counter()
            types[str(event.value["event_type"])] += 1
            last = event.at
        yield types


def _sum(final: Mapping[object, Event], statuses: tuple[str, ...]) -> Decimal:
    amounts = (Decimal(str(event.value["amount"])) for event in final.values() if event.value["status"] in statuses)
    return sum(amounts, Decimal("0.00"))
