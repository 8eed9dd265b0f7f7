"""Lineage of a dataset within its project, from the SELECTs that make it and what they feed."""

from __future__ import annotations

from controlplane.usecases.model import Ports
from controlplane.usecases.recording import pipeline_lineage
from lineage.graph import build_graph
from lineage.model import ColumnEdge


def show_lineage(ports: Ports, dataset: str) -> dict[str, object]:
    """Return upstream and downstream datasets and the column edges that touch the dataset.

    Raises:
        DatasetUnknownError: no contract describes the dataset.
    """
    ports.platform.governed(dataset)
    edges: list[ColumnEdge] = []
    flows: list[tuple[str, str]] = []
    for pipeline in ports.platform.pipelines:
        flows += [(name, pipeline.dataset) for name in pipeline.inputs]
        if pipeline.topic is not None:
            flows.append((pipeline.topic, pipeline.dataset))
        found = pipeline_lineage(ports, pipeline)
        edges += found.edges if found else ()
    return build_graph(edges, flows).show(dataset)
