"""What alerts, silences, the notification log and the inbox promise, whoever keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.model import Alert, AlertKind, AlertState, Group, Notification, Priority, Silence, fingerprint
from controlplane.gate.model import RunState
from controlplane.kernel.identity import RunId
from controlplane.usecases.alert_ports import OPEN, AlertFilter, AlertStore, Cost
from controlplane.usecases.ports import AuditEntry, OutboxMessage, RunRecord
from tests.fakes.store_kit import MAIN, NOON, ORDERS, STORES, AnyStore, SettableClock, a_plan, opened, planned, published

HOUR = timedelta(hours=1)


@pytest.fixture
def wall() -> SettableClock:
    return SettableClock(NOON)


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path, wall: SettableClock) -> Iterator[AnyStore]:
    with opened(request.param, tmp_path, wall, holder="test") as found:
        yield found


@pytest.fixture
def alerts(store: AnyStore) -> AlertStore:
    return store.alerts


def an_alert(name: str = "amount", dataset: str | None = "silver.orders", at: datetime = NOON, **changed: object) -> Alert:
    labels = {"kind": "check_failure", "check": name} | ({"dataset": dataset} if dataset else {})
    alert = Alert(
        fingerprint=fingerprint(labels),
        kind=AlertKind.CHECK_FAILURE,
        dataset=dataset,
        priority=Priority.P2,
        state=AlertState.PENDING,
        labels=labels,
        annotations={"summary": "120 of 1,000 rows", "run_id": "é ñ"},
        priority_reason="P2: check_failure, tier 1",
        started_at=at,
        updated_at=at,
        evidence_at=at,
    )
    return replace(alert, **changed)  # type: ignore[arg-type]


def saved(alerts: AlertStore, *found: Alert) -> list[Alert]:
    with alerts.book() as book:
        return list(book.save(found))


def test_an_alert_is_read_back_as_it_was_saved_whatever_happened_to_it(alerts: AlertStore) -> None:
    told = an_alert(
        state=AlertState.ACKNOWLEDGED,
        fired_at=NOON + HOUR,
        acknowledged_at=NOON + 2 * HOUR,
        acknowledged_by="Åsa",
        occurrences=7,
        flaps=2,
    )
    over = an_alert("other", None, state=AlertState.RESOLVED, resolved_at=NOON + HOUR, resolution="good again")
    first, second = saved(alerts, told, over)
    assert first.alert_id != second.alert_id
    assert alerts.get(first.alert_id) == replace(told, alert_id=first.alert_id)
    assert alerts.get(second.alert_id) == replace(over, alert_id=second.alert_id)
    assert alerts.get(second.alert_id + 1) is None


def test_a_saved_alert_keeps_its_number_when_it_changes(alerts: AlertStore) -> None:
    (first,) = saved(alerts, an_alert())
    again = saved(alerts, an_alert("new"), replace(first, state=AlertState.FIRING, fired_at=NOON))
    assert again[1].alert_id == first.alert_id
    assert again[0].alert_id not in {0, first.alert_id}
    assert [alert.state for alert in alerts.page(AlertFilter(OPEN), 10).alerts] == [AlertState.FIRING, AlertState.PENDING][::-1]


def test_what_a_block_that_fails_has_written_is_forgotten(alerts: AlertStore, store: AnyStore) -> None:
    def fail() -> None:
        with alerts.book() as book:
            book.save([an_alert()])
            book.keep([Group("inbox", "k", {}, NOON)])
            book.queue([OutboxMessage("m", "notify:inbox", {})])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert alerts.page(AlertFilter(), 10).total == 0
    assert store.outbox.waiting() == []
    with alerts.book() as book:
        assert book.due(NOON) == []


def test_open_alerts_are_found_by_dataset_and_by_kind_oldest_first(alerts: AlertStore) -> None:
    gone = an_alert("gone", state=AlertState.RESOLVED, resolved_at=NOON)
    leak = an_alert("leak", "silver.customers", kind=AlertKind.PII_LEAK)
    saved(alerts, gone, leak, an_alert("b"), an_alert("a"))
    with alerts.book() as book:
        assert [alert.labels["check"] for alert in book.open_alerts()] == ["leak", "b", "a"]
        assert [alert.labels["check"] for alert in book.open_alerts("silver.orders")] == ["b", "a"]
        assert [alert.labels["check"] for alert in book.open_alerts(kinds=[AlertKind.PII_LEAK])] == ["leak"]
        assert book.open_alerts("gold.none") == []


def test_the_newest_alert_of_labels_is_the_open_one_or_one_that_was_over_lately(alerts: AlertStore) -> None:
    for hours in (0, 1, 2):
        saved(alerts, an_alert(at=NOON + hours * HOUR, state=AlertState.RESOLVED, resolved_at=NOON + hours * HOUR))
    mark = an_alert().fingerprint
    with alerts.book() as book:
        assert book.newest([mark], NOON + HOUR)[mark].resolved_at == NOON + 2 * HOUR
        assert book.newest([mark], NOON + 3 * HOUR) == {}
        assert book.newest(["0" * 64], NOON) == {}
        alive = book.save([an_alert(at=NOON + 4 * HOUR)])[0]
        assert book.newest([mark], NOON)[mark] == alive


def test_many_alerts_are_saved_and_found_at_once(alerts: AlertStore) -> None:
    many = [an_alert(f"check_{number}", f"silver.t{number}") for number in range(1_000)]
    numbers = [alert.alert_id for alert in saved(alerts, *many)]
    assert len(set(numbers)) == 1_000
    with alerts.book() as book:
        assert len(book.newest([alert.fingerprint for alert in many], NOON)) == 1_000
        groups = [Group("inbox", f"{number:064}", {"dataset": f"silver.t{number}"}) for number in range(1_000)]
        assert len(book.concerned(groups)) == 1_000
        book.keep(groups)
        assert len(book.groups([(group.receiver, group.key) for group in groups])) == 1_000


def test_a_page_has_the_open_and_worst_first_then_the_newest(alerts: AlertStore) -> None:
    def made(name: str, priority: Priority, hour: int, state: AlertState = AlertState.FIRING) -> Alert:
        return an_alert(name, at=NOON + hour * HOUR, priority=priority, state=state)

    saved(
        alerts,
        made("old over", Priority.P1, 0, AlertState.RESOLVED),
        made("p3", Priority.P3, 1),
        made("p1 old", Priority.P1, 2),
        made("p1 new", Priority.P1, 3, AlertState.PENDING),
        made("new over", Priority.P3, 4, AlertState.RESOLVED),
    )
    everything = alerts.page(AlertFilter(), 10)
    assert [alert.labels["check"] for alert in everything.alerts] == ["p1 new", "p1 old", "p3", "new over", "old over"]
    assert (everything.total, everything.by_priority) == (5, {Priority.P1: 3, Priority.P2: 0, Priority.P3: 2})
    urgent = alerts.page(AlertFilter(OPEN, Priority.P1), 1, 1)
    assert [alert.labels["check"] for alert in urgent.alerts] == ["p1 old"]
    assert (urgent.total, urgent.by_priority) == (2, {Priority.P1: 2, Priority.P2: 0, Priority.P3: 1})
    assert [alert.labels["check"] for alert in alerts.page(AlertFilter("pending"), 10).alerts] == ["p1 new"]
    assert alerts.page(AlertFilter(dataset="gold.none"), 10).alerts == ()


def test_the_notification_log_is_read_back_and_due_by_time(alerts: AlertStore) -> None:
    group = Group("on_call", "a" * 64, {"dataset": "é"}, NOON + HOUR, NOON, 3, {12: Priority.P1, 7: Priority.P3})
    with alerts.book() as book:
        book.keep([group, Group("inbox", "b" * 64, {}), Group("inbox", "c" * 64, {}, NOON)])
    with alerts.book() as book:
        assert book.groups([("on_call", "a" * 64), ("on_call", "none")]) == {("on_call", "a" * 64): group}
        assert [found.key[0] for found in book.due(NOON)] == ["c"]
        assert [found.key[0] for found in book.due(NOON + HOUR)] == ["c", "a"]
        book.keep([replace(group, due_at=None)])
        assert [found.key[0] for found in book.due(NOON + HOUR)] == ["c"]


def test_alerts_a_group_may_concern_are_the_open_ones_of_its_dataset_and_all_it_was_told_of(alerts: AlertStore) -> None:
    mine, over, other, nowhere = saved(
        alerts,
        an_alert("mine"),
        an_alert("over", state=AlertState.RESOLVED, resolved_at=NOON),
        an_alert("other", "gold.x"),
        an_alert("nowhere", None),
    )
    with alerts.book() as book:
        told = Group("inbox", "k", {"dataset": "silver.orders"}, told={over.alert_id: Priority.P2})
        found = {alert.alert_id for alert in book.concerned([told])}
        assert {mine.alert_id, over.alert_id} <= found
        everything = {alert.alert_id for alert in book.concerned([Group("inbox", "k", {})])}
        assert everything >= {mine.alert_id, other.alert_id, nowhere.alert_id}


def test_silences_are_numbered_changed_and_in_force_until_their_end(alerts: AlertStore) -> None:
    made = Silence({"dataset": "gold.*"}, NOON, NOON + HOUR, "Åsa", "moving house")
    with alerts.book() as book:
        first = book.put_silence(made)
        second = book.put_silence(replace(made, ends=NOON + 3 * HOUR))
    assert first == replace(made, silence_id=first.silence_id)
    assert list(alerts.silences(NOON)) == [first, second]
    assert list(alerts.silences(NOON + HOUR)) == [second]
    with alerts.book() as book:
        book.put_silence(replace(second, ends=NOON))
        assert book.silence(second.silence_id) == replace(second, ends=NOON)
        assert book.silence(second.silence_id + 1) is None
    assert list(alerts.silences(NOON)) == [first]


def test_messages_and_audit_entries_are_written_with_the_alerts(alerts: AlertStore, store: AnyStore) -> None:
    entry = AuditEntry(NOON, NOON, "Åsa", "alert.acknowledge", "alert:1", "on it")
    with alerts.book() as book:
        book.queue([OutboxMessage("m", "notify:inbox", {"a": 1})])
        book.audit(entry)
    assert [message.payload for message in store.outbox.due(NOON, kind="notify:inbox")] == [{"a": 1}]
    assert list(store.audit_log.entries("alert:1")) == [entry]


def test_the_inbox_keeps_a_message_once_newest_first(alerts: AlertStore) -> None:
    for name, hour in (("a", 0), ("b", 1), ("a", 2)):
        document = {"at": (NOON + hour * HOUR).isoformat(), "subject": f"{name} at {hour}"}
        alerts.put(Notification(name, "inbox", "inbox", Priority.P1, f"{name} at {hour}", document))
    found = alerts.inbox(10)
    assert [(message.subject, message.at) for message in found] == [("b at 1", NOON + HOUR), ("a at 0", NOON)]
    assert found[0].document["subject"] == "b at 1"
    assert len(alerts.inbox(1)) == 1


def test_runs_that_ended_are_unjudged_until_they_are_marked_and_again_when_they_end_again(
    alerts: AlertStore, store: AnyStore, wall: SettableClock
) -> None:
    ended = []
    for number, state in enumerate((RunState.HELD, RunState.PUBLISHED, RunState.FAILED, RunState.NOTHING_NEW)):
        wall.pass_by(seconds=1)
        run = planned(store, a_plan(base=MAIN - number))
        ended.append(store.records.record(RunRecord(run=run, state=state)))
    held, released, failed = (run.run_id for run in ended[:3])
    assert list(alerts.unjudged(NOON, 10)) == [held, released, failed]
    assert list(alerts.unjudged(NOON, 1)) == [held]
    assert list(alerts.unjudged(wall.now() + HOUR, 10)) == []
    with alerts.book() as book:
        for run_id in (held, released, failed):
            book.mark(run_id)
    assert list(alerts.unjudged(NOON, 10)) == []
    wall.pass_by(seconds=1)
    store.records.record(RunRecord(run=ended[0], state=RunState.PUBLISHED))
    assert list(alerts.unjudged(NOON, 10)) == [held]
    with alerts.book() as book:
        book.mark(held)
    assert list(alerts.unjudged(NOON, 10)) == []


def test_costs_are_those_of_a_run_and_of_published_runs_before_it_newest_first(alerts: AlertStore, store: AnyStore) -> None:
    span = (NOON, NOON + HOUR)
    costs = [("a", {}), ("b", {}), ("late", {}), ("fill", {"backfill": span})]
    runs: dict[str, RunId] = {}
    for number, (name, more) in enumerate(costs):
        plan = replace(a_plan(base=MAIN - number), **more)  # type: ignore[arg-type]
        clock = NOON + HOUR * (5 if name == "late" else number)
        runs[name] = published(store, plan, clock, seconds=float(number), bytes_read=number * 10).run_id
    plan = a_plan(base=MAIN - 9)
    held = store.records.record(RunRecord(run=planned(store, plan, NOON), state=RunState.HELD, seconds=99.0))
    assert held.run_id not in runs.values()
    own, before = alerts.costs(ORDERS, runs["b"], 14)
    assert own == Cost(1.0, 10, None)
    assert list(before) == [Cost(0.0, 0, None)]
    assert [cost.seconds for cost in alerts.costs(ORDERS, runs["late"], 14)[1]] == [1.0, 0.0]
    assert len(alerts.costs(ORDERS, runs["late"], 1)[1]) == 1
    assert alerts.costs(ORDERS, a_plan(base=1).run_id, 14) == (Cost(), ())


def test_messages_wait_by_kind_with_their_first_reason(store: AnyStore, wall: SettableClock) -> None:
    store.outbox.add(
        [OutboxMessage("a", "lineage", {}), OutboxMessage("b", "notify:x", {}), OutboxMessage("c", "notify:x", {})]
    )
    now = wall.now()
    assert list(store.outbox.lanes(now)) == ["lineage", "notify:x"]
    assert [message.message_id for message in store.outbox.due(now, kind="notify:x")] == ["b", "c"]
    store.outbox.postponed("b", "no answer", now + HOUR)
    store.outbox.rest("notify:x", now + HOUR / 2)
    assert list(store.outbox.lanes(now)) == ["lineage"]
    lineage, notify = store.outbox.waiting()
    assert (lineage.lane, lineage.count, lineage.attempts, lineage.last_error) == ("lineage", 1, 0, None)
    assert (notify.lane, notify.count, notify.attempts, notify.last_error) == ("notify:x", 2, 1, "no answer")
    assert (notify.oldest_wall, notify.due_wall) == (now, now + HOUR / 2)
    assert [message.message_id for message in store.outbox.due(now + HOUR / 2, kind="notify:x")] == ["c"]
    store.outbox.delivered("b", now)
    store.outbox.delivered("c", now)
    assert [lane.lane for lane in store.outbox.waiting()] == ["lineage"]


def test_times_come_back_in_utc(alerts: AlertStore) -> None:
    (first,) = saved(alerts, an_alert(at=NOON.astimezone(UTC)))
    found = alerts.get(first.alert_id)
    assert found is not None
    assert found.started_at.utcoffset() == timedelta(0)
