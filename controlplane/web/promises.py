"""Promises as people read them: what was promised, where it stands now, what is left, and the days that were lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from markupsafe import Markup

from controlplane.slas.model import Indicator
from controlplane.slas.status import Day, ObjectiveStatus, PromiseState
from controlplane.web.charts import HeatCell, sparkline
from controlplane.web.formatting import UNKNOWN, day, duration, percent, plural, short, thousands

_GAP = "\N{NO-BREAK SPACE}"
_RATIO_DIGITS = 3
_TIMED = frozenset({Indicator.FRESHNESS, Indicator.QUERY_TIME})
_LOUD = {PromiseState.BROKEN: "hot", PromiseState.NO_EVIDENCE: "hot e"}
_RISKS = (PromiseState.PREDICTED, PromiseState.FAST_BURN, PromiseState.SLOW_BURN)
_STRIPS = 8
_DAYS = 30
_BUDGET_LOW = 20
_FEW = 10
_HEAVY, _SOME = Decimal(30), Decimal(10)
_WORDS = {
    Indicator.FRESHNESS: "fresh",
    Indicator.COMPLETENESS: "complete",
    Indicator.ACCURACY: "accurate",
    Indicator.QUERY_TIME: "fast",
}
_UNITS = {"min": "minutes", "rows": "rows"}


@dataclass(frozen=True)
class PromiseRow:
    """One promise in one row of the board; texts are ready to be shown.

    Attributes:
        row: class of the row: what needs a person has a coloured edge, what is fine is folded on a phone.
        left: percent of the budget that is left, None without a budget; tone: of its bar.
    """

    status: ObjectiveStatus
    row: str
    title: str
    now: str
    now_basis: str
    is_bad: bool
    basis: str
    left: Decimal | None
    left_text: str
    left_basis: str
    tone: str
    burn: str
    burn_basis: str
    trend: Markup | None


@dataclass(frozen=True)
class Strip:
    """The last days of one consumer, counted in one unit.

    Attributes:
        unit: ``minutes`` or ``rows``; label: the finding in one sentence.
    """

    consumer: str
    unit: str
    cells: tuple[HeatCell, ...]
    label: str


@dataclass(frozen=True)
class LostDay:
    """One day on which a promise lost more than its even share."""

    day: date
    status: ObjectiveStatus
    text: str


def promise_row(status: ObjectiveStatus) -> PromiseRow:
    """Return a promise as a row of the board."""
    budget, is_bad = status.budget, status.state is PromiseState.BROKEN
    left = budget.left_percent if budget else None
    quiet = status.state in {PromiseState.KEPT, PromiseState.MAINTENANCE, PromiseState.NOT_APPLICABLE}
    alarm = f"tells at {_times(status.burn_alert)}" if status.burn_alert is not None and not quiet else ""
    return PromiseRow(
        status=status,
        row="calm" if quiet else _LOUD.get(status.state, "hot w"),
        title=title(status),
        now=value_text(status),
        now_basis=status.value_basis,
        is_bad=is_bad,
        basis=basis_text(status),
        left=left,
        left_text=percent(left, 0) if left is not None else UNKNOWN,
        left_basis=left_words(status),
        tone=_budget_tone(left, is_calm=quiet),
        burn=_times(status.burn) if status.burn is not None else "",
        burn_basis=alarm,
        trend=trend(status),
    )


def title(status: ObjectiveStatus) -> str:
    """Return what was promised in a few words (``Fresh within 6 h``, ``Complete to 99.5 %``)."""
    word = _WORDS[status.indicator].capitalize()
    if status.indicator in _TIMED:
        return f"{word} within {duration(status.bound)}" if status.bound is not None else word
    return f"{word} to {percent(status.bound if status.bound is not None else status.target, _RATIO_DIGITS)}"


def value_text(status: ObjectiveStatus) -> str:
    """Return where it stands now: how old the data are, or percent."""
    if status.value is None:
        return UNKNOWN
    if status.indicator in _TIMED:
        return duration(status.value)
    return percent(status.value, _RATIO_DIGITS)


def basis_text(status: ObjectiveStatus) -> str:
    """Return how often it is to be so, over which time."""
    days = plural(status.window_days, "day")
    if status.indicator is Indicator.FRESHNESS:
        return f"{percent(status.target)} of {days}"
    if status.indicator is Indicator.QUERY_TIME:
        return f"{percent(status.target)} of queries"
    return f"of rows, {days}"


def left_words(status: ObjectiveStatus) -> str:
    """Return what is left of the budget in its own unit (``82 of 216 min``, ``59,640 rows``)."""
    budget = status.budget
    if budget is None:
        return ""
    left, total = max(Decimal(0), budget.left), budget.total
    unit = "min" if budget.unit == "min" else "rows"
    if total < _FEW:  # whole numbers would say "0 of 0 rows"
        return f"{left:.1f} of {total:.1f}{_GAP}{unit}"
    return f"{thousands(int(left))} of {thousands(int(total))}{_GAP}{unit}"


def trend(status: ObjectiveStatus) -> Markup | None:
    """Return the last 24 hours in small, None where there are no points."""
    if not status.day_series:
        return None
    last = max(1, len(status.day_series) - 1)
    points = [(at / last, None if point.value is None else float(point.value)) for at, point in enumerate(status.day_series)]
    bound = None if status.bound is None else float(status.bound)
    unknown = sum(1 for _, value in points if value is None)
    gap = f"; {unknown} of {len(points)} points without evidence" if unknown else ""
    label = f"{title(status)}, last 24 hours: now {value_text(status)}{gap}"
    return sparkline(points, bound=bound, worse="above" if status.indicator in _TIMED else "below", label=label)


def headline(counts: Mapping[PromiseState, int]) -> str:
    """Return the answer of the board in one sentence."""
    judged = sum(count for state, count in counts.items() if state is not PromiseState.NOT_APPLICABLE)
    broken, risk = counts.get(PromiseState.BROKEN, 0), sum(counts.get(state, 0) for state in _RISKS)
    if not judged:
        return "No promise can be judged yet"
    if broken:
        return f"{thousands(broken)} of {plural(judged, 'promise')} {'is' if broken == 1 else 'are'} broken"
    if risk:
        return f"No promise is broken, {thousands(risk)} of {thousands(judged)} {'is' if risk == 1 else 'are'} at risk"
    if unknown := counts.get(PromiseState.NO_EVIDENCE, 0):
        return f"No promise is broken, {thousands(unknown)} of {thousands(judged)} cannot be judged"
    return "The only promise is kept" if judged == 1 else f"All {plural(judged, 'promise')} are kept"


def tally(counts: Mapping[PromiseState, int]) -> str:
    """Return how many stand where, worst first (``2 broken, 1 predicted, 8 kept``)."""
    said = [
        f"{thousands(counts[state])} {state.value.replace('_', ' ')}"
        for state in PromiseState
        if counts.get(state) and state is not PromiseState.BROKEN
    ]
    return ", ".join(said)


def by_consumer(rows: Sequence[PromiseRow]) -> Sequence[tuple[str, Sequence[PromiseRow]]]:
    """Return rows by consumer; the consumer of the worst row comes first, and within it the worst row."""
    found: dict[str, list[PromiseRow]] = {}
    for row in rows:
        found.setdefault(row.status.consumer, []).append(row)
    return list(found.items())


def consumer_words(rows: Sequence[PromiseRow]) -> str:
    """Return a consumer's promises in a few words (``5 promises: 2 broken, 3 kept``)."""
    counts: dict[PromiseState, int] = {}
    for row in rows:
        counts[row.status.state] = counts.get(row.status.state, 0) + 1
    parts = [f"{counts[state]} {state.value.replace('_', ' ')}" for state in PromiseState if state in counts]
    return f"{plural(len(rows), 'promise')}: {', '.join(parts)}"


