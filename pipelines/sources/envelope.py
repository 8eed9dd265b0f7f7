"""Row changes as Kafka records of the Debezium PostgreSQL connector, as one JSON text per record.

Format: Debezium 3 change events, ``value.converter.schemas.enable=false``, ``decimal.handling.mode=string``,
dates as ISO text, default replica identity (``before`` is null but for deletes, where only the key is
real), ``tombstones.on.delete=true``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.sources.events import TABLES, RowChange

DATABASE = "shop"


@dataclass(frozen=True)
class ChangeEvent:
    """A row change with its place in the database's log.

    Attributes:
        committed: when it was committed (``source.ts_ms``).
        lsn: log sequence number; increases in commit order; the rows of a snapshot share one.
        transaction_id: ``source.txId``.
        snapshot: ``false``, or which row of the snapshot it is: ``first``, ``true``, ``last_in_data_collection`` ...
    """

    change: RowChange
    committed: datetime
    lsn: int
    transaction_id: int
    snapshot: str = "false"


def envelope(event: ChangeEvent) -> Mapping[str, object]:
    """Return the ``value`` of the record: ``before``, ``after``, ``source``, ``op`` and ``ts_ms``."""
    change = event.change
    columns = TABLES[change.table]
    committed = _milliseconds(event.committed)
    is_delete = change.op == "d"
    return {
        "before": {**columns, **change.key} if is_delete else None,
        "after": None if is_delete else {name: change.row[name] for name in columns} | dict(change.extra),
        "source": {
            "db": DATABASE,
            "schema": "public",
            "table": change.table,
            "lsn": event.lsn,
            "txId": event.transaction_id,
            "ts_ms": committed,
            "snapshot": event.snapshot,
        },
        "op": change.op,
        "ts_ms": committed + 90 + event.lsn % 180,  # the connector reads the log a moment after the commit
    }


def record(offset: int, event: ChangeEvent, *, tombstone: bool = False) -> str:
    """Return one Kafka record of partition 0 as one line of JSON; a tombstone has the key and the value null."""
    value = None if tombstone else envelope(event)
    document = {"partition": 0, "offset": offset, "key": event.change.key, "value": value}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def snapshot_marks(tables: Sequence[str]) -> list[str]:
    """Return ``source.snapshot`` of each row of a snapshot, given the rows' tables in reading order."""
    last = len(tables) - 1
    marks = []
    for number, table in enumerate(tables):
        if number == last:
            marks.append("last")
        elif number == 0:
            marks.append("first")
        elif tables[number - 1] != table:
            marks.append("first_in_data_collection")
        elif tables[number + 1] != table:
            marks.append("last_in_data_collection")
        else:
            marks.append("true")
    return marks


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
