"""Datasets on pages: the list, worst first, and all there is to know of one without opening its table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from checks.model import Check, CheckKind
from controlplane.contracts.model import FieldSpec, Layer
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.viewing.statements import descriptions, rule_ids, title
from controlplane.usecases.views_ports import DatasetState, KeptCount, PastResult, RunFilter, RunLine

_SAYS_LITTLE = frozenset({CheckKind.SQL, CheckKind.AGGREGATE, CheckKind.RECONCILIATION, CheckKind.VOLUME_CHANGE})
_BATCHES = ("published", "held", "failed")
_WORST_FIRST = (Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE, Outcome.PASSED)


class Standing(StrEnum):
    """Where a dataset stands, worst first: what a person looks for in a list."""

    HELD = "held"
    FAILED = "failed"
    CHECKS = "checks"
    PUBLISHED = "published"
    NONE = "none"


_WORST = {standing: rank for rank, standing in enumerate(Standing)}


@dataclass(frozen=True)
class DatasetLine:
    """A dataset in one line.

    Attributes:
        standing: ``held``: a batch waits for a person; ``failed``: the newest run failed; ``checks``: published, and checks of
            the newest batch failed or could not be evaluated; ``none``: nothing was published yet.
        held: batches that wait, newest first.
    """

    name: str
    layer: str | None
    tier: int
    owner: str | None
    standing: Standing
    state: DatasetState | None
    held: tuple[RunLine, ...] = ()
    kept: KeptCount = field(default_factory=KeptCount)


@dataclass(frozen=True)
class DatasetFilter:
    """Which datasets are wanted; what is empty does not matter. ``text``: part of name, owner or description."""

    text: str = ""
    layer: str = ""
    tier: int | None = None
    owner: str = ""
    standing: str = ""


@dataclass(frozen=True)
class DatasetList:
    """One page of datasets, worst first.

    Attributes:
        total: that match; known: that there are.
        standings: of those that match before the standing is looked at, how many stand where.
        layers, owners: that there are, to choose from.
    """

    lines: tuple[DatasetLine, ...]
    total: int
    known: int
    standings: Mapping[Standing, int]
    layers: tuple[str, ...]
    owners: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """One result of the newest judged batch, with what is needed to read it.

    Attributes:
        check: None where the contract no longer has it.
        title: what must hold, as a sentence; the author's words where the contract has some.
        past: what it said in the newest runs, oldest first.
        implied: whether the schema of the contract implies the check, and nobody wrote it.
    """

    result: StoredResult
    check: Check | None
    title: str
    past: tuple[PastResult, ...]
    implied: bool


@dataclass(frozen=True)
class Neighbour:
    """A dataset or topic next in lineage; ``line`` is None for a topic. ``role``: how it is read."""

    name: str
    role: str
    line: DatasetLine | None


@dataclass(frozen=True)
class DatasetPage:
    """All there is to know of a dataset without opening its table.

    Attributes:
        batches: newest that ended in a decision or failed, oldest first.
        judged: the run whose checks are shown; None before the first.
        fields: personal or masked fields.
    """

    line: DatasetLine
    governed: Governed
    batches: tuple[RunLine, ...]
    judged: RunLine | None
    results: tuple[Judged, ...]
    fields: tuple[FieldSpec, ...]
    upstream: tuple[Neighbour, ...]
    downstream: tuple[Neighbour, ...]


def list_datasets(ports: Ports, wanted: DatasetFilter, *, limit: int = 50, offset: int = 0) -> DatasetList:
    """Return a page of the datasets that match, worst first, then by name."""
    datasets = ports.platform.datasets
    matching = [name for name, governed in datasets.items() if _matches(governed, wanted)]
    states, held = ports.views.states(), _held(ports)
    standings = {name: _standing(states.get(name), held.get(name)) for name in matching}
    counts = Counter(standings.values())
    if wanted.standing:
        matching = [name for name in matching if standings[name].value == wanted.standing]
    matching.sort(key=lambda name: (_WORST[standings[name]], name))
    shown = matching[offset : offset + limit]
    layers = {governed.spec.layer for governed in datasets.values()}
    kept = ports.views.kept(shown) if shown else {}
    return DatasetList(
        lines=tuple(_line(datasets[name], states.get(name), held.get(name, ()), kept.get(name)) for name in shown),
        total=len(matching),
        known=len(datasets),
        standings={standing: counts[standing] for standing in Standing},
        layers=tuple(layer.value for layer in Layer if layer in layers),
        owners=tuple(sorted({governed.contract.owner for governed in datasets.values() if governed.contract.owner})),
    )


def dataset_lines(ports: Ports, names: Collection[str]) -> Mapping[str, DatasetLine]:
    """Return lines of the named datasets that contracts describe."""
    known = [name for name in names if name in ports.platform.datasets]
    if not known:
        return {}
    states, held, kept = ports.views.states(known), _held(ports, known), ports.views.kept(known)
    return {name: _line(ports.platform.datasets[name], states.get(name), held.get(name, ()), kept.get(name)) for name in known}


def dataset_page(ports: Ports, name: str) -> DatasetPage:
    """Return all there is to know of a dataset. Raises ``DatasetUnknownError`` naming the known ones."""
    governed = ports.platform.governed(name)
    upstream, downstream = _upstream(ports, name), [pipeline.dataset for pipeline in ports.platform.consumers(name)]
    lines = dataset_lines(ports, {name, *upstream, *downstream})
    line = lines[name]
    judged = ports.views.run(line.state.judged_run_id) if line.state and line.state.judged_run_id else None
    batches = ports.views.runs(RunFilter(name, states=_BATCHES), limit=12)
    return DatasetPage(
        line=line,
        governed=governed,
        batches=tuple(reversed([batch for batch in batches if batch.balance or batch.state == "failed"])),
        judged=judged,
        results=_judged(ports, governed, judged) if judged else (),
        fields=tuple(one for one in governed.spec.fields if is_personal(one)),
        upstream=tuple(Neighbour(other, role, lines.get(other)) for other, role in upstream.items()),
        downstream=tuple(Neighbour(other, "", lines.get(other)) for other in dict.fromkeys(downstream)),
    )


def is_personal(spec: FieldSpec) -> bool:
    """Return whether a field's contract says anything about persons."""
    return bool(spec.data_category or spec.sensitivity or spec.masking or spec.quasi_identifier or spec.subject_key)


