"""``controlplane.check``: what the gate does with a rule's failing rows, and which rows it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from controlplane.contracts.model import Allowance, Mode, Tolerance
from controlplane.contracts.properties import Properties
from controlplane.contracts.scope import Scope
from controlplane.contracts.vocabulary import ROW_SCOPE, ROWS_OR_PERCENT
from controlplane.kernel.outcome import Severity
from controlplane.kernel.reading import Section

_PERCENT = Decimal(100)
_CLOSE = ("aggregate", "reconciliation", "sql")
_MANY = 2**31


@dataclass(frozen=True)
class Handling:
    """The part of a rule that is ours; the defaults are those of a rule without ``controlplane.check``."""

    blocking: bool | None = None
    min_rows: int = 0
    where: str | None = None
    segment_by: str | None = None
    quarantine: Allowance | None = None
    tolerance: Tolerance | None = None
    reason: str | None = None


def read_handling(ours: Properties, kind: str, severity: Severity, scope: Scope, mode: Mode) -> Handling:
    """Return how a rule's failing rows are handled.

    Args:
        ours: the rule's properties of ours.
        kind: the rule's kind.
        severity: the rule's severity; error and critical block unless said otherwise.
        scope: the dataset's fields.
        mode: how the dataset is written: from an overwritten one no row can be set aside.
    """
    shorthand = ours.get("blocking")
    blocking = shorthand.flag("value") if shorthand else None
    entry = ours.get("check")
    if entry is None:
        return Handling(blocking=blocking)
    section = Section(scope.issues, entry.at("value"), entry.data.get("value"))
    inner = section.flag("blocking")
    if shorthand is not None and inner is not None:
        section.problem("blocking", "is also given as controlplane.blocking; keep one")
    found = Handling(
        blocking=inner if blocking is None else blocking,
        min_rows=section.integer("minRows", allowed=range(_MANY)) or 0,
        where=_where(section, kind, scope),
        segment_by=scope.named(section, "segmentBy"),
        quarantine=_allowance(section, kind, mode),
        tolerance=_tolerance(section, kind),
        reason=section.text("reason"),
    )
    blocks = found.blocking if found.blocking is not None else severity.rank >= Severity.ERROR.rank
    if found.quarantine is not None and not blocks:
        message = "sets rows aside, but a check that does not block publishes its failing rows; write blocking: true"
        section.problem("quarantine", message)
    section.done()
    return found


def _where(section: Section, kind: str, scope: Scope) -> str | None:
    if kind == "sql" and "where" in section:
        section.asked["where"] = None
        section.problem("where", "is not for type sql; write the condition into the query")
        return None
    return scope.condition(section, "where")


def _allowance(section: Section, kind: str, mode: Mode) -> Allowance | None:
    inner = section.section("quarantine")
    if inner is None:
        return None
    if kind not in ROW_SCOPE:
        section.problem("quarantine", f"{kind} judges the whole table, so no single row can be set aside; remove it")
    elif mode is Mode.OVERWRITE:
        section.problem("quarantine", "the dataset is overwritten as a whole, so no row can be set aside; remove it")
    most = inner.number("max", required=True)
    unit = inner.text("unit", allowed=ROWS_OR_PERCENT) or "rows"
    reason = inner.text("reason")
    if most is not None and (most < 0 or (unit == "percent" and most > _PERCENT)):
        inner.problem("max", f"must be {'from 0 to 100' if unit == 'percent' else 'at least 0'}, not {most}")
    inner.done()
    return None if most is None else Allowance(max=most, unit=unit, reason=reason)


def _tolerance(section: Section, kind: str) -> Tolerance | None:
    inner = section.section("tolerance")
    if inner is None:
        return None
    found = Tolerance(absolute=inner.number("absolute"), percent=inner.number("percent"))
    inner.done()
    if kind not in _CLOSE:
        section.problem("tolerance", f"closeness of numbers is for {', '.join(_CLOSE)}, not for {kind}; remove it")
    given = [number for number in (found.absolute, found.percent) if number is not None]
    if len(given) != 1:
        section.problem("tolerance", "needs exactly one of absolute and percent")
    elif given[0] < 0:
        section.problem("tolerance", f"must be at least 0, not {given[0]}")
    return found
