from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pipelines.sources.journey import Journey, Promotion
from pipelines.sources.promotions import promotion_snapshot, promotion_transactions

WEEK = timedelta(weeks=1)


def promoted(journey: Journey, start: datetime) -> Journey:
    """A promotion of week 42 in two places, one of week 43, and one of a product the store does not sell."""
    first = journey.baskets[0]
    product, store = first.lines[0].product_id, first.store_id
    begins = start + timedelta(hours=4)
    promotions = (
        Promotion(product, store, 42, begins, "0", "A"),
        Promotion(product, store, 42, begins, "7", "A"),
        Promotion(4711, store, 42, begins, "1", "0"),
        Promotion(product, store, 43, begins + WEEK, "0", "D"),
    )
    return replace(journey, promotions=promotions)


def test_a_week_is_published_in_the_night_before_it_begins(journey: Journey, start: datetime) -> None:
    published = list(promotion_transactions(promoted(journey, start), start, 7))
    assert [len(one.changes) for one in published] == [2, 1]
    assert [one.committed.replace(microsecond=0) for one in published] == [
        start + timedelta(hours=2),
        start + timedelta(hours=2) + WEEK,
    ]


def test_what_was_published_before_the_window_is_in_the_snapshot(journey: Journey, start: datetime) -> None:
    later = start + timedelta(days=3)
    shop = promoted(journey, start)
    assert [change.op for change in promotion_snapshot(shop, later)] == ["r", "r"]
    assert [len(one.changes) for one in promotion_transactions(shop, later, 7)] == [1]


def test_two_places_are_two_promotions_with_numbers_of_their_own(journey: Journey, start: datetime) -> None:
    rows = [change.row for one in promotion_transactions(promoted(journey, start), start, 7) for change in one.changes]
    assert [row["promotion_id"] for row in rows] == [42_000_001, 42_000_002, 43_000_001]
    assert [row["display_location"] for row in rows] == ["0", "7", "0"]
