"""Facts and objective states in memory; the behaviour suite holds the real store to the same promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from controlplane.slas.history import History, history_of
from controlplane.slas.status import Fact, ObjectiveStatus
from controlplane.usecases.sla_ports import Board, BoardFilter

_NEVER = datetime.max.replace(tzinfo=UTC)


class InMemoryServiceLevels:
    def __init__(self) -> None:
        self.stored: list[Fact] = []
        self.states: dict[tuple[str, str, str], ObjectiveStatus] = {}

    def note(self, fact: Fact) -> None:
        if fact.state in {"published", "held"}:
            self.stored = [known for known in self.stored if (known.run_id, known.state) != (fact.run_id, fact.state)]
        self.stored.append(fact)

    def append(self, facts: Sequence[Fact]) -> None:
        self.stored += facts

    def facts(self, dataset: str, since: datetime, until: datetime) -> Sequence[Fact]:
        return [fact for fact in self._of(dataset) if since <= fact.at <= until]

    def watermarks(self, datasets: Collection[str]) -> Mapping[str, datetime]:
        known = {name: [fact.watermark for fact in self._of(name) if fact.watermark is not None] for name in datasets}
        return {name: marks[-1] for name, marks in known.items() if marks}

    def histories(self, datasets: Collection[str], since: datetime, until: datetime) -> Mapping[str, History]:
        found = {}
        for name in datasets:
            known = [fact for fact in self._of(name) if fact.at <= until]
            older = {(fact.state, fact.watermark is None): fact for fact in known if fact.at < since}
            wanted = [fact for fact in known if fact.at >= since or fact in older.values()]
            if wanted:
                found[name] = history_of(wanted)
        return found

    def keep(self, states: Sequence[ObjectiveStatus]) -> Sequence[ObjectiveStatus]:
        kept = {}
        for status in states:
            key = (status.promise, status.objective, status.dataset or "")
            before = self.states.get(key)
            same = before is not None and before.state is status.state
            kept[key] = replace(status, since=before.since) if before is not None and same else status
        self.states = kept
        return list(kept.values())

    def board(self, wanted: BoardFilter, *, limit: int, offset: int = 0) -> Board:
        asked = {name: value for name, value in vars(wanted).items() if value is not None and name != "state"}
        found = [status for status in self.states.values() if all(getattr(status, name) == asked[name] for name in asked)]
        chosen = sorted((status for status in found if wanted.state in {None, status.state}), key=_worst_first)
        at = max((status.at for status in self.states.values()), default=None)
        return Board(tuple(chosen[offset : offset + limit]), len(chosen), Counter(status.state for status in found), at)

    def _of(self, dataset: str) -> Sequence[Fact]:
        return sorted((fact for fact in self.stored if fact.dataset == dataset), key=lambda fact: fact.at)


def _worst_first(status: ObjectiveStatus) -> tuple[object, ...]:
    return (status.state.rank, status.deadline or _NEVER, status.promise, status.objective, status.dataset or "")
