"""Landing zones list, hash and read what sources dropped: the same on disk and on S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import pytest

from controlplane.kernel.errors import ConfigurationError, UnavailableError
from controlplane.lakehouse.landing import FolderLandingZone
from controlplane.lakehouse.storage import filesystem
from tests.fakes.tables import bucket, s3_properties, s3_server

TOPIC = "cdc.public.orders"
Drop = Callable[[str, bytes], None]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[FolderLandingZone, Drop]:
    properties: dict[str, str] = {}
    uri = (tmp_path / "landing").as_uri()
    if request.param == "s3":
        address = request.getfixturevalue("endpoint")
        properties, uri = s3_properties(address), f"s3://{bucket(address)}/landing"
    files, root = filesystem(uri, properties)
    files.create_dir(root, recursive=True)

    def drop(name: str, content: bytes) -> None:
        with files.open_output_stream(f"{root}/{name}") as stream:
            stream.write(content)

    return FolderLandingZone(uri, properties), drop


def test_files_come_in_name_order_with_the_digest_of_their_bytes(place: tuple[FolderLandingZone, Drop]) -> None:
    zone, drop = place
    drop(f"{TOPIC}/b.jsonl", b"two")
    drop(f"{TOPIC}/a.jsonl", b"one")
    drop(f"{TOPIC}/2017-10-09/c.jsonl", b"three")
    drop("cdc.public.orders_items/x.jsonl", b"other")
    found = zone.files(TOPIC)
    assert [(one.name, one.sha256, one.size_bytes) for one in found] == [
        ("2017-10-09/c.jsonl", sha256(b"three").hexdigest(), 5),
        ("a.jsonl", sha256(b"one").hexdigest(), 3),
        ("b.jsonl", sha256(b"two").hexdigest(), 3),
    ]
    assert [zone.read(TOPIC, one.name) for one in found] == [b"three", b"one", b"two"]


def test_hidden_and_unfinished_files_are_ignored(place: tuple[FolderLandingZone, Drop]) -> None:
    zone, drop = place
    for name in (".a.jsonl", "_manifest.json", "a.jsonl.tmp", "_spark/part.jsonl", ".git/config", "seen.jsonl"):
        drop(f"{TOPIC}/{name}", b"{}")
    assert [one.name for one in zone.files(TOPIC)] == ["seen.jsonl"]


def test_a_file_written_again_is_seen_anew(place: tuple[FolderLandingZone, Drop]) -> None:
    zone, drop = place
    drop(f"{TOPIC}/a.jsonl", b"one")
    first = zone.files(TOPIC)
    drop(f"{TOPIC}/a.jsonl", b"two")
    assert zone.files(TOPIC)[0].sha256 == sha256(b"two").hexdigest() != first[0].sha256


def test_a_topic_without_folder_has_no_files_and_no_watermark(place: tuple[FolderLandingZone, Drop]) -> None:
    zone, _ = place
    assert zone.files(TOPIC) == ()
    assert zone.watermark(TOPIC) is None


def test_the_watermark_is_what_the_manifest_says(place: tuple[FolderLandingZone, Drop]) -> None:
    zone, drop = place
    drop(f"{TOPIC}/_manifest.json", b'{"watermark": "2017-10-09T04:00:00+00:00"}')
    assert zone.watermark(TOPIC) == datetime(2017, 10, 9, 4, tzinfo=UTC)
    drop(f"{TOPIC}/_manifest.json", b'{"watermark": "2017-10-09T04:00:00+02:00"}')
    assert zone.watermark(TOPIC) == datetime(2017, 10, 9, 4, tzinfo=timezone(timedelta(hours=2)))
    drop(f"{TOPIC}/_manifest.json", b'{"files": 3}')
    assert zone.watermark(TOPIC) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{watermark", r"_manifest\.json is not JSON"),
        (b"[]", "holds a list, not an object"),
        (b'{"watermark": "yesterday"}', "'yesterday' in .* is not an ISO-8601 time"),
        (b'{"watermark": 5}', "5 in .* is not an ISO-8601 time"),
        (b'{"watermark": "2017-10-09T04:00:00"}', "has no time zone"),
    ],
)
def test_a_broken_manifest_is_told(place: tuple[FolderLandingZone, Drop], content: bytes, sentence: str) -> None:
    zone, drop = place
    drop(f"{TOPIC}/_manifest.json", content)
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        zone.watermark(TOPIC)
    assert '{"watermark": "2017-10-09T04:00:00+00:00"}' in str(caught.value)


def test_a_file_that_is_gone_is_told(place: tuple[FolderLandingZone, Drop]) -> None:
    zone, _ = place
    with pytest.raises(UnavailableError, match=r"does not give cdc\.public\.orders/a\.jsonl"):
        zone.read(TOPIC, "a.jsonl")


def test_a_landing_folder_that_does_not_exist_is_told_not_taken_for_quiet(tmp_path: Path) -> None:
    zone = FolderLandingZone((tmp_path / "nowhere").as_uri())
    with pytest.raises(UnavailableError, match="check that the folder exists"):
        zone.files(TOPIC)


def test_a_bucket_that_does_not_exist_is_told(endpoint: str) -> None:
    zone = FolderLandingZone("s3://no-such-bucket/landing", s3_properties(endpoint))
    with pytest.raises(UnavailableError, match="landing zone s3://no-such-bucket/landing"):
        zone.files(TOPIC)


@pytest.mark.parametrize("uri", ["state/landing", "file://state/landing", "gs://bucket/x", "s3:///x"])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed are file:///absolute/path and s3://bucket/prefix"):
        FolderLandingZone(uri).files(TOPIC)
