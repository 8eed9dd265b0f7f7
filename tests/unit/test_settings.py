from __future__ import annotations

import json
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.kernel.documents import parse_document
from controlplane.kernel.reading import Issues
from controlplane.settings import (
    CatalogSettings,
    KeyReference,
    Project,
    ProjectInvalidError,
    load_project,
    read_project,
)
from controlplane.settings_operation import Housekeeping, Limits
from controlplane.usecases.retention_ports import Retention
from controlplane.usecases.schedule_ports import Intervals

PROJECT = """\
version: 1
name: shop
namespace: iceberg://shop
catalog: {name: lake, type: sql, uri: "sqlite:///state/catalog.db"}
warehouse: file://state/warehouse
store: {url: "sqlite:///state/store.db"}
state: file://state/plane
landing: s3://bucket/landing/
keys:
  tokens: {from: env, name: SHOP_KEY, epoch: 2}
  seal: {from: file, path: secrets/seal.key}
contracts: [contracts]
promises: slas.yaml
routes: alerting/routes.yaml
policies: []
pipelines:
- name: orders
  dataset: silver.orders
  sql: silver/orders.sql
  engine: duckdb
  inputs: {bronze.orders: new, silver.customers: reference}
- {name: landed, dataset: bronze.orders, source: {topic: cdc.public.orders, format: debezium-json}}
calendar: {time_zone: Europe/Berlin}
lineage: [{to: file, path: state/lineage.jsonl}]
housekeeping: {small_files: 4, grace: PT12H}
limits: {memory: 2GB, threads: 2, timeout: PT5M}
schedule: {ingestion: PT1M, evaluation: PT30S}
retention: {runs: P30D, slots: P2D}
logs: state/logs/serve.jsonl
"""


def changed(old: str, new: str) -> str:
    assert PROJECT.count(old) == 1, old
    return PROJECT.replace(old, new)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "silver").mkdir()
    (tmp_path / "silver" / "orders.sql").write_text("SELECT 1\n", "utf-8")
    (tmp_path / "slas.yaml").write_text("version: 1\npromises: []\n", "utf-8")
    return tmp_path


def project(root: Path, text: str = PROJECT, environ: dict[str, str] | None = None) -> Project:
    (root / "controlplane.yaml").write_text(text, "utf-8")
    return load_project(root, environ)


def refused(root: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ProjectInvalidError) as caught:
        project(root, text, environ)
    return [str(problem).removeprefix(f"{root}/") for problem in caught.value.problems]


def test_a_project_is_read_whole_with_absolute_paths(root: Path) -> None:
    found = project(root)
    assert (found.root, found.file) == (root, root / "controlplane.yaml")
    assert (found.name, found.namespace, found.time_zone) == ("shop", "iceberg://shop", "Europe/Berlin")
    assert found.catalog == CatalogSettings("lake", "sql", f"sqlite:///{root}/state/catalog.db")
    assert (found.warehouse, found.state) == (f"file://{root}/state/warehouse", f"file://{root}/state/plane")
    assert found.landing == "s3://bucket/landing"
    assert found.store_url == f"sqlite:///{root}/state/store.db"
    assert found.tokens == KeyReference("env", name="SHOP_KEY", epoch=2)
    assert found.seal == KeyReference("file", path=root / "secrets" / "seal.key")
    assert found.contracts == (root / "contracts",)
    assert (found.promises, found.routes, found.policies) == (root / "slas.yaml", root / "alerting" / "routes.yaml", ())
    assert found.housekeeping == Housekeeping(4, timedelta(hours=12))
    assert found.limits == Limits("2GB", 2, timedelta(minutes=5))
    assert found.intervals == Intervals(ingestion=timedelta(minutes=1), evaluation=timedelta(seconds=30))
    assert found.retention == Retention(runs=timedelta(days=30), slots=timedelta(days=2))
    assert found.logs == root / "state/logs/serve.jsonl"
    assert found.lineage == ({"to": "file", "path": str(root / "state" / "lineage.jsonl")},)


