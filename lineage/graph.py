"""What feeds what, over the edges of many runs: upstream and downstream of a dataset or a column. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from controlplane.kernel.errors import DatasetUnknownError
from lineage.model import ColumnEdge, ColumnRef, EdgeKind

Node = TypeVar("Node", bound=Hashable)
Steps = Mapping[Node, frozenset[Node]]


@dataclass(frozen=True)
class LineageGraph:
    """Edges between columns, and flows between datasets of which no columns are known.

    Attributes:
        edges: column edges of all runs, without repeats, sorted.
        flows: (from dataset, to dataset) pairs, those of the column edges included, sorted.
    """

    edges: tuple[ColumnEdge, ...]
    flows: tuple[tuple[str, str], ...]

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of all datasets, sorted."""
        return tuple(sorted({name for flow in self.flows for name in flow}))

    def upstream(self, dataset: str, *, depth: int | None = None) -> tuple[str, ...]:
        """Return the datasets that feed this one in at most ``depth`` steps (None: any number), sorted, without itself."""
        return _reach(_steps((target, source) for source, target in self.flows), dataset, depth)

    def downstream(self, dataset: str, *, depth: int | None = None) -> tuple[str, ...]:
        """Return the datasets that this one feeds in at most ``depth`` steps (None: any number), sorted, without itself."""
        return _reach(_steps(self.flows), dataset, depth)

    def upstream_columns(self, column: ColumnRef, *, direct_only: bool = False) -> tuple[ColumnRef, ...]:
        """Return the columns that this one is made from or, unless ``direct_only``, steered by."""
        return _reach(_steps((edge.target, edge.source) for edge in self._chosen(direct_only=direct_only)), column, None)

    def downstream_columns(self, column: ColumnRef, *, direct_only: bool = False) -> tuple[ColumnRef, ...]:
        """Return the columns that hold something of this one or, unless ``direct_only``, are steered by it."""
        return _reach(_steps((edge.source, edge.target) for edge in self._chosen(direct_only=direct_only)), column, None)

    def show(self, dataset: str) -> dict[str, object]:
        """Return what ``lineage show`` prints: the datasets around this one and the column edges that touch it.

        Raises:
            DatasetUnknownError: no edge or flow names the dataset.
        """
        if dataset not in self.datasets:
            message = f"No recorded lineage names dataset {dataset!r}; known are {', '.join(self.datasets) or 'none'}."
            raise DatasetUnknownError(message)
        return {
            "dataset": dataset,
            "upstream": list(self.upstream(dataset)),
            "downstream": list(self.downstream(dataset)),
            "edges": [
                {
                    "from": str(edge.source),
                    "to": str(edge.target),
                    "kind": edge.kind.value,
                    "transformation": edge.transformation,
                    "masking": edge.masking,
                }
                for edge in self.edges
                if dataset in {edge.source.dataset, edge.target.dataset}
            ],
        }

    def _chosen(self, *, direct_only: bool) -> Iterable[ColumnEdge]:
        return (edge for edge in self.edges if not direct_only or edge.kind is EdgeKind.DIRECT)


def build_graph(edges: Iterable[ColumnEdge], flows: Iterable[tuple[str, str]] = ()) -> LineageGraph:
    """Return the graph of column edges and of dataset flows; a dataset that feeds itself is no flow."""
    unique = sorted(set(edges))
    pairs = {(edge.source.dataset, edge.target.dataset) for edge in unique} | set(flows)
    return LineageGraph(tuple(unique), tuple(sorted(pair for pair in pairs if pair[0] != pair[1])))


def _steps(pairs: Iterable[tuple[Node, Node]]) -> Steps[Node]:
    found: dict[Node, set[Node]] = defaultdict(set)
    for start, end in pairs:
        found[start].add(end)
    return {start: frozenset(ends) for start, ends in found.items()}


def _reach(steps: Steps[Node], start: Node, depth: int | None) -> tuple[Node, ...]:
    """Return every node that can be reached, in breadth; cycles (a table that feeds itself through another) end it."""
    seen = {start}
    edge = {start}
    taken = 0
    while edge and (depth is None or taken < depth):
        edge = {end for node in edge for end in steps.get(node, frozenset())} - seen
        seen |= edge
        taken += 1
    return tuple(sorted(seen - {start}, key=str))
