"""Run events become OpenLineage JSON that the client's own classes accept, and nothing else gets in."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from openlineage.client import event_v2, facet_v2

from lineage.columns import column_lineage
from lineage.events import PRODUCER, to_openlineage
from lineage.model import Assertion, DatasetVersion, EventType, RunEvent

AT = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=1)))
BRONZE = DatasetVersion(
    "iceberg://shop", "bronze.orders", (("id", "long"), ("email", "string"), ("amount", "decimal(12, 2)")), "11"
)
SILVER = DatasetVersion("iceberg://shop", "silver.orders", (("id", "long"), ("token", "string"), ("total", "double")), "12")
SQL = """
select id, hmac_sha256(email, 'k') as token, case when region = 'x' then amount else amount * 2 end as total
from bronze.orders where op <> 'd'
"""
EVENT = RunEvent(
    event_type=EventType.COMPLETE,
    at=AT,
    run_id=UUID("0b0b6a3e-5d3a-5f3e-9c61-000000000001"),
    job_namespace="shop",
    job_name="silver_orders",
    inputs=(BRONZE,),
    outputs=(SILVER,),
    sql=SQL,
    sql_dialect="databricks",
    columns=column_lineage(SQL, schema={"bronze.orders": ["id", "email", "amount", "region", "op"]}, output="silver.orders"),
    assertions={
        "silver.orders": (
            Assertion("silver.orders.id.unique", success=True, column="id", severity="critical"),
            Assertion("silver.orders.row_count", success=False, severity="warning"),
            Assertion("silver.orders.amount.anomaly", success=None, column="amount", severity="info"),
        ),
        "bronze.orders": (Assertion("bronze.orders.id.required", success=True, column="id"),),
    },
    rows_written=100,
    bytes_written=2048,
)

FACETS = {
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "sql": facet_v2.sql_job.SQLJobFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "test": facet_v2.test_run.TestRunFacet,
    "schema": facet_v2.schema_dataset.SchemaDatasetFacet,
    "version": facet_v2.dataset_version_dataset.DatasetVersionDatasetFacet,
    "columnLineage": facet_v2.column_lineage_dataset.ColumnLineageDatasetFacet,
    "dataQualityAssertions": facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
}


def _load(kind: type, content: dict) -> object:
    """Build a class of the client from plain data; unknown or missing fields fail there."""
    names = inspect.signature(kind).parameters
    arguments = {name: _deeper(kind, name, value) for name, value in content.items() if not name.startswith("_")}
    assert set(arguments) <= set(names), kind
    return kind(**arguments)


_NESTED = {
    ("SchemaDatasetFacet", "fields"): facet_v2.schema_dataset.SchemaDatasetFacetFields,
    ("TestRunFacet", "tests"): facet_v2.test_run.TestExecution,
    ("DataQualityAssertionsDatasetFacet", "assertions"): facet_v2.data_quality_assertions_dataset.Assertion,
    ("ColumnLineageDatasetFacet", "dataset"): facet_v2.column_lineage_dataset.InputField,
    ("Fields", "inputFields"): facet_v2.column_lineage_dataset.InputField,
    ("InputField", "transformations"): facet_v2.column_lineage_dataset.Transformation,
}


def _deeper(kind: type, name: str, value: object) -> object:
    if kind.__name__ == "ColumnLineageDatasetFacet" and name == "fields":
        return {key: _load(facet_v2.column_lineage_dataset.Fields, item) for key, item in value.items()}
    nested = _NESTED.get((kind.__name__, name))
    return value if nested is None else [_load(nested, item) for item in value]


def _check_facets(facets: dict) -> None:
    for name, content in facets.items():
        kind = FACETS[name]
        assert content["_producer"] == PRODUCER
        assert content["_schemaURL"] == kind._get_schema()
        _load(kind, content)


def _check(event: dict) -> None:
    """Load the whole event into the client's classes, facet by facet."""
    json.dumps(event)
    for holder in (event["run"], event["job"]):
        _check_facets(holder["facets"])
    for dataset in (*event["inputs"], *event["outputs"]):
        for key in ("facets", "inputFacets", "outputFacets"):
            _check_facets(dataset.get(key, {}))
    made = event_v2.RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        eventType=event_v2.RunState(event["eventType"]),
        run=event_v2.Run(**event["run"]),
        job=event_v2.Job(**event["job"]),
        inputs=[event_v2.InputDataset(**item) for item in event["inputs"]],
        outputs=[event_v2.OutputDataset(**item) for item in event["outputs"]],
    )
    assert made.schemaURL == event["schemaURL"]


@pytest.mark.parametrize("kind", list(EventType))
def test_every_event_loads_into_the_clients_classes(kind: EventType) -> None:
    _check(to_openlineage(replace(EVENT, event_type=kind, error="the catalog does not answer")))
    _check(to_openlineage(RunEvent(kind, AT, EVENT.run_id, "shop", "j")))


