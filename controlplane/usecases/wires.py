"""Wires: how one landed line is read, by the format its pipeline names. Pure: bytes in, one row or one reason out.

Every line is one Kafka record ``{"partition", "offset", "key", "value"}`` in JSON. The value is, for ``debezium-json``, a
change event ``{"before", "after", "source": {"lsn", "ts_ms", ...}, "op", "ts_ms"}`` (Debezium reference, "PostgreSQL
connector: Data change events"), and for ``json`` any object that has an id and a time of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FORMATS = ("debezium-json", "json")
OPERATIONS = ("c", "u", "d", "r")

_RECORD = {"topic": "string", "source_partition": "int", "source_offset": "long"}
_PLACE = {"landing_file": "string", "landing_line": "long", "ingested_at": "timestamptz"}
_CHANGE = {
    "source_lsn": "long", "source_ts": "timestamptz", "op": "string", "key": "string", "before": "string", "after": "string",
    "source": "string",
}  # fmt: skip
_EVENT = {"event_id": "string", "event_time": "timestamptz", "key": "string", "payload": "string"}


class UnreadableError(Exception):
    """Raised for one message that cannot become a row; the text is the dead letter's reason and quotes no values."""


@dataclass(frozen=True)
class Wire:
    """How the messages of a topic are written.

    Attributes:
        format: one of ``FORMATS``.
        id: field of a ``json`` event that identifies it; event_time: field that says when it happened.
    """

    format: str = "debezium-json"
    id: str = ""
    event_time: str = ""

    @property
    def columns(self) -> Mapping[str, str]:
        """The columns ingestion delivers, to canonical type; a bronze contract takes those it names."""
        return _RECORD | (_EVENT if self.format == "json" else _CHANGE) | _PLACE


def read_line(raw: bytes, wire: Wire, latest: datetime) -> dict[str, object] | None:
    """Return the row of one line (without its place in the landing zone), None for a tombstone, which tells nothing new.

    Args:
        latest: the last instant that does not count as the future.

    Raises:
        UnreadableError: the line cannot become a row.
    """
    record = _record(raw)
    place = {"source_partition": _whole(record, "partition", 31), "source_offset": _whole(record, "offset", 63)}
    if "value" not in record:
        reason = "has no 'value' (a Kafka record needs partition, offset, key and value)"
        raise UnreadableError(reason)
    if wire.format == "json":
        return place | _event(record, wire, latest)
    return None if record["value"] is None else place | _change(record, latest)


def _record(raw: bytes) -> dict[str, object]:
    try:
        record = json.loads(raw)
    except UnicodeDecodeError:
        reason = "is not valid UTF-8"
        raise UnreadableError(reason) from None
    except (ValueError, RecursionError):
        reason = "is not a JSON document (cut off, or not JSON at all)"
        raise UnreadableError(reason) from None
    if not isinstance(record, dict):
        reason = "is not a JSON object"
        raise UnreadableError(reason)
    return record


def _change(record: dict[str, object], latest: datetime) -> dict[str, object]:
    envelope = _part(record, "value", "a change event needs before, after, source and op")
    source = _part(envelope, "source", "a change event needs before, after, source and op")
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
        "source_lsn": _whole(source, "lsn", 63),
        "source_ts": _past(_from_milliseconds(_whole(source, "ts_ms", 63)), "source.ts_ms", latest),
        "op": operation,
        "key": _text(record["key"]),
        "before": None if before is None else _text(before),
        "after": None if after is None else _text(after),
        "source": _text(source),
    }


def _event(record: dict[str, object], wire: Wire, latest: datetime) -> dict[str, object]:
    event = _part(record, "value", "an event is a JSON object")
    key = record.get("key")
    return {
        "event_id": _identity(event, wire.id),
        "event_time": _past(_time(event, wire.event_time), wire.event_time, latest),
        "key": None if key is None else _plain(key) if isinstance(key, str) else _text(key),
        "payload": _text(event),
    }


def _identity(event: dict[str, object], name: str) -> str:
    """Return an event's id as text; one that is empty or no valid Unicode would make strangers look alike."""
    value = event.get(name)
    known = isinstance(value, int) and not isinstance(value, bool)
    if not known and not (isinstance(value, str) and value.strip() and value == _plain(value)):
        reason = f"has no {name!r} that is text or a whole number"
        raise UnreadableError(reason)
    return str(value)


def _time(event: dict[str, object], name: str) -> datetime:
    value = event.get(name)
    if value is None:
        reason = f"has no {name!r}"
        raise UnreadableError(reason)
    if isinstance(value, int) and not isinstance(value, bool):
        return _from_milliseconds(_whole(event, name, 63))
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        zoned = at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        zoned = None
    if zoned is None:
        reason = f"has a {name!r} that is neither an ISO-8601 time with its offset nor milliseconds since 1970"
        raise UnreadableError(reason)
    return zoned


def _part(record: dict[str, object], name: str, needs: str) -> dict[str, object]:
    part = record.get(name)
    if not isinstance(part, dict):
        reason = f"has no {name!r} object ({needs})"
        raise UnreadableError(reason)
    return part


def _whole(record: dict[str, object], name: str, bits: int) -> int:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        reason = f"has no whole number {name!r}"
        raise UnreadableError(reason)
    return value


def _from_milliseconds(milliseconds: int) -> datetime:
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _past(at: datetime, name: str, latest: datetime) -> datetime:
    if at > latest:
        reason = f"carries a time in the future ({name!r} is later than the plane's clock)"
        raise UnreadableError(reason)
    return at


def _text(value: object) -> str:
    return _plain(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
