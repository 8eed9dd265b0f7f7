"""Charts are well-formed, say their finding, and never draw what is not known."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.web.charts import Bar, bars, budget, sparkline

VALUES = st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), max_size=60)


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def kinds(svg: str) -> list[str]:
    return [part.get("class", "") for part in parsed(svg)]


def line(*values: float | None, bound: float | None = 10, worse: str = "above") -> str:
    last = max(1, len(values) - 1)
    return sparkline([(at / last, value) for at, value in enumerate(values)], bound=bound, worse=worse, label="a finding")


@given(VALUES, st.one_of(st.none(), st.floats(-1e9, 1e9)), st.sampled_from(["above", "below"]))
def test_any_values_make_a_drawing_inside_its_box(values: list[float | None], bound: float | None, worse: str) -> None:
    svg = line(*values, bound=bound, worse=worse)
    root = parsed(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "a finding"
    for path in root.iter("path"):
        for x, y in re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d", "").replace("M", "")):
            assert 0 <= float(x) <= 112
            assert 0 <= float(y) <= 28


def test_a_broken_stretch_is_red_with_the_point_before_it() -> None:
    svg = line(1, 2, 12, 13)
    red = next(part for part in parsed(svg) if part.get("class") == "x")
    assert len(red.get("d", "").split()) == 6  # three points
    assert "xd" in kinds(svg)


def test_below_is_the_bad_side_of_a_share() -> None:
    assert "x" in kinds(line(99, 98, bound=98.5, worse="below"))
    assert "x" not in kinds(line(97, 98, bound=98.5, worse="above"))


def test_a_stretch_without_evidence_is_a_dashed_box_and_no_line() -> None:
    svg = line(1, 2, None, None, 3, 4)
    assert kinds(svg).count("gap") == 1
    assert kinds(svg).count("l") == 2


def test_nothing_known_is_one_dashed_box() -> None:
    assert kinds(line(None, None)) == ["gap"]
    assert kinds(line()) == ["gap"]


def test_texts_are_escaped() -> None:
    svg = sparkline([(0, 1.0), (1, 2.0)], bound=None, worse="above", label='"><script>alert(1)</script>')
    assert parsed(svg).get("aria-label") == '"><script>alert(1)</script>'
    chart = bars([Bar("<b>", 1.0, "x", "<i>")], unit="<u>", allowed=2, label="x", allowed_text="<s>")
    assert {part.tag for part in parsed(chart).iter()} == {"svg", "path", "text", "rect"}


@given(
    st.lists(
        st.builds(
            Bar, st.just("14:06"), st.one_of(st.none(), st.floats(0, 1e9)), st.sampled_from(["", "w", "x"]), st.just("x")
        ),
        max_size=40,
    ),
    st.one_of(st.none(), st.floats(0, 1e9)),
)
def test_bars_stay_on_their_axis(values: list[Bar], allowed: float | None) -> None:
    root = parsed(bars(values, unit="", allowed=allowed, label="x"))
    drawn = list(root.iter("rect"))
    assert len(drawn) == min(24, len(values))
    for rect in drawn:
        assert 25 <= float(rect.get("y", "")) <= 140
        assert float(rect.get("y", "")) + float(rect.get("height", "")) <= 140.2


@pytest.mark.parametrize(("percent", "tone", "rects"), [(38.0, "w", 2), (0.0, "b", 1), (-5.0, "b", 1), (250.0, "", 2)])
def test_a_budget_is_never_wider_than_its_bar(percent: float, tone: str, rects: int) -> None:
    drawn = list(parsed(budget(percent, tone)))
    assert len(drawn) == rects
    assert all(float(rect.get("width", "")) <= 96 for rect in drawn)
