"""Which column a name in a query means: sources of one SELECT, joined columns, aliases and the queries around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from sqlglot import exp

from lineage.columns.catalog import Catalog, Parts
from lineage.columns.flows import NOTHING, TRANSFORMATION, Column, Relation, Trace, gap, union

Ctes = Mapping[str, "Relation | exp.Expr"]
"""Common table expressions in reach, by folded name; an expression is a scalar one (ClickHouse)."""

_PSEUDO_COLUMNS = frozenset(
    {
        "rownum", "rowid", "level", "ctid", "filename", "file_row_number", "sysdate", "_metadata", "_file_name",
        "_table_suffix",
        "_partitiontime", "_partitiondate", "_file", "_path", "metadata$filename", "metadata$file_row_number",
    }
)  # fmt: skip
"""Names that engines give a value of their own when no table has such a column."""


class AliasUse(Enum):
    """When a name may mean a column of the SELECT list instead of one of its sources."""

    LAST = "only when no source can have it"
    BEFORE_GUESS = "unless a source is known to have it"
    FIRST = "always"


class QueryReader(Protocol):
    """Reads a query that stands inside another one."""

    def __call__(self, query: exp.Expr, outer: Scope | None, ctes: Ctes, context: Context) -> Relation:
        """Return what the query yields."""
        ...


@dataclass(frozen=True)
class Context:
    """What stays the same through one statement.

    Attributes:
        lateral_aliases: whether a SELECT item may use the alias of another one in this dialect.
    """

    catalog: Catalog
    dialect: str
    lateral_aliases: bool
    read: QueryReader


@dataclass(frozen=True)
class Source:
    """One thing after FROM.

    Attributes:
        parts: what a column may be qualified with: the alias alone, or the table's full name.
        hidden: True for the right side of a semi or anti join, which ``*`` leaves out.
        joined: folded names of columns that a USING or NATURAL join showed already.
    """

    parts: Parts
    relation: Relation
    hidden: bool = False
    joined: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The source's name for messages."""
        return ".".join(self.parts) or "a sub-query"

    def answers_to(self, qualifier: Parts) -> bool:
        """Tell whether ``qualifier.column`` means this source."""
        mine = tuple(part.casefold() for part in self.parts[-len(qualifier) :])
        return bool(mine) and mine == tuple(part.casefold() for part in qualifier)


