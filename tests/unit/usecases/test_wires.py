"""One landed line becomes one row, or one reason that quotes nothing of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from controlplane.usecases.wires import UnreadableError, Wire, read_line

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
EVENTS = Wire("json", id="event_id", event_time="timestamp")
EVENT = {
    "event_id": "e-1",
    "timestamp": "2017-10-09T11:59:59.500Z",
    "page_url": "https://shop.example.org/?email=jane@example.org",
}


def line(value: object, key: object = "u-1") -> bytes:
    return json.dumps({"partition": 3, "offset": 14, "key": key, "value": value}).encode()


def reason(raw: bytes, wire: Wire = EVENTS) -> str:
    with pytest.raises(UnreadableError) as caught:
        read_line(raw, wire, NOON)
    return str(caught.value)


def test_an_event_is_read_with_its_place_its_id_its_time_and_all_it_said() -> None:
    row = read_line(line(EVENT), EVENTS, NOON)
    assert row == {
        "source_partition": 3,
        "source_offset": 14,
        "event_id": "e-1",
        "event_time": datetime(2017, 10, 9, 11, 59, 59, 500_000, tzinfo=UTC),
        "key": "u-1",
        "payload": json.dumps(EVENT, separators=(",", ":")),
    }


def test_what_is_read_has_the_columns_the_wire_offers() -> None:
    place = {"topic", "landing_file", "landing_line", "ingested_at"}
    row = read_line(line(EVENT), EVENTS, NOON)
    assert row is not None
    assert row.keys() | place == EVENTS.columns.keys()
    change = {"before": None, "after": {"id": 1}, "op": "c", "source": {"lsn": 1, "ts_ms": 1}}
    row = read_line(line(change, key={"id": 1}), Wire(), NOON)
    assert row is not None
    assert row.keys() | place == Wire().columns.keys()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2017-10-09T12:30:00+02:00", datetime(2017, 10, 9, 10, 30, tzinfo=UTC)),
        ("2017-10-09 11:00:00Z", datetime(2017, 10, 9, 11, tzinfo=UTC)),
        (1_507_546_800_250, datetime(2017, 10, 9, 11, 0, 0, 250_000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ],
    ids=["offset", "zulu", "milliseconds", "zero"],
)
def test_a_time_is_iso_8601_with_its_offset_or_milliseconds(written: object, read: datetime) -> None:
    row = read_line(line(EVENT | {"timestamp": written}), EVENTS, NOON)
    assert row is not None
    assert row["event_time"] == read


@pytest.mark.parametrize(("key", "kept"), [("u-1", "u-1"), (None, None), ({"id": 7}, '{"id":7}'), (7, "7")], ids=repr)
def test_a_key_of_text_is_kept_as_it_is_and_any_other_as_json(key: object, kept: str | None) -> None:
    row = read_line(line(EVENT, key=key), EVENTS, NOON)
    assert row is not None
    assert row["key"] == kept


def test_a_number_is_an_id_too() -> None:
    row = read_line(line(EVENT | {"event_id": 12}), EVENTS, NOON)
    assert row is not None
    assert row["event_id"] == "12"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"partition": 0, "offs', "is not a JSON document"),
        (b'{"partition": "\xff"}', "is not valid UTF-8"),
        (b"[1]", "is not a JSON object"),
        (b"9" * 5000, "is not a JSON document"),
        (b'{"partition": 0, "offset": 1}', "has no 'value'"),
        (line(None), "has no 'value' object"),
        (line("jane@example.org"), "has no 'value' object"),
        (line([EVENT]), "has no 'value' object"),
        (line({"timestamp": "2017-10-09T11:00:00Z"}), "has no 'event_id'"),
        (line(EVENT | {"event_id": None}), "has no 'event_id'"),
        (line(EVENT | {"event_id": " "}), "has no 'event_id'"),
        (line(EVENT | {"event_id": True}), "has no 'event_id'"),
        (line(EVENT | {"event_id": ["e-1"]}), "has no 'event_id'"),
        (line(EVENT | {"event_id": "\ud800"}), "has no 'event_id'"),
        (line({"event_id": "e-1"}), "has no 'timestamp'"),
        (line(EVENT | {"timestamp": "jane@example.org"}), "neither an ISO-8601 time"),
        (line(EVENT | {"timestamp": "2017-10-09T11:00:00"}), "neither an ISO-8601 time"),
        (line(EVENT | {"timestamp": "0001-01-01T00:00:00+14:00"}), "neither an ISO-8601 time"),
        (line(EVENT | {"timestamp": True}), "neither an ISO-8601 time"),
        (line(EVENT | {"timestamp": 1.5}), "neither an ISO-8601 time"),
        (line(EVENT | {"timestamp": -1}), "has no whole number 'timestamp'"),
        (line(EVENT | {"timestamp": "2017-10-09T12:00:01Z"}), "time in the future"),
        (line(EVENT | {"timestamp": 10**17}), "time in the future"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_that_is_no_event_says_why_and_quotes_nothing(raw: bytes, words: str) -> None:
    found = reason(raw)
    assert words in found
    assert "jane" not in found


def test_the_latest_instant_is_no_future() -> None:
    assert read_line(line(EVENT | {"timestamp": NOON.isoformat()}), EVENTS, NOON)


def test_a_tombstone_tells_nothing_new_to_change_events_only() -> None:
    assert read_line(line(None, key={"id": 1}), Wire(), NOON) is None
