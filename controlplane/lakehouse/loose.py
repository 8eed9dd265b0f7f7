"""Rows of a file or an Iceberg table outside any project: Parquet, CSV, or a table by its metadata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet

from controlplane.kernel.errors import ConfigurationError, SnapshotExpiredError
from controlplane.kernel.identity import SnapshotId
from controlplane.lakehouse.storage import filesystem


@dataclass(frozen=True)
class Loose:
    """Rows read, and what reading them cost (``files_total``, ``files_read``, ``bytes_read``, ``rows_read``)."""

    rows: pa.Table
    evidence: Mapping[str, int]
    snapshot_id: SnapshotId | None = None


def read_loose(uri: str, *, snapshot_id: int | None = None, properties: Mapping[str, str] | None = None) -> Loose:
    """Return the rows behind a path or URI (``file://``, ``s3://``).

    CSV is read as text (the contract says what its columns are); a folder is a Parquet dataset, unless it is an Iceberg table.

    Raises:
        ConfigurationError: there is nothing there, or it is none of the known formats.
        SnapshotExpiredError: the table has no such snapshot.
    """
    text = uri if urlparse(uri).scheme in {"file", "s3"} else Path(uri).resolve().as_uri()
    store, path = filesystem(text, dict(properties or {}))
    info = store.get_file_info(path)
    if info.type == pa.fs.FileType.NotFound:
        message = f"there is nothing at {uri}; give a Parquet or CSV file, a folder of Parquet files, or an Iceberg table"
        raise ConfigurationError(message)
    if path.endswith(".metadata.json") or (info.type == pa.fs.FileType.Directory and _newest_metadata(store, path)):
        return _iceberg(text, store, path, snapshot_id, dict(properties or {}))
    if snapshot_id is not None:
        message = f"--snapshot needs an Iceberg table, and {uri} is none (it has no metadata folder)"
        raise ConfigurationError(message)
    if info.type == pa.fs.FileType.Directory or path.endswith((".parquet", ".pq")):
        return _translated(uri, lambda: _parquet(store, path))
    if path.endswith((".csv", ".csv.gz", ".tsv")):
        return _translated(uri, lambda: _csv(store, path, info.size))
    message = f"{uri} is none of .parquet, .csv, .tsv or an Iceberg table"
    raise ConfigurationError(message)


def _translated(uri: str, read: Callable[[], Loose]) -> Loose:
    try:
        return read()
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        message = f"{uri} cannot be read: it is damaged, cut off, or not what its name says"
        raise ConfigurationError(message) from error


def _parquet(store: pa.fs.FileSystem, path: str) -> Loose:
    found = pyarrow.dataset.dataset(path, filesystem=store, format="parquet")
    rows = found.to_table()
    size = sum(store.get_file_info(name).size or 0 for name in found.files)
    return Loose(rows, _evidence(len(found.files), size, rows.num_rows))


def _csv(store: pa.fs.FileSystem, path: str, size: int | None) -> Loose:
    delimiter = "\t" if path.endswith(".tsv") else ","
    with store.open_input_stream(path) as stream:
        head = pyarrow.csv.open_csv(stream, parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter)).schema.names
    types = dict.fromkeys(head, pa.large_string())
    with store.open_input_stream(path) as stream:
        rows = pyarrow.csv.read_csv(
            stream,
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
        )
    return Loose(rows, _evidence(1, size or 0, rows.num_rows))


def _newest_metadata(store: pa.fs.FileSystem, path: str) -> str | None:
    """Return a table folder's newest metadata file, None for a folder that is no Iceberg table."""
    folder = f"{path.rstrip('/')}/metadata"
    listed = store.get_file_info(pa.fs.FileSelector(folder, allow_not_found=True))
    named = [info for info in listed if info.path.endswith(".metadata.json")]
    return max(named, key=lambda info: (_version(info.path), info.mtime)).path if named else None


def _version(path: str) -> int:
    digits = path.rsplit("/", 1)[-1].lstrip("v").split("-")[0].split(".")[0]
    return int(digits) if digits.isdigit() else -1


def _iceberg(uri: str, store: pa.fs.FileSystem, path: str, snapshot_id: int | None, properties: dict[str, str]) -> Loose:
    from pyiceberg.table import StaticTable  # noqa: PLC0415 (slow to import, and files need none of it)

    scheme = urlparse(uri).scheme
    metadata = path if path.endswith(".metadata.json") else str(_newest_metadata(store, path))
    table = StaticTable.from_metadata(f"{scheme}://{metadata}", properties)
    if snapshot_id is not None and table.snapshot_by_id(snapshot_id) is None:
        message = f"{uri} has no snapshot {snapshot_id} (any more)"
        raise SnapshotExpiredError(message)
    scan = table.scan(snapshot_id=snapshot_id)
    tasks = list(scan.plan_files())
    rows = scan.to_arrow()
    current = table.current_snapshot()
    chosen = snapshot_id if snapshot_id is not None else (current.snapshot_id if current else None)
    size = sum(task.file.file_size_in_bytes for task in tasks)
    return Loose(rows, _evidence(len(tasks), size, rows.num_rows), SnapshotId(chosen) if chosen is not None else None)


def _evidence(files: int, size: int, rows: int) -> Mapping[str, int]:
    return {"files_total": files, "files_read": files, "bytes_read": size, "rows_read": rows}
