"""Checks on pages: all of them with what they said last, and one with its history and the rows it set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from checks.model import Check, CheckKind
from controlplane.kernel.errors import NotFoundError
from controlplane.kernel.outcome import Outcome
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.viewing.datasets import DatasetLine, dataset_lines, title_of
from controlplane.usecases.viewing.statements import descriptions, terms, title
from controlplane.usecases.views_ports import DatasetState, KeptFilter, KeptLine, PastResult, RunLine

NEVER = "never"
"""Stands where a check was never judged."""

_RANK = {
    outcome: rank for rank, outcome in enumerate((Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE, Outcome.PASSED, NEVER))
}
MOST = 1_000
"""Rows that a check set aside are counted up to this; nobody reads more of them than that."""

_SAMPLE = 8


@dataclass(frozen=True)
class CheckFilter:
    """Which checks are wanted; what is empty does not matter. ``text``: part of id or description."""

    text: str = ""
    outcome: str = ""
    kind: str = ""
    severity: str = ""
    dataset: str = ""


@dataclass(frozen=True)
class CheckLine:
    """A check and what it said of the newest judged batch; ``result`` is None where it was never judged.

    Attributes:
        segments: results the check has in that batch (one per segment); the worst is shown.
    """

    check: Check
    title: str
    outcome: str
    result: StoredResult | None
    state: DatasetState | None
    segments: int = 1


@dataclass(frozen=True)
class CheckList:
    """One page of checks, what needs a person first.

    Attributes:
        outcomes: how many of those that match before the outcome is looked at said what.
        kinds: that there are, to choose from.
    """

    lines: tuple[CheckLine, ...]
    total: int
    known: int
    outcomes: Mapping[str, int]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class CheckPage:
    """One check with its history.

    Attributes:
        title: what must hold, in the author's words where the definition says little; statement: what the definition says.
        terms: threshold, allowance, scope and consequence.
        description, reason: the contract author's words; place: ``file:line`` of the dataset's contract.
        results: of the newest judged batch, one per segment.
        history: oldest first, in runs and on published data.
        rows: a masked sample of what it set aside (of held batches too); aside: how many there are.
    """

    governed: Governed
    line: DatasetLine
    check: Check
    title: str
    statement: str
    terms: tuple[str, ...]
    description: str | None
    judged: RunLine | None
    results: tuple[StoredResult, ...]
    history: tuple[PastResult, ...]
    rows: tuple[KeptLine, ...]
    aside: int
    columns: tuple[str, ...]
    masked: frozenset[str]


def list_checks(ports: Ports, wanted: CheckFilter, *, limit: int = 50, offset: int = 0) -> CheckList:
    """Return a page of the checks that match: failed, errored, without evidence, passed, never judged."""
    datasets, states = ports.platform.datasets, ports.views.states()
    unwell = _not_passed(ports, states)
    found: dict[str, list[Sequence[Check]]] = {outcome: [] for outcome in _RANK}
    for name, governed in datasets.items():
        if wanted.dataset and name != wanted.dataset:
            continue
        for outcome, checks in _by_outcome(_matching(governed, wanted), states.get(name), unwell.get(name, {})):
            found[outcome].append(checks)
    counts = {outcome: sum(map(len, checks)) for outcome, checks in found.items()}
    chosen = [wanted.outcome] if wanted.outcome in found else list(found)
    every = chain.from_iterable(checks for outcome in chosen for checks in found[outcome])
    return CheckList(
        lines=_lines(ports, list(islice(every, offset, offset + limit)), states),
        total=sum(counts[outcome] for outcome in chosen),
        known=sum(len(governed.checks) for governed in datasets.values()),
        outcomes=counts,
        kinds=tuple(sorted(kind.value for kind in CheckKind)),
    )


def check_page(ports: Ports, dataset: str, check_id: str) -> CheckPage:
    """Return one check with its history and a masked sample of the rows it set aside.

    Raises:
        DatasetUnknownError: no contract describes the dataset.
        NotFoundError: the dataset has no such check.
    """
    governed = ports.platform.governed(dataset)
    check = next((check for check in governed.checks if check.id == check_id), None)
    if check is None:
        message = f"{dataset} has no check {check_id!r}; its contract ({governed.spec.place}) has {len(governed.checks)}"
        raise NotFoundError(message)
    line = dataset_lines(ports, [dataset])[dataset]
    judged = ports.views.run(line.state.judged_run_id) if line.state and line.state.judged_run_id else None
    results = ports.views.results([judged.run_id]).get(judged.run_id, ()) if judged else ()
    wanted = KeptFilter(dataset, check_id=check_id, staged_by=line.held[0].run_id if line.held else None)
    rows = ports.views.sample(wanted, _SAMPLE) if check.row_scope else ()
    columns = dict.fromkeys(name for row in rows for name in row.masked or ())
    return CheckPage(
        governed=governed,
        line=line,
        check=check,
        title=title_of(check_id, check, descriptions(governed.spec)),
        statement=title(check),
        terms=terms(check),
        description=descriptions(governed.spec).get(check_id),
        judged=judged,
        results=tuple(result for result in results if result.check_id == check_id),
        history=tuple(ports.views.history(dataset, check_id)),
        rows=tuple(rows),
        aside=ports.views.count(wanted, MOST) if rows else 0,
        columns=tuple(name for name in governed.columns if name in columns),
        masked=frozenset(rule.field for rule in governed.masks),
    )


def _not_passed(ports: Ports, states: Mapping[str, DatasetState]) -> Mapping[str, Mapping[str, str]]:
    """Return, by dataset, the worst outcome of every check that did not pass in the newest judged batch."""
    runs = {
        state.judged_run_id: name
        for name, state in states.items()
        if state.judged_run_id and (state.failed or state.errored or state.no_evidence)
    }
    worst: dict[str, dict[str, str]] = {}
    for run_id, results in ports.views.results(runs, all_passed=False).items():
        mine = worst.setdefault(runs[run_id], {})
        for result in results:
            before = mine.get(result.check_id, result.outcome)
            mine[result.check_id] = min(before, result.outcome, key=_RANK.__getitem__)
    return worst


def _by_outcome(
    checks: Sequence[Check], state: DatasetState | None, unwell: Mapping[str, str]
) -> Iterator[tuple[str, Sequence[Check]]]:
    """Yield a dataset's checks by what they said last; most datasets are well and cost one step."""
    if state is None or state.judged_run_id is None:
        yield NEVER, checks
    elif not unwell:
        yield Outcome.PASSED.value, checks
    else:
        for outcome in _RANK:
            yield outcome, [check for check in checks if unwell.get(check.id, Outcome.PASSED.value) == outcome]


