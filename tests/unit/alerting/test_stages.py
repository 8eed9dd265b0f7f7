"""From alerts to messages: what is new, when it is said, how much a message holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alerting.model import Alert, AlertKind, AlertState, Group, Priority, Silence, fingerprint
from alerting.routing import Options
from alerting.stages import (
    LISTED,
    Saying,
    compose,
    examine,
    share_out,
    silenced,
    told_of,
    told_text,
    wake,
)

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OPTIONS = Options()
GROUP = Group("on_call", "k", {"dataset": "silver.orders"}, NOON)


def an_alert(number: int, state: AlertState = AlertState.PENDING, priority: Priority = Priority.P2, **changed: object) -> Alert:
    labels = {"kind": "check_failure", "dataset": "silver.orders", "check": str(number)}
    alert = Alert(
        fingerprint(labels), AlertKind.CHECK_FAILURE, "silver.orders", priority, state, labels,
        {"summary": f"check {number} failed"}, "why", NOON, NOON, NOON, number,
    )  # fmt: skip
    return replace(alert, **changed)  # type: ignore[arg-type]


def over(number: int) -> Alert:
    return an_alert(number, AlertState.RESOLVED, resolved_at=NOON, resolution=f"check {number} passed")


def said(
    group: Group, *members: Alert, now: datetime = NOON, silences: tuple[Silence, ...] = ()
) -> tuple[Group, Saying | None]:
    after, saying = examine(group, OPTIONS, members, [silenced(silences)], now)
    return (saying.group if saying else after), saying


def numbers(alerts: tuple[Alert, ...]) -> list[int]:
    return [alert.alert_id for alert in alerts]


def test_a_group_waits_from_its_first_alert_and_later_ones_do_not_make_it_wait_longer() -> None:
    fresh = wake(replace(GROUP, due_at=None), OPTIONS, NOON)
    assert fresh.due_at == NOON + OPTIONS.group_wait
    assert wake(fresh, OPTIONS, NOON + timedelta(seconds=20)).due_at == fresh.due_at


def test_a_group_that_was_told_waits_for_its_interval() -> None:
    told = replace(GROUP, told={1: Priority.P2}, notified_at=NOON, due_at=NOON + OPTIONS.repeat_interval)
    assert wake(told, OPTIONS, NOON + MINUTE).due_at == NOON + OPTIONS.group_interval
    assert wake(told, OPTIONS, NOON + 60 * MINUTE).due_at == NOON + 60 * MINUTE


def test_new_alerts_are_said_once_the_worst_first() -> None:
    group, saying = said(GROUP, an_alert(1), an_alert(2, priority=Priority.P1))
    assert saying is not None
    assert numbers(saying.firing) == [2, 1]
    assert (group.told, group.notified_at, group.sequence) == ({1: Priority.P2, 2: Priority.P1}, NOON, 1)
    assert group.due_at == NOON + OPTIONS.repeat_interval
    again, nothing = said(
        group, an_alert(1, AlertState.FIRING), an_alert(2, AlertState.FIRING, Priority.P1), now=NOON + 10 * MINUTE
    )
    assert nothing is None
    assert again.due_at == NOON + OPTIONS.repeat_interval


def test_what_fires_is_said_again_after_the_repeat_interval_and_not_before() -> None:
    group, _ = said(GROUP, an_alert(1))
    firing = an_alert(1, AlertState.FIRING)
    assert said(group, firing, now=NOON + OPTIONS.repeat_interval - MINUTE)[1] is None
    assert said(group, firing, now=NOON + OPTIONS.repeat_interval)[1] is not None


def test_who_joins_later_is_said_at_the_next_interval_with_the_others() -> None:
    group, _ = said(GROUP, an_alert(1))
    members = (an_alert(1, AlertState.FIRING), an_alert(2))
    early, nothing = said(group, *members, now=NOON + MINUTE)
    assert nothing is None
    assert early.due_at == NOON + OPTIONS.group_interval
    _, saying = said(early, *members, now=NOON + OPTIONS.group_interval)
    assert saying is not None
    assert numbers(saying.firing) == [1, 2]


def test_what_is_over_before_anybody_was_told_is_never_said() -> None:
    group, nothing = said(GROUP, over(1))
    assert nothing is None
    assert group.due_at is None


def test_the_end_of_what_was_told_is_said_once_and_the_group_begins_anew() -> None:
    group, _ = said(GROUP, an_alert(1), an_alert(2))
    group, saying = said(group, an_alert(1, AlertState.FIRING), over(2), now=NOON + 6 * MINUTE)
    assert saying is not None
    assert (numbers(saying.firing), numbers(saying.resolved)) == ([1], [2])
    assert group.told == {1: Priority.P2}
    group, saying = said(group, over(1), now=NOON + 12 * MINUTE)
    assert saying is not None
    assert (saying.firing, numbers(saying.resolved), dict(group.told), group.due_at) == ((), [1], {}, None)
    later = NOON + 13 * MINUTE
    assert wake(group, OPTIONS, later).due_at == later + OPTIONS.group_wait


def test_an_alert_that_was_told_and_taken_over_is_not_repeated_and_its_end_is_said() -> None:
    group, _ = said(GROUP, an_alert(1))
    mine = an_alert(1, AlertState.ACKNOWLEDGED)
    group, nothing = said(group, mine, now=NOON + OPTIONS.repeat_interval)
    assert nothing is None
    assert group.due_at is None
    _, saying = said(group, over(1), now=NOON + OPTIONS.repeat_interval)
    assert saying is not None
    assert numbers(saying.resolved) == [1]


def test_an_alert_that_gets_more_urgent_is_said_again_and_one_that_gets_less_is_not() -> None:
    group, _ = said(GROUP, an_alert(1))
    later = NOON + OPTIONS.group_interval
    assert said(group, an_alert(1, AlertState.FIRING, Priority.P1), now=later)[1] is not None
    assert said(group, an_alert(1, AlertState.FIRING, Priority.P3), now=later)[1] is None


def test_a_silence_keeps_back_what_it_covers_and_nothing_else_and_forgets_nothing() -> None:
    silence = Silence({"check": "1"}, NOON, NOON + 60 * MINUTE, "Åsa", "known")
    group, saying = said(GROUP, an_alert(1), an_alert(2), silences=(silence,))
    assert saying is not None
    assert numbers(saying.firing) == [2]
    assert group.due_at == NOON + OPTIONS.group_interval
    quiet = (an_alert(1), an_alert(2, AlertState.FIRING))
    group, nothing = said(group, *quiet, now=NOON + 30 * MINUTE, silences=(silence,))
    assert nothing is None
    _, saying = said(group, *quiet, now=NOON + 60 * MINUTE, silences=(silence,))
    assert saying is not None
    assert numbers(saying.firing) == [1, 2]


def test_what_was_told_and_silenced_is_repeated_again_after_the_silence() -> None:
    group, _ = said(GROUP, an_alert(1))
    silence = Silence({"check": "1"}, NOON, NOON + 600 * MINUTE, "Åsa", "known")
    firing, now = an_alert(1, AlertState.FIRING), NOON + OPTIONS.repeat_interval
    group, nothing = said(group, firing, now=now, silences=(silence,))
    assert nothing is None
    assert group.due_at == now + OPTIONS.group_interval
    assert said(group, firing, now=NOON + 600 * MINUTE)[1] is not None


def test_the_end_of_a_silenced_alert_is_said_when_the_silence_is_over() -> None:
    group, _ = said(GROUP, an_alert(1))
    silence = Silence({"check": "1"}, NOON, NOON + 60 * MINUTE, "Åsa", "known")
    group, nothing = said(group, over(1), now=NOON + 10 * MINUTE, silences=(silence,))
    assert nothing is None
    assert group.due_at is not None
    _, saying = said(group, over(1), now=NOON + 60 * MINUTE, silences=(silence,))
    assert saying is not None


def test_a_stage_of_any_kind_can_keep_alerts_back() -> None:
    """A failing root upstream is such a stage: what it explains is not told."""
    explained = [lambda alert, _: "its root fails" if alert.alert_id == 1 else None]
    _, saying = examine(GROUP, OPTIONS, [an_alert(1), an_alert(2)], explained, NOON)
    assert saying is not None
    assert numbers(saying.firing) == [2]


def sayings(count: int) -> list[Saying]:
    made = []
    for number in range(count):
        priority = Priority.P1 if number == count - 1 else Priority.P3
        made.append(Saying(replace(GROUP, key=f"{number:04}"), (an_alert(number, priority=priority),), ()))
    return made


def test_messages_are_shared_out_most_urgent_first_and_what_does_not_fit_is_summed_up() -> None:
    assert [len(together) for together in share_out(sayings(3), 5)] == [1, 1, 1]
    parts = share_out(sayings(10), 3)
    assert [len(together) for together in parts] == [1, 1, 8]
    assert parts[0][0].priority is Priority.P1
    assert [len(together) for together in share_out(sayings(10), 1)] == [10]
    assert share_out(sayings(10), 0) == []


def test_a_message_lists_a_bounded_number_of_alerts_and_counts_all() -> None:
    firing = tuple(an_alert(number, annotations={"summary": "s" * 5_000, "reason": "r" * 5_000}) for number in range(1, 10_001))
    message = compose("webhook", [Saying(GROUP, firing, (over(10_001),))], NOON, "https://plane.example.com")
    document = message.document
    assert (document["firing"], document["resolved"], document["not_listed"]) == (10_000, 1, 10_001 - LISTED)
    assert len(document["alerts"]) == LISTED  # type: ignore[arg-type]
    assert len(str(document)) < 64_000
    assert document["by_priority"] == {"P1": 0, "P2": 10_000, "P3": 0}
    assert len(message.subject) <= 200


def test_a_message_has_the_numbers_and_a_link_and_says_fires() -> None:
    alert = an_alert(1, annotations={"summary": "120 rows are bad", "measured": "120 rows", "allowed": "mustBe 0 rows"})
    message = compose("webhook", [Saying(GROUP, (alert,), ())], NOON, "https://plane.example.com")
    (listed,) = message.document["alerts"]  # type: ignore[misc]
    assert (listed["state"], listed["url"], listed["priority_reason"]) == (
        "firing",
        "https://plane.example.com/alerts/1",
        "why",
    )
    assert listed["annotations"] == {"measured": "120 rows", "allowed": "mustBe 0 rows"}
    assert message.subject == "P2: silver.orders: 120 rows are bad"
    assert (message.document["status"], message.document["group"]) == ("firing", {"dataset": "silver.orders"})


def test_subjects_say_how_many_and_where() -> None:
    firing = (an_alert(1, priority=Priority.P1), an_alert(2))
    assert (
        compose("inbox", [Saying(GROUP, firing, ())], NOON, None).subject
        == "P1: 2 alerts on silver.orders; first: check 1 failed"
    )
    ended = compose("inbox", [Saying(GROUP, (), (over(1),))], NOON, None)
    assert (ended.subject, ended.document["status"]) == ("Resolved, P2: silver.orders: check 1 passed", "resolved")
    two = [Saying(GROUP, (an_alert(1),), ()), Saying(GROUP, (an_alert(2, dataset="gold.x"),), ())]
    assert compose("inbox", two, NOON, None).subject == "P2: 2 alerts on 2 datasets; first: check 1 failed"


def test_the_same_message_has_the_same_key_and_any_other_message_another() -> None:
    first = Saying(replace(GROUP, sequence=1), (an_alert(1),), ())
    second = Saying(replace(GROUP, sequence=2), (an_alert(1),), ())
    elsewhere = Saying(replace(GROUP, receiver="inbox", sequence=1), (an_alert(1),), ())

    def key(*together: Saying, at: datetime = NOON) -> str:
        return compose("webhook", together, at, None).message_id

    keys = [key(first), key(second), key(elsewhere), key(first, second), key(first, at=NOON + MINUTE)]
    assert key(first) == keys[0]
    assert len(set(keys)) == 5


def test_what_was_told_survives_being_stored() -> None:
    told = {12: Priority.P1, 7: Priority.P3}
    assert told_of(told_text(told)) == told
    assert told_of(told_text({})) == {}
