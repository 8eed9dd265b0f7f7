"""Effects compose like steps of a way: in any grouping the same, and never back to something weaker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineage.columns.flows import (
    AGGREGATION,
    CONDITIONAL,
    FILTER,
    GROUP_BY,
    IDENTITY,
    JOIN,
    SORT,
    TRANSFORMATION,
    WINDOW,
    Column,
    Effect,
    Flow,
    Relation,
    Trace,
    gap,
    union,
)
from lineage.model import ColumnRef, EdgeKind

_PLAIN = (IDENTITY, TRANSFORMATION, AGGREGATION, FILTER, JOIN, GROUP_BY, SORT, WINDOW, CONDITIONAL)
EFFECTS = st.sampled_from(_PLAIN).flatmap(
    lambda effect: st.sampled_from((effect, Effect(effect.kind, effect.transformation, masking=True)))
)
FLOWS = st.builds(Flow, st.builds(ColumnRef, st.sampled_from("tu"), st.sampled_from("ab")), EFFECTS)
TRACES = st.builds(Trace, st.frozensets(FLOWS, max_size=4), st.frozensets(st.sampled_from("xy"), max_size=2))


@given(EFFECTS, EFFECTS, EFFECTS)
def test_grouping_of_steps_does_not_matter(a: Effect, b: Effect, c: Effect) -> None:
    assert a.after(b).after(c) == a.after(b.after(c))


@given(EFFECTS)
def test_identity_changes_nothing(effect: Effect) -> None:
    assert effect.after(IDENTITY) == effect
    assert IDENTITY.after(effect) == effect


@given(EFFECTS, EFFECTS)
def test_masking_is_never_lost_and_indirect_stays_indirect(outer: Effect, inner: Effect) -> None:
    made = outer.after(inner)
    assert made.masking == (outer.masking or inner.masking)
    assert (made.kind is EdgeKind.INDIRECT) == (EdgeKind.INDIRECT in {outer.kind, inner.kind})


@given(TRACES, TRACES, EFFECTS)
def test_a_step_over_a_union_is_the_union_of_steps(a: Trace, b: Trace, effect: Effect) -> None:
    assert (a | b).through(effect) == a.through(effect) | b.through(effect)
    assert union([a, b]) == a | b == b | a


def test_columns_that_differ_by_case_are_told_apart_by_spelling() -> None:
    relation = Relation((Column("a", gap("lower")), Column("A", gap("upper"))))
    assert relation.known("A") == gap("upper")
    assert relation.known("a") == gap("lower")
    assert relation.known("b") is None
