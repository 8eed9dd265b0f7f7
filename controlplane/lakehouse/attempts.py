"""Commits that are tried once per fresh handle: optimistic concurrency without pyiceberg's silent replays.

pyiceberg 0.12 repeats a refused commit by itself and re-parents it on whatever head it finds then. Here a refused commit
is thrown away, the table is loaded anew and the caller decides again on what it sees.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.update import (
    AssertRefSnapshotId,
    AssertTableUUID,
    RemoveSnapshotRefUpdate,
    SetSnapshotRefUpdate,
    TableRequirement,
    TableUpdate,
)

from controlplane.kernel.errors import LostRaceError
from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.metadata import updated

_ATTEMPTS = 40
_FIRST_WAIT = 0.005
_LONGEST_WAIT = 0.25
_DELETE_OUTDATED = "write.metadata.delete-after-commit.enabled"
_STALE_SEQUENCE = "Cannot add snapshot with sequence number"

Answer = TypeVar("Answer")


class OneAttempt(Transaction):
    """A pyiceberg transaction that commits at most once, on all of its requirements.

    pyiceberg's own keeps one requirement per kind: of a commit that moves main and removes a branch only the first ref is
    asserted. It also copies the whole metadata, all snapshots, at every look; here it is computed once per change.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table, autocommit=False)
        self._computed: tuple[tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The table as it will be with what is staged so far."""
        if self._computed is None or self._computed[0] is not self._updates:
            self._computed = (self._updates, updated(self._table.metadata, self._updates))
        return self._computed[1]

    def stage(self, updates: tuple[TableUpdate, ...], requirements: tuple[TableRequirement, ...]) -> None:
        """Add updates, and what must hold in the catalog for them; of several requirements on one ref the first counts."""
        self._stage(updates, requirements)

    def _stage(self, updates: tuple[TableUpdate, ...], requirements: tuple[TableRequirement, ...] = ()) -> Transaction:
        for requirement in requirements:
            requirement.validate(self.table_metadata)
        known = {_subject(requirement) for requirement in self._requirements}
        self._updates += updates
        self._requirements += tuple(requirement for requirement in requirements if _subject(requirement) not in known)
        return self

    def commit_transaction(self) -> Table:
        """Commit what is staged and return the handle it was staged on, which is outdated now.

        Raises:
            CommitFailedException: the table has changed meanwhile.
        """
        before = self._table.metadata
        requirements = (*self._requirements, AssertTableUUID(uuid=before.table_uuid))
        response = self._table.catalog.commit_table(self._table, requirements, self._updates)
        _delete_outdated(self._table, before, response.metadata)
        return self._table


def set_branch(branch: str, *, expected: int | None, to: int) -> tuple[tuple[TableUpdate, ...], tuple[TableRequirement, ...]]:
    """Return the update that points a branch to a snapshot, and that it must be at ``expected`` (None: not exist) before."""
    return (
        (SetSnapshotRefUpdate.model_validate({"ref-name": branch, "type": SnapshotRefType.BRANCH, "snapshot-id": to}),),
        (unmoved(branch, expected),),
    )


def remove_branch(branch: str, *, expected: int) -> tuple[tuple[TableUpdate, ...], tuple[TableRequirement, ...]]:
    """Return the update that removes a branch, and that it must be at ``expected`` before."""
    return (RemoveSnapshotRefUpdate.model_validate({"ref-name": branch}),), (unmoved(branch, expected),)


def unmoved(ref: str, expected: int | None) -> AssertRefSnapshotId:
    """Return the requirement that a branch or tag is where it was seen (None: that it does not exist)."""
    return AssertRefSnapshotId.model_validate({"ref": ref, "snapshot-id": expected})


def _subject(requirement: TableRequirement) -> tuple[type, str | None]:
    return type(requirement), getattr(requirement, "ref", None)


def _delete_outdated(table: Table, before: TableMetadata, after: TableMetadata) -> None:
    """Delete metadata files that the table's log no longer names, as ``write.metadata.delete-after-commit.enabled`` asks."""
    if after.properties.get(_DELETE_OUTDATED) != "true":
        return
    kept = {entry.metadata_file for entry in after.metadata_log}
    for entry in before.metadata_log:
        if entry.metadata_file not in kept:
            # somebody else may have been here first; what stays behind is found by housekeeping
            with suppress(OSError):
                table.io.delete(entry.metadata_file)


def attempt(
    catalog: IcebergCatalog, dataset: DatasetId, action: Callable[[Table], Answer], *, attempts: int = _ATTEMPTS
) -> Answer:
    """Return what ``action`` returns on a fresh handle, calling it again on a newer handle each time a commit was refused.

    Args:
        catalog: gives the handles.
        dataset: the table.
        action: looks at the handle, decides, and commits at most once.
        attempts: how often it is called before giving up.

    Raises:
        LostRaceError: other writers were faster every time.
    """
    overtaken: Exception | None = None
    for number in range(attempts):
        if number:
            ceiling = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (number - 1))
            time.sleep(random.uniform(0, ceiling))  # noqa: S311 -- spreads retries, no secret
        table = catalog.table(dataset)
        try:
            with catalog.reported(dataset.name):
                return action(table)
        except CommitFailedException as error:
            overtaken = error
        except ValueError as error:
            # another branch of the table was written: pyiceberg says so with a plain ValueError
            if not str(error).startswith(_STALE_SEQUENCE):
                raise
            overtaken = error
    message = f"{dataset.name} is written by others all the time, {attempts} commits were refused; run again when it is quieter"
    raise LostRaceError(message) from overtaken
