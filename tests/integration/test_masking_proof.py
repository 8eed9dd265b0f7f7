"""The proof of masking must find one planted leak per place, and none in a tree without leaks."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import LongType, NestedField, StringType

from pii_policies.detection.proof import prove
from pii_policies.proving import Proof

EMAIL, NAME, PHONE, BIRTH = "Jane.Doe+shop@example.com", "Ødegård-O'Brien", "491701234567", "1931-07-04"
CANARIES = (EMAIL, NAME, PHONE, BIRTH)
TOKEN = "v1.customer-email.1.00112233445566778899aabbccddeeff"


def write_table(root: Path, emails: list[str], *, partitioned: bool = False, properties: dict[str, str] | None = None) -> Table:
    """Write a real Iceberg table with default settings, whose manifests so hold bounds of every column."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{root}/catalog.db", warehouse=f"file://{root}/warehouse")
    catalog.create_namespace_if_not_exists("silver")
    schema = Schema(NestedField(1, "id", LongType(), required=False), NestedField(2, "email", StringType(), required=False))
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "email")) if partitioned else PartitionSpec()
    name = f"silver.t{len(catalog.list_tables('silver'))}"
    table = catalog.create_table(name, schema, partition_spec=spec)
    rows = pa.table({"id": pa.array(range(len(emails)), pa.int64()), "email": emails})
    table.append(rows, snapshot_properties=properties or {})
    catalog.close()
    return table


def write_store(path: Path, note: str, blob: bytes = b"\x00sealed\xff") -> None:
    with closing(sqlite3.connect(path)) as store, store:
        store.execute('CREATE TABLE "kept rows" (id integer, note text, sealed blob)')
        store.execute('INSERT INTO "kept rows" VALUES (1, ?, ?)', (note, blob))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A project's state without a leak: table, store, logs, events, pages, kept rows."""
    root = tmp_path / "state"
    root.mkdir()
    write_table(root, [TOKEN, TOKEN])
    write_store(root / "store.db", json.dumps({"email": TOKEN}))
    (root / "events").mkdir()
    (root / "events" / "lineage.jsonl").write_text('{"run": {"runId": "1"}}\n{"job": "silver_customers"}\n')
    (root / "plane.log").write_text("2017-10-09T00:00:00Z INFO run 1: 2 rows published\n")
    (root / "page.html").write_text("<html><body><td>silver.customers</td></body></html>")
    (root / "export.csv").write_text(f"id,email\n1,{TOKEN}\n")
    (root / "empty").write_bytes(b"")
    pq.write_table(pa.table({"sealed": [b"\x01\x00\xff"], "n": [None]}), root / "kept.parquet")
    return root


def parquet(root: Path, column: pa.Array, **options: Any) -> None:
    pq.write_table(pa.table({"value": column}), root / "leak.parquet", **options)


def footer(root: Path) -> None:
    described = pa.schema([pa.field("value", pa.int64(), metadata={"comment": f"as of {EMAIL}"})])
    pq.write_table(pa.table({"value": [1]}, schema=described), root / "leak.parquet", store_schema=True)


def key_value(root: Path) -> None:
    with pq.ParquetWriter(root / "leak.parquet", pa.schema([("value", pa.int64())])) as writer:
        writer.write_table(pa.table({"value": [1]}))
        writer.add_key_value_metadata({"sample": f"first row: {EMAIL}"})


def metadata_json(root: Path, suffix: str) -> None:
    text = json.dumps({"snapshots": [{"summary": {"operation": "append", "note": f"{NAME} <{EMAIL}>"}}]}).encode()
    (root / f"v2{suffix}").write_bytes(gzip.compress(text, mtime=0) if ".gz" in suffix else text)


def store_schema(root: Path) -> None:
    with closing(sqlite3.connect(root / "leak.db")) as store, store:
        store.execute(f"CREATE TABLE t (email text DEFAULT '{EMAIL}')")


def write_ahead(root: Path) -> sqlite3.Connection:
    """A store that is open, with what was written last still in its write-ahead log."""
    store = sqlite3.connect(root / "leak.db")
    store.execute("PRAGMA journal_mode = wal")
    store.execute("CREATE TABLE t (n integer, note text)")
    store.execute("INSERT INTO t VALUES (?, ?)", (int(PHONE), "x"))
    store.commit()
    return store