def test_names_times_and_ids() -> None:
    event = to_openlineage(EVENT)
    assert event["eventTime"] == "2026-03-01T11:30:00.000000Z"
    assert event["eventType"] == "COMPLETE"
    assert event["run"]["runId"] == str(EVENT.run_id)
    assert (event["job"]["namespace"], event["job"]["name"]) == ("shop", "silver_orders")
    assert event["job"]["facets"]["sql"]["query"] == SQL
    assert event["job"]["facets"]["jobType"]["processingType"] == "BATCH"


def test_both_ends_carry_schema_and_version() -> None:
    event = to_openlineage(EVENT)
    for given, made in ((BRONZE, event["inputs"][0]), (SILVER, event["outputs"][0])):
        assert [(item["name"], item["type"]) for item in made["facets"]["schema"]["fields"]] == list(given.columns)
        assert made["facets"]["version"]["datasetVersion"] == given.version


def test_influences_on_all_rows_are_listed_once_and_others_by_column() -> None:
    facet = to_openlineage(EVENT)["outputs"][0]["facets"]["columnLineage"]
    assert facet["dataset"] == [
        {
            "namespace": "iceberg://shop",
            "name": "bronze.orders",
            "field": "op",
            "transformations": [{"type": "INDIRECT", "subtype": "FILTER", "description": "", "masking": False}],
        }
    ]
    assert set(facet["fields"]) == {"id", "token", "total"}
    total = {item["field"]: [t["subtype"] for t in item["transformations"]] for item in facet["fields"]["total"]["inputFields"]}
    assert total == {"amount": ["IDENTITY", "TRANSFORMATION"], "region": ["CONDITIONAL"]}
    assert facet["fields"]["token"]["inputFields"][0]["transformations"][0]["masking"] is True


def test_an_influence_on_some_columns_stays_with_them() -> None:
    sql = "select id, sum(amount) filter (where op = 'c') as total from bronze.orders group by id"
    lineage = column_lineage(sql, schema={"bronze.orders": ["id", "amount", "op"]}, output="silver.orders")
    facet = to_openlineage(replace(EVENT, columns=lineage))["outputs"][0]["facets"]["columnLineage"]
    assert [item["field"] for item in facet["dataset"]] == ["id"]
    assert [item["field"] for item in facet["fields"]["total"]["inputFields"]] == ["amount", "op"]


def test_older_readers_find_one_word_per_column() -> None:
    fields = to_openlineage(EVENT)["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert {name: item["transformationType"] for name, item in fields.items()} == {
        "id": "IDENTITY",
        "token": "MASKED",
        "total": "TRANSFORMATION",
    }
    assert fields["id"]["transformationDescription"] == "identity of bronze.orders.id"


def test_verdicts_stand_where_the_spec_allows_and_unjudged_ones_are_skipped() -> None:
    event = to_openlineage(EVENT)
    [on_input] = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert on_input == {"assertion": "required", "name": "bronze.orders.id.required", "success": True, "column": "id"}
    on_output = event["outputs"][0]["outputFacets"]["dataQualityAssertions"]["assertions"]
    assert [(item["name"], item["success"], item["severity"]) for item in on_output] == [
        ("silver.orders.id.unique", True, "error"),
        ("silver.orders.row_count", False, "warn"),
    ]
    assert [(item["name"], item["status"]) for item in event["run"]["facets"]["test"]["tests"]] == [
        ("bronze.orders.id.required", "pass"),
        ("silver.orders.id.unique", "pass"),
        ("silver.orders.row_count", "fail"),
        ("silver.orders.amount.anomaly", "skip"),
    ]


def test_statistics_are_there_only_when_something_was_written() -> None:
    assert to_openlineage(EVENT)["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 100
    nothing = to_openlineage(replace(EVENT, rows_written=None, bytes_written=None, assertions={}))
    assert "outputFacets" not in nothing["outputs"][0]
    none = to_openlineage(replace(EVENT, rows_written=0, bytes_written=None))["outputs"][0]["outputFacets"]["outputStatistics"]
    assert none["rowCount"] == 0
    assert "size" not in none


@pytest.mark.parametrize(("kind", "told"), [(EventType.FAIL, True), (EventType.ABORT, True), (EventType.COMPLETE, False)])
def test_only_a_failed_run_carries_its_error(kind: EventType, *, told: bool) -> None:
    facets = to_openlineage(replace(EVENT, event_type=kind, error="the lease was lost"))["run"]["facets"]
    assert ("errorMessage" in facets) is told
    if told:
        assert facets["errorMessage"]["message"] == "the lease was lost"
        assert "stackTrace" not in facets["errorMessage"]


def test_a_source_that_is_no_input_belongs_to_the_jobs_namespace() -> None:
    lineage = column_lineage("select k from other.t", schema={}, output="silver.orders")
    event = to_openlineage(replace(EVENT, columns=lineage, at=AT.astimezone(UTC)))
    [field] = event["outputs"][0]["facets"]["columnLineage"]["fields"]["k"]["inputFields"]
    assert (field["namespace"], field["name"]) == ("shop", "other.t")


def test_the_same_event_is_the_same_bytes() -> None:
    assert json.dumps(to_openlineage(EVENT)) == json.dumps(to_openlineage(replace(EVENT)))
