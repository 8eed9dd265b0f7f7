"""Results of checks as people read them: the measured number with its basis, what was allowed, and how it went lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from typing import Literal

from markupsafe import Markup

from checks.model import Check, CheckKind
from checks.numbers import rounded
from controlplane.kernel.durations import from_unit
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.viewing.statements import allowed
from controlplane.usecases.views_ports import PastResult
from controlplane.web.charts import Bar, bars, sparkline, strip
from controlplane.web.formatting import UNKNOWN, duration, percent, plural, thousands

_GAP = "\N{NO-BREAK SPACE}"
_ORDER = (Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE, Outcome.PASSED)
_WORDS = {outcome.value: outcome.value.replace("_", " ") for outcome in Outcome}
_TIMES = frozenset({"s", "min", "h", "d"})
_UPPER = frozenset({"mustBe", "mustBeLessThan", "mustBeLessOrEqualTo"})
_LOWER = frozenset({"mustBeGreaterThan", "mustBeGreaterOrEqualTo"})


@dataclass(frozen=True)
class Measured:
    """A measured number and the line below it."""

    value: str
    basis: str


def measured(result: StoredResult) -> Measured:
    """Return what was measured with its unit, and of how many rows."""
    total = "" if result.rows_total is None else f"of {plural(result.rows_total, 'row')}"
    failed = result.rows_failed
    if result.value is None:
        return Measured(UNKNOWN, total)
    if result.unit == "percent" and failed is not None and result.rows_total is not None:
        total = f"{thousands(failed)} of {plural(result.rows_total, 'row')}"
    return Measured(quantity(result.value, result.unit), total)


def quantity(value: Decimal | None, unit: str) -> str:
    """Return a number with its unit: ``6.8 %``, ``2 rows``, ``26 min``; a length of time in the units people use."""
    if value is None or not value.is_finite():
        return UNKNOWN
    if unit == "percent":
        return percent(value, 4)
    if unit in _TIMES:
        return duration(from_unit(float(value), unit))
    if unit == "rows" and value == value.to_integral_value():
        return plural(int(value), "row")
    shown = thousands(Decimal(rounded(value)))
    return f"{shown}{_GAP}{unit}" if unit else shown


def allowed_of(result: StoredResult, check: Check | None) -> str:
    """Return what was allowed; of a check the contract no longer has, its threshold as it was written."""
    if check is not None:
        return allowed(check)
    return ", ".join(f"{operator} {operand}" for operator, operand in result.threshold.items())


def tally(outcomes: Mapping[str, int] | Iterable[str]) -> Sequence[tuple[str, int, str]]:
    """Return (outcome, how many, its word), what needs a person first; outcomes that nobody had are left out."""
    counts = outcomes if isinstance(outcomes, Mapping) else Counter(outcomes)
    return [(outcome.value, counts[outcome], _WORDS[outcome]) for outcome in _ORDER if counts.get(outcome)]


def trend(past: Sequence[PastResult], check: Check | None) -> Markup:
    """Return the last runs in small: the measured number with what is allowed, or one mark a run where it is a plain count."""
    words = ", then ".join(f"{count} {_WORDS[outcome]}" for outcome, count in _stretches(past)) or "never judged"
    label = f"Last {len(past)} runs: {words}"
    bound, worse = _bound(check)
    if check is None or bound is None or len(past) < 2 or not _is_line(past, check):  # noqa: PLR2004 (a line needs two points)
        return strip([one.outcome for one in past], label)
    last = len(past) - 1
    points = [(at / last, _number(one)) for at, one in enumerate(past)]
    newest = quantity(past[-1].value, past[-1].unit)
    return sparkline(points, bound=bound, worse=worse, label=f"{label}; newest {newest}, {allowed(check)}")


def history_chart(history: Sequence[PastResult], check: Check, zone: tzinfo) -> Markup | None:
    """Return a check's history as a wide chart, None before anything was measured."""
    shown = [one for one in history if one.segment == history[-1].segment][-24:]
    if not any(one.value is not None for one in shown):
        return None
    days = len({one.at.astimezone(zone).date() for one in shown}) > 1
    values = [
        Bar(
            label=one.at.astimezone(zone).strftime("%-d %b" if days else "%H:%M"),
            value=_number(one),
            tone="x" if one.outcome == Outcome.FAILED else "w" if one.outcome == Outcome.ERRORED else "",
            text=quantity(one.value, one.unit) if one.outcome == Outcome.FAILED and one is shown[-1] else "",
        )
        for one in shown
    ]
    unit = {"percent": f"{_GAP}%", "rows": "", "s": f"{_GAP}s"}.get(check.unit, f"{_GAP}{check.unit}")
    words = ", ".join(f"{count} {word}" for _, count, word in tally(one.outcome for one in shown))
    bound, _ = _bound(check)
    label = f"{len(shown)} newest results: {words}; newest {quantity(shown[-1].value, shown[-1].unit)}, {allowed(check)}"
    return bars(values, unit=unit, allowed=bound or None, label=label, allowed_text=allowed(check))


def _is_line(past: Sequence[PastResult], check: Check) -> bool:
    """Return whether the numbers say more than the outcomes: not where all of them are 0."""
    measures = check.unit == "percent" or check.unit in _TIMES or check.kind in {CheckKind.ROW_COUNT, CheckKind.AGGREGATE}
    return measures and any(one.value for one in past)


def _bound(check: Check | None) -> tuple[float | None, Literal["above", "below"]]:
    if check is None:
        return None, "above"
    operator, operand = check.threshold.operator.value, check.threshold.operand
    if check.quarantine.max > 0 and check.quarantine.unit == check.unit:
        return float(check.quarantine.max), "above"
    if operator in _LOWER:
        return float(operand[0]), "below"
    if operator in _UPPER:
        return float(operand[0]), "above"
    return (float(operand[1]), "above") if operator == "mustBeBetween" else (None, "above")


def _number(one: PastResult) -> float | None:
    return float(one.value) if one.value is not None and one.value.is_finite() else None


def _stretches(past: Sequence[PastResult]) -> list[tuple[str, int]]:
    """Return the outcomes as (outcome, how often in a row), oldest first."""
    found: list[tuple[str, int]] = []
    for one in past:
        if found and found[-1][0] == one.outcome:
            found[-1] = (one.outcome, found[-1][1] + 1)
        else:
            found.append((one.outcome, 1))
    return found[-4:]
