"""What the whole fortnight with its faults must come to: ``with_faults(build_window(days=14))``, and its replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from pipelines.sources import ClickFacts, PaymentFacts, SourceFacts, StreamFacts, TopicFacts

FORTNIGHT_DAYS = 14

FORTNIGHT = SourceFacts(
    topics={
        "customers": TopicFacts(
            lines=2825,
            snapshot=2265,
            inserts=168,
            updates=322,
            deletes=14,
            tombstones=14,
            redelivered=42,
            late=14,
        ),
        "products": TopicFacts(
            lines=92667,
            snapshot=92331,
            inserts=0,
            updates=280,
            deletes=14,
            tombstones=14,
            redelivered=28,
            late=0,
        ),
        "orders": TopicFacts(
            lines=22231,
            snapshot=0,
            inserts=5955,
            updates=16150,
            deletes=28,
            tombstones=28,
            redelivered=70,
            late=84,
        ),
        "order_items": TopicFacts(
            lines=53780,
            snapshot=0,
            inserts=53484,
            updates=0,
            deletes=78,
            tombstones=78,
            redelivered=140,
            late=56,
        ),
        "inventory": TopicFacts(
            lines=21232,
            snapshot=2400,
            inserts=0,
            updates=18762,
            deletes=0,
            tombstones=0,
            redelivered=70,
            late=42,
        ),
        "promotions": TopicFacts(
            lines=16676,
            snapshot=0,
            inserts=16668,
            updates=0,
            deletes=0,
            tombstones=0,
            redelivered=8,
            late=0,
        ),
    },
    unknown_products=159,
    non_positive_quantity=309,
    defective_lines=309,
    invalid_email_events=49,
    invalid_email_customers=7,
    overtaken=112,
    waiting_order_events=42,
    waiting_lines=409,
    orders={"cancelled": 118, "delivered": 4666, "paid": 305, "placed": 4, "shipped": 834},
    order_lines=53097,
    customers=2419,
    products=92317,
    published_customers=2412,
    customer_versions=2706,
    amount=Decimal("170257.91"),
    revenue=Decimal("166749.04"),
    negative_amount_events=66,
    negative_amount_orders=33,
    drifted_events=9,
    stocks=2400,
    pieces=37976,
    restocked=606,
    promotions=16668,
    promotions_in_two_places=35,
    clicks=ClickFacts(
        stream=StreamFacts(events=24085, resent=112, redelivered=140, malformed=84, late=197),
        unknown_types=14,
        clicks=24071,
        removed_paths=15,
        sessions=5348,
        purchasing=3140,
        purchases=3313,
    ),
    payments=PaymentFacts(
        stream=StreamFacts(events=11875, resent=56, redelivered=56, malformed=28, late=42),
        waiting=66,
        payments={"authorised": 123, "captured": 5597, "refunded": 164, "charged_back": 22},
        captured=Decimal("166636.78"),
        refunded=Decimal("5980.27"),
    ),
)
"""The facts of its feed."""

FORTNIGHT_WAITS: Mapping[str, int] = {
    "silver.orders": 66,
    "silver.order_items": 851,
    "silver.payments": 138,
}
"""By dataset, the rows that wait, added up over its published runs; what waits for several runs counts in each."""

FORTNIGHT_HELD: Mapping[str, int] = {"silver.orders": 34}
"""By dataset, the runs that the gate holds."""

FORTNIGHT_ALERTS: Mapping[str, int] = {"P1": 4, "P2": 5, "P3": 3}
"""By priority, all alerts: two tables of one promise each time, and the three faults."""

FORTNIGHT_NOTICED: Mapping[str, tuple[datetime, datetime, str]] = {
    "outage": (
        datetime(2017, 10, 12, 9, 5, tzinfo=UTC),
        datetime(2017, 10, 12, 11, 0, tzinfo=UTC),
        "P1 sla_breach gold.fact_orders",
    ),
    "bad deploy": (
        datetime(2017, 10, 15, 14, 15, tzinfo=UTC),
        datetime(2017, 10, 15, 17, 5, tzinfo=UTC),
        "P2 check_failure silver.orders",
    ),
    "schema drift": (
        datetime(2017, 10, 17, 9, 50, tzinfo=UTC),
        datetime(2017, 10, 17, 14, 5, tzinfo=UTC),
        "P3 schema_drift bronze.cdc_customers",
    ),
}
"""By fault, when it is noticed, when all is well again, and the alert that tells it."""
