"""The life of an alert, as single steps and over random histories."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.lifecycle import DAMPING, FLAPPING, GOOD_SINCE, acknowledge, advance, tell
from alerting.model import Alert, AlertKind, AlertState, Finding, Judged, Priority

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LABELS = {"kind": "check_failure", "dataset": "silver.orders", "check": "amount"}


def said(is_bad: bool | None, at: datetime = NOON, priority: Priority = Priority.P2, **annotations: str) -> Judged:
    summary = "it is good" if is_bad is False else "it is bad"
    finding = Finding(LABELS, AlertKind.CHECK_FAILURE, is_bad, at, 1, summary, annotations)
    return Judged(finding, priority, f"{priority}: because")


def after(*steps: Judged, known: Alert | None = None) -> Alert:
    for step in steps:
        known = advance(known, step)
    assert known is not None
    return known


def test_a_bad_finding_makes_a_pending_alert_with_its_numbers() -> None:
    alert = after(said(True, measured="120 rows"))
    assert (alert.state, alert.priority, alert.dataset) == (AlertState.PENDING, Priority.P2, "silver.orders")
    assert alert.annotations == {"measured": "120 rows", "summary": "it is bad"}
    assert (alert.started_at, alert.evidence_at, alert.occurrences, alert.fired_at) == (NOON, NOON, 1, None)


@pytest.mark.parametrize("is_bad", [False, None])
def test_what_is_not_bad_makes_no_alert(is_bad: bool | None) -> None:
    assert advance(None, said(is_bad)) is None


def test_telling_makes_a_pending_alert_fire_and_changes_no_other() -> None:
    firing = tell(after(said(True)), NOON + HOUR)
    assert (firing.state, firing.fired_at) == (AlertState.FIRING, NOON + HOUR)
    for alert in (firing, acknowledge(firing, "Åsa", NOON), after(said(True), said(False, NOON + HOUR))):
        assert tell(alert, NOON + 2 * HOUR) is alert


def test_a_later_bad_finding_brings_its_numbers_and_is_counted() -> None:
    alert = after(said(True, measured="1"), said(True, NOON + HOUR, Priority.P1, measured="2"))
    assert (alert.annotations["measured"], alert.occurrences, alert.priority) == ("2", 2, Priority.P1)
    assert (alert.started_at, alert.evidence_at) == (NOON, NOON + HOUR)


def test_evidence_resolves_it_and_says_so() -> None:
    alert = after(said(True), said(False, NOON + HOUR))
    assert (alert.state, alert.resolved_at, alert.resolution) == (AlertState.RESOLVED, NOON + HOUR, "it is good")


def test_the_same_finding_twice_is_counted_once() -> None:
    first = after(said(True, run_id="r"))
    assert advance(first, said(True, run_id="r")) is first
    assert after(said(True, run_id="other"), known=first).occurrences == 2
    assert after(said(True, NOON + HOUR, run_id="r"), known=first).occurrences == 2


def test_a_good_finding_of_the_same_instant_still_ends_it() -> None:
    assert after(said(True, run_id="r"), said(False)).state is AlertState.RESOLVED


def test_older_evidence_changes_nothing() -> None:
    alert = after(said(True))
    for is_bad in (True, False):
        assert advance(alert, said(is_bad, NOON - HOUR)) is alert


def test_who_has_taken_it_over_keeps_it_until_it_is_over() -> None:
    mine = acknowledge(tell(after(said(True)), NOON), "Åsa", NOON + HOUR)
    assert (mine.state, mine.acknowledged_by, mine.acknowledged_at) == (AlertState.ACKNOWLEDGED, "Åsa", NOON + HOUR)
    still = after(said(True, NOON + 2 * HOUR), known=mine)
    assert (still.state, still.acknowledged_by) == (AlertState.ACKNOWLEDGED, "Åsa")
    assert after(said(True, NOON + 2 * HOUR, Priority.P3), known=mine).state is AlertState.ACKNOWLEDGED
    worse = after(said(True, NOON + 2 * HOUR, Priority.P1), known=mine)
    assert (worse.state, worse.acknowledged_by, worse.acknowledged_at) == (AlertState.FIRING, None, None)
    assert after(said(False, NOON + 2 * HOUR), known=mine).state is AlertState.RESOLVED


def test_what_is_over_cannot_be_taken_over() -> None:
    with pytest.raises(ValueError, match="is resolved"):
        acknowledge(after(said(True), said(False, NOON + HOUR)), "Åsa", NOON)


def test_an_alert_that_comes_back_soon_is_the_same_one_to_be_told_again() -> None:
    over = replace(after(said(True), said(False, NOON + HOUR)), alert_id=7, fired_at=NOON)
    back = after(said(True, NOON + HOUR + DAMPING), known=over)
    assert (back.alert_id, back.state, back.flaps, back.occurrences) == (7, AlertState.PENDING, 1, 2)
    assert (back.started_at, back.resolved_at, back.resolution, back.fired_at) == (NOON, None, None, None)


def test_an_alert_that_comes_back_late_is_a_new_one() -> None:
    over = replace(after(said(True), said(False, NOON + HOUR)), alert_id=7)
    later = NOON + HOUR + DAMPING + timedelta(microseconds=1)
    back = after(said(True, later), known=over)
    assert (back.alert_id, back.flaps, back.occurrences, back.started_at) == (0, 0, 1, later)


def flapping() -> Alert:
    alert, at = after(said(True)), NOON
    for _ in range(FLAPPING):
        alert = tell(after(said(False, at + HOUR), said(True, at + 2 * HOUR), known=alert), at + 2 * HOUR)
        at += 2 * HOUR
    assert alert.flaps == FLAPPING
    return alert


def test_a_flapping_alert_stays_until_it_was_good_for_the_whole_damping_time() -> None:
    alert = flapping()
    good = alert.evidence_at + HOUR
    waiting = after(said(False, good), said(False, good + DAMPING / 2), known=alert)
    assert (waiting.state, waiting.annotations[GOOD_SINCE]) == (AlertState.FIRING, good.isoformat())
    assert after(said(False, good + DAMPING), known=waiting).state is AlertState.RESOLVED


def test_a_flapping_alert_that_is_bad_again_starts_its_damping_time_anew() -> None:
    alert = flapping()
    good = alert.evidence_at + HOUR
    again = after(said(False, good), said(True, good + HOUR), known=alert)
    assert (again.state, again.flaps, GOOD_SINCE in again.annotations) == (AlertState.FIRING, FLAPPING + 1, False)
    assert after(said(False, good + DAMPING), known=again).state is AlertState.FIRING


steps = st.lists(
    st.tuples(
        st.sampled_from(["bad", "good", "unknown", "old", "tell", "acknowledge"]),
        st.integers(0, 400),
        st.sampled_from(list(Priority)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_over_any_history_only_evidence_moves_an_alert(history: list[tuple[str, int, Priority]]) -> None:
    alert: Alert | None = None
    now = NOON
    for number, (what, minutes, priority) in enumerate(history):
        now += timedelta(minutes=minutes)
        before = alert
        if what == "tell":
            alert = tell(alert, now) if alert else None
        elif what == "acknowledge":
            alert = acknowledge(alert, "Åsa", now) if alert and alert.is_open else alert
        else:
            at = now - timedelta(days=365) if what == "old" else now
            verdict = {"bad": True, "good": False, "old": False, "unknown": None}[what]
            alert = advance(alert, said(verdict, at, priority, run_id=str(number)))
        if alert is None:
            assert before is None or what == "bad"
            continue
        check_step(before, alert, what, now)


def check_step(before: Alert | None, alert: Alert, what: str, now: datetime) -> None:
    """Say what every single step promises."""
    if before is None:
        assert (what, alert.state) == ("bad", AlertState.PENDING)
        return
    if what in {"unknown", "old"}:
        assert alert is before
    if before.is_open and not alert.is_open:
        assert what == "good"
        assert alert.resolved_at == now
    if not before.is_open and alert.is_open:
        assert what == "bad"
        assert alert.state is AlertState.PENDING
    if alert.state is AlertState.PENDING:
        assert alert.fired_at is None
        assert alert.acknowledged_by is None
    if before.state is AlertState.ACKNOWLEDGED and alert.state is AlertState.FIRING:
        assert alert.priority.rank < before.priority.rank
    assert (alert.resolved_at is None) == alert.is_open
    assert alert.evidence_at >= before.evidence_at
    same = alert.started_at == before.started_at
    assert same or (what == "bad" and not before.is_open and alert.flaps == 0)
    if same:
        assert alert.flaps - before.flaps in {0, 1}
        assert alert.occurrences - before.occurrences == (what == "bad")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 120))
def test_a_storm_of_flaps_is_told_a_few_times_at_most(verdicts: list[bool], minutes: int) -> None:
    """Whatever the order of good and bad, within one damping time an alert becomes pending at most ``FLAPPING`` times again."""
    alert: Alert | None = None
    told = 0
    for number, is_bad in enumerate(verdicts):
        at = NOON + timedelta(minutes=minutes) * number
        if at - NOON > DAMPING:
            break
        alert = advance(alert, said(is_bad, at, run_id=str(number)))
        if alert is not None and alert.state is AlertState.PENDING:
            told += 1
            alert = tell(alert, at)
    assert told <= FLAPPING + 1


@settings(max_examples=100, deadline=None)
@given(steps)
def test_an_alert_that_is_good_for_long_enough_is_always_over(history: list[tuple[str, int, Priority]]) -> None:
    alert = after(said(True))
    now = NOON
    for what, minutes, priority in history:
        now += timedelta(minutes=minutes)
        alert = after(said(what == "bad", now, priority, run_id=str(now)), known=alert)
    quiet = after(said(False, now + HOUR), said(False, now + HOUR + DAMPING), known=alert)
    assert quiet.state is AlertState.RESOLVED
