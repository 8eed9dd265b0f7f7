"""Arrow tables as they go into an engine and come out of it.

What comes out is always in the same types, whichever engine ran: text is ``large_string``, binary is ``large_binary``, instants
are ``timestamp[us, tz=UTC]``, local times ``timestamp[us]``. Integers and decimals keep the width the engine gave them (DuckDB
gives sums of integers as ``decimal128(38, 0)``): whoever needs a contract's type casts exactly.
"""

from __future__ import annotations

import pyarrow as pa

from controlplane.kernel.errors import QueryFailedError
from controlplane.kernel.ports import Relation


def materialised(name: str, relation: Relation) -> pa.Table:
    """Return a relation as a table that can be read any number of times; a reader is read to its end.

    Raises:
        QueryFailedError: a column holds text that is not UTF-8 (an engine would stop, or abort, somewhere inside a query).
    """
    table = relation if isinstance(relation, pa.Table) else relation.read_all()
    broken = [field for field, column in zip(table.schema, table.columns, strict=True) if not _is_valid(column)]
    if broken:
        message = f"column {broken[0].name} of {name} holds values that are no valid {broken[0].type}; repair it at its source"
        raise QueryFailedError(message)
    return table


def canonical(table: pa.Table) -> pa.Table:
    """Return a result in the types every engine's results come in."""
    fields = [field.with_type(_canonical_type(field.type)).with_nullable(nullable=True) for field in table.schema]
    wanted = pa.schema(fields)
    return table if wanted.equals(table.schema) and table.schema.metadata is None else table.cast(wanted)


def _is_valid(column: pa.ChunkedArray) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _canonical_type(found: pa.DataType) -> pa.DataType:
    if pa.types.is_string(found) or pa.types.is_string_view(found):
        return pa.large_string()
    if pa.types.is_binary(found) or pa.types.is_binary_view(found):
        return pa.large_binary()
    if pa.types.is_timestamp(found):
        return pa.timestamp("us") if found.tz is None else pa.timestamp("us", tz="UTC")
    return found
