"""What a replay must find, number by number.

The numbers describe the feed of ``build_window()`` (9 October 2017 and the days after it, default seed), counted by
``sources.facts``. They are written down here (two days) and in ``fortnight`` so that a change of the generator is seen;
``docs/demo.md`` shows them and says where they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pipelines.fortnight import (
    FORTNIGHT,
    FORTNIGHT_ALERTS,
    FORTNIGHT_DAYS,
    FORTNIGHT_HELD,
    FORTNIGHT_NOTICED,
    FORTNIGHT_WAITS,
)
from pipelines.sources.facts import SourceFacts, TopicFacts
from pipelines.sources.stream_facts import ClickFacts, PaymentFacts, StreamFacts

EXPECTED = SourceFacts(
    topics={
        "customers": TopicFacts(
            lines=2345,
            snapshot=2265,
            inserts=24,
            updates=46,
            deletes=2,
            tombstones=2,
            redelivered=6,
            late=2,
        ),
        "products": TopicFacts(
            lines=92379,
            snapshot=92331,
            inserts=0,
            updates=40,
            deletes=2,
            tombstones=2,
            redelivered=4,
            late=0,
        ),
        "orders": TopicFacts(
            lines=2383,
            snapshot=0,
            inserts=871,
            updates=1494,
            deletes=4,
            tombstones=4,
            redelivered=10,
            late=12,
        ),
        "order_items": TopicFacts(
            lines=8444,
            snapshot=0,
            inserts=8404,
            updates=0,
            deletes=10,
            tombstones=10,
            redelivered=20,
            late=8,
        ),
        "inventory": TopicFacts(
            lines=5353,
            snapshot=2400,
            inserts=0,
            updates=2943,
            deletes=0,
            tombstones=0,
            redelivered=10,
            late=6,
        ),
        "promotions": TopicFacts(
            lines=8381,
            snapshot=0,
            inserts=8377,
            updates=0,
            deletes=0,
            tombstones=0,
            redelivered=4,
            late=0,
        ),
    },
    unknown_products=27,
    non_positive_quantity=54,
    defective_lines=54,
    invalid_email_events=13,
    invalid_email_customers=7,
    overtaken=16,
    waiting_order_events=8,
    waiting_lines=21,
    orders={"cancelled": 14, "delivered": 36, "paid": 224, "placed": 21, "shipped": 572},
    order_lines=8340,
    customers=2287,
    products=92329,
    published_customers=2280,
    customer_versions=2322,
    amount=Decimal("25775.63"),
    revenue=Decimal("25377.60"),
    negative_amount_events=0,
    negative_amount_orders=0,
    drifted_events=0,
    stocks=2400,
    pieces=45206,
    restocked=26,
    promotions=8377,
    promotions_in_two_places=15,
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


@dataclass(frozen=True)
class Noticed:
    """When a fault is noticed and when all is well again.

    Attributes:
        by: priority, kind and dataset of the alert that tells it.
    """

    at: datetime
    resolved: datetime
    by: str


@dataclass(frozen=True)
class Story:
    """What must come out of a replay.

    Attributes:
        facts: of the feed.
        waits: by dataset, how many rows wait, added up over its published runs; None: not known for this number of days.
        held: by dataset, how many runs are held.
        noticed: by name of the fault.
        alerts: by priority, all there are; None: not known for this number of days.
    """

    facts: SourceFacts
    waits: Mapping[str, int] | None = None
    held: Mapping[str, int] = field(default_factory=dict)
    noticed: Mapping[str, Noticed] = field(default_factory=dict)
    alerts: Mapping[str, int] | None = None


def story_of(days: int, facts: SourceFacts) -> Story:
    """Return what a replay of so many days must come to; for a number that is not written down, what its feed holds."""
    until = datetime(2017, 10, 9, tzinfo=UTC) + timedelta(days=days)
    noticed = {name: Noticed(*seen) for name, seen in FORTNIGHT_NOTICED.items()}
    over = {name: seen for name, seen in noticed.items() if seen.resolved <= until}
    held = FORTNIGHT_HELD if "bad deploy" in over else {}
    if days == FORTNIGHT_DAYS:
        return Story(FORTNIGHT, FORTNIGHT_WAITS, held, over, FORTNIGHT_ALERTS)
    told = EXPECTED if days == TWO_DAYS else facts
    return Story(told, _waits(told) if days <= FAULTLESS_DAYS else None, held, over)


TWO_DAYS = 2
FAULTLESS_DAYS = 3
"""Before the first fault every row waits for exactly one step, so that the feed alone tells how many do."""


def _waits(facts: SourceFacts) -> Mapping[str, int]:
    return {
        "silver.orders": facts.waiting_order_events,
        "silver.order_items": facts.waiting_lines,
        "silver.payments": facts.payments.waiting,
    }


def differences(facts: SourceFacts, balance: Mapping[str, Mapping[str, int]], story: Story | None = None) -> list[str]:
    """Return one sentence per number of the demo's runs that is not as expected; none when all are.

    Args:
        facts: of the feed that was replayed.
        balance: by dataset, the balances of all its published runs added up (``offered``, ``passed``, ``quarantined`` ...).
        story: what must come out; that of the first two days by default.
    """
    expected = story or story_of(TWO_DAYS, EXPECTED)
    found = [
        f"the feed has {getattr(facts, part.name)} for {part.name}, expected are {getattr(expected.facts, part.name)}"
        for part in fields(SourceFacts)
        if getattr(facts, part.name) != getattr(expected.facts, part.name)
    ]
    for dataset, counts in expected_balance(expected).items():
        for name, count in counts.items():
            actual = balance.get(dataset, {}).get(name, 0)
            if actual != count:
                found.append(f"{dataset} has {actual} rows {name.replace('_', '-')} in all of its runs, expected are {count}")
    return found


def table_differences(rows: Mapping[str, int], sums: Mapping[str, Decimal], story: Story) -> list[str]:
    """Return one sentence per table that does not hold what it must at the end.

    Args:
        rows: by dataset, how many rows readers see.
        sums: by what is summed, what readers find.
        story: what must come out.
    """
    facts = story.facts
    found = [
        f"{dataset} has {rows.get(dataset, 0)} rows, expected are {count}"
        for dataset, count in expected_rows(facts).items()
        if rows.get(dataset, 0) != count
    ]
    worth = {
        "amount": facts.amount,
        "revenue": facts.revenue,
        "revenue by region": facts.revenue,
        "revenue by cohort": facts.revenue,
        "pieces": Decimal(facts.pieces),
    }
    return [
        *found,
        *(
            f"the {name} of the tables is {sums.get(name)}, expected is {sum_}"
            for name, sum_ in worth.items()
            if sums.get(name) != sum_
        ),
    ]


def fault_differences(held: Mapping[str, int], noticed: Mapping[str, Noticed], story: Story) -> list[str]:
    """Return one sentence per fault that was not held, noticed or mended as it must be."""
    found = [
        f"{dataset} was held {held.get(dataset, 0)} times, expected are {story.held.get(dataset, 0)}"
        for dataset in sorted({*held, *story.held})
        if held.get(dataset, 0) != story.held.get(dataset, 0)
    ]
    for name, expected in story.noticed.items():
        actual = noticed.get(name)
        if actual != expected:
            found.append(f"the {name} was noticed as {_told(actual)}, expected is {_told(expected)}")
    return found


def alert_differences(alerts: Mapping[str, int], story: Story) -> list[str]:
    """Return a sentence where there are more or fewer alerts of a priority than the story tells."""
    if story.alerts is None or dict(alerts) == dict(story.alerts):
        return []
    return [f"alerts are {dict(sorted(alerts.items()))}, expected are {dict(story.alerts)}"]


def _told(noticed: Noticed | None) -> str:
    return "nothing" if noticed is None else f"{noticed.by} from {noticed.at:%d %b %H:%M} to {noticed.resolved:%d %b %H:%M}"


def expected_rows(facts: SourceFacts) -> dict[str, int]:
    """Return, by dataset, how many rows readers see at the end."""
    orders, versions = sum(facts.orders.values()), facts.customer_versions
    return {
        **{f"bronze.cdc_{table}": topic.events for table, topic in facts.topics.items()},
        "bronze.clickstream": facts.clicks.stream.rows,
        "bronze.payments": facts.payments.stream.rows,
        "silver.customers": versions,
        "silver.products": facts.products,
        "silver.orders": orders,
        "silver.order_items": facts.order_lines,
        "silver.inventory": facts.stocks,
        "silver.promotions": facts.promotions,
        "silver.payments": sum(facts.payments.payments.values()),
        "silver.clicks": facts.clicks.clicks,
        "silver.sessions": facts.clicks.sessions,
        "gold.dim_customer": versions,
        "gold.dim_product": facts.products,
        "gold.fact_orders": orders,
    }


def expected_balance(story: Story | None = None) -> dict[str, dict[str, int]]:
    """Return, by dataset, what the published runs of a replay add up to; by default of the first two days."""
    story = story or story_of(TWO_DAYS, EXPECTED)
    expected = story.facts
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
    silver = {
        "silver.customers": {"quarantined": expected.invalid_email_events, "waiting": 0},
        "silver.products": {"quarantined": 0, "waiting": 0},
        "silver.orders": {"quarantined": expected.negative_amount_events},
        "silver.order_items": {"quarantined": expected.defective_lines},
        "silver.inventory": {"quarantined": 0, "waiting": 0},
        "silver.promotions": {"quarantined": 0, "waiting": 0},
        "silver.clicks": {"quarantined": expected.clicks.unknown_types, "waiting": 0},
        "silver.payments": {"quarantined": 0},
    }
    for dataset, count in (story.waits or {}).items():
        silver[dataset]["waiting"] = count
    return bronze | silver
