"""``slas.yaml`` (version 1) -> ``ServiceLevels``, with every problem reported at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path

from controlplane.kernel.documents import Document, parse_document, read_document
from controlplane.kernel.package_schemas import package_schema
from controlplane.kernel.problems import DocumentInvalidError, kind_of, shown, unknown
from controlplane.kernel.reading import Issues, Section, duplicates, known_zone
from controlplane.slas.burning import greatest_burn, least_target, unreachable
from controlplane.slas.errors import PromisesInvalidError
from controlplane.slas.model import Basis, Indicator, Maintenance, Objective, Promise, ServiceLevels
from controlplane.slas.wording import span_text

SCHEMA = "slas.schema.json"
_VERSION = 1
_PERCENT = Decimal(100)
_KEYS = ("within", "slice", "time_zone", "basis", "percentile")
_NEEDS = {
    Indicator.FRESHNESS: ("within", "time_zone"),
    Indicator.COMPLETENESS: ("basis",),
    Indicator.ACCURACY: (),
    Indicator.QUERY_TIME: ("within", "percentile"),
}
_MAY = {Indicator.FRESHNESS: ("slice",)}
_SLICE = timedelta(minutes=1)
_TENTH = Decimal("0.1")

Guarantees = Mapping[str, timedelta | None]
"""Dataset to the latency its contract guarantees; None where the contract says nothing about it."""


def load_promises(path: Path, guarantees: Guarantees | None = None) -> ServiceLevels:
    """Return what consumers were promised.

    Args:
        path: of the file.
        guarantees: every known dataset; None leaves unjudged whether datasets exist and contracts guarantee enough.

    Raises:
        PromisesInvalidError: anything is wrong with the file; all problems are listed, with line and what is allowed.
    """
    try:
        document, content = read_document(path)
    except DocumentInvalidError as error:
        raise PromisesInvalidError(error.problems) from None
    return _service_levels(document, content, guarantees)


def parse_promises(content: bytes, file: str, guarantees: Guarantees | None = None) -> ServiceLevels:
    """Return what consumers were promised, from the bytes of a file; see ``load_promises``.

    Raises:
        PromisesInvalidError: anything is wrong with the file; all problems are listed, with line and what is allowed.
    """
    try:
        document = parse_document(content, file)
    except DocumentInvalidError as error:
        raise PromisesInvalidError(error.problems) from None
    return _service_levels(document, content, guarantees)


def _service_levels(document: Document, content: bytes, guarantees: Guarantees | None) -> ServiceLevels:
    issues = Issues(document)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"the file holds {kind_of(document.data)} at its top"
        issues.add((), f"{what}; it is a map with version and promises")
        raise PromisesInvalidError(issues.problems)
    promises, maintenance = read_service_levels(document, issues, guarantees)
    issues.settle()
    for where, message in package_schema(SCHEMA).errors(document.data):
        issues.add(where, message)
    issues.refuse(PromisesInvalidError)
    return ServiceLevels(promises, maintenance, sha256(content).hexdigest(), tuple(issues.warnings))


def read_service_levels(
    document: Document, issues: Issues, guarantees: Guarantees | None = None
) -> tuple[tuple[Promise, ...], tuple[Maintenance, ...]]:
    """Return promises and maintenance of a document; what is wrong is noted in ``issues``."""
    top = Section(issues, (), document.data)
    if top.value("version", required=True) not in (None, _VERSION):
        top.problem("version", f"must be {_VERSION}, the only version there is")
    promises = tuple(_promises(top, guarantees))
    maintenance = tuple(found for section in top.sections("maintenance") for found in _maintenance(section, guarantees))
    for name in duplicates([promise.id for promise in promises]):
        issues.add(("promises",), f"the id {name!r} is given to two promises; choose another")
    top.done()
    return promises, maintenance


def _place(section: Section) -> str:
    document = section.issues.document
    return f"{document.file}:{document.line(section.path)}"


def _promises(top: Section, guarantees: Guarantees | None) -> Iterator[Promise]:
    for section in top.sections("promises", required=True):
        promise = Promise(
            id=section.text("id", required=True) or "",
            consumer=section.text("consumer", required=True) or "",
            objectives=tuple(found for inner in section.sections("objectives", required=True) for found in _objective(inner)),
            place=_place(section),
            datasets=section.texts("datasets"),
            description=section.text("description"),
        )
        section.done()
        if not promise.objectives and section.data.get("objectives") == []:
            section.problem("objectives", "is empty; a promise has at least one objective")
        for name in duplicates([objective.id for objective in promise.objectives]):
            section.problem("objectives", f"the id {name!r} is given to two objectives; choose another")
        _about(section, promise, guarantees)
        yield promise


def _about(section: Section, promise: Promise, guarantees: Guarantees | None) -> None:
    """Check the datasets of a promise: that there are some, that they exist, that their contracts guarantee enough."""
    judged = [objective for objective in promise.objectives if objective.indicator is not Indicator.QUERY_TIME]
    if judged and not promise.datasets and "datasets" not in section:
        section.issues.add(section.path, f"{judged[0].indicator.value} is about datasets; name them under datasets")
    if guarantees is None:
        return
    for position, name in enumerate(promise.datasets):
        path = section.at("datasets", position)
        if name not in guarantees:
            section.issues.add(path, unknown("dataset", name, sorted(guarantees)))
            continue
        for objective in judged:
            _enough(section, path, objective, (name, guarantees[name]))


def _enough(section: Section, path: tuple[str | int, ...], objective: Objective, dataset: tuple[str, timedelta | None]) -> None:
    if objective.indicator is not Indicator.FRESHNESS or objective.within is None:
        return
    name, latency = dataset
    if latency is None:
        message = f"{objective.id} promises {name} within {_text(objective.within)}, but its contract guarantees no latency"
        section.issues.warn(path, message)
    elif objective.within < latency:
        message = (
            f"{objective.id} promises {name} within {_text(objective.within)}, but its contract guarantees {_text(latency)}; "
            "promise no more than that, or tighten the contract"
        )
        section.issues.add(path, message)


def _text(span: timedelta) -> str:
    return f"{span.total_seconds():g} s"


def _objective(section: Section) -> Iterator[Objective]:
    """Yield an objective, or nothing where what every objective needs cannot be read."""
    word = section.text("indicator", required=True, allowed=[indicator.value for indicator in Indicator])
    identifier = section.text("id", required=True)
    target, window = section.number("target", required=True), section.duration("window", required=True)
    within, slices = section.duration("within"), section.duration("slice")
    basis = section.text("basis", allowed=[basis.value for basis in Basis])
    time_zone, percentile = section.parsed("time_zone", known_zone), section.number("percentile")
    section.done()
    for key, share in (("target", target), ("percentile", percentile)):
        if share is not None and not 0 < share < _PERCENT:
            section.problem(key, f"must be greater than 0 and less than 100, not {share}")
    if window is not None:
        _sliced(section, window, slices)
    if word is not None:
        _complete(section, Indicator(word))
    if word is None or identifier is None or target is None or window is None:
        return
    if word != Indicator.QUERY_TIME and 0 < target < _PERCENT and window:
        _reachable(section, target, window, slices or (_SLICE if word == Indicator.FRESHNESS else None))
    yield Objective(
        id=identifier,
        indicator=Indicator(word),
        target=target,
        window=window,
        place=_place(section),
        within=within,
        slice=slices or (_SLICE if word == Indicator.FRESHNESS else None),
        time_zone=time_zone,
        basis=Basis(basis) if basis else None,
        percentile=percentile,
    )


def _reachable(section: Section, target: Decimal, window: timedelta, slices: timedelta | None) -> None:
    """Refuse a target so low that its budget cannot burn fast enough for anybody to be told."""
    found = unreachable(target, window, slices)
    if found is not None:
        least = least_target(found.threshold).quantize(_TENTH, ROUND_CEILING)
        message = (
            f"at {target} % the budget cannot be spent more than {greatest_burn(target):.1f} times as fast as it lasts, and "
            f"somebody is told from {found.threshold:.1f} times on ({span_text(found.long)} of {span_text(window)}), so never; "
            f"promise more than {least} %, or choose a shorter window"
        )
        section.problem("target", message)


def _complete(section: Section, indicator: Indicator) -> None:
    missing = [key for key in _NEEDS[indicator] if key not in section]
    if missing:
        section.issues.add(section.path, f"{indicator.value} needs {', '.join(missing)}")
    allowed = (*_NEEDS[indicator], *_MAY.get(indicator, ()))
    for key in _KEYS:
        if key in section and key not in allowed:
            section.problem(key, f"{key} is not for {indicator.value}; remove it")


def _sliced(section: Section, window: timedelta, slices: timedelta | None) -> None:
    if not window:
        section.problem("window", "must be longer than nothing")
    if slices is not None and (not slices or slices >= window):
        section.problem("slice", "must be longer than nothing and shorter than the window")


def _maintenance(section: Section, guarantees: Guarantees | None) -> Iterator[Maintenance]:
    starts, ends = section.instant("from", required=True), section.instant("to", required=True)
    datasets = section.texts("datasets", required=True)
    reason = section.text("reason", required=True)
    section.done()
    if starts is not None and ends is not None and starts >= ends:
        section.problem("to", f"{ends.isoformat()} is not after from ({starts.isoformat()})")
    for position, pattern in enumerate(datasets if guarantees is not None else ()):
        _matching(section, position, pattern, list(guarantees or ()))
    if starts is not None and ends is not None and reason is not None:
        yield Maintenance(starts, ends, datasets, reason, _place(section))


def _matching(section: Section, position: int, pattern: str, known: Sequence[str]) -> None:
    if not any(fnmatchcase(name, pattern) for name in known):
        path = section.at("datasets", position)
        section.issues.add(path, f"{shown(pattern)} matches no dataset; known are {', '.join(sorted(known)) or 'none'}")
