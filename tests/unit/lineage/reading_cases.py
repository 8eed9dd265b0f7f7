"""A short way to write what the lineage of a query should be, and the schema that most cases use.

Expected edges are one line per written column::

    * <- filter silver.orders.status                 every column listed below has this edge too
    order_id <- identity silver.orders.order_id
    gold.x.tokens <- masked aggregation silver.customers.email, group_by silver.customers.country
    one <-                                           a constant: no edge of its own

A column without a dataset belongs to ``output``; a line that ends with a comma goes on in the next one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lineage.columns import column_lineage
from lineage.model import ColumnEdge

SHOP = {
    "silver.orders": [
        "order_id", "customer_id", "region", "status", "amount", "tax", "created_at", "address", "items",
    ],
    "silver.customers": ["customer_id", "email", "name", "country", "created_at"],
    "silver.payments": ["payment_id", "order_id", "amount", "method", "paid_at"],
    "silver.events": ["user_id", "event_type", "ts", "payload", "tags"],
}  # fmt: skip

_INDIRECT = {"filter", "join", "group_by", "sort", "window", "conditional"}

Edge = tuple[str, str, str, str, bool]


@dataclass(frozen=True)
class Case:
    """One query and the edges it should have; ``schema`` None means the shop's."""

    sql: str
    expected: str
    dialect: str = "databricks"
    schema: dict[str, list[str]] | None = None

    @property
    def title(self) -> str:
        words = " ".join(self.sql.split())
        return f"{self.dialect}: {words[:60]}"


def expected_edges(text: str) -> set[Edge]:
    joined = re.sub(r",\s*\n\s*", ", ", text.strip())
    lines = [line.strip().partition("<-") for line in joined.splitlines()]
    targets = {_target(name.strip()) for name, _, _ in lines if name.strip() != "*"}
    edges: set[Edge] = set()
    for name, _, sources in lines:
        reached = targets if name.strip() == "*" else {_target(name.strip())}
        for source in filter(None, (part.strip() for part in sources.split(","))):
            *words, column = source.split(" ")
            transformation = words[-1]
            kind = "indirect" if transformation in _INDIRECT else "direct"
            edges |= {(column, target, kind, transformation, words[0] == "masked") for target in reached}
    return edges


def found_edges(edges: tuple[ColumnEdge, ...]) -> set[Edge]:
    return {(str(e.source), str(e.target), e.kind.value, e.transformation, e.masking) for e in edges}


def check(case: Case) -> None:
    """Assert that the case has exactly its edges and that nothing is left unresolved."""
    lineage = column_lineage(case.sql, dialect=case.dialect, schema=SHOP if case.schema is None else case.schema)
    assert lineage.unresolved == ()
    assert found_edges(lineage.edges) == expected_edges(case.expected)


def _target(name: str) -> str:
    return name if "." in name else f"output.{name}"