def test_pipelines_are_made_of_sql_or_of_messages(root: Path) -> None:
    orders, landed = project(root).pipelines
    assert (orders.sql, orders.engine, orders.topic) == (root / "silver" / "orders.sql", "duckdb", None)
    assert dict(orders.inputs) == {"bronze.orders": "new", "silver.customers": "reference"}
    assert (landed.sql, landed.topic, landed.format) == (None, "cdc.public.orders", "debezium-json")


def test_events_are_known_by_their_id_and_their_time(root: Path) -> None:
    _, landed = project(root, changed("format: debezium-json", "format: json, id: event_id, event_time: timestamp")).pipelines
    assert (landed.format, landed.event_id, landed.event_time) == ("json", "event_id", "timestamp")


def test_a_key_reference_is_what_a_key_provider_reads(root: Path) -> None:
    found = project(root)
    assert found.tokens is not None
    assert found.seal is not None
    assert found.tokens.as_mapping() == {"from": "env", "name": "SHOP_KEY", "epoch": 2}
    assert found.seal.as_mapping() == {"from": "file", "path": str(root / "secrets" / "seal.key"), "epoch": 1}


def test_the_least_a_project_says(root: Path) -> None:
    least = (
        "version: 1\nname: a\nnamespace: b\ncatalog: {name: c, type: glue}\nwarehouse: lake\n"
        "store: {url: 'postgresql://h/d'}\nstate: /x\n"
    )
    found = project(root, least)
    assert (found.warehouse, found.state, found.store_url) == (f"file://{root}/lake", "file:///x", "postgresql://h/d")
    assert (found.landing, found.tokens, found.pipelines, found.time_zone) == (None, None, (), "UTC")
    assert (found.housekeeping, found.limits) == (Housekeeping(), Limits())
    assert (found.intervals, found.retention, found.logs) == (Intervals(), Retention(), None)


def test_the_file_itself_may_be_named(root: Path) -> None:
    assert project(root) == load_project(str(root / "controlplane.yaml"))


def test_variables_are_read_from_what_is_handed_in_and_secrets_are_not_shown(root: Path) -> None:
    text = changed('"sqlite:///state/store.db"', '"postgresql+psycopg://u:${STORE_PASSWORD}@h/d"')
    text = text.replace("name: SHOP_KEY", "name: '${WHICH}'")
    found = project(root, text, {"STORE_PASSWORD": "hush", "WHICH": "OTHER_KEY"})
    assert found.store_url == "postgresql+psycopg://u:hush@h/d"
    assert found.tokens == KeyReference("env", name="OTHER_KEY", epoch=2)
    assert "hush" not in repr(found)


def test_a_variable_that_is_not_set_is_named(root: Path) -> None:
    (problem,) = refused(root, changed('"sqlite:///state/store.db"', '"postgresql://u:${STORE_PASSWORD}@h/d"'))
    assert problem.startswith("controlplane.yaml:6: store.url: the environment variable 'STORE_PASSWORD' is not set")


