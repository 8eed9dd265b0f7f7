"""The expected numbers as the Markdown tables that ``docs/demo.md`` shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from operator import attrgetter

from pipelines.expected import Story
from pipelines.sources import SourceFacts

_TOPIC_COLUMNS = (
    "lines", "snapshot", "inserts", "updates", "deletes", "tombstones", "redelivered", "late", "events", "duplicates",
)  # fmt: skip

_MEANINGS = {
    "unknown_products": "order lines of products that the catalogue does not have",
    "non_positive_quantity": "order lines with a quantity of 0 or less",
    "defective_lines": "order lines with at least one of these two defects",
    "invalid_email_events": "events of customers with an invalid e-mail address",
    "invalid_email_customers": "customers whose address is still invalid at the end",
    "overtaken": "late events that a newer event of the same row overtook",
    "waiting_order_events": "order events that are delivered before their customer can be published",
    "waiting_lines": "order lines that are delivered before their order can be published",
    "order_lines": "sound lines of the orders that exist at the end",
    "customers": "customers that exist at the end",
    "published_customers": "of these, with a valid e-mail address",
    "customer_versions": "versions of customers with a valid e-mail address",
    "products": "products that exist at the end",
    "negative_amount_events": "order events with a negative amount",
    "negative_amount_orders": "orders that have such events",
    "drifted_events": "customer events with a column nobody announced",
    "stocks": "products in warehouses that keep them",
    "pieces": "pieces in stock at the end",
    "restocked": "deliveries of suppliers",
    "promotions": "promotions that exist at the end",
    "promotions_in_two_places": "of these, further ones of a product, store and week",
    "amount": "sum of the amounts of the orders that exist at the end",
    "revenue": "the same without cancelled orders",
}


_STREAM_COLUMNS = ("lines", "events", "resent", "redelivered", "malformed", "late", "rows")

_STREAM_MEANINGS = {
    "clicks.unknown_types": "records of clicks whose type nothing knows",
    "clicks.clicks": "clicks of known types, each once",
    "clicks.removed_paths": "of these, the ones on pages whose path holds an e-mail address",
    "clicks.sessions": "sessions",
    "clicks.purchasing": "sessions with a purchase",
    "clicks.purchases": "purchases",
    "payments.waiting": "records of payments that are delivered before their order can be published",
    "payments.captured": "sum of the amounts that were ever captured",
    "payments.refunded": "of these, what was given or taken back",
}


def topic_table(facts: SourceFacts) -> str:
    """Return the Markdown table of the records of each topic, as ``docs/demo.md`` shows it."""
    rows = [["table", *_TOPIC_COLUMNS]]
    rows += [[table, *(str(getattr(topic, name)) for name in _TOPIC_COLUMNS)] for table, topic in facts.topics.items()]
    return "\n".join(_lines(rows))


def fact_table(facts: SourceFacts) -> str:
    """Return the Markdown table of what is in the feed, as ``docs/demo.md`` shows it."""
    rows = [["name", "what is counted", "expected"]]
    rows += [[f"`{name}`", meaning, str(getattr(facts, name))] for name, meaning in _MEANINGS.items()]
    rows += [
        [f"`orders.{status}`", f"orders that are {status} at the end", str(count)] for status, count in facts.orders.items()
    ]
    return "\n".join(_lines(rows))


def stream_table(facts: SourceFacts) -> str:
    """Return the Markdown table of the records of each stream of events, as ``docs/demo.md`` shows it."""
    rows = [["stream", *_STREAM_COLUMNS]]
    for name, stream in (("clicks", facts.clicks.stream), ("payments", facts.payments.stream)):
        rows.append([name, *(str(getattr(stream, column)) for column in _STREAM_COLUMNS)])
    return "\n".join(_lines(rows))


def stream_fact_table(facts: SourceFacts) -> str:
    """Return the Markdown table of what is in the streams, as ``docs/demo.md`` shows it."""
    rows = [["name", "what is counted", "expected"]]
    rows += [[f"`{name}`", meaning, str(attrgetter(name)(facts))] for name, meaning in _STREAM_MEANINGS.items()]
    for status, count in facts.payments.payments.items():
        rows.append([f"`payments.{status}`", f"payments that are {status.replace('_', ' ')} at the end", str(count)])
    return "\n".join(_lines(rows))


def fault_table(story: Story) -> str:
    """Return the Markdown table of when each fault is noticed and resolved, as ``docs/demo.md`` shows it."""
    rows = [["fault", "noticed", "resolved", "by"]]
    rows += [[name, _moment(seen.at), _moment(seen.resolved), seen.by] for name, seen in story.noticed.items()]
    return "\n".join(_lines(rows))


def _moment(at: datetime) -> str:
    return f"{at:%a %d %b %H:%M}"


def _lines(rows: list[list[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield "|" + "---|" * len(row)
