"""Column edges of SQL text: the public question and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from controlplane.kernel.errors import ConfigurationError
from lineage.columns.catalog import Catalog
from lineage.columns.flows import Trace
from lineage.columns.parsing import parse_statements
from lineage.columns.queries import read_query
from lineage.columns.scopes import Context
from lineage.columns.statements import Written, read_statement
from lineage.model import ColumnEdge, ColumnLineage, ColumnRef

_REMEMBERED = 1_000
"""A pipeline says the same of each of its runs; reading a SELECT takes longer than running it on a small batch."""

_LATERAL_ALIASES = frozenset({"databricks", "spark", "snowflake", "redshift", "duckdb", "clickhouse", "teradata", "dremio"})


def column_lineage(
    sql: str, *, dialect: str = "databricks", schema: Mapping[str, Sequence[str]], output: str = "output"
) -> ColumnLineage:
    """Return which stored columns each written column comes from or is steered by.

    Args:
        sql: one or more statements; the edges of all of them are united.
        dialect: a dialect name of sqlglot.
        schema: columns in order by dataset (``{"silver.orders": ["order_id", ...]}``); may be empty, then ``*`` and columns
            that several tables could have stay unresolved.
        output: name of the dataset that a bare SELECT writes; INSERT, CREATE, MERGE and UPDATE name their own.

    Returns:
        Edges with a target each (an influence on all rows has one edge per output column), and what stays unknown.

    Raises:
        ConfigurationError: the dialect is unknown, the text does not parse, or it is nested too deeply.
    """
    return _lineage(sql, dialect, tuple((dataset, tuple(columns)) for dataset, columns in schema.items()), output)


@lru_cache(maxsize=_REMEMBERED)
def _lineage(sql: str, dialect: str, schema: tuple[tuple[str, tuple[str, ...]], ...], output: str) -> ColumnLineage:
    statements = parse_statements(sql, dialect)
    name = dialect.strip().lower()
    context = Context(Catalog(dict(schema)), name, name in _LATERAL_ALIASES, read_query)
    edges: set[ColumnEdge] = set()
    unresolved: set[str] = set()
    try:
        for statement in statements:
            for written in read_statement(statement, context):
                dataset = output if written.target is None else context.catalog.table(written.target).dataset
                edges.update(_edges(written, dataset))
                unresolved.update(_unresolved(written, dataset))
    except RecursionError:
        message = "The SQL is nested too deeply to be followed; split it into common table expressions."
        raise ConfigurationError(message) from None
    return ColumnLineage(tuple(sorted(edges)), tuple(sorted(unresolved)))


def to_report(lineage: ColumnLineage) -> dict[str, object]:
    """Return the lineage as ``lineage columns --format json`` prints it, sorted."""
    edges = [
        {
            "from": str(edge.source),
            "to": str(edge.target),
            "kind": edge.kind.value,
            "transformation": edge.transformation,
            "masking": edge.masking,
        }
        for edge in sorted(set(lineage.edges))
    ]
    return {"edges": edges, "unresolved": sorted(set(lineage.unresolved))}


def _edges(written: Written, dataset: str) -> Iterator[ColumnEdge]:
    for column in written.relation.columns:
        target = ColumnRef(dataset, column.name)
        for flow in column.trace.flows | written.relation.rows.flows:
            effect = flow.effect
            yield ColumnEdge(flow.source, target, effect.kind, effect.transformation, effect.masking)


def _unresolved(written: Written, dataset: str) -> Iterator[str]:
    yield from (f"{dataset}: {reason}" for reason in written.relation.rows.gaps)
    for column in written.relation.columns:
        yield from (f"{dataset}.{column.name}: {reason}" for reason in column.trace.gaps)
    for rest in written.relation.rest:
        found: Trace | None = rest.find("*")
        reasons = found.gaps if found is not None else frozenset()
        yield from (f"{dataset}: {reason}" for reason in reasons)
        if not reasons:
            yield f"{dataset}: * stands for the columns of {rest.label}, which are not known; give the schema"
