"""Evaluate promises: where every objective stands, computed from facts for now or any past minute, or as it was last stored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from controlplane.contracts.model import Mode
from controlplane.gate.model import InputRole
from controlplane.kernel.errors import ConfigurationError
from controlplane.slas.evaluation import evaluate as judged
from controlplane.slas.evaluation import facts_needed, members_of
from controlplane.slas.ratios import Path
from controlplane.slas.status import ObjectiveStatus
from controlplane.slas.verdicts import Subject
from controlplane.usecases.model import Pipeline, Platform, Ports
from controlplane.usecases.raise_alerts import raise_for_objectives
from controlplane.usecases.sla_ports import Board, BoardFilter


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of all promises.

    Attributes:
        at: the plane's clock, the moment that was judged.
        judged: how many objectives; seconds: how long that took, in wall time.
        states: as they are stored now.
    """

    at: datetime
    judged: int
    seconds: float
    states: tuple[ObjectiveStatus, ...]


def evaluate(ports: Ports) -> Evaluation:
    """Judge all promises now, store where they stand, and raise and resolve the alerts about them.

    Raises:
        StoreUnavailableError: the store does not answer.
    """
    started, at = time.monotonic(), ports.clock.now()
    states = ports.service_levels.keep(sla_status(ports, at))
    raise_for_objectives(ports, states)
    return Evaluation(at, len(states), time.monotonic() - started, tuple(states))


def sla_status(ports: Ports, at: datetime | None = None) -> Sequence[ObjectiveStatus]:
    """Return where every objective stands at a moment (None: now), from the facts recorded by then; nothing is stored.

    Raises:
        ConfigurationError: the moment has no time zone.
    """
    levels = ports.platform.service_levels
    if levels is None:
        return ()
    moment = at or ports.clock.now()
    if moment.tzinfo is None:
        message = f"{moment.isoformat()} has no time zone; write it with its offset, such as {moment.isoformat()}+00:00"
        raise ConfigurationError(message)
    subjects = subjects_of(ports.platform)
    histories = ports.service_levels.histories(members_of(subjects.values()), moment - facts_needed(levels), moment)
    return judged(levels, subjects, histories, moment, ports.time_zone)


def sla_board(ports: Ports, wanted: BoardFilter, *, limit: int = 50, offset: int = 0) -> Board:
    """Return a page of where promises stood when they were last evaluated, worst first; nothing is computed."""
    return ports.service_levels.board(wanted, limit=limit, offset=offset)


def subjects_of(platform: Platform) -> Mapping[str, Subject]:
    """Return every dataset that a promise names, with its tier and where its rows come from."""
    levels = platform.service_levels
    makers = {pipeline.dataset: pipeline for pipeline in platform.pipelines}
    names = {name: None for promise in (levels.promises if levels else ()) for name in promise.datasets}
    return {name: Subject(name, platform.governed(name).spec.tier, _path(name, platform, makers)) for name in names}


def _path(name: str, platform: Platform, makers: Mapping[str, Pipeline]) -> Path:
    members: dict[str, None] = {}
    roots: list[str] = []
    waiting = [name]
    while waiting:
        member = waiting.pop()
        if member in members:
            continue
        members[member] = None
        feeding = _feeding(member, makers)
        if not feeding:
            roots.append(member)
        waiting += feeding
    whole = {member for member in members if platform.governed(member).spec.write_mode.mode is Mode.OVERWRITE}
    return Path(tuple(roots), tuple(members), frozenset(whole))


def _feeding(name: str, makers: Mapping[str, Pipeline]) -> list[str]:
    """Return the datasets whose rows become rows of a dataset; parents that are only looked up are not among them."""
    if name not in makers:
        return []
    return [source for source, role in makers[name].inputs.items() if role is not InputRole.REFERENCE and source != name]