def test_properties_of_the_catalog_and_the_key_of_a_receiver_may_be_variables(root: Path) -> None:
    text = changed("type: sql,", "type: sql, properties: {s3.secret-access-key: '${S3}', s3.path-style-access: true, n: 3},")
    text = text.replace("{to: file, path: state/lineage.jsonl}", "{to: http, url: 'http://h', api_key: '${K}', timeout: 2.5}")
    found = project(root, text, {"S3": "hush", "K": "secret"})
    assert dict(found.catalog.properties) == {"s3.secret-access-key": "hush", "s3.path-style-access": "true", "n": "3"}
    assert found.lineage == ({"to": "http", "url": "http://h", "api_key": "secret", "timeout": 2.5},)
    assert "hush" not in repr(found)
    assert "secret" not in repr(found).replace("secrets/", "")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("version: 1\n", "version: 2\n", 1, ("must be 1",)),
        ("name: shop\n", "name: my shop\n", 2, ("'my shop'",)),
        ("name: shop\n", "", 1, ("'name' is missing",)),
        ("namespace:", "namspace:", 1, ("'namespace' is missing",)),
        ("warehouse: file://state/warehouse", "warehouse: gs://bucket", 5, ("allowed are file://path and s3://bucket/prefix",)),
        ("warehouse: file://state/warehouse", "warehouse: file://", 5, ("is no folder",)),
        ("type: sql,", "type: sqlite,", 4, ("sql, rest, hive, glue",)),
        (', uri: "sqlite:///state/catalog.db"', "", 4, ("'uri' is missing",)),
        ("type: sql,", "type: sql, ulr: x,", 4, ("unknown key 'ulr'", "did you mean 'uri'")),
        ('store: {url: "sqlite:///state/store.db"}', "store: {}", 6, ("'url' is missing",)),
        ("from: env, name: SHOP_KEY", "from: env", 10, ("'name' is missing",)),
        ("from: env,", "from: vault,", 10, ("env, file",)),
        ("path: secrets/seal.key", "path: secrets/seal.key, name: X", 11, ("name is for from: env",)),
        ("epoch: 2", "epoch: 0", 10, ("whole number from 1",)),
        ("  seal:", "  sael:", 11, ("did you mean 'seal'",)),
        ("contracts: [contracts]", "contracts: [contrats]", 12, ("there is no file or folder 'contrats'",)),
        ("contracts: [contracts]", "contracts: contracts", 12, ("must be a list",)),
        ("promises: slas.yaml", "promises: sla.yaml", 13, ("there is no file or folder 'sla.yaml'",)),
        ("silver/orders.sql", "silver/order.sql", 19, ("there is no file or folder 'silver/order.sql'",)),
        ("engine: duckdb", "engine: duck", 20, ("did you mean 'duckdb'", "spark")),
        ("silver.customers: reference", "silver.customers: referenc", 21, ("did you mean 'reference'", "new, all")),
        ("  engine: duckdb", "  lateness: PT6H\n  engine: duckdb", 20, ("unknown key 'lateness'", "allowed are")),
        ("  sql: silver/orders.sql\n", "", 17, ("exactly one of sql",)),
        ("topic: cdc.public.orders, ", "", 22, ("'topic' is missing",)),
        ("format: debezium-json", "format: avro", 22, ("debezium-json",)),
        ("format: debezium-json", "format: json, event_time: at", 22, ("'id' is missing",)),
        ("format: debezium-json", "format: json, id: event_id", 22, ("'event_time' is missing",)),
        ("format: debezium-json", "format: json, id: event_id, event_tim: at", 22, ("did you mean 'event_time'",)),
        ("format: debezium-json", "format: json, id: 7, event_time: at", 22, ("must be text",)),
        ("format: debezium-json", "format: debezium-json, id: event_id", 22, ("id is for format: json",)),
        ("source: {", "engine: spark, source: {", 22, ("engine is for pipelines with sql",)),
        ("name: landed", "name: orders", 16, ("'orders' is given to two pipelines",)),
        ("dataset: bronze.orders", "dataset: silver.orders", 16, ("'silver.orders' is made by two pipelines",)),
        ("Europe/Berlin", "Berlin", 23, ("is not a time zone",)),
        ("to: file,", "to: kafka,", 24, ("file, http",)),
        ("path: state/lineage.jsonl", "url: http://h", 24, ("'path' is missing",)),
        (
            "to: file, path: state/lineage.jsonl",
            "to: http, url: 'http://h', api_key: abc",
            24,
            ("must not stand in this file",),
        ),
        ("small_files: 4", "small_files: 1", 25, ("whole number from 2",)),
        ("grace: PT12H", "grace: 12h", 25, ("grace",)),
        ("memory: 2GB", "memory: lots", 26, ("memory",)),
        ("threads: 2", "threads: 0", 26, ("from 1 to 1024",)),
        ("timeout: PT5M", "timeout: PT0S", 26, ("longer than nothing",)),
        ("ingestion: PT1M", "ingestion: 1m", 27, ("ingestion", "PT6H")),
        ("ingestion: PT1M", "ingestion: PT0S", 27, ("at least PT1S and at most P1D",)),
        ("evaluation: PT30S", "evaluation: P2D", 27, ("at least PT1S and at most P1D",)),
        ("evaluation: PT30S", "evaluate: PT30S", 27, ("unknown key 'evaluate'", "evaluation")),
        ("runs: P30D", "runs: PT1H", 28, ("at least P1D",)),
        ("logs: state/logs/serve.jsonl", "logs: [a]", 29, ("must be text",)),
        ("name: shop\n", "name: ${NAME}\n", 2, ("store.url, keys",)),
        ("policies: []", "policies: ['${HOME}/p.yaml']", 15, ("store.url, keys",)),
    ],
)
def test_what_is_wrong_is_a_sentence(root: Path, old: str, new: str, line: int, words: tuple[str, ...]) -> None:
    problems = refused(root, changed(old, new))
    said = [problem for problem in problems if problem.startswith(f"controlplane.yaml:{line}: ")]
    assert said, problems
    for word in words:
        assert word in " ".join(said)


