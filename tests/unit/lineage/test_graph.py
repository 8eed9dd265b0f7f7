"""Upstream and downstream over the edges of many runs."""

from __future__ import annotations

import pytest

from controlplane.kernel.errors import DatasetUnknownError
from lineage.graph import build_graph
from lineage.model import ColumnEdge, ColumnRef, EdgeKind


def _edge(source: str, target: str, kind: EdgeKind = EdgeKind.DIRECT, transformation: str = "identity") -> ColumnEdge:
    ends = [ColumnRef(*name.rsplit(".", 1)) for name in (source, target)]
    return ColumnEdge(ends[0], ends[1], kind, transformation)


EDGES = [
    _edge("bronze.o.id", "silver.o.id"),
    _edge("bronze.o.email", "silver.o.token", transformation="transformation"),
    _edge("bronze.o.op", "silver.o.id", EdgeKind.INDIRECT, "filter"),
    _edge("silver.o.id", "gold.f.id"),
    _edge("silver.c.id", "gold.f.customer"),
    _edge("silver.o.id", "silver.o.id"),
    _edge("bronze.o.id", "silver.o.id"),
]
GRAPH = build_graph(EDGES, flows=[("topic.orders", "bronze.o")])


def test_datasets_are_named_once_and_a_table_that_reads_itself_is_no_flow() -> None:
    assert GRAPH.datasets == ("bronze.o", "gold.f", "silver.c", "silver.o", "topic.orders")
    assert ("silver.o", "silver.o") not in GRAPH.flows
    assert len(GRAPH.edges) == 6


def test_datasets_upstream_and_downstream() -> None:
    assert GRAPH.upstream("gold.f") == ("bronze.o", "silver.c", "silver.o", "topic.orders")
    assert GRAPH.upstream("gold.f", depth=1) == ("silver.c", "silver.o")
    assert GRAPH.upstream("gold.f", depth=0) == ()
    assert GRAPH.downstream("topic.orders", depth=2) == ("bronze.o", "silver.o")
    assert GRAPH.downstream("gold.f") == ()
    assert GRAPH.downstream("never.heard") == ()


def test_columns_upstream_and_downstream_with_and_without_influences() -> None:
    gold = ColumnRef("gold.f", "id")
    assert GRAPH.upstream_columns(gold, direct_only=True) == (ColumnRef("bronze.o", "id"), ColumnRef("silver.o", "id"))
    assert ColumnRef("bronze.o", "op") in GRAPH.upstream_columns(gold)
    assert GRAPH.downstream_columns(ColumnRef("bronze.o", "op"), direct_only=True) == ()
    assert GRAPH.downstream_columns(ColumnRef("bronze.o", "email")) == (ColumnRef("silver.o", "token"),)


def test_a_cycle_ends() -> None:
    graph = build_graph([_edge("a.x.k", "b.y.k"), _edge("b.y.k", "a.x.k")])
    assert graph.upstream("a.x") == ("b.y",)
    assert graph.upstream_columns(ColumnRef("a.x", "k")) == (ColumnRef("b.y", "k"),)


def test_show_holds_neighbours_and_touching_edges() -> None:
    shown = GRAPH.show("silver.c")
    assert shown == {
        "dataset": "silver.c",
        "upstream": [],
        "downstream": ["gold.f"],
        "edges": [
            {"from": "silver.c.id", "to": "gold.f.customer", "kind": "direct", "transformation": "identity", "masking": False}
        ],
    }


def test_show_of_an_unknown_dataset_lists_the_known_ones() -> None:
    with pytest.raises(DatasetUnknownError, match=r"known are bronze\.o, gold\.f"):
        GRAPH.show("silver.x")
    with pytest.raises(DatasetUnknownError, match="known are none"):
        build_graph([]).show("silver.x")
