"""Alerts end to end: a batch is held or a run fails, real receivers are told over the network, and no run waits for them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerting.model import AlertKind, Finding
from alerting.stages import LISTED, MESSAGES_PER_MINUTE
from controlplane import Plane
from controlplane.cli import main
from controlplane.kernel.clock import ReplayClock
from controlplane.usecases import raise_alerts
from tests.integration.hooks import Hook, hooked
from tests.integration.visits import START, batch, make_project, open_project

ROUTES = """
version: 1
base_url: http://127.0.0.1:8765
receivers:
  - name: on_call
    webhook: {url: "ON_CALL", timeout: 0.5}
  - name: team
    webhook: {url: "TEAM", timeout: 0.5}
route:
  receivers: [on_call, team, inbox]
  group_wait: PT0S
"""


@pytest.fixture
def on_call() -> Iterator[Hook]:
    with hooked() as hook:
        yield hook


@pytest.fixture
def team() -> Iterator[Hook]:
    with hooked() as hook:
        yield hook


@pytest.fixture
def folder(tmp_path: Path, on_call: Hook, team: Hook) -> Path:
    made = make_project(tmp_path / "project", "routes: routes.yaml")
    (made / "routes.yaml").write_text(ROUTES.replace("ON_CALL", on_call.url).replace("TEAM", team.url), encoding="utf-8")
    return made


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def plane(folder: Path, clock: ReplayClock) -> Iterator[Plane]:
    with open_project(folder, clock) as opened:
        yield opened


def handed_over(plane: Plane, name: str, *, pages: int = 3) -> str:
    with plane.govern("silver.visits", job="visits", batch=name) as run:
        run.append(batch(name, pages=pages))
    return str(run.outcome)


def wake(plane: Plane) -> None:
    """Let all that rests be due, as if its pause were over."""
    for lane in plane.messages_waiting():
        for message in plane.ports.outbox.due(datetime.now(UTC) + timedelta(days=1), kind=lane.lane):
            plane.ports.outbox.postponed(message.message_id, message.last_error or "", datetime.now(UTC) - timedelta(hours=1))


def test_a_held_batch_is_told_with_its_numbers_and_so_is_its_end(
    plane: Plane, clock: ReplayClock, on_call: Hook, team: Hook
) -> None:
    assert handed_over(plane, "bad", pages=0) == "held"
    assert plane.deliver() == 2, "the inbox has its message already: the run brought it there"
    (message,) = on_call.taken
    (alert,) = message["alerts"]
    assert (message["priority"], message["status"], alert["dataset"]) == ("P2", "firing", "silver.visits")
    assert alert["summary"] == "silver.visits.pages.pages_positive: 2 of 2 rows have pages < 1; 0 allowed"
    assert alert["url"] == f"http://127.0.0.1:8765/alerts/{alert['alert_id']}"
    assert alert["annotations"]["batch"] == "held"
    assert plane.report(alert["annotations"]["run_id"]).state == "held"
    clock.instant += timedelta(minutes=10)
    assert handed_over(plane, "good") == "published"
    plane.deliver()
    assert (
        [message["status"] for message in on_call.taken]
        == [message["status"] for message in team.taken]
        == ["firing", "resolved"]
    )
    assert [message.subject.partition(":")[0] for message in plane.inbox()] == ["Resolved, P2", "P2"]
    assert plane.alert(alert["alert_id"]).state == "resolved"


def test_from_the_measurement_to_the_outbox_takes_less_than_a_second(plane: Plane) -> None:
    handed_over(plane, "warm")
    started = time.process_time()
    assert handed_over(plane, "bad", pages=0) == "held"
    assert time.process_time() - started < 1, "the whole run and its alert"
    assert [lane.lane for lane in plane.messages_waiting()] == ["notify:on_call", "notify:team"]


def test_a_receiver_that_is_down_or_slow_costs_no_run_and_holds_up_nobody(
    plane: Plane, clock: ReplayClock, on_call: Hook, team: Hook
) -> None:
    on_call.delay = 1.0
    started = time.monotonic()
    handed_over(plane, "bad", pages=0)
    assert on_call.requests == team.requests == [], "a run sends nothing over the network"
    assert plane.deliver() == 1
    assert time.monotonic() - started < 8
    assert len(team.taken) == 1
    (waiting,) = plane.messages_waiting()
    assert (waiting.lane, waiting.count, waiting.attempts) == ("notify:on_call", 1, 1)
    assert waiting.last_error is not None
    assert waiting.last_error.endswith("did not answer within 0.5 s")
    on_call.delay = 0.0
    assert plane.deliver() == 0, "it rests"
    wake(plane)
    clock.instant += timedelta(minutes=1)
    assert plane.deliver() == 1
    assert len(set(on_call.keys)) == 1


def test_500_then_200_arrives_with_the_same_key_and_a_page_counts_as_nothing(plane: Plane, on_call: Hook) -> None:
    answers = [(500, "text/plain", "no disk"), (200, "text/html", "<html>sign in</html>"), (200, "application/json", "{}")]
    on_call.answer = lambda number: answers[min(number, 2)]
    handed_over(plane, "bad", pages=0)
    reasons = []
    for _ in answers:
        plane.deliver()
        reasons += [lane.last_error for lane in plane.messages_waiting()]
        wake(plane)
    assert [str(reason).partition(" answered ")[2] for reason in reasons] == [
        "500 no disk",
        "200 with a web page; check the address and its sign-in",
    ]
    assert (len(on_call.keys), len(set(on_call.keys))) == (3, 1)
    assert plane.messages_waiting() == []


class DiesBeforeMarking:
    """An outbox of a process that is killed after the message was sent and before that is noted."""

    def __init__(self, outbox: object) -> None:
        self._outbox = outbox

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    def delivered(self, *_: object) -> None:
        raise KeyboardInterrupt


def test_killed_between_sending_and_noting_it_the_same_key_goes_out_again(plane: Plane, on_call: Hook, team: Hook) -> None:
    handed_over(plane, "bad", pages=0)
    dying = replace(plane.ports, outbox=DiesBeforeMarking(plane.ports.outbox))  # type: ignore[arg-type]
    with suppress(KeyboardInterrupt):
        Plane(dying).deliver()
    assert plane.deliver() == 2
    for hook in (on_call, team):
        assert (len(hook.keys), len(set(hook.keys))) == (2, 1)


def test_a_run_that_fails_is_told_at_once_and_its_recovery_too(plane: Plane, clock: ReplayClock, on_call: Hook) -> None:
    def fail(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    writer = type(
        "Full", (), {"__getattr__": lambda _, name: fail if name == "commit" else getattr(plane.ports.writer, name)}
    )()
    full = Plane(replace(plane.ports, writer=writer))
    assert handed_over(full, "y") == "failed"
    (alert,) = plane.alerts(state="open").alerts
    assert (alert.kind, alert.priority, alert.state) == ("pipeline_failure", "P1", "firing")
    assert alert.summary.startswith("visits failed: silver.visits: No space left on device")
    clock.instant += timedelta(minutes=10)
    assert handed_over(plane, "y") == "published"
    plane.deliver()
    assert [message["status"] for message in on_call.taken] == ["firing", "resolved"]


def test_alerts_in_their_thousands_are_all_counted_in_a_few_bounded_messages(
    plane: Plane, clock: ReplayClock, on_call: Hook, team: Hook
) -> None:
    team.answer = (503, "text/plain", "storm")
    for batch_number in range(20):  # one evaluation each few seconds
        found = [
            Finding({"kind": "check_failure", "dataset": f"silver.t{number % 500}", "check": f"c{number}"}, AlertKind.CHECK_FAILURE, is_bad=True, at=clock.now(), tier=1)
            for number in range(batch_number * 100, batch_number * 100 + 100)
        ]  # fmt: skip
        with plane.ports.alerts.book() as book:
            raise_alerts._apply(plane.ports, book, [], lambda _, found=found: found)
        clock.instant += timedelta(seconds=3)
        plane.deliver()
    for _ in range(2):
        clock.instant += timedelta(minutes=5)
        plane.deliver()
    page = plane.alerts(state="firing", limit=1)
    assert page.total == 2_000
    counted = sum(message["firing"] for message in on_call.taken)
    assert counted >= 2_000
    minutes = 4  # two of the storm, and the two groups' intervals after it
    assert len(on_call.taken) <= MESSAGES_PER_MINUTE * minutes
    assert max(len(message["alerts"]) for message in on_call.taken) == LISTED
    assert max(len(body) for _, body in on_call.requests) < 64_000
    assert len(team.requests) < 20, "who does not take anything is left alone"
    assert {lane.lane: lane.count for lane in plane.messages_waiting()} == {"notify:team": len(on_call.taken)}


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, str]:
    code = main(["alerts", *arguments, "--project", str(folder)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_on_the_command_line(plane: Plane, folder: Path, on_call: Hook, capsys: pytest.CaptureFixture[str]) -> None:
    on_call.answer = (503, "text/plain", "closed")
    handed_over(plane, "bad", pages=0)
    plane.deliver()
    code, text = run(capsys, folder)
    assert code == 0
    assert "silver.visits.pages.pages_positive: 2 of 2 rows have pages < 1; 0 allowed" in text
    assert "1 of 1 alerts shown (0 P1, 1 P2, 0 P3)" in text
    assert "1 messages wait for notify:on_call" in text
    assert "answered 503 closed" in text
    listed = json.loads(run(capsys, folder, "list", "--format", "json")[1])
    assert (listed["total"], listed["messages_waiting"][0]["attempts"]) == (1, 1)
    number = str(listed["alerts"][0]["alert_id"])
    assert "P2: check_failure, tier 1" in run(capsys, folder, "show", number)[1]
    assert run(capsys, folder, "ack", number, "--comment", "on it")[0] == 0
    shown = json.loads(run(capsys, folder, "show", number, "--format", "json")[1])
    assert (shown["state"], shown["done"][0]["did"], shown["done"][0]["comment"]) == (
        "acknowledged",
        "alert.acknowledge",
        "on it",
    )
    assert json.loads(run(capsys, folder, "list", "--state", "pending", "--format", "json")[1])["total"] == 0


def test_silences_and_routes_on_the_command_line(folder: Path, on_call: Hook, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = run(
        capsys,
        folder,
        "silence",
        "--match",
        "dataset=silver.*",
        "--match",
        "priority=P2",
        "--for",
        "PT2H",
        "--reason",
        "known",
        "--format",
        "json",
    )
    assert code == 0
    made = json.loads(text)
    assert made["matchers"] == {"dataset": "silver.*", "priority": "P2"}
    assert "dataset=silver.*, priority=P2" in run(capsys, folder, "silences")[1]
    assert run(capsys, folder, "unsilence", str(made["silence_id"]))[0] == 0
    assert json.loads(run(capsys, folder, "silences", "--format", "json")[1]) == []
    targets = json.loads(
        run(capsys, folder, "route", "--labels", "priority=P1", "--labels", "dataset=silver.visits", "--format", "json")[1]
    )
    assert [target["receiver"] for target in targets] == ["on_call", "team", "inbox"]
    assert "on_call: by dataset=silver.visits" in run(capsys, folder, "route", "--labels", "dataset=silver.visits")[1]
    assert run(capsys, folder, "test", "on_call") == (0, "on_call took a test message\n")
    assert on_call.taken[0]["status"] == "test"
    on_call.answer = (500, "text/plain", "no")
    code, text = run(capsys, folder, "test", "on_call")
    assert (code, text.count("\n")) == (5, 1)
    assert text.endswith("answered 500 no\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "99"], "there is no alert 99"),
        (["ack", "99"], "there is no alert 99"),
        (["unsilence", "99"], "there is no silence 99"),
        (["test", "nobody"], "unknown receiver 'nobody'"),
        (["list", "--state", "odd"], "unknown state 'odd'"),
        (["list", "--priority", "P9"], "unknown priority 'P9'"),
        (["route", "--labels", "team=x"], "unknown label 'team'"),
        (["route", "--labels", "team"], "is no label with a value"),
        (["silence", "--match", "team=x", "--for", "PT1H", "--reason", "r"], "unknown label 'team'"),
        (["silence", "--match", "dataset=x", "--for", "2 hours", "--reason", "r"], "is not a duration"),
        (["silence", "--match", "dataset=x", "--for", "PT0S", "--reason", "r"], "must end after now"),
        (["silence", "--match", "dataset=x", "--for", "PT1H", "--reason", " "], "needs a reason"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, text = run(capsys, folder, *arguments)
    assert (code, message in text) == (2, True), text
    assert "Traceback" not in text


def test_lint_reads_the_routes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--project", str(folder)]) == 0
    routes = folder / "routes.yaml"
    routes.write_text(routes.read_text("utf-8").replace("[on_call, team, inbox]", "[on_call, teem]"), encoding="utf-8")
    capsys.readouterr()
    assert main(["lint", "--project", str(folder)]) == 2
    assert "routes.yaml:10: route.receivers" in capsys.readouterr().out
    assert main(["alerts", "--project", str(folder)]) == 2
    assert "unknown receiver 'teem'" in capsys.readouterr().err
