"""Who is hit: the datasets downstream of one, drawn by layer as SVG; the same is always given as a list too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from controlplane.usecases.model import Platform
from controlplane.web.drawing import static
from controlplane.web.words import status

_LAYERS = ("bronze", "silver", "gold", "serving")
_MOST = 11
_BOX, _TALL, _ACROSS, _DOWN, _HEAD = 196, 48, 222, 64, 24
_SHORT = 24
_NOT_OUT = frozenset({"held", "failed"})


@dataclass(frozen=True)
class Node:
    """One dataset of the graph.

    Attributes:
        state: how its newest batch ended; empty where nothing is known.
        tier: 1 to 3; depth: steps below the root, 0 for the root.
    """

    name: str
    layer: str
    tier: int
    state: str
    depth: int


@dataclass(frozen=True)
class Impact:
    """The datasets that read one, directly or not.

    Attributes:
        nodes: the root first, then by depth and name, at most 12.
        edges: (from, to) among the nodes.
        more: how many are left out.
    """

    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    more: int


def impact(platform: Platform, root: str, states_of: Callable[[Sequence[str]], Mapping[str, str]]) -> Impact:
    """Return what reads a dataset, nearest first.

    Args:
        states_of: returns how the newest batch of each of some datasets ended.
    """
    readers = _readers(platform)
    depths, waiting = {root: 0}, deque([root])
    while waiting:
        name = waiting.popleft()
        for reader in readers.get(name, ()):
            if reader not in depths:
                depths[reader] = depths[name] + 1
                waiting.append(reader)
    ordered = sorted(depths, key=lambda name: (depths[name], name))
    shown = ordered[: _MOST + 1]
    states = states_of(shown)
    nodes = tuple(_node(platform, name, states.get(name, ""), depths[name]) for name in shown)
    edges = tuple((name, reader) for name in shown for reader in readers.get(name, ()) if reader in shown and reader != name)
    return Impact(nodes, edges, len(ordered) - len(shown))


def graph(found: Impact) -> Markup:
    """Return the graph as SVG: one column a step downstream, the root on the left."""
    columns: dict[int, list[Node]] = {}
    for node in found.nodes:
        columns.setdefault(node.depth, []).append(node)
    tallest = max(len(nodes) for nodes in columns.values())
    height = _HEAD + tallest * _DOWN
    places = {
        node.name: (depth * _ACROSS, _HEAD + (tallest - len(nodes)) * _DOWN // 2 + index * _DOWN)
        for depth, nodes in columns.items()
        for index, node in enumerate(nodes)
    }
    width = max(3, len(columns)) * _ACROSS - (_ACROSS - _BOX) + 2
    drawn = [*_heads(columns), *(_edge(places[a], places[b], _edge_tone(found, b)) for a, b in found.edges)]
    drawn += [_box(node, places[node.name]) for node in found.nodes]
    label = f"{found.nodes[0].name} is read by {_words(found.nodes[1:])}" + (f" and {found.more} more" if found.more else "")
    return Markup(  # noqa: S704 (every text is escaped where it is put in)
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )


def _readers(platform: Platform) -> Mapping[str, Sequence[str]]:
    """Return the datasets made from each dataset."""
    found: dict[str, list[str]] = {}
    for pipeline in platform.pipelines:
        for name in pipeline.inputs:
            found.setdefault(name, []).append(pipeline.dataset)
    return found


def _node(platform: Platform, name: str, state: str, depth: int) -> Node:
    spec = platform.datasets[name].spec
    return Node(name, spec.layer.value if spec.layer else "", spec.tier, state, depth)


def _heads(columns: Mapping[int, Sequence[Node]]) -> Iterable[str]:
    for depth, nodes in columns.items():
        present = {node.layer for node in nodes}
        layers = [name for name in _LAYERS if name in present]
        yield f'<text x="{depth * _ACROSS + 1}" y="12">{escape(", ".join(layers))}</text>'


def _edge_tone(found: Impact, reader: str) -> str:
    """Return how the way to a reader is drawn: hit where its newest batch is not out, in doubt where only the root's is not."""
    states = {node.name: node.state for node in found.nodes}
    if states[reader] in _NOT_OUT:
        return ' class="hit"'
    return ' class="may"' if found.nodes[0].state in _NOT_OUT else ""


def _edge(start: tuple[int, int], end: tuple[int, int], css: str) -> str:
    x, y, to_x, to_y = start[0] + _BOX, start[1] + _TALL // 2, end[0], end[1] + _TALL // 2
    if to_x <= start[0]:  # a reader in the same or an earlier column: around the right side
        return f'<path{css} d="M{x} {y}c26 0 26 {to_y - y} 0 {to_y - y}"/>'
    bend = (to_x - x) // 2
    return f'<path{css} d="M{x} {y}c{bend} 0 {to_x - x - bend} {to_y - y} {to_x - x} {to_y - y}"/>'


def _box(node: Node, place: tuple[int, int]) -> str:
    x, y = place
    shown = status(node.state) if node.state else status("no_evidence")
    words = (shown.word if node.state else "nothing yet") + f", tier {node.tier}"
    tones = {"failed": "nb", "held": "nh", "passed": "no", "published": "no"}
    css = tones.get(shown.tone, "nw" if shown.tone in {"risk", "none", "errored"} else "no")
    name = node.name.partition(".")[2] or node.name
    short = name if len(name) <= _SHORT else name[: _SHORT - 1] + "…"
    return (
        f'<g class="{css}"><rect x="{x + 1}" y="{y}" width="{_BOX - 1}" height="{_TALL}" rx="6"/>'
        f'<text class="nm" x="{x + 11}" y="{y + 20}">{escape(short)}</text>'
        f'<use href="{static("icons.svg")}#{shown.symbol}" x="{x + 11}" y="{y + 27}" width="13" height="13"/>'
        f'<text class="s" x="{x + 29}" y="{y + 38}">{escape(words)}</text></g>'
    )


def _words(nodes: Sequence[Node]) -> str:
    return ", ".join(f"{node.name} ({status(node.state).word if node.state else 'nothing yet'})" for node in nodes) or "nobody"
