"""``alerts``: what needs a person, who is told, and taking it over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from alerting.model import Alert, Silence
from alerting.stages import alert_document
from controlplane import open as open_project
from controlplane.cli import codes
from controlplane.cli.options import SPAN, find_project, format_option, print_json, project_option
from controlplane.cli.rendering import table
from controlplane.usecases.facade import Plane
from controlplane.usecases.ports import Waiting


class Label(click.ParamType[tuple[str, str]]):
    """A label and its value, ``kind=sla_breach``."""

    name = "LABEL=VALUE"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return label and value."""
        if isinstance(value, tuple):
            return value
        name, sign, pattern = str(value).partition("=")
        if not sign or not name:
            self.fail(f"{value!r} is no label with a value; write one such as dataset=gold.*", param, ctx)
        return name, pattern


@click.group("alerts", invoke_without_command=True)
@project_option
@format_option()
@click.pass_context
def alerts_command(ctx: click.Context, project: Path | None, form: str) -> None:
    """See what needs a person, take it over, silence it; without a command, list what is open."""
    if ctx.invoked_subcommand is None:
        _list(project, form, "open", None, None, 50)


@alerts_command.command("list")
@click.option("--state", default="open", show_default=True, help="open, pending, firing, acknowledged, resolved or all.")
@click.option("--priority", help="P1, P2 or P3.")
@click.option("--dataset", help="Of one dataset.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@project_option
@format_option()
def alerts_list(state: str, priority: str | None, dataset: str | None, limit: int, project: Path | None, form: str) -> None:
    """List alerts, worst first, and messages that could not be delivered yet."""
    _list(project, form, state, priority, dataset, limit)


def _list(project: Path | None, form: str, state: str, priority: str | None, dataset: str | None, limit: int) -> None:
    with _plane(project) as plane:
        wanted = None if state == "all" else state
        page = plane.alerts(state=wanted, priority=priority, dataset=dataset, limit=limit)
        waiting = plane.messages_waiting()
        base_url = plane.ports.platform.routes.base_url
    if form == "json":
        print_json({
            "total": page.total,
            "by_priority": {priority.value: count for priority, count in page.by_priority.items()},
            "alerts": [alert_document(alert, base_url) for alert in page.alerts],
            "messages_waiting": [_waiting_document(lane) for lane in waiting],
        })  # fmt: skip
        return
    names = ("id", "priority", "state", "dataset", "kind", "since", "summary")
    table(names, [_line(alert) for alert in page.alerts])
    counts = ", ".join(f"{count} {priority}" for priority, count in page.by_priority.items())
    click.echo(f"{len(page.alerts)} of {page.total} alerts shown ({counts})")
    for lane in waiting:
        reason = f"; tried {lane.attempts} times: {lane.last_error}" if lane.last_error else ""
        click.echo(f"{lane.count} messages wait for {lane.lane}, next try {_at(lane)}{reason}")


def _line(alert: Alert) -> Sequence[object]:
    since = alert.started_at.isoformat(timespec="seconds")
    return (alert.alert_id, alert.priority, alert.state, alert.dataset, alert.kind, since, alert.summary)


def _at(lane: Waiting) -> str:
    return lane.due_wall.isoformat(timespec="seconds")


def _waiting_document(lane: Waiting) -> dict[str, object]:
    return {
        "lane": lane.lane,
        "count": lane.count,
        "oldest": lane.oldest_wall.isoformat(),
        "next_try": lane.due_wall.isoformat(),
        "attempts": lane.attempts,
        "last_error": lane.last_error,
    }


@alerts_command.command("show")
@click.argument("alert_id", type=int)
@project_option
@format_option()
def alerts_show(alert_id: int, project: Path | None, form: str) -> None:
    """Show one alert: what is wrong with its numbers, why it is this urgent, who is hit, and who did what about it."""
    with _plane(project) as plane:
        alert = plane.alert(alert_id)
        done = plane.ports.audit_log.entries(f"alert:{alert_id}")
        base_url = plane.ports.platform.routes.base_url
    document = alert_document(alert, base_url)
    if form == "json":
        people = [
            {"at": entry.clock.isoformat(), "by": entry.actor, "did": entry.verb, "comment": entry.reason} for entry in done
        ]
        print_json({**document, "done": people})
        return
    click.echo(f"alert {alert.alert_id}: {alert.state}, {alert.summary}")
    click.echo(f"  {alert.priority_reason}")
    if alert.resolution:
        click.echo(f"  resolved: {alert.resolution}")
    shown = {**alert.labels, **{name: value for name, value in alert.annotations.items() if name != "summary"}}
    times = {"started": alert.started_at, "fired": alert.fired_at, "evidence": alert.evidence_at, "over": alert.resolved_at}
    shown |= {name: at.isoformat(timespec="seconds") for name, at in times.items() if at is not None}
    shown |= {"occurrences": str(alert.occurrences), "came back": str(alert.flaps)}
    for name, value in shown.items():
        click.echo(f"  {name}: {value}")
    for entry in done:
        click.echo(f"  {entry.clock.isoformat(timespec='seconds')} {entry.actor}: {entry.verb} {entry.reason}".rstrip())


@alerts_command.command("ack")
@click.argument("alert_id", type=int)
@click.option("--comment", default="", help="What is being done; kept in the audit log with your name.")
@project_option
@format_option()
def alerts_ack(alert_id: int, comment: str, project: Path | None, form: str) -> None:
    """Take an alert over: nothing more is sent about it until it is over, unless it gets more urgent."""
    with _plane(project) as plane:
        alert = plane.acknowledge(alert_id, comment=comment)
    if form == "json":
        print_json(alert_document(alert))
    else:
        click.echo(f"alert {alert_id} is yours ({alert.acknowledged_by}); its end will be sent")


@alerts_command.command("silence")
@click.option("--match", "matchers", type=Label(), multiple=True, required=True, help="Label and value or pattern; repeat it.")
@click.option("--for", "span", type=SPAN, required=True, help="How long, such as PT2H.")
@click.option("--reason", required=True, help="Why nobody needs to be told; kept in the audit log with your name.")
@project_option
@format_option()
def alerts_silence(
    matchers: tuple[tuple[str, str], ...], span: timedelta, reason: str, project: Path | None, form: str
) -> None:
    """Send nothing about matching alerts for a while; they are still listed."""
    with _plane(project) as plane:
        silence = plane.silence(dict(matchers), plane.ports.clock.now() + span, reason=reason)
    if form == "json":
        print_json(_silence_document(silence))
    else:
        click.echo(f"silence {silence.silence_id} is in force until {silence.ends.isoformat(timespec='seconds')}")


@alerts_command.command("silences")
@project_option
@format_option()
def alerts_silences(project: Path | None, form: str) -> None:
    """List silences that have not ended."""
    with _plane(project) as plane:
        documents = [_silence_document(silence) for silence in plane.silences()]
    if form == "json":
        print_json(documents)
        return
    names = ("silence_id", "matchers", "ends", "by", "reason")
    table(names, [[_matchers(row[name]) if name == "matchers" else row[name] for name in names] for row in documents])


def _silence_document(silence: Silence) -> dict[str, object]:
    return {
        "silence_id": silence.silence_id,
        "matchers": dict(silence.matchers),
        "starts": silence.starts.isoformat(),
        "ends": silence.ends.isoformat(),
        "by": silence.actor,
        "reason": silence.reason,
    }


def _matchers(found: object) -> str:
    return ", ".join(f"{name}={value}" for name, value in found.items()) if isinstance(found, dict) else ""


@alerts_command.command("unsilence")
@click.argument("silence_id", type=int)
@project_option
def alerts_unsilence(silence_id: int, project: Path | None) -> None:
    """End a silence now."""
    with _plane(project) as plane:
        plane.unsilence(silence_id)
    click.echo(f"silence {silence_id} is over; what it kept back is sent with the next messages")


@alerts_command.command("route")
@click.option("--labels", "labels", type=Label(), multiple=True, required=True, help="Label and value of an alert; repeat it.")
@project_option
@format_option()
def alerts_route(labels: tuple[tuple[str, str], ...], project: Path | None, form: str) -> None:
    """Show who would be told about an alert with these labels, and when."""
    with _plane(project) as plane:
        targets = plane.route(dict(labels))
    documents = [
        {
            "receiver": target.receiver,
            "route": target.path,
            "group": dict(target.labels),
            "group_wait_seconds": target.options.group_wait.total_seconds(),
            "group_interval_seconds": target.options.group_interval.total_seconds(),
            "repeat_interval_seconds": target.options.repeat_interval.total_seconds(),
        }
        for target in targets
    ]
    if form == "json":
        print_json(documents)
        return
    for target in targets:
        options = target.options
        click.echo(
            f"{target.receiver}: by {_matchers(dict(target.labels)) or 'nothing'} (route {target.path}), first after "
            f"{options.group_wait}, then every {options.group_interval} at most, again after {options.repeat_interval}"
        )


@alerts_command.command("test")
@click.argument("receiver")
@project_option
def alerts_test(receiver: str, project: Path | None) -> int:
    """Send RECEIVER a message that says it is a test, now."""
    with _plane(project) as plane:
        plane.test_receiver(receiver)
    click.echo(f"{receiver} took a test message")
    return codes.PASSED


def _plane(project: Path | None) -> Plane:
    return open_project(find_project(project))
