"""Runs revisions on the connection that the store hands over, inside its transaction; there is no ini file."""

from __future__ import annotations

from alembic import context

from controlplane.persistence.migrations import VERSION_TABLE
from controlplane.persistence.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
