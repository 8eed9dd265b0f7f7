"""Real promotions: which product stood where in which store, and where in the mailer, week by week.

Taken are the promotions of products in stores that sell them within the horizon. The planner publishes a week's promotions in
the night before it begins. Some (product, store, week) have two rows, because a product can stand in two places at once; the
feed keeps them, each with a number of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby

from pipelines.sources.events import RowChange, Transaction, commit, instant_text, seeded
from pipelines.sources.journey import Journey, Promotion

_PUBLISHED_BEFORE = timedelta(hours=2)
_NUMBERS_PER_WEEK = 1_000_000


def promotion_snapshot(journey: Journey, start: datetime) -> Iterator[RowChange]:
    """Yield the promotions published before the window, as the initial snapshot reads them (``r``)."""
    for published, rows in _weeks(journey):
        if published < start:
            yield from (RowChange("promotions", "r", row) for row in rows)


def promotion_transactions(journey: Journey, start: datetime, seed: int) -> Iterator[Transaction]:
    """Yield one transaction a week that is published within the window, with all of its promotions."""
    for published, rows in _weeks(journey):
        if published >= start:
            name = f"promotions:{rows[0]['week']}"
            yield commit(published, name, tuple(RowChange("promotions", "c", row) for row in rows), seeded(seed, name))


def _weeks(journey: Journey) -> Iterator[tuple[datetime, list[Mapping[str, object]]]]:
    sold = {(line.product_id, basket.store_id) for basket in journey.baskets for line in basket.lines}
    promoted = [one for one in journey.promotions if (one.product_id, one.store_id) in sold]
    for begins, of_week in groupby(promoted, key=lambda one: one.begins):
        published = begins - _PUBLISHED_BEFORE
        yield published, [_row(one, number, published) for number, one in enumerate(of_week, start=1)]


def _row(one: Promotion, number: int, published: datetime) -> Mapping[str, object]:
    return {
        "promotion_id": one.week * _NUMBERS_PER_WEEK + number,
        "product_id": one.product_id,
        "store_id": one.store_id,
        "week": one.week,
        "display_location": one.display_location,
        "mailer_location": one.mailer_location,
        "updated_at": instant_text(published),
    }