def numbered(root: Path) -> None:
    """A phone number as an integer: in no file format does it stand there as text."""
    with closing(sqlite3.connect(root / "leak.db")) as store, store:
        store.execute("CREATE TABLE t (phone integer)")
        store.execute("INSERT INTO t VALUES (?)", (int(PHONE),))


def nested(root: Path) -> None:
    contact = pa.struct([("k", pa.map_(pa.string(), pa.string()))])
    value = pa.array([{"contacts": [{"k": [("mail", EMAIL)]}]}], pa.struct([("contacts", pa.list_(contact))]))
    parquet(root, value, compression="zstd")


def dictionary(root: Path) -> None:
    parquet(root, pa.array([EMAIL] * 3 + [TOKEN] * 500), compression="zstd", use_dictionary=True, write_statistics=False)


def deleted(root: Path) -> None:
    write_store(root / "leak.db", f"{EMAIL} and more")
    with closing(sqlite3.connect(root / "leak.db")) as store, store:
        store.execute("PRAGMA secure_delete = off")
        store.execute('DELETE FROM "kept rows"')


PLANTS: dict[str, tuple[Callable[[Path], object], str, set[int]]] = {
    "parquet column, zstd and dictionary": (dictionary, "parquet", {0}),
    "parquet column, upper case": (
        lambda root: parquet(root, pa.array([EMAIL.upper()]), compression="zstd", write_statistics=False), "parquet", {0}),
    "parquet column, nested": (nested, "parquet", {0}),
    "parquet column, bytes": (
        lambda root: parquet(root, pa.array([b"\xff" + NAME.encode()]), compression="gzip", write_statistics=False),
        "parquet", {1}),
    "parquet column, number": (lambda root: parquet(root, pa.array([int(PHONE)]), write_statistics=False), "parquet", {2}),
    "parquet column, decimal": (
        lambda root: parquet(root, pa.array([Decimal(PHONE)], pa.decimal128(20, 0)), write_statistics=False), "parquet", {2}),
    "parquet column, date": (
        lambda root: parquet(root, pa.array([date.fromisoformat(BIRTH)]), write_statistics=False), "parquet", {3}),
    "parquet statistics": (lambda root: parquet(root, pa.array([EMAIL, TOKEN])), "parquet_statistics", {0}),
    "parquet statistics, date": (
        lambda root: parquet(root, pa.array([date.fromisoformat(BIRTH)])), "parquet_statistics", {3}),
    "parquet field metadata": (footer, "parquet_metadata", {0}),
    "parquet key-value metadata": (key_value, "parquet_metadata", {0}),
    "iceberg manifest bound, cut off": (lambda root: write_table(root, [EMAIL, TOKEN]), "avro", {0}),
    "iceberg manifest list, partition summary": (lambda root: write_table(root, [EMAIL], partitioned=True), "avro", {0}),
    "iceberg snapshot summary": (
        lambda root: write_table(root, [TOKEN], properties={"note": f"for {EMAIL}"}), "json", {0}),
    "metadata json": (lambda root: metadata_json(root, ".metadata.json"), "json", {0, 1}),
    "metadata json, compressed": (lambda root: metadata_json(root, ".gz.metadata.json"), "json", {0, 1}),
    "json in json": (
        lambda root: (root / "a.json").write_text(json.dumps({"payload": json.dumps({"name": NAME})})), "json", {1}),
    "sqlite text": (lambda root: write_store(root / "leak.db", f"duplicate of {EMAIL}"), "sqlite", {0}),
    "sqlite blob": (lambda root: write_store(root / "leak.db", "", b"\x00\xff" + NAME.encode()), "sqlite", {1}),
    "sqlite number": (numbered, "sqlite", {2}),
    "sqlite schema": (store_schema, "sqlite", {0}),
    "log line": (lambda root: (root / "plane.log").write_text(f"1 INFO ok\n2 ERROR row {EMAIL.lower()!r}\n"), "text", {0}),
    "log line, escaped": (lambda root: (root / "plane.log").write_text(f"ERROR {NAME!a}\n"), "text", {1}),
    "jsonl event": (
        lambda root: (root / "a.jsonl").write_text('{"a": 1}\n' + json.dumps({"sql": f"x = '{NAME}'"}) + "\nnot json\n"),
        "json", {1}),
    "html page": (lambda root: (root / "page.html").write_text("<td>&Oslash;deg&aring;rd-O&#39;Brien</td>"), "text", {1}),
    "url in a page": (
        lambda root: (root / "page.html").write_text('<a href="/find?q=jane.doe%2Bshop%40example.com">'), "text", {0}),
    "csv": (lambda root: (root / "export.csv").write_text(f'id,name\n1,"{NAME}"\n'), "csv", {1}),
    "partition path": (lambda root: write_table(root, [EMAIL], partitioned=True), "path", {0}),
    "folder name": (lambda root: (root / f"name={NAME.upper()}" / "x").mkdir(parents=True), "path", {1}),
    "bytes of an unknown format": (lambda root: (root / "core").write_bytes(b"\x7fELF\x00\xfe" + EMAIL.encode()), "bytes", {0}),
    "bytes at the border of two readings": (
        lambda root: (root / "core").write_bytes(b"\x00" * (16 * 1024 * 1024 + 16 - 5) + EMAIL.encode() + b"\x00"),
        "bytes", {0}),
    "deleted rows in free pages": (deleted, "bytes", {0}),
}  # fmt: skip


