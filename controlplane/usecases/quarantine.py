"""Rows set aside: list them, look at one, let them try again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from controlplane.gate.model import KeptKind, KeptRow
from controlplane.kernel.errors import ConfigurationError
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import AuditEntry


@dataclass(frozen=True)
class Aside:
    """A row set aside, as people may see it (masked)."""

    dataset: str
    row: KeptRow

    def document(self) -> dict[str, object]:
        """Return the row as plain data, exactly as ``quarantine list --format json`` prints it."""
        shown = {name: value for name, value in self.row.masked.items() if not name.startswith("__")}
        return {
            "row_id": self.row.row_id,
            "dataset": self.dataset,
            "kind": self.row.kind.value,
            "status": self.row.status.value,
            "reasons": list(self.row.reasons),
            "since": self.row.since.isoformat(),
            "run_id": str(self.row.run_id) if self.row.run_id else None,
            "row": shown,
        }


def list_aside(ports: Ports, dataset: str | None = None, *, waiting: bool = False, limit: int = 100) -> Sequence[Aside]:
    """Return quarantined (or waiting) rows, oldest first."""
    wanted = ports.platform.governed(dataset).id if dataset else None
    kind = KeptKind.WAITING if waiting else KeptKind.QUARANTINED
    return [Aside(owner.name, row) for owner, row in ports.kept_rows.open(wanted, kind, limit=limit)]


def show_aside(ports: Ports, row_id: str) -> Sequence[Aside]:
    """Return every entry of a row, newest first. Raises ``ConfigurationError`` when there is none."""
    found = [Aside(owner.name, row) for owner, row in ports.kept_rows.find(row_id)]
    if not found:
        message = f"there is no kept row {row_id}; `controlplane quarantine list` shows the known ones"
        raise ConfigurationError(message)
    return found


def retry(ports: Ports, dataset: str, row_ids: Sequence[str] | None, reason: str, *, by: str | None = None) -> int:
    """Let quarantined rows (None: all of the dataset) enter the dataset's next run again; return how many.

    They meet every check again, and what still fails goes back without counting towards any allowance.

    Args:
        by: who asks for it, for the audit log; the plane's own actor when None.

    Raises:
        ConfigurationError: a row is not in quarantine.
    """
    governed = ports.platform.governed(dataset)
    marked = ports.kept_rows.mark_retry(governed.id, row_ids)
    if row_ids is not None and marked < len(set(row_ids)):
        message = (
            f"{len(set(row_ids)) - marked} of {len(set(row_ids))} rows are not in quarantine of {dataset}; "
            "`controlplane quarantine list` shows what is"
        )
        raise ConfigurationError(message)
    ports.audit_log.append(_entry(ports, "quarantine.retry", dataset, reason or "retry", f"{marked} rows", by))
    return marked


def discard(ports: Ports, dataset: str, row_ids: Sequence[str], reason: str, *, by: str | None = None) -> int:
    """Give quarantined rows up for good; return how many. They never enter a run again and no table will hold them.

    Args:
        by: who decides it, for the audit log; the plane's own actor when None.

    Raises:
        ConfigurationError: no reason or no row is given, or a row is not in quarantine; then none is discarded.
    """
    governed = ports.platform.governed(dataset)
    if not reason.strip():
        message = "discarding rows needs a --reason: it is kept in the audit log with your name"
        raise ConfigurationError(message)
    wanted = sorted(set(row_ids))
    if not wanted:
        message = f"no row of {dataset} was named to be discarded; `controlplane quarantine list {dataset}` shows what is there"
        raise ConfigurationError(message)
    entry = _entry(ports, "quarantine.discard", dataset, reason, f"{len(wanted)} rows: {', '.join(wanted)}", by)
    found = ports.records.discard(governed.id, wanted, entry)
    if found < len(wanted):
        message = (
            f"{len(wanted) - found} of {len(wanted)} rows are not in quarantine of {dataset}, so none was discarded; "
            "`controlplane quarantine list` shows what is"
        )
        raise ConfigurationError(message)
    return found


def _entry(ports: Ports, verb: str, dataset: str, reason: str, after: str, by: str | None) -> AuditEntry:
    return AuditEntry(
        at_wall=datetime.now(UTC),
        clock=ports.clock.now(),
        actor=by or ports.actor,
        verb=verb,
        subject=dataset,
        reason=reason,
        after=after,
    )
