"""Which dataset a table name in SQL means, and which columns it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lineage.columns.flows import IDENTITY, NOTHING, Column, Flow, Relation, Rest, Trace, gap
from lineage.model import ColumnRef

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A stored table: its dataset name, its columns (None when not known) and why they are not known."""

    dataset: str
    columns: tuple[str, ...] | None
    doubt: str | None = None


class Catalog:
    """The tables that SQL may name.

    Names are compared without case. A name in SQL may carry more parts than the schema's key (``lake.silver.orders`` for
    ``silver.orders``) or fewer (``orders``) as long as only one key fits. Datasets and columns are shown as the schema
    spells them, else as the SQL first wrote them.
    """

    def __init__(self, schema: Mapping[str, Sequence[str]]) -> None:
        self._declared: dict[Parts, Table] = {
            _fold(tuple(name.split("."))): Table(name, tuple(columns)) for name, columns in schema.items()
        }
        self._complete = bool(schema)
        self._prefixes: dict[Parts, Parts] = {}
        self._spelled: dict[tuple[str, str], str] = {}

    def declare(self, parts: Parts, columns: Sequence[str] | None) -> None:
        """Remember a table that an earlier statement made; a table of the schema keeps its columns."""
        folded = _fold(parts)
        if not self._keys_for(folded):
            self._declared[folded] = Table(self.table(parts).dataset, None if columns is None else tuple(columns))

    def table(self, parts: Parts) -> Table:
        """Return the table that a (catalog, schema, table) name means; parts that SQL leaves out are left out."""
        folded = _fold(parts)
        keys = self._keys_for(folded)
        if len(keys) == 1 and self._is_same_catalog(keys[0], folded):
            return self._declared[keys[0]]
        name = self._spell("", ".".join(parts))
        if len(keys) == 1:
            return Table(name, self._declared[keys[0]].columns)
        if keys:
            options = ", ".join(sorted(self._declared[key].dataset for key in keys))
            return Table(name, None, f"table {name} could be any of {options}; write its schema before its name")
        return Table(name, None, f"table {name} is not in the given schema" if self._complete else None)

    def relation(self, parts: Parts) -> Relation:
        """Return a stored table as a relation; unknown columns are found by name in it."""
        table = self.table(parts)
        doubt = NOTHING if table.doubt is None else gap(table.doubt)
        if table.columns is None:
            rest = Rest(table.dataset, lambda name: self._stored(table.dataset, self._spell(table.dataset, name)))
            return Relation(rows=doubt, rest=(rest,))
        return Relation(tuple(Column(name, self._stored(table.dataset, name)) for name in table.columns), doubt)

    def _is_same_catalog(self, key: Parts, folded: Parts) -> bool:
        """Tell whether this name is in the catalog that the key was first used for: a.x.t and b.x.t are two tables."""
        prefix = folded[: -len(key)]
        return not prefix or self._prefixes.setdefault(key, prefix) == prefix

    def _stored(self, dataset: str, column: str) -> Trace:
        return Trace(frozenset({Flow(ColumnRef(dataset, column), IDENTITY)}))

    def _spell(self, dataset: str, name: str) -> str:
        return self._spelled.setdefault((dataset, name.casefold()), name)

    def _keys_for(self, folded: Parts) -> list[Parts]:
        if folded in self._declared:
            return [folded]
        return [key for key in self._declared if _is_suffix(key, folded) or _is_suffix(folded, key)]


def _fold(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)


def _is_suffix(short: Parts, long: Parts) -> bool:
    return len(short) < len(long) and long[len(long) - len(short) :] == short
