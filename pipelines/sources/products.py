"""The real catalogue, with synthetic care: a few products a day are recategorised, and one that nobody buys is removed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from pipelines.sources.events import RowChange, Transaction, commit, instant_text, seconds, seeded
from pipelines.sources.journey import Journey

UPDATED_PER_DAY = 20
REMOVED_PER_DAY = 1
_DAY = timedelta(hours=23)


def product_snapshot(journey: Journey, start: datetime) -> Iterator[RowChange]:
    """Yield the whole catalogue as the initial snapshot reads it (``r``)."""
    listed = instant_text(start - timedelta(days=90))
    for product in journey.products:
        yield RowChange("products", "r", {**product, "updated_at": listed})


def product_transactions(journey: Journey, days: Sequence[datetime], seed: int) -> Iterator[Transaction]:
    """Yield the changes of the catalogue during ``days`` (their starts); no product changes twice."""
    sold = {line.product_id for basket in journey.baskets for line in basket.lines}
    catalogue = {int(str(product["product_id"])): product for product in journey.products}
    unsold = [product for product in catalogue if product not in sold]
    rng = seeded(seed, "products")
    removed = rng.sample(unsold, min(REMOVED_PER_DAY * len(days), len(unsold)))
    others = [product for product in catalogue if product not in set(removed)]
    updated = rng.sample(others, min(UPDATED_PER_DAY * len(days), len(others)))
    for number, product in enumerate(removed):
        at = days[number // REMOVED_PER_DAY] + seconds(rng, timedelta(hours=1), _DAY)
        yield commit(at, f"product:{product}:removed", (RowChange("products", "d", catalogue[product]),), rng)
    for number, product in enumerate(updated):
        at = days[number // UPDATED_PER_DAY] + seconds(rng, timedelta(hours=1), _DAY)
        row = _recategorised(catalogue[product], at)
        yield commit(at, f"product:{product}:updated", (RowChange("products", "u", row),), rng)


def _recategorised(product: Mapping[str, object], at: datetime) -> Mapping[str, object]:
    return {**product, "product_type": f"{product['product_type'] or 'UNSORTED'} (REVIEWED)", "updated_at": instant_text(at)}
