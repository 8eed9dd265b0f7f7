"""Port of a lineage transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class LineageTransport(Protocol):
    """Carries OpenLineage events to whoever listens."""

    def emit(self, event: Mapping[str, object]) -> None:
        """Deliver one event (OpenLineage JSON as plain data). Raises ``UnavailableError`` when it was not taken."""
        ...
