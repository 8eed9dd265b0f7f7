"""The store on PostgreSQL: what it says when the server, the database or the driver is not there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pyarrow.fs import LocalFileSystem
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import DBAPIError

from controlplane.kernel.errors import ConfigurationError, StoreUnavailableError
from controlplane.persistence.migrations import REVISIONS, VERSION_TABLE
from controlplane.persistence.store import Store
from controlplane.persistence.tables import metadata
from controlplane.usecases.ports import AuditEntry
from tests.fakes.store_kit import NOON, ORDERS, a_plan, planned, schema


def store_at(url: str, *, busy_timeout: float = 0.05) -> Store:
    return Store(url, LocalFileSystem(), "/nowhere", busy_timeout=busy_timeout)


@pytest.fixture
def url() -> Iterator[str]:
    with schema() as url:
        yield url


@pytest.fixture
def other(url: str) -> Iterator[Engine]:
    """Another user of the same database."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    url = f"postgresql://plane:hunter2@127.0.0.1:{port}/quality?sslpassword=hunter3"
    with store_at(url) as store, pytest.raises(StoreUnavailableError) as caught:
        store.check()
    assert str(caught.value).startswith(f"the store 127.0.0.1:{port}/quality does not answer; check that the server runs")
    assert caught.value.__cause__ is not None
    assert "hunter" not in f"{caught.value} {caught.value.__cause__} {caught.value.__cause__!r}"


def test_a_missing_driver_is_named_with_the_command_that_installs_it() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pyarrow.fs import LocalFileSystem\n"
        "from controlplane.persistence.store import Store\n"
        "from controlplane.kernel.errors import NotInstalledError\n"
        "store = Store('postgresql+psycopg://plane:hunter2@host/db', LocalFileSystem(), '/nowhere')\n"
        "try:\n    store.check()\nexcept NotInstalledError as error:\n    print(error)\n"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment, cwd=root)
    assert done.stdout.strip().endswith("run: pip install 'controlplane[postgres]'")


@pytest.mark.postgres
def test_a_missing_database_is_named(url: str) -> None:
    missing = make_url(url).set(database="nobody_made_this", password="hunter2").render_as_string(hide_password=False)
    with store_at(missing) as store, pytest.raises(StoreUnavailableError, match="nobody_made_this does not exist") as caught:
        store.check()
    assert "hunter2" not in str(caught.value)


@pytest.mark.postgres
def test_an_unknown_user_is_refused(url: str) -> None:
    stranger = make_url(url).set(username="stranger").render_as_string(hide_password=False)
    with store_at(stranger) as store, pytest.raises(StoreUnavailableError, match="refused the user or the password"):
        store.check()


@pytest.mark.postgres
def test_a_server_that_takes_no_writes_is_named(url: str) -> None:
    options = dict(make_url(url).query)
    readonly = make_url(url).update_query_dict({"options": f"{options['options']} -cdefault_transaction_read_only=on"})
    refused = pytest.raises(StoreUnavailableError, match=r"is read-only .* primary")
    with store_at(readonly.render_as_string(hide_password=False)) as store, refused:
        store.check()


@pytest.mark.postgres
def test_migrations_make_exactly_the_tables_of_the_code(url: str, other: Engine) -> None:
    with store_at(url) as store:
        store.check()
    with other.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


@pytest.mark.postgres
def test_a_store_of_a_newer_version_is_left_alone(url: str, other: Engine) -> None:
    with store_at(url) as store:
        store.check()
    with other.begin() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all() == [REVISIONS[-1]]
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0999'"))
    with store_at(url) as store, pytest.raises(ConfigurationError, match="newer version"):
        store.check()


@pytest.mark.postgres
def test_a_dataset_that_another_process_writes_is_waited_for_and_then_named(url: str, other: Engine) -> None:
    with store_at(url) as store, other.connect() as connection:
        planned(store, a_plan())
        with connection.begin():
            connection.execute(text("SELECT * FROM datasets FOR UPDATE"))
            with pytest.raises(StoreUnavailableError, match="is locked by another process"):
                planned(store, a_plan())
        assert planned(store, a_plan()).plan == a_plan()


@pytest.mark.postgres
def test_a_connection_that_was_lost_between_two_calls_is_made_again(url: str, other: Engine) -> None:
    with store_at(url) as store:
        run = planned(store, a_plan())
        with other.begin() as connection:
            others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query ILIKE '%runs%'"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))
        assert store.journal.open_run(ORDERS) == run


@pytest.mark.postgres
@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log"])
def test_the_database_itself_refuses_to_change_the_audit_log(url: str, other: Engine, statement: str) -> None:
    entry = AuditEntry(NOON, NOON, "steward", "hold.release", "run-1", "checked")
    with store_at(url) as store:
        store.audit_log.append(entry)
        with pytest.raises(DBAPIError, match="append-only"), other.begin() as connection:
            connection.execute(text(statement))
        assert list(store.audit_log.entries()) == [entry]
