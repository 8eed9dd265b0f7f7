"""What readers find in the tables at the end of a replay."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pyarrow.compute as pc

import controlplane

_SUMS = {
    "amount": ("gold.fact_orders", "amount"),
    "revenue": ("gold.fact_orders", "revenue"),
    "revenue by region": ("gold.daily_revenue_by_region", "revenue"),
    "revenue by cohort": ("gold.customer_cohort_analysis", "revenue"),
    "pieces": ("silver.inventory", "quantity"),
}


def published_rows(plane: controlplane.Plane) -> Mapping[str, int]:
    """Return how many rows readers see, by dataset."""
    return {dataset.name: dataset.rows or 0 for dataset in plane.datasets()}


def published_sums(plane: controlplane.Plane) -> Mapping[str, Decimal]:
    """Return the sums that must come out to the cent, by what is summed."""
    return {name: _sum(plane, *column) for name, column in _SUMS.items()}


def _sum(plane: controlplane.Plane, dataset: str, column: str) -> Decimal:
    governed = plane.ports.platform.governed(dataset)
    head = plane.ports.reader.head(governed.id)
    if head is None:
        return Decimal(0)
    rows = plane.ports.reader.rows(governed.id, head.snapshot_id, columns=[column]).read_all()
    return Decimal(str(pc.sum(rows[column]).as_py() or 0))
