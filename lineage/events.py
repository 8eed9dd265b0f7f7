"""Run events as OpenLineage writes them, spec 2-0-2. Pure: a ``RunEvent`` in, plain JSON data out.

Built by hand and not with ``openlineage-python``: importing its classes takes about a second, these dicts take none. The tests
load every facet into those classes, so names, required fields and schema versions are theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from lineage.model import Assertion, ColumnEdge, ColumnRef, DatasetVersion, EdgeKind, EventType, RunEvent

PRODUCER = "urn:controlplane:lineage"
"""The URI that says who made an event."""

_SPEC = "https://openlineage.io/spec"
_SCHEMA_URL = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DataQualityAssertionsDatasetFacet": "1-1-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "ErrorMessageRunFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "SQLJobFacet": "1-1-0",
    "SchemaDatasetFacet": "1-2-0",
    "TestRunFacet": "1-0-1",
}
_ON_ALL_ROWS = frozenset({"filter", "join", "group_by", "sort"})
_SEVERITIES = {"info": "warn", "warning": "warn", "error": "error", "critical": "error"}

Json = dict[str, object]


def to_openlineage(event: RunEvent) -> dict[str, object]:
    """Return a run event as OpenLineage JSON data.

    What is not known is left out, never guessed. The job's SQL and the error's text are carried as they are given, so the error
    must have been redacted before. No value of any row is in an event.
    """
    job_facets: Json = {"jobType": _facet("JobTypeJobFacet", processingType="BATCH", integration="CONTROLPLANE", jobType="JOB")}
    if event.sql is not None:
        job_facets["sql"] = _facet("SQLJobFacet", query=event.sql, dialect=event.sql_dialect)
    return {
        "eventType": event.event_type.value,
        "eventTime": event.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "producer": PRODUCER,
        "schemaURL": _SCHEMA_URL,
        "run": {"runId": str(event.run_id), "facets": _run_facets(event)},
        "job": {"namespace": event.job_namespace, "name": event.job_name, "facets": job_facets},
        "inputs": [_input(event, dataset) for dataset in event.inputs],
        "outputs": [_output(event, dataset) for dataset in event.outputs],
    }


def _facet(name: str, **content: object) -> Json:
    url = f"{_SPEC}/facets/{_VERSIONS[name]}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": url, **{key: value for key, value in content.items() if value is not None}}


def _run_facets(event: RunEvent) -> Json:
    facets: Json = {}
    if event.error is not None and event.event_type in {EventType.FAIL, EventType.ABORT}:
        facets["errorMessage"] = _facet("ErrorMessageRunFacet", message=event.error, programmingLanguage="PYTHON")
    tests = [_test(assertion) for dataset in sorted(event.assertions) for assertion in event.assertions[dataset]]
    if tests:
        facets["test"] = _facet("TestRunFacet", tests=tests)
    return facets


def _test(assertion: Assertion) -> Json:
    """Return one entry of the ``test`` run facet, the only one that can say *not judged*."""
    status = {True: "pass", False: "fail", None: "skip"}[assertion.success]
    entry: Json = {"name": assertion.assertion, "status": status, "type": assertion.assertion.rpartition(".")[2]}
    if assertion.severity is not None:
        entry["severity"] = _SEVERITIES.get(assertion.severity, assertion.severity)
    return entry


def _input(event: RunEvent, dataset: DatasetVersion) -> Json:
    facets = _assertion_facets(event, dataset)
    return {**_dataset(dataset), **({"inputFacets": facets} if facets else {})}


def _output(event: RunEvent, dataset: DatasetVersion) -> Json:
    entry = _dataset(dataset)
    edges = [edge for edge in event.columns.edges if edge.target.dataset == dataset.name] if event.columns else []
    if edges:
        entry["facets"] = {**_mapping(entry["facets"]), "columnLineage": _column_lineage(event, edges)}
    facets = _assertion_facets(event, dataset)
    if event.rows_written is not None or event.bytes_written is not None:
        statistics = _facet("OutputStatisticsOutputDatasetFacet", rowCount=event.rows_written, size=event.bytes_written)
        facets["outputStatistics"] = statistics
    return {**entry, **({"outputFacets": facets} if facets else {})}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _dataset(dataset: DatasetVersion) -> Json:
    facets: Json = {}
    if dataset.columns:
        # Readers such as Marquez draw a column edge only where both ends carry a schema with that column.
        fields = [
            {"name": name, "type": type_, "ordinal_position": place}
            for place, (name, type_) in enumerate(dataset.columns, start=1)
        ]
        facets["schema"] = _facet("SchemaDatasetFacet", fields=fields)
    if dataset.version is not None:
        facets["version"] = _facet("DatasetVersionDatasetFacet", datasetVersion=dataset.version)
    return {"namespace": dataset.namespace, "name": dataset.name, "facets": facets}


def _assertion_facets(event: RunEvent, dataset: DatasetVersion) -> Json:
    """Return verdicts on a dataset.

    The spec defines this facet for inputs. On an output it goes to ``outputFacets``, which may hold any facet: naming what a
    run writes as its input too would draw a loop.
    """
    judged = [
        {
            "assertion": assertion.assertion.rpartition(".")[2],
            "name": assertion.assertion,
            "success": assertion.success,
            **({"column": assertion.column} if assertion.column is not None else {}),
            **({"severity": _SEVERITIES.get(assertion.severity, assertion.severity)} if assertion.severity else {}),
        }
        for assertion in event.assertions.get(dataset.name, ())
        if assertion.success is not None
    ]
    return {"dataQualityAssertions": _facet("DataQualityAssertionsDatasetFacet", assertions=judged)} if judged else {}


def _column_lineage(event: RunEvent, edges: Sequence[ColumnEdge]) -> Json:
    namespaces = {dataset.name: dataset.namespace for dataset in (*event.outputs, *event.inputs)}
    whole, single = _split(edges)
    by_target: dict[str, list[ColumnEdge]] = defaultdict(list)
    for edge in single:
        by_target[edge.target.column].append(edge)
    fields = {
        column: {"inputFields": _input_fields(found, namespaces, event.job_namespace), **_deprecated(found)}
        for column, found in sorted(by_target.items())
    }
    influences = _input_fields(whole, namespaces, event.job_namespace)
    return _facet("ColumnLineageDatasetFacet", fields=fields, dataset=influences or None)


def _split(edges: Sequence[ColumnEdge]) -> tuple[list[ColumnEdge], list[ColumnEdge]]:
    """Part the influences on all rows, which reach every column, from edges of single columns."""
    targets = {edge.target for edge in edges}
    reached: dict[tuple[ColumnRef, str, bool], set[ColumnRef]] = defaultdict(set)
    for edge in edges:
        if edge.kind is EdgeKind.INDIRECT and edge.transformation in _ON_ALL_ROWS:
            reached[edge.source, edge.transformation, edge.masking].add(edge.target)
    whole = {key for key, found in reached.items() if found == targets}
    kept: list[ColumnEdge] = []
    single: list[ColumnEdge] = []
    for edge in sorted(set(edges)):
        is_whole = edge.kind is EdgeKind.INDIRECT and (edge.source, edge.transformation, edge.masking) in whole
        (kept if is_whole else single).append(edge)
    return kept, single


def _input_fields(edges: Iterable[ColumnEdge], namespaces: Mapping[str, str], otherwise: str) -> list[Json]:
    """Return one entry per source column with all that is done to it."""
    done: dict[ColumnRef, set[tuple[str, str, bool]]] = defaultdict(set)
    for edge in edges:
        done[edge.source].add((edge.kind.value.upper(), edge.transformation.upper(), edge.masking))
    return [
        {
            "namespace": namespaces.get(source.dataset, otherwise),
            "name": source.dataset,
            "field": source.column,
            "transformations": [
                {"type": kind, "subtype": subtype, "description": "", "masking": masking}
                for kind, subtype, masking in sorted(transformations)
            ],
        }
        for source, transformations in sorted(done.items())
    ]


def _deprecated(edges: Sequence[ColumnEdge]) -> Json:
    """Return the two fields per column that the spec deprecated and that Marquez still shows instead of the newer list."""
    direct = sorted(edge for edge in edges if edge.kind is EdgeKind.DIRECT)
    if not direct:
        return {}
    subtypes = {edge.transformation for edge in direct}
    if all(edge.masking for edge in direct):
        kind = "MASKED"
    else:
        kind = next(name for name in ("aggregation", "transformation", "identity") if name in subtypes).upper()
    sources = ", ".join(dict.fromkeys(str(edge.source) for edge in direct))
    return {"transformationDescription": f"{kind.lower()} of {sources}", "transformationType": kind}
