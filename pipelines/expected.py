"""What the two-day demo must find, number by number.

The numbers describe the feed of ``build_window()`` (9 and 10 October 2017, default seed), counted by ``sources.facts``. They
are written down here so that a change of the generator is seen; ``docs/demo.md`` shows them and says where they come from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter

from pipelines.sources.facts import SourceFacts, TopicFacts
from pipelines.sources.stream_facts import ClickFacts, PaymentFacts, StreamFacts

EXPECTED = SourceFacts(
    topics={
        "customers": TopicFacts(
            lines=2381, snapshot=2301, inserts=24, updates=46, deletes=2, tombstones=2, redelivered=6, late=2
        ),
        "products": TopicFacts(
            lines=92379, snapshot=92331, inserts=0, updates=40, deletes=2, tombstones=2, redelivered=4, late=0
        ),
        "orders": TopicFacts(
            lines=2383, snapshot=0, inserts=871, updates=1494, deletes=4, tombstones=4, redelivered=10, late=12
        ),
        "order_items": TopicFacts(
            lines=8444, snapshot=0, inserts=8404, updates=0, deletes=10, tombstones=10, redelivered=20, late=8
        ),
    },
    unknown_products=27,
    non_positive_quantity=54,
    defective_lines=54,
    invalid_email_events=13,
    invalid_email_customers=7,
    overtaken=10,
    waiting_order_events=8,
    waiting_lines=21,
    orders={"cancelled": 14, "delivered": 36, "paid": 224, "placed": 21, "shipped": 572},
    order_lines=8340,
    customers=2323,
    products=92329,
    published_customers=2316,
    customer_versions=2358,
    amount=Decimal("25775.63"),
    revenue=Decimal("25377.60"),
    clicks=ClickFacts(
        stream=StreamFacts(events=3438, resent=16, redelivered=20, malformed=12, late=29),
        unknown_types=2,
        clicks=3436,
        removed_paths=3,
        sessions=769,
        purchasing=449,
        purchases=472,
    ),
    payments=PaymentFacts(
        stream=StreamFacts(events=1701, resent=8, redelivered=8, malformed=4, late=6),
        waiting=12,
        payments={"authorised": 35, "captured": 821, "refunded": 6, "charged_back": 2},
        captured=Decimal("24683.55"),
        refunded=Decimal("193.77"),
    ),
)
"""The facts of the first two days."""

EXPECTED_BY_DAYS: Mapping[int, SourceFacts] = {2: EXPECTED}
"""By number of days from the first one on; for other numbers the feed is only held against the runs."""

_TOPIC_COLUMNS = (
    "lines",
    "snapshot",
    "inserts",
    "updates",
    "deletes",
    "tombstones",
    "redelivered",
    "late",
    "events",
    "duplicates",
)

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


def _lines(rows: list[list[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield "|" + "---|" * len(row)


def differences(facts: SourceFacts, balance: Mapping[str, Mapping[str, int]], expected: SourceFacts = EXPECTED) -> list[str]:
    """Return one sentence per number of the demo that is not as expected; none when all are.

    Args:
        facts: of the feed that was replayed.
        balance: by dataset, the balances of all its published runs added up (``offered``, ``passed``, ``quarantined`` ...).
        expected: what the feed must hold.
    """
    found = [
        f"the feed has {getattr(facts, part.name)} for {part.name}, expected are {getattr(expected, part.name)}"
        for part in fields(SourceFacts)
        if getattr(facts, part.name) != getattr(expected, part.name)
    ]
    for dataset, counts in expected_balance(expected).items():
        for name, count in counts.items():
            actual = balance.get(dataset, {}).get(name, 0)
            if actual != count:
                found.append(f"{dataset} has {actual} rows {name.replace('_', '-')} in all of its runs, expected are {count}")
    return found


def expected_balance(expected: SourceFacts = EXPECTED) -> dict[str, dict[str, int]]:
    """Return, by dataset, what the runs of the whole demo add up to.

    A row that waits does so for one step, so the sum of what waits is the number of rows that ever waited.
    """
    bronze = {
        f"bronze.cdc_{table}": {
            "offered": topic.lines,
            "passed": topic.events,
            "duplicates": topic.duplicates,
            "dead_lettered": 0,
        }
        for table, topic in expected.topics.items()
    }
    for dataset, stream in (("clickstream", expected.clicks.stream), ("payments", expected.payments.stream)):
        bronze[f"bronze.{dataset}"] = {
            "offered": stream.lines,
            "passed": stream.rows,
            "duplicates": stream.redelivered,
            "dead_lettered": stream.malformed,
        }
    return bronze | {
        "silver.customers": {"quarantined": expected.invalid_email_events, "waiting": 0},
        "silver.products": {"quarantined": 0, "waiting": 0},
        "silver.orders": {"quarantined": 0, "waiting": expected.waiting_order_events},
        "silver.order_items": {"quarantined": expected.defective_lines, "waiting": expected.waiting_lines},
        "silver.clicks": {"quarantined": expected.clicks.unknown_types, "waiting": 0},
        "silver.payments": {"quarantined": 0, "waiting": expected.payments.waiting},
    }
