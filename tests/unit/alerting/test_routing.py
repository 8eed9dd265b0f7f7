"""Who is told: the tree of routes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerting.model import matches
from alerting.routing import DEFAULT_ROUTES, Options, ReceiverSettings, Route, Routes, targets

FAST = Options(group_wait=timedelta(0))
BY_KIND = Options(group_by=("kind", "check"))


def route(
    *receivers: str, routes: tuple[Route, ...] = (), on: bool = False, options: Options | None = None, **matchers: str
) -> Route:
    return Route(receivers or ("inbox",), options or Options(), matchers, on, routes)


def tree(*below: Route) -> Routes:
    return Routes(Route(("inbox",), routes=below), {"inbox": ReceiverSettings("inbox")})


def told(routes: Routes, **labels: str) -> list[str]:
    return [target.receiver for target in targets(routes, labels)]


def test_the_root_takes_what_no_route_below_matches() -> None:
    assert told(tree(route("pager", priority="P1")), priority="P2") == ["inbox"]
    assert told(tree(), priority="P2") == ["inbox"]


def test_the_first_route_that_matches_wins() -> None:
    routes = tree(route("a", dataset="gold.*"), route("b", priority="P1"))
    assert told(routes, dataset="gold.x", priority="P1") == ["a"]
    assert told(routes, dataset="silver.x", priority="P1") == ["b"]


def test_a_route_that_continues_lets_the_next_ones_match_too() -> None:
    routes = tree(route("a", dataset="gold.*", on=True), route("b", priority="P1"), route("c", priority="P1"))
    assert told(routes, dataset="gold.x", priority="P1") == ["a", "b"]
    assert told(routes, dataset="gold.x", priority="P2") == ["a"]


def test_the_deepest_route_that_matches_takes_it() -> None:
    routes = tree(route("a", dataset="gold.*", routes=(route("deep", priority="P1"),)))
    assert told(routes, dataset="gold.x", priority="P1") == ["deep"]
    assert told(routes, dataset="gold.x", priority="P2") == ["a"]


def test_several_receivers_of_one_route_are_each_told_once() -> None:
    assert told(tree(route("a", "b", priority="P1")), priority="P1") == ["a", "b"]
    again = route("a", priority="P1", on=True)
    assert told(tree(again, again), priority="P1") == ["a"]


def test_a_group_shares_its_labels_and_its_route() -> None:
    routes = tree(route("a", priority="P1", options=BY_KIND))
    one, two, other = (
        targets(routes, {"priority": "P1", "kind": "anomaly", "check": check, "dataset": dataset})[0]
        for check, dataset in (("x", "d"), ("x", "e"), ("y", "d"))
    )
    assert one.labels == {"kind": "anomaly", "check": "x"}
    assert one.key == two.key != other.key
    elsewhere = targets(tree(route("a", kind="anomaly", options=BY_KIND)), {"kind": "anomaly", "check": "x"})[0]
    assert elsewhere.key != one.key


def test_a_label_that_is_missing_is_an_empty_one() -> None:
    assert targets(tree(), {"priority": "P1"})[0].labels == {"dataset": ""}
    assert matches({"dataset": ""}, {})
    assert not matches({"dataset": "?*"}, {})


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("gold.*", "gold.x", True),
        ("gold.*", "silver.x", False),
        ("P[12]", "P2", True),
        ("P[12]", "P3", False),
        ("Gold.x", "gold.x", False),
    ],
)
def test_matchers_are_values_or_patterns(pattern: str, value: str, fits: bool) -> None:
    assert matches({"label": pattern}, {"label": value}) is fits


def test_without_a_file_everything_goes_to_the_inbox_and_p1_at_once() -> None:
    (now,) = targets(DEFAULT_ROUTES, {"priority": "P1", "dataset": "d"})
    (later,) = targets(DEFAULT_ROUTES, {"priority": "P2", "dataset": "d"})
    assert (now.receiver, later.receiver) == ("inbox", "inbox")
    assert (now.options.group_wait, later.options.group_wait) == (timedelta(0), timedelta(seconds=30))