def _judged(ports: Ports, governed: Governed, judged: RunLine) -> tuple[Judged, ...]:
    """Return the results of a run, what needs a person first, then what a person wrote, in the order of the contract."""
    past: dict[tuple[str, str | None], list[PastResult]] = defaultdict(list)
    for one in ports.views.recent(governed.name):
        past[one.check_id, one.segment].append(one)
    checks, written = {check.id: check for check in governed.checks}, descriptions(governed.spec)
    own = rule_ids(governed.spec)
    results = ports.views.results([judged.run_id]).get(judged.run_id, ())
    order = {outcome.value: rank for rank, outcome in enumerate(_WORST_FIRST)}
    return tuple(
        Judged(
            result=result,
            check=checks.get(result.check_id),
            title=title_of(result.check_id, checks.get(result.check_id), written),
            past=tuple(past[result.check_id, result.segment]),
            implied=result.check_id not in own,
        )
        for result in sorted(results, key=lambda result: (order.get(result.outcome, 0), result.check_id not in own))
    )


def title_of(check_id: str, check: Check | None, written: Mapping[str, str]) -> str:
    """Return a check's sentence: what its definition says, the author's words where a definition says little, else its id."""
    if check is None:
        return check_id
    says_little = check.kind in _SAYS_LITTLE or "pattern" in check.arguments
    return written.get(check_id, title(check)) if says_little else title(check)


def _upstream(ports: Ports, name: str) -> Mapping[str, str]:
    pipeline = ports.platform.making(name)
    if pipeline is None:
        return {}
    if pipeline.topic is not None:
        return {pipeline.topic: "topic"}
    return {other: role.value for other, role in pipeline.inputs.items()}


def _held(ports: Ports, names: Collection[str] | None = None) -> Mapping[str, tuple[RunLine, ...]]:
    found: dict[str, tuple[RunLine, ...]] = {}
    for run in ports.views.held(names):
        found[run.dataset] = (*found.get(run.dataset, ()), run)
    return found


def _line(governed: Governed, state: DatasetState | None, held: Sequence[RunLine], kept: KeptCount | None) -> DatasetLine:
    return DatasetLine(
        name=governed.name,
        layer=governed.spec.layer.value if governed.spec.layer else None,
        tier=governed.spec.tier,
        owner=governed.contract.owner,
        standing=_standing(state, held),
        state=state,
        held=tuple(held),
        kept=kept or KeptCount(),
    )


def _standing(state: DatasetState | None, held: Sequence[RunLine] | None) -> Standing:
    if held:
        return Standing.HELD
    if state is None:
        return Standing.NONE
    if state.state == "failed":
        return Standing.FAILED
    if state.published_run_id is None:
        return Standing.NONE
    return Standing.CHECKS if state.failed or state.errored else Standing.PUBLISHED


def _matches(governed: Governed, wanted: DatasetFilter) -> bool:
    spec = governed.spec
    if wanted.layer and (spec.layer is None or spec.layer.value != wanted.layer):
        return False
    if wanted.tier is not None and spec.tier != wanted.tier:
        return False
    if wanted.owner and governed.contract.owner != wanted.owner:
        return False
    text = wanted.text.casefold()
    places = (governed.name, governed.contract.owner or "", spec.description or "")
    return not text or any(text in place.casefold() for place in places)