@dataclass
class Scope:
    """The names in reach inside one SELECT.

    Attributes:
        merged: columns that a USING or NATURAL join made one, by folded name, in order.
        aliases: the SELECT list's own columns by folded name; filled as they become known.
        windows: named windows by folded name.
    """

    context: Context
    ctes: Ctes
    outer: Scope | None = None
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Column] = field(default_factory=dict)
    aliases: AliasTable | None = None
    windows: dict[str, exp.Expr] = field(default_factory=dict)

    def resolve(self, parts: Parts, use: AliasUse) -> Trace:
        """Return the origin of a column written as dotted ``parts``: [catalog.schema.]source.column[.field ...]."""
        doubts: list[str] = []
        for size in range(len(parts) - 1, 0, -1):
            source = self._source(parts[:size])
            if source is None:
                continue
            trace = source.relation.find(parts[size])
            if trace is not None:
                return trace.through(TRANSFORMATION) if len(parts) > size + 1 else trace
            doubts.append(f"{source.label} has no column {parts[size]}")
        trace = self.known(parts[0]) if doubts else self._bare(parts[0], use)
        if trace is not None:
            return trace.through(TRANSFORMATION) if len(parts) > 1 else trace
        return gap(doubts[0] if doubts else self._unknown(".".join(parts)))

    def star(self, qualifier: Parts = ()) -> Relation | None:
        """Return the columns that ``*`` or ``qualifier.*`` stands for; None when there is no such source."""
        if qualifier:
            source = self._source(qualifier)
            return None if source is None else Relation(source.relation.columns, rest=source.relation.rest)
        columns = list(self.merged.values())
        for source in self._visible():
            columns += [column for column in source.relation.columns if column.name.casefold() not in source.joined]
        return Relation(tuple(columns), rest=tuple(rest for source in self._visible() for rest in source.relation.rest))

    def window(self, name: str) -> exp.Expr | None:
        """Return a named window's definition."""
        return self.windows.get(name.casefold())

    def _visible(self) -> Iterator[Source]:
        return (source for source in self.sources if not source.hidden)

    def _source(self, qualifier: Parts) -> Source | None:
        scope: Scope | None = self
        while scope is not None:
            for source in reversed(scope.sources):
                if source.answers_to(qualifier):
                    return source
            scope = scope.outer
        return None

    def _bare(self, name: str, use: AliasUse) -> Trace | None:
        if use is AliasUse.FIRST and (alias := self._alias(name)) is not None:
            return alias
        known = self.known(name)
        if known is not None:
            return known
        can_guess = any(source.relation.rest for source in self.sources)
        if (use is AliasUse.BEFORE_GUESS or not can_guess) and (alias := self._alias(name)) is not None:
            return alias
        around = self._known_around(name)
        if around is not None:
            doubt = gap(f"column {name} could also belong to {self.guess_labels()}, whose columns are not known")
            return around | doubt if can_guess else around
        guessed = self._guessed(name)
        if guessed is None:
            guessed = self._whole_row(name)
        return NOTHING if guessed is None and name.lower() in _PSEUDO_COLUMNS else guessed

    def _alias(self, name: str) -> Trace | None:
        return None if self.aliases is None else self.aliases.trace(name)

    def known(self, name: str) -> Trace | None:
        """Return the trace of a column that a source here is known to have; a merged one wins, then visible sources."""
        merged = self.merged.get(name.casefold())
        if merged is not None:
            return merged.trace
        for hidden in (False, True):
            found = [
                (source.label, trace)
                for source in self.sources
                if source.hidden is hidden and (trace := source.relation.known(name)) is not None
            ]
            if len(found) > 1:
                labels = ", ".join(label for label, _ in found)
                return union(trace for _, trace in found) | gap(f"column {name} is in each of {labels}; write whose it is")
            if found:
                return found[0][1]
        return None

    def _known_around(self, name: str) -> Trace | None:
        scope = self.outer
        while scope is not None:
            trace = scope.known(name)
            if trace is not None:
                return trace
            scope = scope.outer
        return None

    def _guessed(self, name: str) -> Trace | None:
        """Return a column as one of the unknown columns of the only source that has such, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            found = [trace for source in scope.sources if (trace := source.relation.guessed(name)) is not None]
            if len(found) == 1:
                return found[0]
            if found:
                reason = f"column {name} could belong to any of {scope.guess_labels()}, whose columns are not known"
                return gap(f"{reason}; write whose it is or give their schema")
            scope = scope.outer
        return None

    def guess_labels(self) -> str:
        """Return the names of the sources whose columns are not all known."""
        return ", ".join(source.label for source in self.sources if source.relation.rest)

    def _whole_row(self, name: str) -> Trace | None:
        """Return all columns of the source called ``name``: PostgreSQL, DuckDB and BigQuery let its name mean its row."""
        source = self._source((name,))
        return None if source is None else source.relation.everything().through(TRANSFORMATION)

    def _unknown(self, name: str) -> str:
        labels = ", ".join(source.label for source in self.sources)
        return f"column {name} is not in {labels}" if labels else f"column {name} is not in any table of the query"


class AliasTable:
    """The columns of a SELECT list by name, each read when first asked for, and unknown to itself while it is read."""

    def __init__(self, items: Mapping[str, exp.Expr], read: TraceReader) -> None:
        self._items = items
        self._read = read
        self._traces: dict[str, Trace] = {}
        self._reading: set[str] = set()

    def trace(self, name: str) -> Trace | None:
        """Return the origin of the column with this alias, or None."""
        folded = name.casefold()
        if folded in self._reading or folded not in self._items:
            return None
        if folded not in self._traces:
            self._reading.add(folded)
            self._traces[folded] = self._read(self._items[folded])
            self._reading.discard(folded)
        return self._traces[folded]

    def __contains__(self, name: str) -> bool:
        return name.casefold() in self._items


class TraceReader(Protocol):
    """Reads the origin of an expression."""

    def __call__(self, expression: exp.Expr) -> Trace:
        """Return where the expression's value comes from."""
        ...
