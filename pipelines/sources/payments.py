"""Payments of the orders, as the payment provider's webhook tells them: authorised, captured, refunded, charged back.

All synthetic but the amounts and the orders they belong to. A payment always moves the whole amount of its order. It is
authorised when the order is placed and captured when the order becomes paid; a cancelled order's payment stays authorised.
Orders that cost nothing, and the few that staff delete again, never reach the provider.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from pipelines.sources.envelope import ChangeEvent
from pipelines.sources.events import STEP, instant_text, seconds, seeded, step_of
from pipelines.sources.streams import Event, Faults, event_id

STATUSES = ("authorised", "captured", "refunded", "charged_back")
"""In the order of a payment's life."""

REFUNDED_SHARE = 0.03
CHARGED_BACK_SHARE = 0.006
OVERTAKEN_PER_DAY = 3
"""Authorisations a day that arrive one step late, after their capture."""

PAYMENT_FAULTS = Faults(redelivered=4, resent=4, damages=("cut_off", "no_id"))

_METHODS = ("card", "wallet", "bank_transfer")


def payment_events(orders: Sequence[ChangeEvent], days: Sequence[datetime], seed: int) -> list[Event]:
    """Return every event of the payments of orders.

    Args:
        orders: change events of the orders table.
        days: starts of the days.
        seed: of the whole source.
    """
    deleted = {event.change.row["order_id"] for event in orders if event.change.op == "d"}
    payments: dict[object, list[Event]] = {}
    for event in orders:
        row = event.change.row
        if row["order_id"] not in deleted and row["amount"] != "0.00":
            payments.setdefault(row["order_id"], []).extend(_told(event, seed))
    late = {id(event) for event in _overtaken(payments.values(), days, seed)}
    return [
        Event(event.at, event.key, event.value, late=int(id(event) in late)) for events in payments.values() for event in events
    ]


def _told(event: ChangeEvent, seed: int) -> Iterator[Event]:
    """Yield what the provider tells about a payment after its order was placed, or after it became paid."""
    row = event.change.row
    rng = seeded(seed, f"payment:{row['order_id']}:{row['status']}")
    if row["status"] == "placed":
        yield _payment_event(row, "authorised", event.committed + seconds(rng, timedelta(seconds=1), timedelta(seconds=9)), rng)
    elif row["status"] == "paid":
        captured = event.committed + seconds(rng, timedelta(seconds=1), timedelta(seconds=20))
        yield _payment_event(row, "captured", captured, rng)
        fate = rng.random()
        if fate < REFUNDED_SHARE:
            yield _payment_event(row, "refunded", captured + seconds(rng, timedelta(hours=3), timedelta(hours=40)), rng)
        elif fate < REFUNDED_SHARE + CHARGED_BACK_SHARE:
            yield _payment_event(row, "charged_back", captured + seconds(rng, timedelta(hours=8), timedelta(hours=60)), rng)


def _payment_event(row: Mapping[str, object], status: str, at: datetime, rng: Random) -> Event:
    payment_id = f"pay-{row['order_id']}"
    value = {
        "event_id": event_id(rng),
        "payment_id": payment_id,
        "order_id": row["order_id"],
        "status": status,
        "amount": row["amount"],
        "currency": "USD",
        "method": _METHODS[int(str(row["order_id"])) % len(_METHODS)],
        "timestamp": instant_text(at),
    }
    return Event(at, payment_id, value)


def _overtaken(payments: Iterable[Sequence[Event]], days: Sequence[datetime], seed: int) -> Iterator[Event]:
    """Yield the authorisations that arrive after their capture: both happen in one step, the first one is a step late."""
    pairs = [events[:2] for events in payments if len(events) > 1 and events[0].value["status"] == "authorised"]
    for number, day in enumerate(days):
        candidates = [
            first
            for first, second in pairs
            if day <= first.at < day + timedelta(days=1) - STEP and step_of(first.at, day) == step_of(second.at, day)
        ]
        yield from seeded(seed, f"payments:late:{number}").sample(candidates, min(OVERTAKEN_PER_DAY, len(candidates)))
