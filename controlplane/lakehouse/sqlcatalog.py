"""pyiceberg's SQL catalog, remembering metadata files it has read: they never change once written.

The catalog's row still decides which metadata file is current; only reading and parsing the same file again is saved.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from sqlite3 import OperationalError
from threading import Lock
from typing import Any

from pyiceberg.catalog import Catalog
from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, NoSuchTableError
from pyiceberg.serializers import Compressor
from pyiceberg.table import CommitTableResponse, StagedTable, Table
from pyiceberg.table.locations import load_location_provider
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import TableRequirement, TableUpdate
from pyiceberg.typedef import EMPTY_DICT, Identifier, Properties
from sqlalchemy import Select, bindparam, event, select, update
from sqlalchemy.exc import IntegrityError

from controlplane.lakehouse.metadata import MetadataText, committed

_REMEMBERED = 64
_BUSY_MILLISECONDS = 20_000
_TABLES = IcebergTables.__table__
_ROW = (
    _TABLES.c.catalog_name == bindparam("catalog"),
    _TABLES.c.table_namespace == bindparam("namespace"),
    _TABLES.c.table_name == bindparam("table"),
)
_SWAP = (
    update(IcebergTables)
    .where(*_ROW, _TABLES.c.metadata_location == bindparam("present"))
    .values(metadata_location=bindparam("next"), previous_metadata_location=bindparam("present"))
    .execution_options(synchronize_session=False)
)


class RememberingSqlCatalog(SqlCatalog):
    """A SQL catalog with a memory of the last metadata files. Thread-safe, and safe for several processes at once.

    What pyiceberg does with a mapped object and a session of its own per call is one prepared statement here: a run asks
    where a table is a dozen times.
    """

    def __init__(self, name: str, **properties: str) -> None:
        """Connect to the catalog's database and make its tables if they are missing."""
        self._lock = Lock()
        self._metadata: OrderedDict[str, TableMetadata] = OrderedDict()
        self._text = MetadataText()
        super().__init__(name, **properties)
        self._where_is = self._location_query()

    def _init_catalog(self) -> None:
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        super()._init_catalog()

    def create_namespace(self, namespace: str | Identifier, properties: Properties = EMPTY_DICT) -> None:
        """Make a namespace.

        Raises:
            NamespaceAlreadyExistsError: it is there, also where another process made it at the same moment.
        """
        try:
            super().create_namespace(namespace, properties)
        except IntegrityError as error:
            message = f"Namespace already exists: {namespace}"
            raise NamespaceAlreadyExistsError(message) from error

    def load_table(self, identifier: str | Identifier) -> Table:
        """Return the table as it is in the catalog now. Raises ``NoSuchTableError``."""
        row = self._row_of(identifier)
        with self.engine.connect() as connection:
            location = connection.execute(self._where_is, row).scalar()
        if not location:
            message = f"Table does not exist: {row['namespace']}.{row['table']}"
            raise NoSuchTableError(message)
        with self._lock:
            metadata = self._metadata.get(location)
            if metadata is not None:
                self._metadata.move_to_end(location)
        if metadata is None:
            read = self._convert_orm_to_iceberg(IcebergTables(self.name, row["namespace"], row["table"], location, None))
            metadata = read.metadata
            self._remember(location, metadata)
        return Table(
            identifier=(*Catalog.namespace_from(identifier), row["table"]),
            metadata=metadata,
            metadata_location=location,
            io=self._load_file_io(metadata.properties, location),
            catalog=self,
        )

    def commit_table(
        self, table: Table, requirements: tuple[TableRequirement, ...], updates: tuple[TableUpdate, ...]
    ) -> CommitTableResponse:
        """Commit updates to a table by compare-and-swap of its metadata file, and remember the metadata that came of it.

        Raises:
            CommitFailedException: a requirement is not met, or another commit came first.
            NoSuchTableError: there is no such table.
        """
        current = self.load_table(table.name())
        staged = self._update_and_stage_table(current, table.name(), requirements, updates)
        if staged.metadata == current.metadata:
            return _response(current.metadata, current.metadata_location)
        with staged.io.new_output(staged.metadata_location).create() as stream:
            compress = Compressor.get_compressor(staged.metadata_location).bytes_compressor()
            stream.write(compress(self._text.of(staged.metadata).encode()))
        row = self._row_of(table.name())
        places = {"present": current.metadata_location, "next": staged.metadata_location}
        with self.engine.begin() as connection:
            swapped = connection.execute(_SWAP, {**row, **places}).rowcount
        if swapped < 1:
            message = f"Table has been updated by another process: {row['namespace']}.{row['table']}"
            raise CommitFailedException(message)
        self._remember(staged.metadata_location, staged.metadata)
        return _response(staged.metadata, staged.metadata_location)

    def _location_query(self) -> Select[Any]:
        query = select(_TABLES.c.metadata_location).where(*_ROW)
        of_tables = self._iceberg_type_filter()
        return query if of_tables is None else query.where(of_tables)

    def _row_of(self, identifier: str | Identifier) -> dict[str, str]:
        namespace = Catalog.namespace_to_string(Catalog.namespace_from(identifier))
        return {"catalog": self.name, "namespace": namespace, "table": Catalog.table_name_from(identifier)}

    def _update_and_stage_table(
        self,
        current_table: Table | None,
        table_identifier: Identifier,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> StagedTable:
        if current_table is None:
            return super()._update_and_stage_table(current_table, table_identifier, requirements, updates)
        for requirement in requirements:
            requirement.validate(current_table.metadata)
        metadata = committed(current_table.metadata, updates, current_table.metadata_location)
        version = self._parse_metadata_version(current_table.metadata_location) + 1
        location = load_location_provider(metadata.location, metadata.properties).new_table_metadata_file_location(version)
        return StagedTable(
            identifier=table_identifier,
            metadata=metadata,
            metadata_location=location,
            io=self._load_file_io(properties=metadata.properties, location=location),
            catalog=self,
        )

    def _remember(self, location: str, metadata: TableMetadata) -> None:
        with self._lock:
            self._metadata[location] = metadata
            while len(self._metadata) > _REMEMBERED:
                self._metadata.popitem(last=False)


def _response(metadata: TableMetadata, location: str) -> CommitTableResponse:
    return CommitTableResponse(metadata=metadata, **{"metadata-location": location})


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Let readers go on while another process commits, and writers wait for each other.

    A commit is on the disk before it returns (``synchronous = FULL``): the store must never know of a snapshot that a power
    cut takes back.
    """
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}").close()
    connection.execute("PRAGMA synchronous = FULL").close()
    with suppress(OperationalError):  # a catalog that cannot be written to, or is being opened by others, stays as it is
        connection.execute("PRAGMA journal_mode = WAL").close()
