"""Port of a check engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from checks.model import Check, Facts, Measurement
from controlplane.kernel.ports import SqlSession


@dataclass(frozen=True)
class Subject:
    """What to measure: a relation registered in a session, its column types, and the parents registered beside it.

    Attributes:
        relation: the registered name, e.g. ``silver.orders``.
        columns: column name to canonical type.
        references: dataset name to registered name, for ``reference``, ``reconciliation`` and ``sql`` checks.
    """

    session: SqlSession
    relation: str
    columns: Mapping[str, str]
    facts: Facts
    references: Mapping[str, str] = field(default_factory=dict)


class CheckEngine(Protocol):
    """Measures checks. Never judges, never raises for a check: a check it cannot measure comes back with ``error``."""

    def measure(self, checks: Sequence[Check], subject: Subject) -> Sequence[Measurement]:
        """Return at least one measurement per check (one per segment where ``segment_by`` is set)."""
        ...
