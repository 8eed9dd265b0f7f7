"""pyiceberg's Arrow FileIO with file systems shared by all table handles, so that connections are kept."""

from __future__ import annotations

from threading import Lock

from pyarrow.fs import FileSystem
from pyiceberg.io.pyarrow import PyArrowFileIO

from controlplane.lakehouse.storage import filesystem

_LOCK = Lock()
_OPEN: dict[tuple[object, ...], FileSystem] = {}
_S3 = {"s3", "s3a", "s3n"}
_SETTINGS = ("s3.", "client.", "gcs.", "adls.", "hdfs.", "DEFAULT_")


class SharedFileIO(PyArrowFileIO):
    """A FileIO for ``py-io-impl``: equal settings give the same file system.

    pyiceberg makes a FileIO per table handle and commit; each would open an S3 client and its connections of its own.
    """

    def _initialize_fs(self, scheme: str, netloc: str | None = None) -> FileSystem:
        settings = tuple(sorted((name, value) for name, value in self.properties.items() if name.startswith(_SETTINGS)))
        key = (scheme, netloc, settings)
        with _LOCK:
            if key not in _OPEN:
                _OPEN[key] = self._opened(scheme, netloc)
            return _OPEN[key]

    def _opened(self, scheme: str, netloc: str | None) -> FileSystem:
        if scheme in _S3 and netloc and "s3.region" in self.properties:
            return filesystem(f"s3://{netloc}", self.properties)[0]
        # without a region pyiceberg asks the bucket for its own
        return super()._initialize_fs(scheme, netloc)
