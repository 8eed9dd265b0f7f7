"""Who is hit: readers of readers, nearest first, drawn within bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from xml.etree import ElementTree as ET

from controlplane.contracts.model import Layer
from controlplane.gate.model import InputRole
from controlplane.usecases.model import Pipeline
from controlplane.web.impact import Impact, graph, impact


@dataclass
class House:
    """As much of a platform as lineage needs: pipelines ``dataset: inputs``."""

    made_from: Mapping[str, Sequence[str]]

    @property
    def datasets(self) -> Mapping[str, object]:
        names = {name for made, inputs in self.made_from.items() for name in (made, *inputs)}
        return {name: SimpleNamespace(spec=SimpleNamespace(layer=Layer(name.partition(".")[0]), tier=1)) for name in names}

    @property
    def pipelines(self) -> Sequence[Pipeline]:
        return [Pipeline(name, name, inputs=dict.fromkeys(inputs, InputRole.NEW)) for name, inputs in self.made_from.items()]


SHOP = House(
    {
        "silver.orders": ["bronze.cdc"],
        "gold.facts": ["silver.orders", "silver.items"],
        "silver.items": ["silver.orders"],
        "gold.day": ["gold.facts"],
    }
)


def found(root: str, house: House = SHOP, states: Mapping[str, str] | None = None) -> Impact:
    return impact(house, root, lambda names: {name: (states or {})[name] for name in names if name in (states or {})})


def test_readers_come_nearest_first() -> None:
    assert [(node.name, node.depth) for node in found("silver.orders").nodes] == [
        ("silver.orders", 0),
        ("gold.facts", 1),
        ("silver.items", 1),
        ("gold.day", 2),
    ]
    assert ("silver.items", "gold.facts") in found("silver.orders").edges


def test_a_dataset_that_nobody_reads_stands_alone() -> None:
    alone = found("gold.day")
    assert (len(alone.nodes), alone.edges, alone.more) == (1, (), 0)


def test_a_circle_of_readers_ends() -> None:
    circle = House({"silver.a": ["silver.b", "silver.a"], "silver.b": ["silver.a"]})
    assert {node.name for node in found("silver.a", circle).nodes} == {"silver.a", "silver.b"}
    ET.fromstring(graph(found("silver.a", circle)))


def test_many_readers_are_counted_not_drawn() -> None:
    wide = House({f"gold.t{number:02}": ["silver.orders"] for number in range(40)})
    impacted = found("silver.orders", wide)
    assert (len(impacted.nodes), impacted.more) == (12, 29)
    assert "and 29 more" in graph(impacted)


def test_the_graph_stays_in_its_box_and_says_it_in_words() -> None:
    svg = ET.fromstring(graph(found("silver.orders", states={"silver.orders": "held", "gold.facts": "failed"})))
    _, _, width, height = map(int, svg.get("viewBox", "").split())
    for rect in svg.iter("rect"):
        assert 0 <= int(rect.get("x", "")) <= width - int(rect.get("width", ""))
        assert 0 <= int(rect.get("y", "")) <= height - int(rect.get("height", ""))
    assert (
        svg.get("aria-label")
        == "silver.orders is read by gold.facts (failed), silver.items (nothing yet), gold.day (nothing yet)"
    )


def test_ways_are_red_where_the_reader_failed_and_in_doubt_where_only_the_root_is_held() -> None:
    svg = graph(found("silver.orders", states={"silver.orders": "held", "gold.facts": "failed", "silver.items": "published"}))
    assert svg.count('class="hit"') == 2
    assert svg.count('class="may"') == 2
    assert 'class="may"' not in graph(found("silver.orders", states={"silver.orders": "published"}))
