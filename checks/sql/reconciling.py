"""The ``reconciliation`` kind: two datasets tell the same sums, as a whole or group by group (pure: builds the SQL).

Arguments, in the contract's words:

* ``to``: the other dataset.
* ``measure``: an aggregate over this dataset, ``sum(amount)``; ``toMeasure``: over the other one (the same where not given).
* ``keys``: what to compare by: a list of columns that both have, or a mapping of an expression here to an expression there,
  such as ``{revenue_date: "CAST(created_at AS DATE)"}``. Without keys the two totals are compared.
* ``where``, ``toWhere``: conditions on this and the other dataset's rows.

"Facts equal the pinned silver orders to the cent": ``{to: silver.orders, measure: sum(amount), mustBe: 0}``. "Daily revenue
equals the facts, by region and day": ``{to: gold.fact_orders, measure: sum(revenue), toMeasure: sum(amount), keys: {region:
region, revenue_date: order_date}, mustBe: 0, unit: rows}``. The value is the absolute difference without keys and the number
(or percent) of differing groups with them; a group that only one side has differs. ``tolerance`` says how far two sides may
lie apart and still count as equal; percent is of the other dataset's side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from checks.measuring import exact, share, whole
from checks.model import Check, Closeness, Measurement
from checks.sql.conditions import condition, expression, measure
from checks.sql.values import numeral
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import identifier, relation


@dataclass(frozen=True)
class Comparison:
    """What a reconciliation check compares, checked and enclosed."""

    here: str
    there: str
    keys: tuple[tuple[str, str], ...]
    where: str
    to_where: str


def comparison(check: Check) -> Comparison:
    """Return what a check compares.

    Raises:
        ConfigurationError: an argument is missing or is no SQL of its sort.
    """
    arguments = check.arguments
    if "measure" not in arguments:
        message = f"{check.id}: reconciliation needs a measure such as sum(amount) or count(*)"
        raise ConfigurationError(message)
    return Comparison(
        here=measure(arguments["measure"]),
        there=measure(arguments.get("toMeasure", arguments["measure"]), name="toMeasure"),
        keys=tuple(key_pairs(check)),
        where=_where([check.where, arguments.get("where")]),
        to_where=_where([arguments.get("toWhere")]),
    )


def key_pairs(check: Check) -> Sequence[tuple[str, str]]:
    """Return pairs of expressions to compare by; none for totals.

    Raises:
        ConfigurationError: ``keys`` is neither a list nor a mapping, or holds no expressions.
    """
    keys = check.arguments.get("keys", ())
    if isinstance(keys, Mapping):
        return [(expression(here, name="keys"), expression(there, name="keys")) for here, there in keys.items()]
    if isinstance(keys, list | tuple):
        return [(identifier(str(name)), identifier(str(name))) for name in keys]
    message = (
        f"{check.id}: keys must be a list of columns, or a mapping of an expression here to one in {check.arguments['to']}"
    )
    raise ConfigurationError(message)


def compare_query(check: Check, here: str, there: str) -> str:
    """Return the one-row SELECT that compares two registered relations.

    Raises:
        ConfigurationError: an argument is missing or is no SQL of its sort.
    """
    asked = comparison(check)
    return _grouped(asked, here, there, check.tolerance) if asked.keys else _totals(asked, here, there)


def read_comparison(check: Check, row: Mapping[str, object]) -> Measurement:
    """Return the measurement of the row that ``compare_query`` gave."""
    total = whole(row["rows_here"]) + whole(row["rows_there"])
    if "groups" in row:
        failed, groups = whole(row["differing"]), whole(row["groups"])
        detail = {name: str(whole(row[name])) for name in ("groups", "only_here", "only_there")}
        value = share(failed, groups) if check.unit == "percent" else Decimal(failed)
        return Measurement(check.id, value, total, detail=detail)
    try:
        left, right, apart = exact(row["here"]), exact(row["there"]), exact(row["difference"])
        value = _part_of(apart, right) if check.unit == "percent" else apart
    except ConfigurationError as error:
        return Measurement(check.id, None, total, error=str(error))
    return Measurement(check.id, value, total, detail={"here": str(left), "there": str(right)})


def _part_of(difference: Decimal, other: Decimal) -> Decimal:
    if not other:
        if not difference:
            return Decimal(0)
        message = "the difference cannot be given in percent, because the other side is 0"
        raise ConfigurationError(message)
    return 100 * difference / abs(other)


def _totals(asked: Comparison, here: str, there: str) -> str:
    """A sum over no rows is 0."""
    sides = [
        f"(SELECT coalesce({value}, 0) AS side, count(*) AS counted FROM {relation(name)}{where}) AS {alias}"
        for value, name, where, alias in ((asked.here, here, asked.where, "h"), (asked.there, there, asked.to_where, "t"))
    ]
    columns = [
        "CAST(h.side AS VARCHAR) AS here",
        "CAST(t.side AS VARCHAR) AS there",
        "CAST(abs(h.side - t.side) AS VARCHAR) AS difference",
        "h.counted AS rows_here",
        "t.counted AS rows_there",
    ]
    return f"SELECT {', '.join(columns)} FROM {', '.join(sides)}"


def _grouped(asked: Comparison, here: str, there: str, tolerance: Closeness) -> str:
    """Stack both sides and group once more: unlike a full join this needs no rule for keys that are null."""
    names = [f"k{index}" for index in range(len(asked.keys))]
    by = ", ".join(str(index + 1) for index in range(len(names)))
    left = ", ".join(f"{pair[0]} AS {name}" for pair, name in zip(asked.keys, names, strict=True))
    right = ", ".join(f"{pair[1]} AS {name}" for pair, name in zip(asked.keys, names, strict=True))
    stacked = (
        f"SELECT {left}, {asked.here} AS h, NULL AS t, count(*) AS n, 0 AS m "
        f"FROM {relation(here)}{asked.where} GROUP BY {by}"
        f" UNION ALL SELECT {right}, NULL, {asked.there}, 0, count(*) FROM {relation(there)}{asked.to_where} GROUP BY {by}"
    )
    joined = f"SELECT max(h) AS h, max(t) AS t, sum(n) AS n, sum(m) AS m FROM ({stacked}) GROUP BY {', '.join(names)}"
    differs = f"n = 0 OR m = 0 OR (h IS DISTINCT FROM t AND NOT coalesce({_close(tolerance)}, FALSE))"
    return (
        f"SELECT count(*) AS groups, count(*) FILTER (WHERE m = 0) AS only_here, count(*) FILTER (WHERE n = 0) AS only_there, "
        f"count(*) FILTER (WHERE {differs}) AS differing, sum(n) AS rows_here, sum(m) AS rows_there FROM ({joined})"
    )


def _close(tolerance: Closeness) -> str:
    if tolerance.absolute is not None:
        return f"abs(h - t) <= {numeral(tolerance.absolute)}"
    if tolerance.percent is not None:
        # as doubles: the product of two wide decimals does not fit one
        return f"CAST(abs(h - t) AS DOUBLE) * 100 <= CAST({numeral(tolerance.percent)} AS DOUBLE) * CAST(abs(t) AS DOUBLE)"
    return "FALSE"


def _where(texts: Sequence[object]) -> str:
    conditions = [condition(text) for text in texts if text is not None]
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
