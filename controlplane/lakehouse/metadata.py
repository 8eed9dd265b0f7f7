"""Applying updates to table metadata without copying the table's whole history each time.

pyiceberg's ``update_table_metadata`` ends in a deep copy of every snapshot. Metadata objects are frozen and every update makes
new lists, so sharing what did not change is safe.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot
from pyiceberg.table.update import (
    TableUpdate,
    _apply_table_update,
    _TableMetadataUpdateContext,
    _update_table_metadata_log,
)
from pyiceberg.utils.datetime import datetime_to_millis

_NO_SNAPSHOTS = '"snapshots":[]'
_KEPT_TEXTS = 10_000


class MetadataText:
    """Metadata as the JSON text that is written. Each snapshot is put into words once: a table has hundreds, unchanging."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._texts: dict[tuple[int, str], str] = {}

    def of(self, metadata: TableMetadata) -> str:
        """Return the text that ``metadata.model_dump_json()`` gives."""
        if len(self._texts) > _KEPT_TEXTS:
            self._texts.clear()
        bare = metadata.model_copy(update={"snapshots": []}).model_dump_json()
        snapshots = ",".join(self._text(snapshot) for snapshot in metadata.snapshots)
        return bare.replace(_NO_SNAPSHOTS, f'"snapshots":[{snapshots}]', 1)

    def _text(self, snapshot: Snapshot) -> str:
        key = (snapshot.snapshot_id, snapshot.manifest_list)
        known = self._texts.get(key)
        if known is None:
            known = self._texts[key] = snapshot.model_dump_json()
        return known


def updated(metadata: TableMetadata, updates: Iterable[TableUpdate]) -> TableMetadata:
    """Return metadata with updates applied, as a transaction sees it before it commits."""
    context = _TableMetadataUpdateContext()
    for update in updates:
        metadata = _apply_table_update(update, metadata, context)
    return metadata


def committed(metadata: TableMetadata, updates: Iterable[TableUpdate], location: str) -> TableMetadata:
    """Return metadata with updates applied, as it is written: with ``location``, its present file, in the log, and a time.

    Nothing but the history of files and the time is added to what :func:`updated` returns; without a change the metadata
    is returned as it is.
    """
    changed = updated(metadata, updates)
    if changed is metadata:
        return metadata
    logged = _update_table_metadata_log(changed, location, metadata.last_updated_ms)
    if logged.last_updated_ms == metadata.last_updated_ms:
        logged = logged.model_copy(update={"last_updated_ms": datetime_to_millis(datetime.now(UTC))})
    logged.spec().check_compatible(logged.schema())
    logged.sort_order().check_compatible(logged.schema())
    return logged
