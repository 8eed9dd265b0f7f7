"""The part of the facade that is about promises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controlplane.slas.status import ObjectiveStatus, PromiseState
from controlplane.usecases import evaluate_slas
from controlplane.usecases.evaluate_slas import Evaluation
from controlplane.usecases.model import Ports
from controlplane.usecases.sla_ports import Board, BoardFilter


class Promising:
    """What ``Plane`` answers about promises.

    Attributes:
        ports: what the verbs work with.
    """

    ports: Ports

    def sla_status(self, at: datetime | None = None) -> Sequence[ObjectiveStatus]:
        """Return where every objective stands now, or stood at any minute before, computed from recorded facts.

        Raises:
            ConfigurationError: ``at`` has no time zone.
        """
        return evaluate_slas.sla_status(self.ports, at)

    def evaluate(self) -> Evaluation:
        """Judge all promises now, store where they stand, and raise or resolve alerts."""
        return evaluate_slas.evaluate(self.ports)

    def sla_board(  # noqa: PLR0913 (one parameter a filter)
        self,
        *,
        consumer: str | None = None,
        tier: int | None = None,
        state: PromiseState | None = None,
        dataset: str | None = None,
        promise: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Board:
        """Return a page of where promises stood when they were last evaluated, worst first; nothing is computed."""
        wanted = BoardFilter(consumer, tier, state, dataset, promise)
        return evaluate_slas.sla_board(self.ports, wanted, limit=limit, offset=offset)
