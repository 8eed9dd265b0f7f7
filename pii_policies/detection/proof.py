"""The proof of masking over folders, object stores and values from elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from pii_policies.detection.decoding import Source, decode
from pii_policies.proving import Proof, Search

Root: TypeAlias = "Path | tuple[FileSystem, str]"

_CHUNK_BYTES = 16 * 1024 * 1024
_START_BYTES = 16
_VALUES_AT_ONCE = 2_000


def prove(roots: Sequence[Root], canaries: Sequence[str], *, values: Iterable[tuple[str, object]] = ()) -> Proof:
    """Search everything under some folders, and values from elsewhere, for clear values of known persons.

    Files are decoded (Parquet columns, footers and statistics, Avro and Iceberg manifests, JSON, CSV, SQLite, gzip, text),
    searched as raw bytes as well, and their paths are searched, too. Nothing encrypted is opened.

    Args:
        roots: files or folders: local paths, or a file system of ``pyarrow.fs`` with a path in it. Leave out what may hold
            clear values (bronze, keys).
        canaries: clear values that must not be found, four characters or more each, as they would stand in the source.
        values: (place, value) pairs from elsewhere, such as the rows of a store or rendered pages.

    Returns:
        what was found, where it was looked, and what could not be decoded; never a value.

    Raises:
        ConfigurationError: there is no canary, or one is too short.
    """
    search = Search(canaries)
    for root in roots:
        filesystem, path = (LocalFileSystem(), str(root)) if isinstance(root, Path) else root
        for info in _files(filesystem, path, search):
            _search_file(_source(filesystem, info.path), search)
    _search_values(values, search)
    return search.proof()


def _search_values(values: Iterable[tuple[str, object]], search: Search) -> None:
    """Search values from elsewhere, many of a place at once: a store has few places and very many values."""
    waiting = defaultdict[str, list[object]](list)
    for place, value in values:
        waiting[place].append(value)
        if len(waiting[place]) >= _VALUES_AT_ONCE:
            search.value(place, "value", waiting.pop(place))
    for place, rest in waiting.items():
        search.value(place, "value", rest)


def _files(filesystem: FileSystem, path: str, search: Search) -> list[FileInfo]:
    """Return the files of a root in path order, having searched all names; a root that is missing proves nothing."""
    root = filesystem.get_file_info(path)
    if root.type == FileType.NotFound:
        search.unreadable(path, "it does not exist; name a file or folder that does")
        return []
    if root.type == FileType.File:
        search.text(root.path, "path", root.base_name)
        return [root]
    found = sorted(filesystem.get_file_info(FileSelector(path, recursive=True)), key=lambda info: str(info.path))
    for info in found:
        search.text(info.path, "path", info.path[len(path) :])
    return [info for info in found if info.type == FileType.File]


def _source(filesystem: FileSystem, path: str) -> Source:
    local = Path(path) if isinstance(filesystem, LocalFileSystem) else None
    return Source(path, lambda: filesystem.open_input_file(path), local)


def _search_file(source: Source, search: Search) -> None:
    try:
        with source.open() as handle:
            start = bytes(handle.read(_START_BYTES))
            before, chunk = start, handle.read(_CHUNK_BYTES)
            search.raw(source.name, start)
            while chunk:
                search.raw(source.name, before + chunk)
                before, chunk = bytes(chunk[-search.overlap :]), handle.read(_CHUNK_BYTES)
    except OSError as error:
        search.unreadable(source.name, f"it cannot be read ({type(error).__name__}); close its writer or check its permissions")
        return
    decode(source, start, search)
