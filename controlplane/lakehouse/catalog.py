"""One Iceberg catalog: opened at first use, handing out fresh table handles, its errors told in the product's own words."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError, RESTError
from pyiceberg.table import Table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError, SQLAlchemyError

from controlplane.kernel.errors import CatalogUnavailableError, ConfigurationError, DatasetUnknownError
from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.columns import ColumnStore
from controlplane.lakehouse.fileio import SharedFileIO
from controlplane.lakehouse.manifests import ManifestStore
from controlplane.lakehouse.sqlcatalog import RememberingSqlCatalog
from controlplane.lakehouse.storage import plain_address

_FILE_IO = f"{SharedFileIO.__module__}.{SharedFileIO.__name__}"

_OPENINGS = 3
"""Two processes that open a new SQL catalog at once both try to make its tables; the loser opens again."""

_LOADINGS = 3
"""A metadata file may be deleted as outdated between being named by the catalog and being read; then the name is asked anew."""


class IcebergCatalog:
    """The catalog all adapters of this package share. Safe to use from several threads.

    Nothing connects before the first table is asked for.

    Attributes:
        manifests: reads manifests for all adapters, remembering the last ones; columns: the same for small data files.
    """

    def __init__(self, *, name: str, kind: str, uri: str, warehouse: str, properties: Mapping[str, str] | None = None) -> None:
        """Remember how to open the catalog.

        Args:
            name: the catalog's name (a SQL catalog may hold several).
            kind: pyiceberg's catalog type: ``sql``, ``rest``, ``hive`` ...
            uri: where the catalog is, e.g. ``sqlite:////srv/state/catalog.db``; file paths are absolute.
            warehouse: where new tables go, ``file:///absolute/path`` or ``s3://bucket/prefix``.
            properties: further catalog properties, e.g. ``s3.endpoint``.
        """
        self._name = name
        self._kind = kind
        self._uri = uri
        self._warehouse = warehouse
        self._properties = dict(properties or {})
        self.manifests = ManifestStore()
        self.columns = ColumnStore()
        self._lock = Lock()
        self._catalog: Catalog | None = None

    @property
    def properties(self) -> Mapping[str, str]:
        """Settings of the file systems the tables are on (``s3.endpoint`` ...)."""
        return self._properties

    def connected(self) -> Catalog:
        """Return pyiceberg's catalog, opening it when nobody has yet.

        Raises:
            CatalogUnavailableError: it does not answer.
            ConfigurationError: type or address cannot be used.
        """
        with self._lock:
            if self._catalog is None:
                with self.reported("the catalog"):
                    self._catalog = self._open()
            return self._catalog

    def table(self, dataset: DatasetId) -> Table:
        """Return a fresh handle: the table as it is in the catalog now.

        Raises:
            DatasetUnknownError: there is no such table.
            CatalogUnavailableError: catalog or warehouse does not answer.
        """
        catalog = self.connected()
        name = identifier(dataset)
        for _ in range(_LOADINGS):
            try:
                with self.reported(dataset.name):
                    return catalog.load_table(name)
            except CatalogUnavailableError as error:
                if not isinstance(error.__cause__, FileNotFoundError):
                    raise
                unread = error
        raise unread

    def close(self) -> None:
        """Give connections back; the next use opens the catalog again."""
        with self._lock:
            if self._catalog is not None:
                self._catalog.close()
                self._catalog = None

    @contextmanager
    def reported(self, what: str) -> Iterator[None]:
        """Tell errors of catalog, file system and database in one sentence each, the cause chained.

        Args:
            what: the table (or other thing) that was being used, for the sentence.
        """
        try:
            yield
        except (NoSuchTableError, NoSuchNamespaceError) as error:
            message = f"{what} is not in catalog {self._name!r}; run its pipeline once, or correct the name"
            raise DatasetUnknownError(message) from error
        except SQLAlchemyError as error:
            message = (
                f"catalog {self._name!r} at {_without_password(self._uri)} does not answer for {what} ({_cause(error)}); "
                "check its address and that it is running"
            )
            raise CatalogUnavailableError(message) from error
        except RESTError as error:
            message = f"catalog {self._name!r} at {self._uri} refuses to answer for {what} ({_cause(error)})"
            raise CatalogUnavailableError(message) from error
        except OSError as error:
            raise CatalogUnavailableError(self._storage_message(what, error)) from error

    def _storage_message(self, what: str, error: OSError) -> str:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return f"the disk under warehouse {self._warehouse} is full, {what} was not written; free space and run again"
        return (
            f"warehouse {self._warehouse} does not answer for {what} ({_cause(error)}); check that it can be reached, "
            "read and written"
        )

    def _open(self) -> Catalog:
        self._make_folder()
        warehouse = plain_address(self._warehouse)
        settings = {"py-io-impl": _FILE_IO, **self._properties, "uri": self._uri, "warehouse": warehouse}
        for opening in range(1, _OPENINGS + 1):
            try:
                if self._kind == "sql":
                    return RememberingSqlCatalog(self._name, **settings)
                return load_catalog(self._name, **{**settings, "type": self._kind})
            except (OperationalError, ProgrammingError):
                if opening == _OPENINGS:
                    raise
            except (ArgumentError, ValueError, ImportError) as error:
                message = f"catalog {self._name!r} cannot be opened ({_cause(error)}); correct `catalog` in controlplane.yaml"
                raise ConfigurationError(message) from error
        raise AssertionError  # the loop returns or raises

    def _make_folder(self) -> None:
        if self._kind == "sql" and self._uri.startswith("sqlite"):
            database = make_url(self._uri).database
            if database and database != ":memory:":
                Path(database).parent.mkdir(parents=True, exist_ok=True)


def identifier(dataset: DatasetId) -> tuple[str, ...]:
    """Return a dataset's name as Iceberg identifies tables: namespace and table.

    Raises:
        ConfigurationError: the name has no namespace.
    """
    parts = tuple(dataset.name.split("."))
    if len(parts) != 2 or not all(parts):  # noqa: PLR2004 -- namespace and table
        message = f"dataset name {dataset.name!r} is not NAMESPACE.TABLE, for example silver.orders; rename its physicalName"
        raise ConfigurationError(message)
    return parts


def _cause(error: BaseException) -> str:
    return str(error).partition("\n")[0]


def _without_password(uri: str) -> str:
    try:
        return make_url(uri).render_as_string(hide_password=True)
    except ArgumentError:
        return "its address"
