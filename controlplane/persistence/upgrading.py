"""Bringing a store's tables to this version: quick when they are, under a lock when they are not."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, MetaData, String, Table, inspect, select
from sqlalchemy.engine import Connection, Engine

from controlplane.kernel.errors import ConfigurationError
from controlplane.persistence.migrations import REVISIONS, VERSION_TABLE

_VERSION = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
_ADVISORY_LOCK = 7_245_106_831_529_441_013  # any number that no other user of the database picks


def bring_up_to_date(engine: Engine, where: str, *, locked: Mapping[str, bool]) -> None:
    """Bring a store to the newest revision; one transaction, and nothing at all where it is there already.

    Args:
        engine: connects to it.
        where: the store as people know it.
        locked: execution options that make a transaction the only writer.

    Raises:
        ConfigurationError: the store was made by a newer version.
    """
    with engine.connect() as connection, connection.begin():
        if _revision(connection, where) == REVISIONS[-1]:
            return
    with engine.connect() as connection:
        connection.execution_options(**locked)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
            if _revision(connection, where) != REVISIONS[-1]:
                _upgrade(connection)


def _revision(connection: Connection, where: str) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision = connection.execute(select(_VERSION.c.version_num)).scalar()
    if revision is not None and revision not in REVISIONS:
        message = (
            f"the store {where} was made by a newer version (its tables are at revision {revision!r}, this version knows "
            f"{REVISIONS[-1]!r} and older); install that version, or use another store"
        )
        raise ConfigurationError(message)
    return None if revision is None else str(revision)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - takes 0.4 s to import and is needed once in a store's life
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "controlplane.persistence:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