def strips(statuses: Iterable[ObjectiveStatus]) -> Sequence[Strip]:
    """Return the last 30 days of each consumer, of the worst promise each day, at most 8 strips.

    Rows get a strip of their own only where rows were lost.
    """
    groups: dict[tuple[str, str], list[ObjectiveStatus]] = {}
    for status in statuses:
        if status.budget is not None and status.days:
            groups.setdefault((status.consumer, _UNITS.get(status.budget.unit, status.budget.unit)), []).append(status)
    made = [_strip(consumer, unit, group) for (consumer, unit), group in groups.items()]
    alone = {consumer for consumer, _ in groups if len([1 for name, _ in groups if name == consumer]) == 1}
    order = list(dict.fromkeys(consumer for consumer, _ in groups))
    made.sort(key=lambda strip: order.index(strip.consumer))
    shown = [strip for strip in made if strip.unit == "minutes" or strip.consumer in alone or any(c.text for c in strip.cells)]
    return shown[:_STRIPS]


def lost_days(statuses: Iterable[ObjectiveStatus], limit: int = 20) -> Sequence[LostDay]:
    """Return days on which a promise lost more than its even share, newest first."""
    found = [
        LostDay(lost.day, status, _lost_text(lost, status))
        for status in statuses
        for lost in status.days
        if lost.state == "lost" and status.budget is not None
    ]
    return sorted(found, key=lambda entry: (entry.day, entry.status.consumer), reverse=True)[:limit]


