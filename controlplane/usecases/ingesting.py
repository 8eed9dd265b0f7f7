"""Ingestion (step 2 of a bronze run): messages of a landing topic become rows, or dead letters that say why not.

Wire format: one JSON object a line, a Kafka record ``{"partition", "offset", "key", "value"}`` whose value is a Debezium
change event ``{"before", "after", "source": {"lsn", "ts_ms", ...}, "op", "ts_ms"}``
(Debezium reference, "PostgreSQL connector: Data change events"). A record with a null value is the tombstone that follows a
delete: it tells nothing new and is counted among the duplicates.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pyarrow as pa

from controlplane.gate.model import DeadLetter, InputPin, InputRole
from controlplane.kernel.errors import UnableToEvaluateError
from controlplane.kernel.types import arrow_type
from controlplane.usecases.model import Ports
from pii_policies.model import MasterKey
from pii_policies.sealing import seal_bytes

OPERATIONS = ("c", "u", "d", "r")

COLUMNS = {
    "topic": "string", "source_partition": "int", "source_offset": "long", "source_lsn": "long", "source_ts": "timestamptz",
    "op": "string", "key": "string", "before": "string", "after": "string", "source": "string",
    "landing_file": "string", "landing_line": "long", "ingested_at": "timestamptz",
}  # fmt: skip
"""What ingestion delivers; a bronze contract takes the columns it names."""


class UnreadableError(Exception):
    """Raised for one message that cannot become a row; the text is the dead letter's reason and quotes no values."""


@dataclass
class Ingested:
    """What a run's landing files held.

    Attributes:
        read: records read, whatever became of them.
        rows: readable change events, columns as in ``COLUMNS``.
        tombstones: records that only mark a delete told before.
    """

    read: int = 0
    tombstones: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def table(self) -> pa.Table:
        """Return the rows as an Arrow table in the order they were read."""
        schema = pa.schema([(name, arrow_type(kind)) for name, kind in COLUMNS.items()])
        return pa.Table.from_pylist(self.rows, schema=schema)


def ingest(ports: Ports, topic: str, pins: Sequence[InputPin], clock: datetime) -> Ingested:
    """Return the records of a run's pinned landing files.

    Raises:
        UnableToEvaluateError: a pinned file has changed since it was pinned; the next run pins it as it is now.
        UnavailableError: the landing zone does not answer.
    """
    found = Ingested()
    latest = clock + timedelta(seconds=ports.drift)
    for pin in pins:
        if pin.role is not InputRole.LANDING:
            continue
        name = pin.name.removeprefix(f"{topic}/")
        content = ports.landing.read(topic, name)
        if sha256(content).hexdigest() != pin.sha256:
            message = f"landing file {pin.name} changed while it was being read; run again to read it as it is now"
            raise UnableToEvaluateError(message)
        for line, raw in _lines(content):
            found.read += 1
            try:
                row = _row(raw, latest)
            except UnreadableError as reason:
                found.letters.append(_letter(topic, f"{pin.name}:{line}", str(reason), raw, ports.seal.master()))
                continue
            if row is None:
                found.tombstones += 1
            else:
                found.rows.append(row | {"topic": topic, "landing_file": pin.name, "landing_line": line, "ingested_at": clock})
    return found


def dead_letter(ports: Ports, row: dict[str, object], reason: str) -> DeadLetter:
    """Return the dead letter of an event that was readable but breaks a rule of its contract."""
    position = f"{row['landing_file']}:{row['landing_line']}"
    raw = json.dumps(row, default=str).encode()
    return _letter(str(row["topic"]), position, reason, raw, ports.seal.master())


def _letter(topic: str, position: str, reason: str, raw: bytes, key: MasterKey) -> DeadLetter:
    return DeadLetter(topic, position, reason, seal_bytes(raw, key=key, row_id=position))


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _row(raw: bytes, latest: datetime) -> dict[str, object] | None:
    try:
        record = json.loads(raw)
    except UnicodeDecodeError:
        reason = "is not valid UTF-8"
        raise UnreadableError(reason) from None
    except (json.JSONDecodeError, RecursionError):
        reason = "is not a JSON document (cut off, or not JSON at all)"
        raise UnreadableError(reason) from None
    if not isinstance(record, dict):
        reason = "is not a JSON object"
        raise UnreadableError(reason)
    partition, offset = _whole(record, "partition", 31), _whole(record, "offset", 63)
    if "value" not in record:
        reason = "has no 'value' (a Kafka record needs partition, offset, key and value)"
        raise UnreadableError(reason)
    if record["value"] is None:
        return None
    envelope, source = _part(record, "value"), _part(_part(record, "value"), "source")
    before, after, operation = envelope.get("before"), envelope.get("after"), envelope.get("op")
    if operation not in OPERATIONS:
        reason = f"has an 'op' that is not one of {', '.join(OPERATIONS)}"
        raise UnreadableError(reason)
    if operation != "d" and not isinstance(after, dict):
        reason = "has no 'after' object although it is not a delete"
        raise UnreadableError(reason)
    if not isinstance(record.get("key"), dict):
        reason = "has no 'key' object"
        raise UnreadableError(reason)
    return {
        "source_partition": partition,
        "source_offset": offset,
        "source_lsn": _whole(source, "lsn", 63),
        "source_ts": _instant(source, latest),
        "op": operation,
        "key": _text(record["key"]),
        "before": None if before is None else _text(before),
        "after": None if after is None else _text(after),
        "source": _text(source),
    }


def _part(record: dict[str, object], name: str) -> dict[str, object]:
    part = record.get(name)
    if not isinstance(part, dict):
        reason = f"has no {name!r} object (a change event needs before, after, source and op)"
        raise UnreadableError(reason)
    return part


def _whole(record: dict[str, object], name: str, bits: int) -> int:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        reason = f"has no whole number {name!r}"
        raise UnreadableError(reason)
    return value


def _instant(source: dict[str, object], latest: datetime) -> datetime:
    milliseconds = _whole(source, "ts_ms", 63)
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    if at > latest:
        reason = "carries a time in the future ('source.ts_ms' is later than the plane's clock)"
        raise UnreadableError(reason)
    return at


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace").decode()
