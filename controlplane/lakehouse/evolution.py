"""Bringing a table to its definition: what can be changed in metadata alone, and what differs beyond that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError
from pyiceberg.table import Table
from pyiceberg.types import NestedField

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import DatasetId
from controlplane.kernel.table import Field, TableSchema
from controlplane.lakehouse.attempts import OneAttempt
from controlplane.lakehouse.catalog import IcebergCatalog, identifier
from controlplane.lakehouse.schemas import (
    FIELDS_PROPERTY,
    METRICS_PREFIX,
    fields_from_text,
    fields_to_text,
    iceberg_schema,
    iceberg_type,
    partition_spec,
    partition_texts,
    table_properties,
    table_schema,
)


@dataclass(frozen=True)
class Changes:
    """What brings a table to its definition without touching a row.

    Attributes:
        added: optional columns to add, as (name, canonical type).
        relaxed: columns that may be null from now on.
        properties: table properties to set; dropped: ones to remove.
    """

    added: tuple[tuple[str, str], ...]
    relaxed: tuple[str, ...]
    properties: Mapping[str, str]
    dropped: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the table is as defined already."""
        return not (self.added or self.relaxed or self.properties or self.dropped)


def create(catalog: IcebergCatalog, dataset: DatasetId, definition: TableDefinition) -> None:
    """Create the table of a definition, and its namespace; a table somebody else created meanwhile is left as it is.

    Raises:
        ConfigurationError: the partition of the definition cannot be used.
    """
    schema = iceberg_schema(definition)
    spec = partition_spec(definition.partition, schema)
    properties = {**table_properties(definition), FIELDS_PROPERTY: fields_to_text(table_schema(schema).fields, 0)}
    connected = catalog.connected()
    name = identifier(dataset)
    with catalog.reported(dataset.name):
        if not connected.namespace_exists(name[:-1]):
            with suppress(NamespaceAlreadyExistsError):
                connected.create_namespace(name[:-1])
        with suppress(TableAlreadyExistsError):
            connected.create_table(name, schema, partition_spec=spec, properties=properties)


def recorded_schema(table: Table) -> TableSchema | None:
    """Return the schema the plane recorded when it made or evolved the table, None if it never did."""
    text = table.metadata.properties.get(FIELDS_PROPERTY)
    return None if text is None else fields_from_text(text)


def evolve(table: Table, dataset: DatasetId, definition: TableDefinition) -> None:
    """Bring a table to its definition in one commit: new optional columns, columns that may be null now, properties.

    Columns that other writers added are left alone.

    Raises:
        ConfigurationError: something else differs; the message lists all of it.
    """
    differences = tuple(_differences(table, definition))
    if differences:
        message = (
            f"table {dataset} cannot be brought to its contract without a rewrite: {'; '.join(differences)}. Change the "
            "contract back, or alter the table with the tool that owns it and run again"
        )
        raise ConfigurationError(message)
    changes = _changes(table, definition)
    if changes.is_empty:
        return
    transaction = OneAttempt(table)
    if changes.added or changes.relaxed:
        with transaction.update_schema() as update:
            for name, kind in changes.added:
                update.add_column((name,), iceberg_type(kind))
            for name in changes.relaxed:
                update.make_column_optional((name,))
    if changes.dropped:
        transaction.remove_properties(*changes.dropped)
    evolved = table_schema(transaction.table_metadata.schema())
    defined = {name for name, _, _ in definition.fields}
    fields = [column for column in evolved.fields if column.name in defined]
    transaction.set_properties({**changes.properties, FIELDS_PROPERTY: fields_to_text(fields, evolved.schema_id)})
    transaction.commit_transaction()


def _changes(table: Table, definition: TableDefinition) -> Changes:
    columns = {column.name: column for column in table.schema().fields}
    properties = table.metadata.properties
    wanted = table_properties(definition)
    del wanted["format-version"]
    stale = [
        f"{METRICS_PREFIX}{name}"
        for name, _, _ in definition.fields
        if f"{METRICS_PREFIX}{name}" in properties and f"{METRICS_PREFIX}{name}" not in wanted
    ]
    settings = {key: value for key, value in wanted.items() if properties.get(key) != value}
    recorded = recorded_schema(table)
    if recorded is None or _recorded_differs(recorded, columns, definition):
        settings[FIELDS_PROPERTY] = ""
    return Changes(
        added=tuple((name, kind) for name, kind, _ in definition.fields if name not in columns),
        relaxed=tuple(
            name for name, _, required in definition.fields if name in columns and columns[name].required and not required
        ),
        properties=settings,
        dropped=tuple(stale),
    )


def _recorded_differs(recorded: TableSchema, columns: Mapping[str, NestedField], definition: TableDefinition) -> bool:
    now = {
        Field(columns[name].field_id, name, str(columns[name].field_type), columns[name].required)
        for name, _, _ in definition.fields
        if name in columns
    }
    return now != set(recorded.fields)


def _differences(table: Table, definition: TableDefinition) -> Iterator[str]:
    columns = {column.name: column for column in table.schema().fields}
    recorded = recorded_schema(table)
    known = {} if recorded is None else {one.name: one for one in recorded.fields}
    for name, kind, required in definition.fields:
        difference = _column_difference((name, kind, required), columns.get(name), known.get(name))
        if difference is not None:
            yield difference
    defined = {name for name, _, _ in definition.fields}
    for name, column in columns.items():
        if name in defined:
            continue
        if name in known and known[name].field_id == column.field_id:
            yield f"column {name} is in the table, but no longer in the contract"
        elif column.required:
            yield f"column {name}, which another writer added, is required, so rows without it cannot be written"
    yield from _partition_difference(table, definition)


def _column_difference(wanted: tuple[str, str, bool], column: NestedField | None, known: Field | None) -> str | None:
    name, kind, required = wanted
    if column is None:
        if known is not None:
            return f"column {name} (field id {known.field_id}) was dropped by another writer"
        if required:
            return f"column {name} is new and required, but a column added to a table with rows must be optional"
        return None
    if known is not None and known.field_id != column.field_id:
        return (
            f"column {name} was dropped and added again by another writer (field id was {known.field_id}, "
            f"is {column.field_id}), so its old values are gone"
        )
    if str(column.field_type) != kind:
        return f"column {name} is stored as {column.field_type}, the contract says {kind}"
    return None


def _partition_difference(table: Table, definition: TableDefinition) -> Iterator[str]:
    schema = iceberg_schema(definition)
    wanted = partition_texts(partition_spec(definition.partition, schema), schema)
    present = partition_texts(table.spec(), table.schema())
    if wanted != present:
        yield f"it is partitioned by {', '.join(present) or 'nothing'}, the contract says {', '.join(wanted) or 'nothing'}"
