"""The ``aggregate`` kind: one number over a column."""

from __future__ import annotations

from collections.abc import Mapping

from checks.model import Check
from checks.sql.values import is_number, number
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import identifier

FUNCTIONS: Mapping[str, str] = {
    "sum": "sum({column})",
    "avg": "avg({column})",
    "min": "min({column})",
    "max": "max({column})",
    "stddev": "stddev_samp({column})",
    "median": "quantile_cont(CAST({column} AS DOUBLE), 0.5)",
    "quantile": "quantile_cont(CAST({column} AS DOUBLE), {quantile})",
}
"""Function to SQL. Sums, minima and maxima of decimals and integers are exact; a quantile that lies between two values is
interpolated, as a double (DuckDB would cut it to the scale of a decimal column)."""


def aggregate_text(check: Check, field: str, canonical: str) -> str:
    """Return the SQL of a check's aggregate over ``field``, to which a FILTER clause can be added.

    Raises:
        ConfigurationError: the function is unknown, the quantile is none, or the column holds no numbers.
    """
    function = check.arguments.get("function")
    template = FUNCTIONS.get(str(function))
    if template is None:
        message = f"{check.id}: function {function!r} is unknown; allowed are {', '.join(FUNCTIONS)}"
        raise ConfigurationError(message)
    if canonical != "unknown" and not is_number(canonical):
        message = f"{check.id}: aggregate {function} needs a column of numbers; {field} is {canonical}"
        raise ConfigurationError(message)
    return template.format(column=identifier(field), quantile=_quantile(check) if function == "quantile" else "")


def aggregate_words(check: Check, field: str) -> str:
    """Return the aggregate as a person says it: ``sum of amount``, ``0.95 quantile of amount``."""
    function = str(check.arguments.get("function"))
    if function == "quantile":
        return f"{check.arguments.get('quantile')} quantile of {field}"
    words = {"avg": "average", "min": "smallest", "max": "largest", "stddev": "standard deviation"}
    joint = " " if function in {"min", "max"} else " of "
    return f"{words.get(function, function)}{joint}{field}"


def _quantile(check: Check) -> str:
    wanted = number(check.arguments.get("quantile"))
    if wanted is None or not 0 <= wanted <= 1:
        message = f"{check.id}: quantile {check.arguments.get('quantile')!r} must be a number from 0 to 1, such as 0.95"
        raise ConfigurationError(message)
    return format(wanted, "f")
