from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pii_policies.labels import (
    NOTHING,
    Flow,
    Identifiability,
    Label,
    Step,
    declared,
    derive,
    join,
    lower,
    reconcile,
    through,
)
from pii_policies.model import MaskRule, Technique

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
NAMES = st.frozensets(st.sampled_from(["email", "name", "phone"]))
LABELS = st.builds(Label, NAMES, st.sampled_from(Identifiability), NAMES)
STEPS = st.sampled_from(Step)
DOMAINS = st.none() | st.sampled_from(["email", "name"])
EMAIL = Label(frozenset({"email"}), Identifiability.DIRECT)
TODAY = date(2026, 1, 1)


@UNHURRIED
@given(LABELS, LABELS, LABELS)
def test_join_is_a_semilattice(a: Label, b: Label, c: Label) -> None:
    assert join(a, b) == join(b, a)
    assert join(a, join(b, c)) == join(join(a, b), c) == join(a, b, c)
    assert join(a, a) == a == join(a, NOTHING)
    assert a <= join(a, b)


def test_the_join_of_nothing_is_nothing() -> None:
    assert join() == NOTHING


@UNHURRIED
@given(LABELS, LABELS, STEPS, DOMAINS)
def test_every_step_is_monotone(a: Label, b: Label, step: Step, domain: str | None) -> None:
    assert through(a, step, domain) <= through(join(a, b), step, domain)


@UNHURRIED
@given(LABELS, STEPS, DOMAINS)
def test_no_step_raises_identifiability_or_forgets_a_category(label: Label, step: Step, domain: str | None) -> None:
    after = through(label, step, domain)

    assert after.identifiability.rank <= label.identifiability.rank
    assert after.categories == label.categories
    assert after.reversible_by >= label.reversible_by


@UNHURRIED
@given(LABELS, LABELS, st.sampled_from(Identifiability))
def test_lower_never_raises_and_is_monotone(a: Label, b: Label, ceiling: Identifiability) -> None:
    assert lower(a, ceiling) <= a
    assert lower(a, ceiling) <= lower(join(a, b), ceiling)


@pytest.mark.parametrize(
    ("step", "level"),
    [
        (Step.KEEP, Identifiability.DIRECT),
        (Step.PICK, Identifiability.DIRECT),
        (Step.HASH, Identifiability.DIRECT),
        (Step.UNKNOWN, Identifiability.DIRECT),
        (Step.TOKEN, Identifiability.LINKABLE),
        (Step.TRUNCATE, Identifiability.QUASI),
        (Step.CONDITIONAL, Identifiability.QUASI),
        (Step.AGGREGATE, Identifiability.AGGREGATE),
    ],
)
def test_what_a_step_leaves_of_a_direct_value(step: Step, level: Identifiability) -> None:
    assert through(EMAIL, step, "d").identifiability is level


def test_only_a_keyed_token_lowers_and_says_by_whom_it_can_be_undone() -> None:
    assert through(EMAIL, Step.TOKEN, "customer-email").reversible_by == {"customer-email"}
    assert through(EMAIL, Step.TOKEN) == EMAIL


def test_a_target_has_the_join_of_all_that_feeds_it() -> None:
    labels = {"s.email": EMAIL, "s.zip": Label(frozenset({"postcode"}), Identifiability.QUASI), "s.amount": NOTHING}
    flows = [
        Flow("s.email", "t.contact", Step.TOKEN, "customer-email"),
        Flow("s.zip", "t.contact", Step.KEEP),
        Flow("s.amount", "t.amount", Step.KEEP),
    ]

    assert derive(flows, labels) == {
        "t.contact": Label(frozenset({"email", "postcode"}), Identifiability.LINKABLE, frozenset({"customer-email"})),
        "t.amount": NOTHING,
    }


def test_what_is_not_known_keeps_the_highest_label() -> None:
    labels = {"s.email": EMAIL, "s.amount": NOTHING}

    derived = derive([Flow("s.mystery", "t.x", Step.KEEP), Flow("s.amount", "t.y", Step.KEEP)], labels, ["t.y", "t.z"])

    assert derived == {"t.x": EMAIL, "t.y": EMAIL, "t.z": EMAIL}


@pytest.mark.parametrize(
    ("label", "level"),
    [
        (declared([]), Identifiability.NONE),
        (declared(["email"]), Identifiability.DIRECT),
        (declared(["birth_date"], quasi=True), Identifiability.QUASI),
        (declared([], quasi=True), Identifiability.QUASI),
        (declared(["customer_id"], subject_key=True), Identifiability.LINKABLE),
        (declared(["email"], rule=MaskRule("e", Technique.TOKEN, "d")), Identifiability.LINKABLE),
        (declared(["zip"], rule=MaskRule("z", Technique.TRUNCATE, to="2")), Identifiability.QUASI),
        (declared(["email"], rule=MaskRule("e", Technique.NULL)), Identifiability.NONE),
        (declared(["email"], rule=MaskRule("e", Technique.DROP)), Identifiability.NONE),
    ],
)
def test_what_a_contract_declares(label: Label, level: Identifiability) -> None:
    assert label.identifiability is level


@dataclass(frozen=True)
class Permission:
    by: str
    until: date


def test_declaring_as_much_needs_no_waiver() -> None:
    assert reconcile(EMAIL, through(EMAIL, Step.TRUNCATE), None, TODAY).accepted


@pytest.mark.parametrize(
    ("waiver", "accepted", "level"),
    [
        (None, False, Identifiability.DIRECT),
        (Permission("privacy", date(2025, 12, 31)), False, Identifiability.DIRECT),
        (Permission("privacy", TODAY), True, Identifiability.QUASI),
    ],
)
def test_declaring_less_needs_a_waiver_that_has_not_expired(
    waiver: Permission | None, *, accepted: bool, level: Identifiability
) -> None:
    declaration = Label(frozenset({"contact"}), Identifiability.QUASI)

    answer = reconcile(declaration, EMAIL, waiver, TODAY)

    assert answer.accepted is accepted
    assert answer.effective == Label(frozenset({"contact", "email"}), level)
    assert "quasi" in answer.reason
