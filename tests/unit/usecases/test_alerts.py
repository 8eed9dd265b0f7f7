"""From what was found to alerts, messages and their delivery, over a store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerting.model import AlertKind, AlertState, Finding, Priority
from alerting.routing import DEFAULT_ROUTES, Options, Route, Routes
from alerting.stages import LISTED, MESSAGES_PER_MINUTE
from controlplane.gate.model import RunState
from controlplane.kernel.errors import ConfigurationError, MessageRefusedError, StoreUnavailableError, UnavailableError
from controlplane.usecases import handling_alerts, notify, raise_alerts
from controlplane.usecases.delivering import deliver, deliver_here
from controlplane.usecases.facade_alerts import AlertVerbs
from controlplane.usecases.model import Ports
from controlplane.usecases.raise_alerts import (
    after_run,
    raise_for_check,
    raise_for_plane,
    raise_for_stopped,
    sweep,
)
from tests.fakes.alert_kit import AMOUNT, MAIN, NOON, Remembering, a_plane, a_run, judged, recorded, two_receivers

HOUR = timedelta(hours=1)
NOW = Options(group_wait=timedelta(0))


class Plane(AlertVerbs):
    def __init__(self, ports: Ports) -> None:
        self.ports = ports


@pytest.fixture
def ports() -> Ports:
    return a_plane()


@pytest.fixture
def both() -> Ports:
    return a_plane(two_receivers(options=NOW))


def pass_by(ports: Ports, **duration: float) -> None:
    ports.clock.pass_by(**duration)  # type: ignore[attr-defined]


def receiver(ports: Ports, name: str = "inbox") -> Remembering:
    return ports.receivers[name]  # type: ignore[return-value]


def messages(ports: Ports, name: str = "inbox") -> list[dict[str, Any]]:
    """Return what one receiver was sent, delivering all that is due."""
    deliver(ports, 100_000)
    return [dict(notification.document) for notification in receiver(ports, name).taken]


def states(ports: Ports) -> list[tuple[str, str, str]]:
    page = ports.alerts.page(handling_alerts.AlertFilter(), 100)
    return [(alert.kind.value, alert.priority.value, alert.state.value) for alert in page.alerts]


def test_a_failed_check_is_told_after_its_wait_and_its_end_too(ports: Ports) -> None:
    after_run(ports, a_run(RunState.HELD), [judged()])
    assert states(ports) == [("check_failure", "P2", "pending")]
    assert notify.tick(ports) == 0
    pass_by(ports, seconds=30)
    assert notify.tick(ports) == 1
    assert states(ports) == [("check_failure", "P2", "firing")]
    pass_by(ports, hours=1)
    after_run(ports, a_run(base=1), [judged("passed", reason="0 of 900 rows")])
    assert states(ports) == [("check_failure", "P2", "resolved")]
    assert notify.tick(ports) == 0, "it was told with the alert: the group's interval is over"
    first, second = messages(ports)
    assert (first["status"], first["firing"], second["status"], second["resolved"]) == ("firing", 1, "resolved", 1)
    assert second["alerts"][0]["resolution"] == f"{AMOUNT}: 0 of 900 rows"


def test_what_is_over_before_its_wait_is_never_told(ports: Ports) -> None:
    after_run(ports, a_run(RunState.HELD), [judged()])
    pass_by(ports, seconds=10)
    after_run(ports, a_run(base=1), [judged("passed")])
    pass_by(ports, hours=1)
    assert notify.tick(ports) == 0
    assert messages(ports) == []


def test_what_cannot_wait_is_in_the_outbox_when_the_alert_is_stored(ports: Ports) -> None:
    after_run(ports, a_run(RunState.FAILED, reason="no catalog"), ())
    assert states(ports) == [("pipeline_failure", "P1", "firing")]
    (message,) = messages(ports)
    (alert,) = message["alerts"]
    assert (message["priority"], alert["priority_reason"]) == ("P1", "P1: pipeline_failure, tier 1 (gold.facts reads it)")
    assert alert["annotations"]["hits"] == "gold.facts (tier 1)"


def test_several_checks_of_a_dataset_are_one_message(ports: Ports) -> None:
    after_run(ports, a_run(RunState.HELD), [judged(check=f"silver.orders.c{number}") for number in range(15)])
    pass_by(ports, minutes=1)
    assert notify.tick(ports) == 1
    (message,) = messages(ports)
    assert (message["firing"], len(message["alerts"])) == (15, 15)


@pytest.mark.parametrize("state", [RunState.NOTHING_NEW, RunState.HELD, RunState.PUBLISHED])
def test_a_pipeline_that_runs_again_has_recovered(ports: Ports, state: RunState) -> None:
    after_run(ports, a_run(RunState.FAILED, reason="no catalog"), ())
    pass_by(ports, minutes=5)
    after_run(ports, a_run(state), ())
    assert states(ports) == [("pipeline_failure", "P1", "resolved")]


def test_a_run_with_nothing_new_is_no_evidence_about_checks(ports: Ports) -> None:
    after_run(ports, a_run(RunState.HELD), [judged()])
    pass_by(ports, minutes=5)
    after_run(ports, a_run(RunState.NOTHING_NEW), ())
    assert states(ports) == [("check_failure", "P2", "pending")]


def test_a_check_that_could_not_be_judged_again_is_not_over(ports: Ports) -> None:
    after_run(ports, a_run(RunState.HELD), [judged()])
    pass_by(ports, minutes=5)
    after_run(ports, a_run(base=1), [judged("no_evidence")])
    assert states(ports) == [("check_failure", "P2", "pending")]


def test_a_backfill_tells_nobody_of_anything_bad_and_ends_what_it_shows_to_be_good(ports: Ports) -> None:
    run = a_run(RunState.HELD)
    backfill = replace(run, plan=replace(run.plan, backfill=(NOON - HOUR, NOON)))
    after_run(ports, backfill, [judged()])
    after_run(ports, replace(backfill, state=RunState.FAILED, reason="no"), ())
    assert states(ports) == []
    after_run(ports, run, [judged()])
    pass_by(ports, minutes=5)
    after_run(ports, replace(backfill, state=RunState.PUBLISHED), [judged("passed")])
    assert states(ports) == [("check_failure", "P2", "resolved")]


def test_a_check_that_left_the_contract_leaves_no_alert_behind(ports: Ports) -> None:
    after_run(ports, a_run(RunState.HELD), [judged(check="silver.orders.gone"), judged()])
    pass_by(ports, minutes=5)
    after_run(ports, a_run(base=1), [])
    assert sorted(state for _, _, state in states(ports)) == ["pending", "resolved"]


def test_a_pipeline_that_cannot_even_be_planned_is_told_and_recovers(ports: Ports) -> None:
    raise_for_stopped(ports, "silver.orders", "orders", "the catalog does not answer")
    assert states(ports) == [("pipeline_failure", "P1", "firing")]
    pass_by(ports, minutes=5)
    after_run(ports, a_run(RunState.NOTHING_NEW), ())
    assert states(ports) == [("pipeline_failure", "P1", "resolved")]


def test_a_look_at_published_data_raises_and_resolves(ports: Ports) -> None:
    raise_for_check(ports, "silver.orders", [judged()])
    pass_by(ports, minutes=5)
    raise_for_check(ports, "silver.orders", [judged("passed")])
    assert states(ports) == [("check_failure", "P2", "resolved")]


def test_a_plane_that_stopped_is_one_alert(ports: Ports) -> None:
    def about(is_bad: bool) -> Finding:
        return Finding({"kind": "plane_outage"}, AlertKind.PLANE_OUTAGE, is_bad, ports.clock.now(), summary="no evaluation")

    for is_bad in (True, True, False):
        raise_for_plane(ports, about(is_bad))
        pass_by(ports, minutes=6)
    notify.tick(ports)
    assert states(ports) == [("plane_outage", "P1", "resolved")]
    assert [message["status"] for message in messages(ports)] == ["firing", "resolved"]


def test_runs_that_nobody_judged_are_found_by_the_sweep(ports: Ports) -> None:
    ports.clock.instant = datetime.now(UTC)  # type: ignore[attr-defined]  # runs of the last week are swept, in wall time
    recorded(ports, a_run(RunState.FAILED, at=NOON, reason="no catalog"))
    assert sweep(ports) == 1
    assert states(ports) == [("pipeline_failure", "P1", "firing")]
    assert sweep(ports) == 0


def test_a_backfill_that_fails_tells_nobody_and_is_judged_all_the_same(ports: Ports) -> None:
    ports.clock.instant = datetime.now(UTC)  # type: ignore[attr-defined]
    run = a_run(RunState.FAILED, at=NOON, reason="no catalog")
    plan = replace(run.plan, backfill=(NOON - HOUR, NOON))
    recorded(ports, replace(run, plan=plan, run_id=plan.run_id))
    assert sweep(ports) == 1
    assert states(ports) == []
    assert sweep(ports) == 0


def test_older_runs_that_are_swept_late_do_not_undo_what_is_known(ports: Ports) -> None:
    after_run(ports, a_run(RunState.FAILED, at=NOON + HOUR, reason="now"), (), at=NOON + HOUR)
    after_run(ports, a_run(RunState.PUBLISHED, at=NOON, base=1), (), at=NOON)
    assert states(ports) == [("pipeline_failure", "P1", "firing")]


def test_alerting_that_fails_fails_nobody(ports: Ports) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise StoreUnavailableError if name == "book" else ZeroDivisionError

    ports.alerts = Broken()  # type: ignore[misc,assignment]
    for state in (RunState.HELD, RunState.PUBLISHED, RunState.NOTHING_NEW):
        after_run(ports, a_run(state), [judged()])
    raise_for_plane(ports, Finding({"kind": "plane_outage"}, AlertKind.PLANE_OUTAGE, is_bad=True, at=NOON))
    raise_alerts.raise_for_objectives(ports, ())
    assert sweep(ports) == 0


def test_a_silence_keeps_messages_back_until_it_ends_and_is_in_the_audit_log(both: Ports) -> None:
    plane = Plane(both)
    silence = plane.silence({"dataset": "silver.*"}, NOON + HOUR, "Åsa", "known")
    after_run(both, a_run(RunState.FAILED, reason="no catalog"), ())
    assert states(both) == [("pipeline_failure", "P1", "pending")]
    assert messages(both) == []
    pass_by(both, minutes=30)
    assert notify.tick(both) == 0
    assert [found.silence_id for found in plane.silences()] == [silence.silence_id]
    plane.unsilence(silence.silence_id, "Åsa")
    assert notify.tick(both) == 2
    assert len(messages(both)) == 1
    assert plane.silences() == []
    entries = both.audit_log.entries(f"silence:{silence.silence_id}")
    assert [(entry.verb, entry.actor) for entry in entries] == [("silence.end", "Åsa"), ("silence.add", "Åsa")]


def test_a_silence_that_says_too_little_is_refused(both: Ports) -> None:
    plane = Plane(both)
    with pytest.raises(ConfigurationError, match="unknown label 'datasets': did you mean 'dataset'"):
        plane.silence({"datasets": "x"}, NOON + HOUR, reason="why")
    with pytest.raises(ConfigurationError, match="at least one label"):
        plane.silence({}, NOON + HOUR, reason="why")
    with pytest.raises(ConfigurationError, match="needs a reason"):
        plane.silence({"dataset": "x"}, NOON + HOUR, reason=" ")
    for ends in (NOON, (NOON + HOUR).replace(tzinfo=None)):
        with pytest.raises(ConfigurationError, match="must end after now"):
            plane.silence({"dataset": "x"}, ends, reason="why")
    with pytest.raises(ConfigurationError, match="there is no silence 3"):
        plane.unsilence(3)
    made = plane.silence({"dataset": "x"}, NOON + HOUR, reason="why")
    pass_by(both, hours=2)
    with pytest.raises(ConfigurationError, match="is over"):
        plane.unsilence(made.silence_id)


def test_who_takes_an_alert_over_is_told_its_end_only(both: Ports) -> None:
    plane = Plane(both)
    after_run(both, a_run(RunState.FAILED, reason="no catalog"), ())
    taken = plane.acknowledge(1, "Åsa", "on it")
    assert (taken.state, taken.acknowledged_by) == (AlertState.ACKNOWLEDGED, "Åsa")
    (entry,) = both.audit_log.entries("alert:1")
    assert (entry.verb, entry.actor, entry.reason, entry.before, entry.after) == (
        "alert.acknowledge", "Åsa", "on it", "firing", "acknowledged",
    )  # fmt: skip
    pass_by(both, hours=5)
    after_run(both, a_run(RunState.FAILED, base=1, reason="still no catalog"), ())
    assert notify.tick(both) == 0
    after_run(both, a_run(base=2), ())
    assert [message["status"] for message in messages(both, "on_call")] == ["firing", "resolved"]
    with pytest.raises(ConfigurationError, match="is resolved, so there is nothing to take over"):
        plane.acknowledge(1)
    with pytest.raises(ConfigurationError, match="there is no alert 9"):
        plane.acknowledge(9)


def test_what_stays_is_repeated(both: Ports) -> None:
    after_run(both, a_run(RunState.FAILED, reason="no catalog"), ())
    for minutes, expected in ((239, 0), (1, 2), (1, 0), (239, 2)):
        pass_by(both, minutes=minutes)
        assert notify.tick(both) == expected


def test_lists_are_filtered_and_wrong_words_refused(both: Ports) -> None:
    plane = Plane(both)
    after_run(both, a_run(RunState.FAILED, reason="no catalog"), ())
    assert plane.alerts(state="open", priority="P1", dataset="silver.orders").total == 1
    assert plane.alerts(state="resolved").total == plane.alerts(priority="P2").total == 0
    assert plane.alert(1).kind is AlertKind.PIPELINE_FAILURE
    with pytest.raises(ConfigurationError, match="unknown state 'opened'"):
        plane.alerts(state="opened")
    with pytest.raises(ConfigurationError, match="unknown priority 'P4'"):
        plane.alerts(priority="P4")


def test_routes_can_be_asked(both: Ports) -> None:
    plane = Plane(both)
    assert [target.receiver for target in plane.route({"dataset": "gold.facts", "priority": "P1"})] == ["inbox", "on_call"]
    with pytest.raises(ConfigurationError, match="unknown label"):
        plane.route({"team": "x"})


def test_a_receiver_that_does_not_answer_is_tried_again_later_with_the_same_key(both: Ports) -> None:
    on_call = receiver(both, "on_call")
    on_call.error = UnavailableError("receiver on_call does not answer")
    after_run(both, a_run(RunState.FAILED, reason="no catalog"), ())
    assert deliver(both) == 1
    assert deliver(both) == 0, "it rests"
    (waiting,) = both.outbox.waiting()
    assert (waiting.lane, waiting.count, waiting.attempts) == ("notify:on_call", 1, 1)
    assert waiting.last_error == "receiver on_call does not answer"
    on_call.error = None
    both.outbox.postponed(on_call.tried[0], "again", datetime.now(UTC) - HOUR)
    assert deliver(both) == 1
    assert len(on_call.tried) == 2
    assert len(set(on_call.tried)) == 1
    assert both.outbox.waiting() == []


def test_retries_come_later_and_later_but_never_stop(both: Ports) -> None:
    on_call = receiver(both, "on_call")
    on_call.error = UnavailableError("no")
    after_run(both, a_run(RunState.FAILED, reason="no catalog"), ())
    pauses = []
    for attempts in (0, 1, 2, 3, 60):
        for _ in range(attempts - (both.outbox.waiting()[0].attempts if on_call.tried else 0)):
            both.outbox.postponed(on_call.tried[0], "no", NOON)
        if on_call.tried:
            both.outbox.postponed(on_call.tried[0], "no", NOON)
        before = datetime.now(UTC)
        deliver(both)
        pauses.append(round((both.outbox.waiting()[0].due_wall - before).total_seconds()))
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (10, 900)


def test_while_a_receiver_rests_none_of_its_messages_is_tried_and_others_are(both: Ports) -> None:
    on_call = receiver(both, "on_call")
    on_call.error = UnavailableError("no")
    for number, dataset in enumerate(("bronze.orders", "silver.orders", "gold.facts")):
        after_run(both, a_run(RunState.FAILED, dataset=dataset, base=number, reason="no"), ())
    assert deliver(both) == 3
    assert (len(on_call.tried), len(receiver(both).taken)) == (1, 3)
    assert deliver(both) == 0
    assert len(on_call.tried) == 1
    assert both.outbox.waiting()[0].count == 3


def test_a_message_that_is_refused_does_not_keep_the_next_from_arriving(both: Ports) -> None:
    on_call = receiver(both, "on_call")
    on_call.error = MessageRefusedError("400 too long")
    after_run(both, a_run(RunState.FAILED, reason="no"), ())
    deliver(both)
    on_call.error = None
    after_run(both, a_run(RunState.FAILED, dataset="gold.facts", base=1, reason="no"), ())
    assert deliver(both) == 2
    assert [notification.document["group"] for notification in on_call.taken] == [{"dataset": "gold.facts"}]
    (waiting,) = both.outbox.waiting()
    assert (waiting.count, waiting.last_error) == (1, "400 too long")


def test_a_receiver_that_left_the_routes_keeps_its_messages_and_says_why(both: Ports) -> None:
    after_run(both, a_run(RunState.FAILED, reason="no"), ())
    del both.receivers["on_call"]  # type: ignore[attr-defined]
    assert deliver(both) == 1
    assert "not in the routes any more" in str(both.outbox.waiting()[0].last_error)


def test_a_run_waits_for_the_inbox_and_for_nobody_else(both: Ports) -> None:
    after_run(both, a_run(RunState.FAILED, reason="no"), ())
    assert deliver_here(both) == 1
    assert (len(receiver(both).taken), receiver(both, "on_call").tried) == (1, [])


def test_when_the_routes_change_open_alerts_find_their_new_receivers(ports: Ports) -> None:
    after_run(ports, a_run(RunState.FAILED, reason="no"), ())
    notify.tick(ports)
    ports.platform = replace(ports.platform, routes=replace(two_receivers(options=NOW), sha256="new"))  # type: ignore[misc]
    ports.receivers["on_call"] = Remembering()  # type: ignore[index]
    assert notify.tick(ports) == 2
    assert len(messages(ports, "on_call")) == 1
    assert notify.tick(ports) == 0
    ports.platform = replace(ports.platform, routes=DEFAULT_ROUTES)  # type: ignore[misc]
    pass_by(ports, hours=5)
    notify.tick(ports)
    assert len(messages(ports, "on_call")) == 1, "who is not in the routes is not told"


def test_a_heartbeat_goes_to_whom_the_routes_name_and_never_fails(both: Ports) -> None:
    notify.heartbeat(both)
    both.platform = replace(both.platform, routes=replace(both.platform.routes, heartbeat="on_call"))  # type: ignore[misc]
    notify.heartbeat(both)
    assert receiver(both, "on_call").pings == [NOON]
    receiver(both, "on_call").error = UnavailableError("no")
    notify.heartbeat(both)


def test_a_test_message_goes_out_at_once_or_says_why_not(both: Ports) -> None:
    plane = Plane(both)
    plane.test_receiver("on_call")
    assert receiver(both, "on_call").taken[0].document["status"] == "test"
    receiver(both, "on_call").error = UnavailableError("no")
    with pytest.raises(UnavailableError):
        plane.test_receiver("on_call")
    with pytest.raises(ConfigurationError, match="unknown receiver 'on-call': did you mean 'on_call'"):
        plane.test_receiver("on-call")


def storm(ports: Ports, count: int) -> None:
    """Let a check of each of many datasets fail in one go."""
    findings = [
        Finding(
            {"kind": "check_failure", "dataset": f"silver.t{number}", "check": "c"},
            AlertKind.CHECK_FAILURE,
            is_bad=True,
            at=ports.clock.now(),
            tier=1,
        )
        for number in range(count)
    ]
    with ports.alerts.book() as book:
        raise_alerts._apply(ports, book, [], lambda _: findings)


def test_in_a_storm_messages_are_few_and_every_alert_is_counted(both: Ports) -> None:
    storm(both, 1_000)
    notify.tick(both)
    sent = messages(both, "on_call")
    assert len(sent) == MESSAGES_PER_MINUTE
    assert sum(message["firing"] for message in sent) == 1_000
    assert max(len(message["alerts"]) for message in sent) == LISTED
    assert {state for _, _, state in states(both)} == {"firing"}
    after_run(both, a_run(RunState.FAILED, reason="no"), ())
    assert len(messages(both, "on_call")) == MESSAGES_PER_MINUTE, "the minute is not over"
    pass_by(both, minutes=1)
    assert notify.tick(both) == 2
    assert messages(both, "on_call")[-1]["priority"] == Priority.P1.value


def test_a_route_decides_when_its_group_is_told() -> None:
    urgent = Route(("on_call",), Options(("kind",), timedelta(0)), {"priority": "P1"})
    base = two_receivers(urgent)
    ports = a_plane(Routes(replace(base.root, receivers=("inbox",)), base.receivers))
    after_run(ports, a_run(RunState.FAILED, reason="no"), ())
    after_run(ports, a_run(RunState.HELD, base=MAIN - 1), [judged()])
    assert [message["group"] for message in messages(ports, "on_call")] == [{"kind": "pipeline_failure"}]
    assert messages(ports) == []
    pass_by(ports, seconds=30)
    notify.tick(ports)
    assert [message["group"] for message in messages(ports)] == [{"dataset": "silver.orders"}]
