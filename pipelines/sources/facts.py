"""What is in a window's feed, counted: the numbers that the demo asserts and ``docs/demo.md`` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from pipelines.sources.delivery import Feed
from pipelines.sources.envelope import ChangeEvent
from pipelines.sources.events import step_of
from pipelines.sources.people import EMAIL_PATTERN
from pipelines.sources.stream_facts import ClickFacts, PaymentFacts, click_facts, payment_facts
from pipelines.sources.streams import Stream


@dataclass(frozen=True)
class TopicFacts:
    """Records of one topic.

    Attributes:
        lines: everything delivered: the sum of the next six.
        snapshot, inserts, updates, deletes: change events by ``op`` (r, c, u, d), each counted once.
        tombstones: records without a value, one behind each delete.
        redelivered: records delivered a second time, with the same partition and offset.
        late: events delivered one step after their commit (contained in the counts above).
    """

    lines: int
    snapshot: int
    inserts: int
    updates: int
    deletes: int
    tombstones: int
    redelivered: int
    late: int

    @property
    def events(self) -> int:
        """Different change events: the rows that bronze ends up with."""
        return self.snapshot + self.inserts + self.updates + self.deletes

    @property
    def duplicates(self) -> int:
        """Lines that change nothing: what ingestion counts as duplicates."""
        return self.tombstones + self.redelivered


@dataclass(frozen=True)
class SourceFacts:
    """What a window's feed holds once all of it is delivered.

    Attributes:
        topics: by table.
        unknown_products: order lines whose product the catalogue does not have (natural).
        non_positive_quantity: order lines with a quantity of 0 or less (natural).
        defective_lines: order lines with at least one of the two.
        invalid_email_events: events of customers whose e-mail is invalid (planted).
        invalid_email_customers: customers whose e-mail is still invalid at the end.
        overtaken: late events of a row that a newer event of the same row overtook, deletes included.
        waiting_order_events: events of orders that are delivered a step or more before their customer has a valid e-mail.
        waiting_lines: order lines that are delivered a step or more before their order can be published.
        orders: orders that exist at the end, by status.
        order_lines: sound lines of the orders that exist at the end.
        customers, products: those that exist at the end.
        published_customers: existing customers with a valid e-mail.
        customer_versions: states of customers with a valid e-mail, closed ones included: the rows of an SCD2 table.
        amount: sum of the amounts of the existing orders.
        revenue: the same without cancelled orders.
        negative_amount_events: events of orders with an amount below nothing (a fault).
        negative_amount_orders: orders that have such events.
        drifted_events: events of rows that carry a column nobody agreed on (a fault).
        stocks: quantities of products in warehouses that exist at the end; pieces: their sum; restocked: events that raise one.
        promotions: those that exist at the end.
        promotions_in_two_places: promotions beyond the first of a product, store and week (natural).
        clicks, payments: what the streams of events hold.
    """

    topics: Mapping[str, TopicFacts]
    unknown_products: int
    non_positive_quantity: int
    defective_lines: int
    invalid_email_events: int
    invalid_email_customers: int
    overtaken: int
    waiting_order_events: int
    waiting_lines: int
    orders: Mapping[str, int]
    order_lines: int
    customers: int
    products: int
    published_customers: int
    customer_versions: int
    amount: Decimal
    revenue: Decimal
    negative_amount_events: int = 0
    negative_amount_orders: int = 0
    drifted_events: int = 0
    stocks: int = 0
    pieces: int = 0
    restocked: int = 0
    promotions: int = 0
    promotions_in_two_places: int = 0
    clicks: ClickFacts = field(default_factory=ClickFacts)
    payments: PaymentFacts = field(default_factory=PaymentFacts)


def facts_of(feeds: Mapping[str, Feed], streams: Mapping[str, Stream], start: datetime) -> SourceFacts:
    """Return the facts of the feeds, by table, and the streams, by name, delivered in steps counted from ``start``."""
    orders = _latest(feeds["orders"].events)
    lines = _latest(feeds["order_items"].events)
    customers = _latest(feeds["customers"].events)
    products = _latest(feeds["products"].events)
    states = [event.change.row for event in feeds["customers"].events if event.change.op != "d"]
    known = {event.change.row["product_id"] for event in feeds["products"].events}
    inserted = [event.change.row for event in feeds["order_items"].events if event.change.op == "c"]
    unknown = [row for row in inserted if row["product_id"] not in known]
    not_positive = [row for row in inserted if int(str(row["quantity"])) <= 0]
    published, waiting_order_events = _published(feeds, start)
    negative = [event for event in feeds["orders"].events if Decimal(str(event.change.row["amount"])) < 0]
    stocks, promotions = _latest(feeds["inventory"].events), _latest(feeds["promotions"].events)
    placed = {(row["product_id"], row["store_id"], row["week"]) for row in promotions}
    return SourceFacts(
        topics={table: _topic_facts(feed) for table, feed in feeds.items()},
        unknown_products=len(unknown),
        non_positive_quantity=len(not_positive),
        defective_lines=sum(not _is_sound(row, known) for row in inserted),
        invalid_email_events=sum(not _has_valid_email(row) for row in states),
        invalid_email_customers=sum(not _has_valid_email(row) for row in customers),
        overtaken=sum(feed.overtaken for feed in feeds.values()),
        waiting_order_events=waiting_order_events,
        waiting_lines=_waiting_lines(feeds, published, start),
        orders=dict(sorted(Counter(str(row["status"]) for row in orders).items())),
        order_lines=sum(_is_sound(row, known) for row in lines),
        customers=len(customers),
        products=len(products),
        published_customers=sum(_has_valid_email(row) for row in customers),
        customer_versions=sum(_has_valid_email(row) for row in states),
        amount=_sum(orders),
        revenue=_sum([row for row in orders if row["status"] != "cancelled"]),
        negative_amount_events=len(negative),
        negative_amount_orders=len({event.change.row["order_id"] for event in negative}),
        drifted_events=sum(bool(event.change.extra) for feed in feeds.values() for event in feed.events),
        stocks=len(stocks),
        pieces=sum(int(str(row["quantity"])) for row in stocks),
        restocked=_restocked(feeds["inventory"].events),
        promotions=len(promotions),
        promotions_in_two_places=len(promotions) - len(placed),
        clicks=click_facts(streams["clicks"]),
        payments=payment_facts(streams["payments"], published, start),
    )


def _topic_facts(feed: Feed) -> TopicFacts:
    ops = Counter(event.change.op for event in feed.events)
    return TopicFacts(
        lines=len(feed.deliveries),
        snapshot=ops["r"],
        inserts=ops["c"],
        updates=ops["u"],
        deletes=ops["d"],
        tombstones=feed.tombstones,
        redelivered=len(feed.redelivered),
        late=len(feed.late),
    )


def _latest(events: Sequence[ChangeEvent]) -> list[Mapping[str, object]]:
    rows: dict[tuple[object, ...], Mapping[str, object]] = {}
    for event in events:
        key = tuple(event.change.key.values())
        if event.change.op == "d":
            rows.pop(key, None)
        else:
            rows[key] = event.change.row
    return list(rows.values())


def _restocked(events: Sequence[ChangeEvent]) -> int:
    stock: dict[tuple[object, ...], int] = {}
    raised = 0
    for event in events:
        key, quantity = tuple(event.change.key.values()), int(str(event.change.row["quantity"]))
        raised += quantity > stock.get(key, quantity)
        stock[key] = quantity
    return raised


def _published(feeds: Mapping[str, Feed], start: datetime) -> tuple[Mapping[object, datetime], int]:
    """Return the step in which each order can be published, and how many of its events are delivered before their customer."""
    valid = [(row, step) for row, step in _steps(feeds["customers"], start) if _has_valid_email(row)]
    customers = _earliest((row["customer_id"], step) for row, step in valid)
    orders = [(row, step, max(step, customers[row["customer_id"]])) for row, step in _steps(feeds["orders"], start)]
    published = _earliest((row["order_id"], passed) for row, _, passed in orders)
    return published, sum(passed > step for _, step, passed in orders)


def _waiting_lines(feeds: Mapping[str, Feed], published: Mapping[object, datetime], start: datetime) -> int:
    """Count lines with a quantity that are delivered in an earlier step than their order can be published."""
    lines = [(row["order_id"], step) for row, step in _steps(feeds["order_items"], start) if int(str(row["quantity"])) > 0]
    return sum(published[order] > step for order, step in lines)


def _steps(feed: Feed, start: datetime) -> list[tuple[Mapping[str, object], datetime]]:
    """Return the rows of a feed's events but deletes, each with the step that delivers it."""
    arrived = zip(feed.events, feed.arrivals, strict=True)
    return [(event.change.row, step_of(max(at, start), start)) for event, at in arrived if event.change.op != "d"]


def _earliest(pairs: Iterable[tuple[object, datetime]]) -> dict[object, datetime]:
    earliest: dict[object, datetime] = {}
    for key, at in pairs:
        earliest[key] = min(at, earliest.get(key, at))
    return earliest


def _is_sound(row: Mapping[str, object], known: set[object]) -> bool:
    return row["product_id"] in known and int(str(row["quantity"])) > 0


def _has_valid_email(row: Mapping[str, object]) -> bool:
    return EMAIL_PATTERN.fullmatch(str(row["email"])) is not None


def _sum(rows: Sequence[Mapping[str, object]]) -> Decimal:
    return sum((Decimal(str(row["amount"])) for row in rows), Decimal("0.00"))