def _lines(ports: Ports, checks: list[Check], states: Mapping[str, DatasetState]) -> tuple[CheckLine, ...]:
    judged = {name: states[name].judged_run_id for name in {check.dataset for check in checks} if name in states}
    found: dict[str, list[StoredResult]] = {}
    for results in ports.views.results([run_id for run_id in judged.values() if run_id]).values():
        for result in results:
            found.setdefault(result.check_id, []).append(result)
    lines = []
    for check in checks:
        results = sorted(found.get(check.id, ()), key=lambda result: _RANK.get(result.outcome, len(_RANK)))
        worst = results[0] if results else None
        written = descriptions(ports.platform.datasets[check.dataset].spec)
        words = title_of(check.id, check, written)
        state = states.get(check.dataset)
        lines.append(CheckLine(check, words, worst.outcome if worst else NEVER, worst, state, len(results)))
    return tuple(lines)


def _matching(governed: Governed, wanted: CheckFilter) -> Sequence[Check]:
    checks: Sequence[Check] = governed.checks
    if wanted.kind:
        checks = [check for check in checks if check.kind == wanted.kind]
    if wanted.severity:
        checks = [check for check in checks if check.severity == wanted.severity]
    if wanted.text and checks:
        text, written = wanted.text.casefold(), descriptions(governed.spec)
        checks = [check for check in checks if text in check.id.casefold() or text in written.get(check.id, "").casefold()]
    return checks
