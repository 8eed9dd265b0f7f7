"""The landing zone as folders of files, on disk or in an object store."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from controlplane.gate.model import LandingFile
from controlplane.gate.ports import LandingZone
from controlplane.kernel.errors import ConfigurationError, UnavailableError
from controlplane.lakehouse.storage import filesystem

MANIFEST_NAME = "_manifest.json"

_NANOSECONDS = 1_000_000_000
_SETTLED_SECONDS = 2.0
"""A file younger than this may be written again within the clock tick its time stamp has, so its digest is not remembered."""


class FolderLandingZone(LandingZone):
    """Files below ``uri``: one folder per topic, in which names starting with ``.`` or ``_`` or ending in ``.tmp`` are ignored.

    A file's ``name`` is its path below the topic's folder. The folder's ``_manifest.json`` says until when everything is
    delivered: ``{"watermark": "2017-10-09T04:00:00+00:00"}``.
    """

    def __init__(self, uri: str, properties: Mapping[str, str] | None = None) -> None:
        """Remember where the files are; nothing is opened yet.

        Args:
            uri: ``file:///absolute/path`` or ``s3://bucket/prefix``.
            properties: ``s3.*`` settings, see :func:`controlplane.lakehouse.storage.filesystem`.
        """
        self._uri = uri.rstrip("/")
        self._properties = dict(properties or {})
        self._place: tuple[FileSystem, str] | None = None
        self._digests: dict[str, tuple[int, int, str]] = {}

    def files(self, topic: str) -> Sequence[LandingFile]:
        """Return the topic's files in name order; a topic that has no folder yet has none.

        Raises:
            UnavailableError: the landing zone cannot be listed, or its folder (or bucket) does not exist.
        """
        files, root = self._opened()
        folder = f"{root}/{topic}"
        try:
            if files.get_file_info(_must_exist(root)).type is not FileType.Directory:
                raise FileNotFoundError(_must_exist(root))
            found = files.get_file_info(FileSelector(folder, recursive=True, allow_not_found=True))
            named = sorted((info.path[len(folder) + 1 :], info) for info in found if info.type is FileType.File)
            return tuple(self._landed(files, name, info) for name, info in named if _is_visible(name))
        except OSError as error:
            raise self._unavailable(topic, error) from error

    def read(self, topic: str, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            UnavailableError: the file cannot be read or is gone.
        """
        files, root = self._opened()
        try:
            return _bytes(files, f"{root}/{topic}/{name}")
        except OSError as error:
            raise self._unavailable(topic, error, name) from error

    def watermark(self, topic: str) -> datetime | None:
        """Return until when the source says everything is delivered; None when there is no manifest or it does not say.

        Raises:
            ConfigurationError: the manifest is not JSON of the form above, or its time has no time zone.
            UnavailableError: the manifest cannot be read.
        """
        files, root = self._opened()
        path = f"{root}/{topic}/{MANIFEST_NAME}"
        try:
            if files.get_file_info(path).type is not FileType.File:
                return None
            content = _bytes(files, path)
        except OSError as error:
            raise self._unavailable(topic, error, MANIFEST_NAME) from error
        return _watermark(content, f"{self._uri}/{topic}/{MANIFEST_NAME}")

    def _opened(self) -> tuple[FileSystem, str]:
        if self._place is None:
            self._place = filesystem(self._uri, self._properties)
        return self._place

    def _landed(self, files: FileSystem, name: str, info: FileInfo) -> LandingFile:
        known = self._digests.get(info.path)
        if known is not None and known[:2] == (info.size, info.mtime_ns):
            return LandingFile(name, known[2], info.size)
        content = _bytes(files, info.path)
        digest = sha256(content).hexdigest()
        if time.time() - info.mtime_ns / _NANOSECONDS > _SETTLED_SECONDS:
            self._digests[info.path] = (info.size, info.mtime_ns, digest)
        return LandingFile(name, digest, len(content))

    def _unavailable(self, topic: str, error: OSError, name: str = "") -> UnavailableError:
        message = (
            f"landing zone {self._uri} does not give {topic}/{name} ({_first_line(error)}); check that the folder exists and "
            "can be read, and the address `landing` in controlplane.yaml"
        )
        return UnavailableError(message)


def _must_exist(root: str) -> str:
    """Return what must be there even before the first delivery: the folder on disk, the bucket of an object store."""
    return root if root.startswith("/") else root.partition("/")[0]


def _is_visible(name: str) -> bool:
    return not name.endswith(".tmp") and not any(part.startswith((".", "_")) for part in name.split("/"))


def _bytes(files: FileSystem, path: str) -> bytes:
    with files.open_input_stream(path) as stream:
        return bytes(stream.read())


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _watermark(content: bytes, where: str) -> datetime | None:
    advice = 'write {"watermark": "2017-10-09T04:00:00+00:00"}, a time with its offset, or leave the key out'
    try:
        document = json.loads(content)
    except ValueError as error:
        message = f"{where} is not JSON ({_first_line(error)}); {advice}"
        raise ConfigurationError(message) from error
    if not isinstance(document, dict):
        message = f"{where} holds a {type(document).__name__}, not an object; {advice}"
        raise ConfigurationError(message)
    stated = document.get("watermark")
    if stated is None:
        return None
    try:
        instant = datetime.fromisoformat(stated)
    except (TypeError, ValueError) as error:
        message = f"watermark {stated!r} in {where} is not an ISO-8601 time; {advice}"
        raise ConfigurationError(message) from error
    if instant.tzinfo is None:
        message = f"watermark {stated!r} in {where} has no time zone; {advice}"
        raise ConfigurationError(message)
    return instant
