"""The one history of the store's tables. A new revision is a file in ``versions`` and one more name here, at the end."""

from __future__ import annotations

REVISIONS = ("0001", "0002")
"""Every revision, oldest first; kept here so that a store at the newest one needs no Alembic to be recognised."""

VERSION_TABLE = "controlplane_version"