def test_every_wrong_thing_is_told_at_once(root: Path) -> None:
    text = changed("engine: duckdb", "engine: duck").replace("Europe/Berlin", "Berlin").replace("threads: 2", "threads: two")
    assert len(refused(root, text)) == 3


@pytest.mark.parametrize("content", [b"", b"- a\n", b"words\n", b"a: [1\n", b"\xff\xfe", b"a: &x 1\nb: *x\n"])
def test_what_is_no_project_file_is_a_sentence(root: Path, content: bytes) -> None:
    (root / "controlplane.yaml").write_bytes(content)
    with pytest.raises(ProjectInvalidError) as caught:
        load_project(root)
    assert all("\n" not in problem.message for problem in caught.value.problems)


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalidError, match=r"there is no project here; .* controlplane init DIR"):
        load_project(tmp_path)


def test_a_path_that_addresses_would_misread_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "what#now"
    folder.mkdir()
    text = PROJECT[: PROJECT.index("contracts:")]
    (problem,) = refused(folder, text)
    assert "has one of ? # % in its path" in problem


def test_the_schema_for_editors_has_the_keys_that_loading_reads(root: Path) -> None:
    file = resources.files("controlplane") / "schemas" / "project.schema.json"
    schema = json.loads(file.read_text("utf-8"))
    text = changed("version: 1\n", "version: 1\nzzz: 1\n").replace("{", "{zzz: 1, ")
    text = text.replace("keys:\n", "keys:\n  zzz: 1\n").replace("- name: orders\n", "- name: orders\n  zzz: 1\n")
    text = text.replace("{zzz: 1, bronze.orders", "{bronze.orders")
    text = text.replace("source: {zzz: 1, ", "source: {zzz: 1, ").replace("lineage: [{zzz: 1, ", "lineage: [{zzz: 1, ")
    issues = Issues(parse_document(text.encode(), "controlplane.yaml"))
    read_project(issues.document, issues, root / "controlplane.yaml", {})
    said = {
        problem.path.removesuffix("zzz").rstrip("."): sorted(problem.message.split("allowed are ")[1].split(", "))
        for problem in issues.problems
        if "unknown key 'zzz'" in problem.message
    }
    top, parts = schema["properties"], schema["$defs"]
    assert said == {
        "": sorted(top),
        "catalog": sorted(parts["catalog"]["properties"]),
        "store": sorted(top["store"]["properties"]),
        "keys": sorted(top["keys"]["properties"]),
        "keys.tokens": sorted(parts["key"]["properties"]),
        "keys.seal": sorted(parts["key"]["properties"]),
        "pipelines[orders]": sorted(parts["pipeline"]["properties"]),
        "pipelines[landed]": sorted(parts["pipeline"]["properties"]),
        "pipelines[landed].source": sorted(parts["pipeline"]["properties"]["source"]["properties"]),
        "calendar": sorted(top["calendar"]["properties"]),
        "lineage[0]": sorted(parts["lineage"]["properties"]),
        "housekeeping": sorted(top["housekeeping"]["properties"]),
        "limits": sorted(top["limits"]["properties"]),
        "schedule": sorted(top["schedule"]["properties"]),
        "retention": sorted(top["retention"]["properties"]),
    }


@given(start=st.integers(0, len(PROJECT)), length=st.integers(0, 30), new=st.text(max_size=6))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_else_is_ever_raised(root: Path, start: int, length: int, new: str) -> None:
    text = PROJECT[:start] + new + PROJECT[start + length :]
    (root / "controlplane.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_project(root, {"A": "b"})
    except ProjectInvalidError as error:
        said = error.problems
    else:
        return
    assert said
