"""Charts as SVG, drawn on the server by pure functions: they print, need no script, and say their finding in a sentence.

Sizes stand in the style sheet, colours in its classes; coordinates are in the units of the view box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup, escape

_WIDTH, _HEIGHT, _EDGE = 112.0, 28.0, 4.0
_WIDE, _LEFT, _BASE, _TOP = 760.0, 44.0, 140.0, 26.0
_STEPS = (0.5, 1, 2, 2.5, 5, 10)
_LEAST = 1e-12  # what is less is drawn on the base line
_LABELS = 6
_MARKS = 20
_MARK_TONES = {"passed": ("", 0.5), "failed": ("x", 0.5), "errored": ("e", 5.5), "no_evidence": ("z", 0.5)}
_BAR_SLOT, _BAR_MIN = 29.0, 1.2


@dataclass(frozen=True)
class HeatCell:
    """One day of a heat strip.

    Attributes:
        text: the number that was lost; empty on a day kept.
        tone: empty (kept), ``h1`` to ``h3`` (lost, the worse the higher), ``h0`` (no evidence), ``hx`` (not counted).
    """

    text: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Bar:
    """One bar of a wide chart.

    Attributes:
        label: below it; only some are drawn when there are many.
        value: None where nothing is known, drawn as a dashed box.
        tone: empty, ``w`` (noteworthy) or ``x`` (not allowed); such bars carry ``text``.
    """

    label: str
    value: float | None
    tone: Literal["", "w", "x"] = ""
    text: str = ""


def sparkline(
    points: Sequence[tuple[float, float | None]], *, bound: float | None, worse: Literal["above", "below"], label: str
) -> Markup:
    """Return a line of the last values with its allowed bound dashed, red where it is broken, a dashed box where unknown.

    Args:
        points: place from 0 (oldest) to 1 (newest) and value; None where there was no evidence.
        bound: what is allowed; None draws none.
        worse: on which side of the bound the promise is broken.
        label: the finding in one sentence, for those who do not see the chart.
    """
    known = [value for _, value in points if value is not None]
    if not known:
        inside = '<rect class="gap" x="1" y="4" width="110" height="20" rx="2"/>'
        return _svg("spark", _WIDTH, _HEIGHT, label, inside)
    scale = _Scale.over([*known, *([bound] if bound is not None else [])])
    parts = [f'<path class="t" d="M0 {_n(scale.y(bound))}H112"/>'] if bound is not None else []
    parts += [f'<path class="l" d="{_line(run, scale)}"/>' for run in _runs(points) if len(run) > 1]
    parts += [f'<path class="x" d="{_line(run, scale)}"/>' for run in _broken(points, bound, worse)]
    parts += _gaps(points)
    place, value = next((place, value) for place, value in reversed(points) if value is not None)
    css = ' class="xd"' if _is_bad(value, bound, worse) else ""
    parts.append(f'<circle{css} cx="{_n(_x(place))}" cy="{_n(scale.y(value))}" r="2.5"/>')
    return _svg("spark", _WIDTH, _HEIGHT, label, "".join(parts))


def bars(values: Sequence[Bar], *, unit: str, allowed: float | None, label: str, allowed_text: str = "") -> Markup:
    """Return a wide bar chart, newest on the right, with what is allowed as a dashed line.

    Args:
        unit: stands behind the numbers of the axis, with its own space.
        allowed: in the unit of the values; None draws no line.
        label: the finding in one sentence.
    """
    shown = values[-24:]
    heights = [bar.value for bar in shown if bar.value is not None] + [allowed or 0.0]
    top = _nice(max(heights), whole=all(float(height).is_integer() for height in heights))
    parts = []
    for step in range(4):
        y, tick = _BASE - step * (_BASE - _TOP) / 3, top * step / 3
        parts.append(f'<path class="g" d="M44 {_n(y)}H760"/>')
        parts.append(f'<text x="38" y="{_n(y + 4)}" text-anchor="end">{_tick(tick)}{escape(unit)}</text>')
    every = max(2, -(-len(shown) // _LABELS))
    for index, bar in enumerate(shown):
        x = _LEFT + 8 + (24 - len(shown) + index) * _BAR_SLOT
        parts.append(_bar(bar, x, top))
        if (len(shown) - 1 - index) % every == 0:
            parts.append(f'<text x="{_n(x + 9)}" y="158" text-anchor="middle">{escape(bar.label)}</text>')
    if allowed is not None:
        y = _height(allowed, top)
        parts.append(f'<path class="t" d="M44 {_n(y)}H760"/>')
        parts.append(f'<text x="60" y="{_n(y - 5)}">{escape(allowed_text or "allowed")}</text>')
    return _svg("chart", _WIDE, 168, label, "".join(parts))


def strip(outcomes: Sequence[str], label: str) -> Markup:
    """Return one mark a run, newest on the right: quiet where passed, shorter where errored, hollow without evidence.

    Args:
        outcomes: oldest first; the last 20 are shown.
        label: the finding in one sentence.
    """
    shown = outcomes[-_MARKS:]
    places: dict[str, str] = {}
    for index, outcome in enumerate(shown):
        css, top = _MARK_TONES.get(outcome, ("z", 0.5))
        x = _WIDTH - (len(shown) - index) * _WIDTH / _MARKS
        places[css] = places.get(css, "") + f"M{_n(x + 1)} {_n(top)}h3.6V13.5h-3.6z"
    parts = (f'<path{f" class={chr(34)}{css}{chr(34)}" if css else ""} d="{path}"/>' for css, path in places.items())
    return _svg("marks", _WIDTH, 14, label, "".join(parts))


def budget(percent: float, tone: str = "") -> Markup:
    """Return the bar of what is left of a budget; decoration beside its number. ``tone`` is empty, ``w`` or ``b``."""
    width = max(0.0, min(100.0, percent)) * 0.96
    css = f"v {tone}".strip()
    filled = f'<rect class="{css}" width="{_n(width)}" height="6"/>' if width else ""
    return Markup('<svg class="bar" viewBox="0 0 96 6" aria-hidden="true"><rect width="96" height="6"/>' + filled + "</svg>")  # noqa: S704 (numbers and own classes)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> _Scale:
        low, high = min(values), max(values)
        if high == low:
            low, high = low - 1, high + 1
        return cls(low, high)

    def y(self, value: float) -> float:
        return _HEIGHT - _EDGE - (value - self.low) / (self.high - self.low) * (_HEIGHT - 2 * _EDGE)


def _x(place: float) -> float:
    return 2 + max(0.0, min(1.0, place)) * 106


def _runs(points: Sequence[tuple[float, float | None]]) -> Iterator[list[tuple[float, float]]]:
    """Yield stretches without a gap."""
    run: list[tuple[float, float]] = []
    for place, value in points:
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((place, value))
    if run:
        yield run


def _broken(
    points: Sequence[tuple[float, float | None]], bound: float | None, worse: Literal["above", "below"]
) -> Iterator[list[tuple[float, float]]]:
    """Yield stretches beyond the bound, each with the last good point before it."""
    for run in _runs(points):
        stretch: list[tuple[float, float]] = []
        for before, point in zip([run[0], *run], run, strict=False):
            if _is_bad(point[1], bound, worse):
                stretch = stretch or ([before] if before != point else [])
                stretch.append(point)
            elif stretch:
                yield stretch
                stretch = []
        if len(stretch) > 1:
            yield stretch


def _gaps(points: Sequence[tuple[float, float | None]]) -> list[str]:
    """Return a dashed box for each stretch without evidence, at least 4 wide."""
    boxes, start = [], None
    for place, value in [*points, (1.0, 0.0)]:
        if value is None:
            start = place if start is None else start
        elif start is not None:
            width = max(4.0, _x(place) - _x(start))
            boxes.append(f'<rect class="gap" x="{_n(_x(start))}" y="4" width="{_n(width)}" height="20" rx="2"/>')
            start = None
    return boxes


def _is_bad(value: float, bound: float | None, worse: Literal["above", "below"]) -> bool:
    if bound is None:
        return False
    return value > bound if worse == "above" else value < bound


def _line(points: Sequence[tuple[float, float]], scale: _Scale) -> str:
    return "M" + " ".join(f"{_n(_x(place))} {_n(scale.y(value))}" for place, value in points)


def _height(value: float, top: float) -> float:
    return _BASE - value / top * (_BASE - _TOP)


def _bar(bar: Bar, x: float, top: float) -> str:
    if bar.value is None:
        return f'<rect class="gap" x="{_n(x)}" y="120" width="18" height="20" rx="2"/>'
    y = min(_height(bar.value, top), _BASE - _BAR_MIN)
    drawn = f'<rect class="b{bar.tone}" x="{_n(x)}" y="{_n(y)}" width="18" height="{_n(_BASE - y)}"/>'
    if bar.tone and bar.text:
        css = "bad" if bar.tone == "x" else "warn"
        side = ("end", x + 18) if x > _WIDE / 2 else ("start", x)
        drawn += f'<text class="{css}" x="{_n(side[1])}" y="{_n(y - 6)}" text-anchor="{side[0]}">{escape(bar.text)}</text>'
    return drawn


def _nice(value: float, *, whole: bool) -> float:
    """Return the next round number that a chart may end at, so that three steps make round ticks (whole ones for counts)."""
    if value < _LEAST:
        return 3.0
    scale = 10.0 ** (len(str(int(value))) - 1) if value >= 1 else 1.0
    while value < scale:
        scale /= 10
    tops = (step * 3 * scale for step in _STEPS if not whole or (step * scale).is_integer())
    return next(top for top in tops if top >= value)


def _tick(value: float) -> str:
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg(css: str, width: float, height: float, label: str, inside: str) -> Markup:
    box = f'viewBox="0 0 {_n(width)} {_n(height)}"'
    return Markup(f'<svg class="{css}" {box} role="img" aria-label="{escape(label)}">{inside}</svg>')  # noqa: S704 (texts are escaped where they are put in)
