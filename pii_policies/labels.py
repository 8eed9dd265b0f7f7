"""Labels of personal data: a lattice, and transformations as functions on it.

A label says what a column holds, how near it is to a person, and under which token domains a key holder could get back to
them. Labels only grow by joining and only shrink by a proven step; whatever is not known keeps the highest label.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from pii_policies.model import MaskRule, Technique


class Identifiability(StrEnum):
    """How near a value is to a person. Ordered by ``rank``."""

    NONE = "none"
    AGGREGATE = "aggregate"
    QUASI = "quasi"
    LINKABLE = "linkable"
    DIRECT = "direct"

    @property
    def rank(self) -> int:
        """0 for ``none`` up to 4 for ``direct``."""
        return list(Identifiability).index(self)


@dataclass(frozen=True)
class Label:
    """What a column reveals about persons; the default reveals nothing.

    Attributes:
        categories: what it is (``email``, ``person_name`` ...).
        reversible_by: token domains whose key holder can get back to the clear value.
    """

    categories: frozenset[str] = frozenset()
    identifiability: Identifiability = Identifiability.NONE
    reversible_by: frozenset[str] = frozenset()

    def __le__(self, other: Label) -> bool:
        """Whether this label reveals at most what the other does."""
        return join(self, other) == other


NOTHING = Label()
"""The lowest label: no personal data."""


class Step(StrEnum):
    """How a value flows into a column."""

    KEEP = "keep"  # identity, cast, concatenation, and any other function of the value
    PICK = "pick"  # min, max, first, any_value, array_agg: still a real value
    HASH = "hash"  # without a key: whoever can list the inputs can list the outputs
    UNKNOWN = "unknown"
    TOKEN = "token"  # noqa: S105 (a step's name, no secret)
    TRUNCATE = "truncate"
    CONDITIONAL = "conditional"  # only decides between other values
    AGGREGATE = "aggregate"  # count, sum, avg over a group that is large enough


_CEILING = {
    Step.TOKEN: Identifiability.LINKABLE,
    Step.TRUNCATE: Identifiability.QUASI,
    Step.CONDITIONAL: Identifiability.QUASI,
    Step.AGGREGATE: Identifiability.AGGREGATE,
}


@dataclass(frozen=True)
class Flow:
    """One column feeding another.

    Attributes:
        domain: token domain, for ``Step.TOKEN``.
    """

    source: str
    target: str
    step: Step
    domain: str | None = None


def join(*labels: Label) -> Label:
    """Return the lowest label that covers all given ones."""
    return Label(
        frozenset[str]().union(*(label.categories for label in labels)),
        max((label.identifiability for label in labels), key=lambda level: level.rank, default=Identifiability.NONE),
        frozenset[str]().union(*(label.reversible_by for label in labels)),
    )


def lower(label: Label, ceiling: Identifiability) -> Label:
    """Return the label with its identifiability at most at a ceiling; nothing is ever raised."""
    return replace(label, identifiability=min(label.identifiability, ceiling, key=lambda level: level.rank))


def through(label: Label, step: Step, domain: str | None = None) -> Label:
    """Return the label of a column after one step. Monotone: a higher label never comes out lower than a lower one.

    Args:
        label: the column it flows from.
        step: how it flows.
        domain: token domain, for ``Step.TOKEN``; a token without one proves nothing and keeps the label.
    """
    if label.identifiability is Identifiability.NONE or step not in _CEILING or (step is Step.TOKEN and domain is None):
        return label
    lowered = lower(label, _CEILING[step])
    return replace(lowered, reversible_by=lowered.reversible_by | {domain}) if step is Step.TOKEN and domain else lowered


def derive(flows: Iterable[Flow], labels: Mapping[str, Label], unresolved: Collection[str] = ()) -> dict[str, Label]:
    """Return the label of every target column, joined over all that feeds it.

    Args:
        flows: the column edges of one SELECT.
        labels: labels of its source columns.
        unresolved: targets whose origin could not be found: they get the join of *all* source labels.

    A source column that has no entry in ``labels`` counts as the join of all of them, too: not knowing is no proof.
    """
    highest = join(*labels.values())
    derived: dict[str, Label] = dict.fromkeys(unresolved, highest)
    for flow in flows:
        fed = through(labels.get(flow.source, highest), flow.step, flow.domain)
        derived[flow.target] = join(derived.get(flow.target, NOTHING), fed)
    return derived


def declared(
    categories: Collection[str], *, quasi: bool = False, subject_key: bool = False, rule: MaskRule | None = None
) -> Label:
    """Return the label that a contract's words give a field.

    Args:
        categories: ``controlplane.dataCategory``; none and not quasi means no personal data.
        quasi: ``controlplane.quasiIdentifier``.
        subject_key: ``controlplane.subjectKey``: a surrogate that links, but means nothing outside.
        rule: how the field is masked; None: in clear.
    """
    if not (categories or quasi or subject_key):
        return NOTHING
    level = Identifiability.LINKABLE if subject_key else Identifiability.QUASI if quasi else Identifiability.DIRECT
    clear = Label(frozenset(categories), level)
    match rule and rule.technique:
        case None:
            return clear
        case Technique.TOKEN:
            return through(clear, Step.TOKEN, rule.domain if rule else None)
        case Technique.TRUNCATE:
            return through(clear, Step.TRUNCATE)
    return NOTHING


class Waiver(Protocol):
    """Somebody's permission to declare less than what was derived, until a day (inclusive)."""

    @property
    def by(self) -> str:
        """Who gave it."""
        ...

    @property
    def until(self) -> date:
        """Its last day."""
        ...


@dataclass(frozen=True)
class Reconciled:
    """What comes of comparing a declared label with a derived one.

    Attributes:
        accepted: whether the declaration may stand.
        effective: the label to enforce and to pass on.
        reason: one sentence for a person.
    """

    accepted: bool
    effective: Label
    reason: str


def reconcile(declaration: Label, derived: Label, waiver: Waiver | None, today: date) -> Reconciled:
    """Compare what a contract declares with what lineage derives; declaring less needs a waiver that has not expired.

    Without one the higher label is enforced. Only identifiability needs a waiver; categories are joined.
    """
    both = join(declaration, derived)
    if declaration.identifiability.rank >= derived.identifiability.rank:
        return Reconciled(accepted=True, effective=both, reason="the declared label covers the derived one")
    lowering = f"declared {declaration.identifiability.value}, but derived {derived.identifiability.value}"
    if waiver is None:
        return Reconciled(accepted=False, effective=both, reason=f"{lowering}: mask the field, declare it, or add a waiver")
    if waiver.until < today:
        reason = f"{lowering}, and the waiver of {waiver.by} ended on {waiver.until}: mask the field or renew it"
        return Reconciled(accepted=False, effective=both, reason=reason)
    effective = replace(both, identifiability=declaration.identifiability)
    return Reconciled(accepted=True, effective=effective, reason=f"{lowering}, allowed by {waiver.by} until {waiver.until}")
