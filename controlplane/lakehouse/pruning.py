"""Which data files may hold given keys, by partition values and bounds. Never leaves out a file that does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import UnknownTransform, VoidTransform
from pyiceberg.types import NestedField, PrimitiveType

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.types import arrow_type
from controlplane.lakehouse.manifests import LiveFile
from controlplane.lakehouse.statistics import bound


def may_hold(table: Table, files: Iterable[LiveFile], keys: pa.Table) -> tuple[LiveFile, ...]:
    """Return the files that may hold a row whose key columns equal one of ``keys``.

    Args:
        table: gives schema and partition specs.
        files: live files of a snapshot.
        keys: one column per key field; types are cast to the table's.
    """
    if keys.num_rows == 0:
        return ()
    wanted = _Keys(table.schema(), keys)
    return tuple(live for live in files if wanted.may_be_in(live.data_file, table.specs()[live.data_file.spec_id]))


class _Keys:
    """The keys, cast to the table's types and grouped by partition on demand."""

    def __init__(self, schema: Schema, keys: pa.Table) -> None:
        self._columns: dict[int, NestedField] = {}
        arrays: list[pa.ChunkedArray] = []
        for name in keys.column_names:
            if name not in schema.column_names:
                message = f"key column {name!r} is not one of the table's: {', '.join(schema.column_names)}"
                raise ConfigurationError(message)
            column = schema.find_field(name)
            values = _cast(keys.column(name), column)
            if values is not None:
                self._columns[column.field_id] = column
                arrays.append(values)
        self._keys = pa.Table.from_arrays(arrays, names=[str(field_id) for field_id in self._columns])
        self._groups: dict[int, tuple[tuple[int, ...], dict[tuple[object, ...], pa.Table]]] = {}

    def may_be_in(self, data_file: ManifestDataFile, spec: PartitionSpec) -> bool:
        """Whether one of the keys may be in a file."""
        if not self._columns:
            return True
        positions, groups = self._grouped(spec)
        group = groups.get(tuple(_plain(data_file.partition[position]) for position in positions))
        return group is not None and self._within_bounds(data_file, group)

    def _grouped(self, spec: PartitionSpec) -> tuple[tuple[int, ...], dict[tuple[object, ...], pa.Table]]:
        known = self._groups.get(spec.spec_id)
        if known is None:
            known = self._groups[spec.spec_id] = self._group(spec)
        return known

    def _group(self, spec: PartitionSpec) -> tuple[tuple[int, ...], dict[tuple[object, ...], pa.Table]]:
        """Return which partition fields the keys decide, and the keys by the values of those."""
        positions: list[int] = []
        values: list[list[object]] = []
        for position, part in enumerate(spec.fields):
            if part.source_id not in self._columns or isinstance(part.transform, (VoidTransform, UnknownTransform)):
                continue
            source = self._keys.column(str(part.source_id))
            transformed = part.transform.pyarrow_transform(self._columns[part.source_id].field_type)(source)
            positions.append(position)
            values.append([_plain(value) for value in _stored(transformed)])
        if not positions:
            return (), {(): self._keys}
        rows: dict[tuple[object, ...], list[int]] = {}
        for row, partition in enumerate(zip(*values, strict=True)):
            rows.setdefault(partition, []).append(row)
        return tuple(positions), {partition: self._keys.take(pa.array(chosen)) for partition, chosen in rows.items()}

    def _within_bounds(self, data_file: ManifestDataFile, keys: pa.Table) -> bool:
        possible: pa.ChunkedArray | None = None
        for field_id, column in self._columns.items():
            inside = _inside(data_file, column, keys.column(str(field_id)))
            if inside is not None:
                possible = inside if possible is None else pc.and_(possible, inside)
        return possible is None or bool(pc.any(possible).as_py())


def _cast(values: pa.ChunkedArray, column: NestedField) -> pa.ChunkedArray | None:
    """Return key values in the column's type, None where that cannot be done (the column then decides nothing)."""
    try:
        return values.cast(arrow_type(str(column.field_type)))
    except (KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _inside(data_file: ManifestDataFile, column: NestedField, values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Return per key whether its value may be in the file by the bounds of one column; None: they say nothing."""
    kind = column.field_type
    if not isinstance(kind, PrimitiveType):
        return None
    lower = _scalar(bound(kind, (data_file.lower_bounds or {}).get(column.field_id)), values.type)
    upper = _scalar(bound(kind, (data_file.upper_bounds or {}).get(column.field_id)), values.type)
    # a null key may be anywhere; NaN is outside of all bounds yet may be there
    anywhere = pc.is_null(values, nan_is_null=True)
    tests: list[pa.ChunkedArray] = []
    if lower is not None:
        tests.append(pc.greater_equal(values, lower))
    if upper is not None:
        tests.append(pc.less_equal(values, upper))
    if not tests:
        return None
    inside = tests[0] if len(tests) == 1 else pc.and_(*tests)
    return pc.or_kleene(anywhere, inside)


def _scalar(value: object | None, kind: pa.DataType) -> pa.Scalar | None:
    """Return a bound as an Arrow value, None where it is unknown or does not fit the column's type any more."""
    if value is None:
        return None
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return None


def _stored(values: pa.ChunkedArray | pa.Array) -> Sequence[object]:
    """Return transformed keys as manifests store them: dates, times and timestamps as numbers since their epoch."""
    kind = values.type
    if pa.types.is_date32(kind):
        values = values.cast(pa.int32())
    elif pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        values = values.cast(pa.int64())
    return list(values.to_pylist())


def _plain(value: object) -> object:
    """Return a value that compares and hashes alike whether it comes from Arrow or from a manifest."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value
