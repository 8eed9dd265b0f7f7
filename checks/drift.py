"""The schema a table has against the one its contract and its recorded field ids say it has (pure).

Columns are known by Iceberg field id: a rename keeps the id; a column dropped and added again has a new one, and its old
values read as null, which no comparison by name would notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.kernel.table import Field, TableSchema

BREAKING = ("missing", "renamed", "retyped", "added again", "made optional")
DRIFT = ("added", "made required")


@dataclass(frozen=True)
class Differences:
    """What differs, in words per sort of difference (``BREAKING`` and ``DRIFT``); sorts without any are left out."""

    found: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def breaking(self) -> int:
        """How many differences break a reader."""
        return sum(len(self.found.get(sort, ())) for sort in BREAKING)

    @property
    def detail(self) -> Mapping[str, str]:
        """The differences as text, for a measurement."""
        return {sort: "; ".join(self.found[sort]) for sort in (*BREAKING, *DRIFT) if sort in self.found}


def compare_schemas(expected: TableSchema, actual: TableSchema) -> Differences:
    """Return every difference; an expected field id of 0 or less means "not recorded", and the column is matched by name."""
    found: dict[str, list[str]] = {}
    by_id = {column.field_id: column for column in actual.fields}
    by_name = {column.name: column for column in actual.fields}
    matched: set[str] = set()
    for wanted in expected.fields:
        column = by_id.get(wanted.field_id) if wanted.field_id > 0 else by_name.get(wanted.name)
        if column is not None:
            matched.add(column.name)
            _compare(wanted, column, found)
        elif wanted.name in by_name:
            matched.add(wanted.name)
            found.setdefault("added again", []).append(f"{wanted.name} (its earlier values are lost to readers)")
        else:
            found.setdefault("missing", []).append(wanted.name)
    added = [f"{column.name} {column.type}" for column in actual.fields if column.name not in matched]
    if added:
        found["added"] = added
    return Differences(found)


def _compare(wanted: Field, column: Field, found: dict[str, list[str]]) -> None:
    if column.name != wanted.name:
        found.setdefault("renamed", []).append(f"{wanted.name} to {column.name}")
    if column.type != wanted.type:
        found.setdefault("retyped", []).append(f"{wanted.name} from {wanted.type} to {column.type}")
    if wanted.required and not column.required:
        found.setdefault("made optional", []).append(wanted.name)
    if column.required and not wanted.required:
        found.setdefault("made required", []).append(wanted.name)
