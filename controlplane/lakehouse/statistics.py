"""Statistics of data files as manifests hold them: missing stays unknown, truncated bounds are marked, bounds become values.

Format: Apache Iceberg spec, "Manifests" (``value_counts``, ``lower_bounds`` ...) and appendix D, "Single-value serialization".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from struct import error as StructError  # noqa: N812 -- the standard library's exception has a lower-case name
from typing import TypeVar

from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    LongType,
    PrimitiveType,
    StringType,
    TimestampType,
    TimestamptzType,
    TimeType,
)

from controlplane.kernel.table import FieldStats

Value = TypeVar("Value")

_SHORT_BYTES = 4
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- Iceberg's timestamp without zone
_FIRST_DAY = date(1970, 1, 1)

_EXACT = (IntegerType, LongType, DecimalType, DateType, TimestampType, TimestamptzType, TimeType, BooleanType)
_KNOWN = (*_EXACT, FloatType, DoubleType, StringType, BinaryType, FixedType)


class FileStats(Mapping[int, FieldStats]):
    """Statistics of one data file by field id, decoded when asked for.

    Only fields of the given types are listed, so that a field dropped meanwhile is not.
    """

    def __init__(self, data_file: ManifestDataFile, types: Mapping[int, PrimitiveType]) -> None:
        """Keep what the manifest says.

        Args:
            data_file: the manifest's entry.
            types: Iceberg types of the fields wanted, by field id.
        """
        self._file = data_file
        self._types = types
        self._decoded: dict[int, FieldStats] = {}

    def __getitem__(self, field_id: int) -> FieldStats:
        if field_id not in self._decoded:
            self._decoded[field_id] = self._decode(field_id, self._types[field_id])
        return self._decoded[field_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def _decode(self, field_id: int, kind: PrimitiveType) -> FieldStats:
        nans = _of(self._file.nan_value_counts, field_id)
        lower = bound(kind, _of(self._file.lower_bounds, field_id))
        upper = bound(kind, _of(self._file.upper_bounds, field_id))
        return FieldStats(
            field_id=field_id,
            value_count=_of(self._file.value_counts, field_id),
            null_count=_of(self._file.null_value_counts, field_id),
            nan_count=nans,
            lower=lower,
            upper=upper,
            bounds_exact=lower is not None and upper is not None and _is_exact(kind, nans),
        )


def bound(kind: PrimitiveType, raw: bytes | None) -> object | None:
    """Return a bound as a Python value, None where it is missing or cannot be read.

    Returns:
        int, float, Decimal, str, bytes, bool, date, time, or datetime (in UTC where the type has a zone).
    """
    if raw is None or not isinstance(kind, _KNOWN):
        return None
    try:
        return _python_value(kind, from_bytes(_stored_kind(kind, raw), raw))
    except (StructError, ValueError, OverflowError, TypeError):
        return None


def _of(values: Mapping[int, Value] | None, field_id: int) -> Value | None:
    return None if values is None else values.get(field_id)


def _is_exact(kind: PrimitiveType, nan_count: int | None) -> bool:
    if isinstance(kind, (FloatType, DoubleType)):
        # bounds leave NaN out, so they are the least and greatest value only where there is none
        return nan_count == 0
    return isinstance(kind, _EXACT)


def _stored_kind(kind: PrimitiveType, raw: bytes) -> PrimitiveType:
    """Return the type a bound was written with: files older than a widening keep four bytes."""
    if len(raw) == _SHORT_BYTES:
        if isinstance(kind, LongType):
            return IntegerType()
        if isinstance(kind, DoubleType):
            return FloatType()
    return kind


def _python_value(kind: PrimitiveType, value: object) -> object:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if isinstance(kind, DateType):
        return _FIRST_DAY + timedelta(days=value)
    if isinstance(kind, TimestampType):
        return _EPOCH + timedelta(microseconds=value)
    if isinstance(kind, TimestamptzType):
        return (_EPOCH + timedelta(microseconds=value)).replace(tzinfo=UTC)
    if isinstance(kind, TimeType):
        return (_EPOCH + timedelta(microseconds=value)).time()
    return value