def leaks(proof: Proof, kind: str) -> set[int]:
    return {finding.canary for finding in proof.findings if finding.kind == kind}


def test_a_tree_without_a_leak_is_clean_and_every_file_of_it_was_decoded(state: Path) -> None:
    proof = prove([state], CANARIES)

    assert proof.findings == ()
    assert proof.unreadable == ()
    assert proof.clean
    assert {
        "path",
        "bytes",
        "text",
        "json",
        "csv",
        "avro",
        "parquet",
        "parquet_statistics",
        "parquet_metadata",
        "sqlite",
    } == set(proof.counts)
    files = {str(path) for path in state.rglob("*") if path.is_file()}
    decoded = {place.place.partition("!")[0] for place in proof.places if place.kind not in {"path", "bytes"}}
    assert files == decoded


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_leak_is_found_and_never_quoted(state: Path, plant: str) -> None:
    put, kind, canaries = PLANTS[plant]
    put(state)

    proof = prove([state], CANARIES)

    assert leaks(proof, kind) == canaries
    assert not proof.clean
    assert proof.unreadable == ()
    assert all(canary.lower() not in repr(proof).lower() for canary in CANARIES[:3])


def test_what_is_still_in_a_write_ahead_log_is_decoded(state: Path) -> None:
    with closing(write_ahead(state)):
        assert leaks(prove([state], CANARIES), "sqlite") == {2}


def test_a_store_elsewhere_is_decoded_in_memory(state: Path) -> None:
    write_ahead(state).close()
    filesystem = SubTreeFileSystem(str(state.parent), LocalFileSystem())

    proof = prove([(filesystem, "state")], CANARIES)

    assert leaks(proof, "sqlite") == {2}
    assert proof.unreadable == ()


def test_values_from_elsewhere_are_searched() -> None:
    proof = prove([], CANARIES, values=[("store!runs.reason", "held"), ("page /quarantine", f"<td>{EMAIL}</td>")])

    assert [(finding.place, finding.kind, finding.canary) for finding in proof.findings] == [("page /quarantine", "value", 0)]


def test_one_file_may_be_a_root(state: Path) -> None:
    (state / "plane.log").write_text(EMAIL)

    assert leaks(prove([state / "plane.log"], CANARIES), "text") == {0}


@pytest.mark.parametrize(
    "content",
    [
        b"PAR1 this is no Parquet file PAR1",
        b"Obj\x01 this is no Avro file",
        b"SQLite format 3\x00 this is no database",
        b"\x1f\x8b this is not compressed",
        b"PK\x03\x04 an archive",
        b"\x28\xb5\x2f\xfd zstd",
        gzip.compress(b"PK\x03\x04 an archive in a compressed file", mtime=0),
    ],
)
def test_what_cannot_be_decoded_is_never_clean(state: Path, content: bytes) -> None:
    (state / "odd").write_bytes(content)

    proof = prove([state], CANARIES)

    assert [Path(place.place).name for place in proof.unreadable] == ["odd"]
    assert not proof.clean


def test_a_root_that_does_not_exist_is_never_clean(tmp_path: Path) -> None:
    proof = prove([tmp_path / "nowhere"], CANARIES)

    assert not proof.clean
    assert len(proof.unreadable) == 1
