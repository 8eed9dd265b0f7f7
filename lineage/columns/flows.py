"""The algebra of lineage: how an effect composes with another, and what a column or a relation was made from.

Types, subtypes and the rule of composition are those of OpenLineage's column lineage facet 1-2-0:
an indirect step makes the whole way indirect, the outermost indirect step names it, and of two direct steps the one
that changes the value more names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from lineage.model import ColumnRef, EdgeKind

_STRENGTH = ("identity", "transformation", "aggregation")


@dataclass(frozen=True, order=True)
class Effect:
    """What one step does with a value: carry it on, change it, or only be steered by it.

    Attributes:
        masking: whether the value is protected by this step.
    """

    kind: EdgeKind
    transformation: str
    masking: bool = False

    def after(self, inner: Effect) -> Effect:
        """Return the effect of the whole way when this step is applied to what ``inner`` made."""
        masking = self.masking or inner.masking
        if self.kind is EdgeKind.INDIRECT:
            return replace(self, masking=masking)
        if inner.kind is EdgeKind.INDIRECT:
            return replace(inner, masking=masking)
        stronger = max(self.transformation, inner.transformation, key=_STRENGTH.index)
        return Effect(EdgeKind.DIRECT, stronger, masking)


IDENTITY = Effect(EdgeKind.DIRECT, "identity")
TRANSFORMATION = Effect(EdgeKind.DIRECT, "transformation")
AGGREGATION = Effect(EdgeKind.DIRECT, "aggregation")
FILTER = Effect(EdgeKind.INDIRECT, "filter")
JOIN = Effect(EdgeKind.INDIRECT, "join")
GROUP_BY = Effect(EdgeKind.INDIRECT, "group_by")
SORT = Effect(EdgeKind.INDIRECT, "sort")
WINDOW = Effect(EdgeKind.INDIRECT, "window")
CONDITIONAL = Effect(EdgeKind.INDIRECT, "conditional")


@dataclass(frozen=True, order=True)
class Flow:
    """A stored column that has some effect on what is looked at."""

    source: ColumnRef
    effect: Effect


@dataclass(frozen=True)
class Trace:
    """Everything that is known about an origin: the flows into it, and the gaps (reasons why a part is not known)."""

    flows: frozenset[Flow] = frozenset()
    gaps: frozenset[str] = frozenset()

    def __or__(self, other: Trace) -> Trace:
        if not other.flows and not other.gaps:
            return self
        if not self.flows and not self.gaps:
            return other
        return Trace(self.flows | other.flows, self.gaps | other.gaps)

    def through(self, effect: Effect) -> Trace:
        """Return this trace as seen after one more step."""
        if effect == IDENTITY:
            return self
        return Trace(frozenset(Flow(flow.source, effect.after(flow.effect)) for flow in self.flows), self.gaps)


NOTHING = Trace()


def gap(reason: str) -> Trace:
    """Return a trace that says only why it is not known."""
    return Trace(gaps=frozenset({reason}))


def union(traces: Iterable[Trace]) -> Trace:
    """Return all that any of the traces says."""
    flows: set[Flow] = set()
    gaps: set[str] = set()
    for trace in traces:
        flows |= trace.flows
        gaps |= trace.gaps
    return Trace(frozenset(flows), frozenset(gaps))


@dataclass(frozen=True)
class Column:
    """A named column of a relation and where it comes from."""

    name: str
    trace: Trace


@dataclass(frozen=True)
class Rest:
    """Further columns of a relation whose names are not known.

    Attributes:
        label: whose columns they are, for messages.
        find: gives the trace of a column of that name, or None when it cannot be one of them.
    """

    label: str
    find: Callable[[str], Trace | None]


@dataclass(frozen=True)
class Relation:
    """A table, sub-query or query as lineage sees it.

    Attributes:
        columns: known columns in order.
        rows: what decides which rows there are and in which order; it influences every column.
        rest: columns that are there but not known by name (empty for a relation that is known completely).
        extras: columns that can be named but are not part of ``*``.
    """

    columns: tuple[Column, ...] = ()
    rows: Trace = NOTHING
    rest: tuple[Rest, ...] = ()
    extras: tuple[Column, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the known columns, in order."""
        return tuple(column.name for column in self.columns)

    def known(self, name: str) -> Trace | None:
        """Return the trace of a known column; of two that differ by case only, the one spelled the same way."""
        for columns in (self.columns, self.extras):
            found = _named(columns, name)
            if found:
                return union(column.trace for column in found)
        return None

    def guessed(self, name: str) -> Trace | None:
        """Return the trace a column would have if it is one of the unknown ones; None when there are none."""
        found = [trace for rest in self.rest if (trace := rest.find(name)) is not None]
        if not found:
            return None
        if len(found) > 1:
            labels = ", ".join(sorted(rest.label for rest in self.rest))
            return gap(f"column {name} could belong to any of {labels}, whose columns are not known")
        return found[0]

    def find(self, name: str) -> Trace | None:
        """Return the trace of a column, known or guessed; None when the relation surely lacks it."""
        known = self.known(name)
        return self.guessed(name) if known is None else known

    def everything(self) -> Trace:
        """Return one trace over all columns, as a whole-row value has it."""
        unknown = [gap(f"the columns of {rest.label} are not known") for rest in self.rest]
        return union([*(column.trace for column in self.columns), *unknown])

    def renamed(self, names: Sequence[str]) -> Relation:
        """Return the relation with its first columns called ``names``, as an alias list does."""
        if not names:
            return self
        if self.rest:
            return self._renamed_blindly(names)
        columns = tuple(
            replace(column, name=names[index]) if index < len(names) else column for index, column in enumerate(self.columns)
        )
        missing = tuple(Column(name, NOTHING) for name in names[len(columns) :]) if not columns else ()
        return replace(self, columns=columns + missing)

    def _renamed_blindly(self, names: Sequence[str]) -> Relation:
        """Rename columns whose positions are not known: each may be any of them."""
        labels = ", ".join(sorted(rest.label for rest in self.rest))
        reason = gap(f"its position in * of {labels} is not known, because the columns of {labels} are not known")
        return Relation(tuple(Column(name, reason) for name in names), self.rows)

    def steered_by(self, rows: Trace) -> Relation:
        """Return the relation with one more influence on all of its rows."""
        return replace(self, rows=self.rows | rows)


def _named(columns: Sequence[Column], name: str) -> list[Column]:
    exact = [column for column in columns if column.name == name]
    if exact:
        return exact
    folded = name.casefold()
    return [column for column in columns if column.name.casefold() == folded]
