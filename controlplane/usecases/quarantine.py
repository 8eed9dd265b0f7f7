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


def retry(ports: Ports, dataset: str, row_ids: Sequence[str] | None, reason: str) -> int:
    """Let quarantined rows (None: all of the dataset) enter the dataset's next run again; return how many.

    They meet every check again, and what still fails goes back without counting towards any allowance.

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
    ports.audit_log.append(
        AuditEntry(
            at_wall=datetime.now(UTC),
            clock=ports.clock.now(),
            actor=ports.actor,
            verb="quarantine.retry",
            subject=dataset,
            reason=reason or "retry",
            after=f"{marked} rows",
        )
    )
    return marked