def worst_sentence(status: ObjectiveStatus) -> str:
    """Return what a broken promise means to its consumer in one sentence."""
    if status.dataset and status.indicator is Indicator.FRESHNESS and status.value is not None:
        return f"{status.consumer} reads {status.dataset} that is {value_text(status)} old ({duration(status.bound)} promised)."
    what, word = status.dataset or status.promise, _WORDS[status.indicator]
    promised = duration(status.bound) if status.indicator in _TIMED else percent(status.target, _RATIO_DIGITS)
    return f"{what} is {value_text(status)} {word} ({promised} promised to {status.consumer})."


def _budget_tone(left: Decimal | None, *, is_calm: bool) -> str:
    """Return the tone of a budget's bar: red when it is spent, amber when it is low or something eats it."""
    if left is None:
        return ""
    return "b" if left <= 0 else "w" if left <= _BUDGET_LOW or not is_calm else ""


def _strip(consumer: str, unit: str, statuses: Sequence[ObjectiveStatus]) -> Strip:
    days = sorted({entry.day for status in statuses for entry in status.days})[-_DAYS:]
    cells, said = [], []
    counted = {entry.day for status in statuses for entry in status.days if entry.state != "no_evidence"}
    first = min(counted, default=days[0] if days else None)
    for which in days:
        if first is not None and which < first:
            cells.append(HeatCell("", "hx"))  # nothing was promised of a table that did not exist
            continue
        entries = [(entry, status) for status in statuses for entry in status.days if entry.day == which]
        worst, owner = max(entries, key=lambda pair: (_used(*pair), pair[0].state == "no_evidence"))
        states = {entry.state for entry, _ in entries}
        if worst.state == "lost":
            cells.append(HeatCell(short(worst.lost), _tone(_used(worst, owner))))
            said.append(f"{day(which)} {_lost_text(worst, owner)}")
        elif "no_evidence" in states:
            cells.append(HeatCell("?", "h0"))
            said.append(f"{day(which)} no evidence")
        elif states == {"planned"}:
            cells.append(HeatCell("\N{EN DASH}", "hx"))
            said.append(f"{day(which)} not counted")
        else:
            cells.append(HeatCell())
    kept = len([cell for cell in cells if not cell.tone])
    before = f"; not counted before {day(first)}" if first is not None and days[0] < first else ""
    label = f"{consumer}, {unit}, {plural(len(cells), 'day')}: {kept} kept{before}" + "".join(f"; {words}" for words in said)
    return Strip(consumer, unit, tuple(cells), label)


def _used(entry: Day, status: ObjectiveStatus) -> Decimal:
    """Return how much of the window's budget a day used, in percent."""
    total = status.budget.total if status.budget else Decimal(0)
    if entry.state != "lost":
        return Decimal(0)
    return entry.lost / total * 100 if total > 0 else Decimal(100)


def _tone(used: Decimal) -> str:
    return "h3" if used > _HEAVY else "h2" if used >= _SOME else "h1"


def _lost_text(entry: Day, status: ObjectiveStatus) -> str:
    unit = status.budget.unit if status.budget else ""
    return plural(int(entry.lost), "row") if unit == "rows" else f"{thousands(int(entry.lost))}{_GAP}{unit}"


def _times(burn: Decimal) -> str:
    shown = burn.quantize(Decimal("0.1")) if burn < 10 else burn.quantize(Decimal(1))  # noqa: PLR2004 (two figures that matter)
    return f"{thousands(shown)}{_GAP}\N{MULTIPLICATION SIGN}"
