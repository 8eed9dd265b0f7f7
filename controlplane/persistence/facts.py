"""Rows of ``facts``: written with the end of a run, and by runs that found nothing to do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, delete
from sqlalchemy.engine import Connection

from controlplane.persistence.tables import facts
from controlplane.slas.status import Fact

COUNTS = ("offered", "duplicates", "dead_lettered", "waiting", "quarantined", "published", "wrong")

_ENDED_ONCE = frozenset({"published", "held"})


def note_fact(connection: Connection, number: int, fact: Fact) -> None:
    """Remember what a run's end says; a run that is published or held again replaces what it said."""
    if fact.state in _ENDED_ONCE:
        connection.execute(delete(facts).where(facts.c.run_id == fact.run_id, facts.c.state == fact.state))
    connection.execute(facts.insert().values(fact_row(number, fact)))


def fact_row(number: int, fact: Fact) -> dict[str, Any]:
    """Return a fact as a row."""
    row = vars(fact) | {"dataset_id": number}
    del row["dataset"]
    return row


def fact_of_row(row: Row[Any], dataset: str) -> Fact:
    """Return the fact of a row."""
    counts = {name: getattr(row, name) for name in COUNTS}
    return Fact(dataset, row.at, row.state, row.watermark, run_id=row.run_id, **counts)
