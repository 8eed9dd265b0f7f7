"""The store on a real SQLite file: how it is made, and what it says when the file cannot be used."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from pyarrow.fs import LocalFileSystem
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine

from controlplane.gate.model import RunState
from controlplane.kernel.errors import ConfigurationError, StoreUnavailableError
from controlplane.persistence.migrations import REVISIONS, VERSION_TABLE
from controlplane.persistence.store import Store
from controlplane.persistence.tables import metadata
from controlplane.usecases.ports import AuditEntry, RunRecord
from tests.fakes.store_kit import MAIN, NOON, ORDERS, a_plan, a_result, kept, located, planned


def store_at(path: Path, *, busy_timeout: float = 0.05) -> Store:
    return Store(f"sqlite:///{path}", LocalFileSystem(), f"{path.parent}/state", busy_timeout=busy_timeout)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    """A store that is up to date and that nobody has open."""
    with located("sqlite", tmp_path):
        yield tmp_path / "store.db"


@contextmanager
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        yield connection


def test_nothing_happens_before_the_first_use(tmp_path: Path) -> None:
    with store_at(tmp_path / "state" / "store.db"):
        assert not (tmp_path / "state").exists()


def test_the_first_use_makes_folder_and_tables_and_the_next_finds_them(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "store.db"
    with store_at(path) as store:
        assert store.journal.open_run(ORDERS) is None
        run = planned(store, a_plan())
    with store_at(path) as store:
        assert store.journal.open_run(ORDERS) == run
    with raw(path) as connection:
        assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(REVISIONS[-1],)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_up_to_date_store_is_opened_without_a_write(file: Path) -> None:
    with raw(file) as other:
        other.execute("BEGIN IMMEDIATE")
        with store_at(file) as store:
            assert store.journal.find(a_plan().run_id) is None
        other.execute("ROLLBACK")


def test_revisions_are_those_of_the_migration_files() -> None:
    config = Config()
    config.set_main_option("script_location", "controlplane.persistence:migrations")
    config.set_main_option("path_separator", "os")
    files = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(files)) == REVISIONS


def test_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    with store_at(tmp_path / "store.db") as store:
        store.check()
    engine = create_engine(f"sqlite:///{tmp_path}/store.db")
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    engine.dispose()


def test_a_store_of_a_newer_version_is_left_alone(file: Path) -> None:
    with raw(file) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    before = file.read_bytes()
    with store_at(file) as store, pytest.raises(ConfigurationError, match=rf"{file} was made by a newer version .*'0999'"):
        store.check()
    assert file.read_bytes() == before


def test_a_half_made_store_is_never_seen(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with page_limit(40), store_at(path) as store, pytest.raises(StoreUnavailableError, match="disk is full"):
        store.check()
    with raw(path) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    with store_at(path) as store:
        assert planned(store, a_plan()).pipeline == "orders"


def test_a_locked_store_can_be_read_and_not_written(file: Path) -> None:
    with store_at(file) as store, raw(file) as other:
        run = planned(store, a_plan())
        other.execute("BEGIN IMMEDIATE")
        assert store.journal.find(run.run_id) == run
        with pytest.raises(StoreUnavailableError, match=rf"the store {file} is locked by another process; wait") as caught:
            store.outbox.add([])
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        other.execute("ROLLBACK")
        store.outbox.add([])


def test_a_store_that_another_process_is_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE being_made (a)")
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.05, other.execute, ["COMMIT"])
        release.start()
        with store_at(path, busy_timeout=5.0) as store:
            store.check()
        release.join()


def test_a_full_disk_stores_nothing_half(file: Path) -> None:
    with page_limit(file.stat().st_size // 4096 + 12), store_at(file) as store:
        run = planned(store, a_plan())
        store.kept_rows.stage(run, [kept("a1")])
        results = [a_result(f"check-{number}" + "x" * 2_000) for number in range(100)]
        with pytest.raises(StoreUnavailableError, match="disk is full; nothing was stored half"):
            store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, results=results))
        assert store.journal.find(run.run_id) == run
        assert list(store.records.results(run.run_id)) == []
        assert list(store.kept_rows.open(ORDERS)) == []
        assert store.records.record(RunRecord(run=run, state=RunState.PUBLISHED, snapshot_id=MAIN)).snapshot_id == MAIN


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"order_id,amount\n" * 1_000)
    with store_at(path) as store, pytest.raises(StoreUnavailableError, match=rf"{path} is damaged or is no SQLite database"):
        store.check()


def test_a_damaged_store_is_named(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    file.write_bytes(content)
    with store_at(file) as store, pytest.raises(StoreUnavailableError, match=rf"{file} is damaged .* restore it"):
        planned(store, a_plan())


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "store.db"
    with store_at(path) as store, pytest.raises(StoreUnavailableError, match=rf"{path} cannot be made: its folder"):
        store.check()


def test_a_folder_that_may_not_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        path = Path(folder) / "store.db"
        with ordinary_user(), store_at(path) as store, pytest.raises(StoreUnavailableError, match=f"{path} cannot be opened"):
            store.check()


def test_a_store_that_may_not_be_written_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder, located("sqlite", Path(folder)):
        path = Path(folder) / "store.db"
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        with ordinary_user(), store_at(path) as store, pytest.raises(StoreUnavailableError, match=f"{path} cannot be opened"):
            planned(store, a_plan())


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Give up root's right to write anywhere, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def page_limit(pages: int) -> Iterator[None]:
    """Let no store opened in the block grow beyond so many pages: a disk that is full."""

    def limit(connection: Any, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(Engine, "connect", limit)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_log SET actor = 'nobody'",
        "DELETE FROM audit_log",
        (
            "INSERT OR REPLACE INTO audit_log (audit_id, at_wall, clock, actor, verb, subject, reason, before, after) "
            "SELECT audit_id, at_wall, clock, 'nobody', verb, subject, reason, before, after FROM audit_log"
        ),
    ],
)
def test_the_database_itself_refuses_to_change_the_audit_log(file: Path, statement: str) -> None:
    entry = AuditEntry(NOON, NOON, "steward", "hold.release", "run-1", "checked")
    with store_at(file) as store:
        store.audit_log.append(entry)
        with raw(file) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
        assert list(store.audit_log.entries()) == [entry]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:/tmp/x.db?uri=true",
        "mysql://user:hunter2@host/db",
        "user:hunter2@host/db",
        "postgresql://user:hunter2@host:port/db",
        "",
    ],
)
def test_other_urls_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"allowed are sqlite:////absolute/path\.db and postgresql") as caught:
        Store(url, LocalFileSystem(), "/nowhere")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
