"""Between the product's table definitions and Iceberg's schemas, partition specs and table properties."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.transforms import IdentityTransform, VoidTransform, parse_transform
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
)

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.table import Field, TableSchema
from controlplane.kernel.types import arrow_type

FIELDS_PROPERTY = "controlplane.fields"
METRICS_PREFIX = "write.metadata.metrics.column."

_PRIMITIVES = {
    str(kind): kind
    for kind in (
        LongType(), IntegerType(), DoubleType(), FloatType(), BooleanType(), StringType(), DateType(), TimeType(),
        TimestamptzType(), TimestampType(), BinaryType(),
    )
}  # fmt: skip
_DECIMAL = re.compile(r"decimal\((\d+), (\d+)\)")
_WITH_NUMBER = re.compile(r"(bucket|truncate)\(\s*(\d+)\s*,\s*(\w+)\s*\)")
_OF_TIME = re.compile(r"(year|month|day|hour)\(\s*(\w+)\s*\)")
_PLAIN = re.compile(r"\w+")

MERGED_BYTES = 256 * 1024
MERGED_COUNT = 6
"""Every manifest costs a commit about half a millisecond; small ones are merged early, large ones are left alone."""

_TABLE_PROPERTIES = {
    "format-version": "2",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.target-size-bytes": str(MERGED_BYTES),
    "commit.manifest.min-count-to-merge": str(MERGED_COUNT),
}


def iceberg_type(canonical: str) -> PrimitiveType:
    """Return Iceberg's type of a canonical type (``long``, ``decimal(12, 2)``)."""
    decimal = _DECIMAL.fullmatch(canonical)
    if decimal is not None:
        return DecimalType(int(decimal[1]), int(decimal[2]))
    return _PRIMITIVES[canonical]


def iceberg_schema(definition: TableDefinition) -> Schema:
    """Return the schema a new table gets: field ids count from 1 in order."""
    return Schema(
        *(
            NestedField(field_id, name, iceberg_type(kind), required=required)
            for field_id, (name, kind, required) in enumerate(definition.fields, start=1)
        )
    )


def partition_spec(texts: Sequence[str], schema: Schema) -> PartitionSpec:
    """Return the partition spec of transforms written as text (``day(created_at)``, ``bucket(16, order_id)``, ``region``).

    Raises:
        ConfigurationError: a transform is unknown, names no field of the table, or does not suit the field's type.
    """
    fields = [_partition_field(text, schema, field_id) for field_id, text in enumerate(texts, start=PARTITION_FIELD_ID_START)]
    sources = [one.source_id for one in fields]
    twice = [text for text, source in zip(texts, sources, strict=True) if sources.count(source) > 1]
    if twice:
        message = f"partition has two transforms of one field ({' and '.join(twice)}), which cannot be written; keep one"
        raise ConfigurationError(message)
    return PartitionSpec(*fields)


def _partition_field(text: str, schema: Schema, field_id: int) -> PartitionField:
    stripped = text.strip()
    if numbered := _WITH_NUMBER.fullmatch(stripped):
        transform, column, name = parse_transform(f"{numbered[1]}[{numbered[2]}]"), numbered[3], f"{numbered[3]}_{numbered[1]}"
    elif timed := _OF_TIME.fullmatch(stripped):
        transform, column, name = parse_transform(timed[1]), timed[2], f"{timed[2]}_{timed[1]}"
    elif _PLAIN.fullmatch(stripped):
        transform, column, name = IdentityTransform(), stripped, stripped
    else:
        message = (
            f"partition {text!r} is no transform; allowed are FIELD, bucket(N, FIELD), truncate(N, FIELD), year(FIELD), "
            "month(FIELD), day(FIELD) and hour(FIELD)"
        )
        raise ConfigurationError(message)
    if column not in schema.column_names:
        message = f"partition {text!r} names field {column!r}, which is not one of {', '.join(schema.column_names)}"
        raise ConfigurationError(message)
    source = schema.find_field(column)
    if not transform.can_transform(source.field_type):
        message = (
            f"partition {text!r} does not suit field {column!r} of type {source.field_type}; use another transform or field"
        )
        raise ConfigurationError(message)
    return PartitionField(source_id=source.field_id, field_id=field_id, transform=transform, name=name)


def partition_texts(spec: PartitionSpec, schema: Schema) -> tuple[str, ...]:
    """Return a spec's transforms as text, the reverse of :func:`partition_spec`; void transforms do not count."""
    texts = []
    for part in spec.fields:
        column = schema.find_column_name(part.source_id) or f"#{part.source_id}"
        transform = part.transform
        if isinstance(transform, VoidTransform):
            continue
        if isinstance(transform, IdentityTransform):
            texts.append(column)
        elif numbered := re.fullmatch(r"(\w+)\[(\d+)\]", str(transform)):
            texts.append(f"{numbered[1]}({numbered[2]}, {column})")
        else:
            texts.append(f"{transform}({column})")
    return tuple(texts)


def table_properties(definition: TableDefinition) -> dict[str, str]:
    """Return the properties a governed table has, those for hidden bounds and the definition's own included."""
    hidden = {f"{METRICS_PREFIX}{name}": "counts" for name in definition.hidden_bounds}
    return {**_TABLE_PROPERTIES, **definition.properties, **hidden}


def table_schema(schema: Schema) -> TableSchema:
    """Return an Iceberg schema in the kernel's words; nested columns keep Iceberg's notation as their type."""
    return TableSchema(
        schema.schema_id,
        tuple(Field(column.field_id, column.name, str(column.field_type), column.required) for column in schema.fields),
    )


def schema_at(metadata: TableMetadata, snapshot: IcebergSnapshot) -> Schema:
    """Return the schema readers of a snapshot see: the table's for main's head, else the one it was written with."""
    if snapshot.snapshot_id == metadata.current_snapshot_id or snapshot.schema_id is None:
        return metadata.schema()
    return next((schema for schema in metadata.schemas if schema.schema_id == snapshot.schema_id), metadata.schema())


def fields_to_text(fields: Sequence[Field], schema_id: int) -> str:
    """Return what is stored in the table property ``controlplane.fields``: the fields the plane expects, as JSON."""
    listed = [{"id": one.field_id, "name": one.name, "type": one.type, "required": one.required} for one in fields]
    return json.dumps({"schema-id": schema_id, "fields": listed})


def fields_from_text(text: str) -> TableSchema:
    """Return the schema stored by :func:`fields_to_text`."""
    stored = json.loads(text)
    fields = tuple(Field(one["id"], one["name"], one["type"], one["required"]) for one in stored["fields"])
    return TableSchema(stored["schema-id"], fields)


def primitive_types(schema: Schema) -> Mapping[int, PrimitiveType]:
    """Return the types of the top-level columns that are not nested, by field id."""
    return {column.field_id: column.field_type for column in schema.fields if isinstance(column.field_type, PrimitiveType)}


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the canonical Arrow schema of an Iceberg schema; nested columns get pyiceberg's types."""
    return pa.schema([pa.field(column.name, _arrow_type(column, schema)) for column in schema.fields])


def _arrow_type(column: NestedField, schema: Schema) -> pa.DataType:
    try:
        return arrow_type(str(column.field_type))
    except KeyError:
        return schema_to_pyarrow(schema, include_field_ids=False).field(column.name).type
