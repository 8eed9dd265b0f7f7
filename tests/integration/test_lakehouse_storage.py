"""Addresses of file systems mean the same to Iceberg tables and to everything else that is stored beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.storage import filesystem, plain_address
from tests.fakes.tables import lake_on_disk, orders


def test_writing_a_file_makes_its_folders(tmp_path: Path) -> None:
    files, root = filesystem((tmp_path / "state").as_uri(), {})
    with files.open_output_stream(f"{root}/a/b/c.txt") as stream:
        stream.write(b"x")
    assert (tmp_path / "state/a/b/c.txt").read_bytes() == b"x"


def test_a_folder_with_spaces_is_that_folder_for_tables_too(tmp_path: Path) -> None:
    folder = tmp_path / "my lake é"
    with lake_on_disk(folder) as lake:
        lake.ensure()
        lake.put(orders(1, 2))
        assert lake.ids() == [1, 2]
        assert list((folder / "warehouse/silver/orders/data").glob("*.parquet"))
        assert not any("%20" in path.name for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("file:///srv/lake/", "file:///srv/lake"),
        ("file://localhost/srv/a%20b", "file:///srv/a b"),
        ("s3://bucket/a%20b/", "s3://bucket/a%20b"),
        ("s3://bucket", "s3://bucket"),
    ],
)
def test_addresses_are_written_as_iceberg_writes_them(uri: str, plain: str) -> None:
    assert plain_address(uri) == plain


@pytest.mark.parametrize("uri", ["/srv/lake", "file://srv/lake", "s3:///x", "s3://", "gs://bucket/x", "srv/lake", ""])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="allowed are file:///absolute/path and s3://bucket/prefix"):
        filesystem(uri, {})


def test_the_root_of_the_disk_and_datasets_that_are_missing(tmp_path: Path) -> None:
    assert filesystem("file:///", {})[1] == "/"
    with lake_on_disk(tmp_path) as lake:
        assert lake.reader.head(DatasetId("iceberg://test", "silver.missing")) is None
