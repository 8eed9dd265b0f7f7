"""The ``sql`` kind: a steward's query made ready to run (pure).

Whether it may run at all is decided when it is written (one read-only SELECT, allowed datasets, no files); this module holds
the line a second time for what reaches an engine: one SELECT that reads nothing but datasets registered for the check.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from checks.model import Check
from checks.sql.conditions import condition
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import identifier, relation

_FORBIDDEN = (exp.DDL, exp.DML, exp.Command, exp.Into)


def prepare(check: Check, subject: str, references: Mapping[str, str]) -> str:
    """Return the check's query over registered relations.

    ``{object}`` (and the dataset's own name) becomes the subject, or its rows that meet ``check.where``; ``{property}`` and
    ``{field}`` become the column; names of other datasets become what they are registered as.

    Raises:
        ConfigurationError: the query is not one SELECT, or reads something that is not registered.
    """
    if not check.query:
        message = f"{check.id}: a sql check needs a query"
        raise ConfigurationError(message)
    text = check.query.replace("{object}", relation(check.dataset))
    for placeholder in ("{property}", "{field}"):
        if placeholder in text:
            text = text.replace(placeholder, identifier(_field(check, placeholder)))
    known = {name.lower(): registered for name, registered in {**references, check.dataset: subject}.items()}
    return _prepared(text, check.id, check.dataset.lower(), check.where, tuple(known.items()))


@lru_cache(maxsize=2_000)
def _prepared(text: str, check_id: str, dataset: str, where: str | None, known: tuple[tuple[str, str], ...]) -> str:
    query = _parse(check_id, text)
    _redirect(check_id, query, dataset, where, dict(known))
    return query.sql(dialect="duckdb")


def _field(check: Check, placeholder: str) -> str:
    if not check.fields:
        message = f"{check.id}: {placeholder} stands for a property, but the rule is on the whole dataset; name the column"
        raise ConfigurationError(message)
    return check.fields[0]


def _parse(check_id: str, text: str) -> exp.Query:
    try:
        statements = [statement for statement in sqlglot.parse(text, read="duckdb") if statement is not None]
    except SqlglotError as error:
        message = f"{check_id}: the query cannot be read as SQL"
        raise ConfigurationError(message) from error
    only = statements[0] if len(statements) == 1 else None
    if not isinstance(only, exp.Query) or only.find(*_FORBIDDEN) is not None:
        message = f"{check_id}: the query must be one SELECT and nothing else"
        raise ConfigurationError(message)
    return only


def _redirect(check_id: str, query: exp.Query, dataset: str, where: str | None, known: Mapping[str, str]) -> None:
    common = {cte.alias_or_name for cte in query.find_all(exp.CTE)}
    for table in list(query.find_all(exp.Table)):
        name = ".".join(part.name for part in table.parts) if isinstance(table.this, exp.Identifier) else table.sql()
        if name in common:
            continue
        if name.lower() not in known:
            message = (
                f"{check_id}: the query reads {name}, which is not available to it; it may read {', '.join(sorted(known))}"
            )
            raise ConfigurationError(message)
        narrowed = condition(where) if name.lower() == dataset and where else None
        table.replace(_source(table, known[name.lower()], narrowed))


def _source(table: exp.Table, registered: str, where: str | None) -> exp.Expression:
    """Return what a table becomes; it keeps its name, so that ``orders.amount`` goes on meaning what it meant."""
    rows = sqlglot.parse_one(f"SELECT * FROM {relation(registered)}{f' WHERE {where}' if where else ''}", read="duckdb")
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
    return exp.Subquery(this=rows, alias=alias.copy(), joins=table.args.get("joins"))
