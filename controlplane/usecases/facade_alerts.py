"""Verbs of the facade about alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from alerting.model import Alert, Silence
from alerting.routing import Target
from controlplane.usecases import handling_alerts
from controlplane.usecases.alert_ports import AlertFilter, AlertPage, InboxMessage
from controlplane.usecases.delivering import deliver
from controlplane.usecases.model import Ports
from controlplane.usecases.notify import tick
from controlplane.usecases.ports import Waiting


class AlertVerbs:
    """What a plane can do about alerts.

    Attributes:
        ports: what the verbs work with.
    """

    ports: Ports

    def alerts(
        self,
        *,
        state: str | None = None,
        priority: str | None = None,
        dataset: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> AlertPage:
        """Return alerts: open ones first, worst first, then the newest.

        Args:
            state: ``open`` (not resolved) or the value of a state; every state when None.
            priority: ``P1`` to ``P3``.

        Raises:
            ConfigurationError: no such state or priority.
        """
        wanted = AlertFilter(state, handling_alerts.priority_of(priority), dataset)
        return handling_alerts.list_alerts(self.ports, wanted, limit, offset)

    def alert(self, alert_id: int) -> Alert:
        """Return an alert. Raises ``ConfigurationError`` when there is none of this number."""
        return handling_alerts.show_alert(self.ports, alert_id)

    def acknowledge(self, alert_id: int, by: str | None = None, comment: str = "") -> Alert:
        """Take an open alert over: only its end is told, unless it gets more urgent; return it.

        Raises:
            ConfigurationError: there is no such alert, or it is over.
        """
        return handling_alerts.acknowledge(self.ports, alert_id, by, comment)

    def silence(self, matchers: Mapping[str, str], ends: datetime, by: str | None = None, reason: str = "") -> Silence:
        """Tell nobody about matching alerts until ``ends`` (the plane's clock); return the silence.

        Raises:
            ConfigurationError: a label is unknown, the reason is missing, or the end is past.
        """
        return handling_alerts.silence(self.ports, matchers, ends, by, reason)

    def unsilence(self, silence_id: int, by: str | None = None) -> Silence:
        """End a silence now; return it. Raises ``ConfigurationError`` when none of this number is in force."""
        return handling_alerts.unsilence(self.ports, silence_id, by)

    def silences(self) -> Sequence[Silence]:
        """Return silences that have not ended, oldest first."""
        return self.ports.alerts.silences(self.ports.clock.now())

    def route(self, labels: Mapping[str, str]) -> Sequence[Target]:
        """Return who would be told about an alert with these labels. Raises ``ConfigurationError`` for an unknown label."""
        return handling_alerts.route_labels(self.ports, labels)

    def test_receiver(self, receiver: str) -> None:
        """Send one receiver a test message now; raises what keeps it from arriving."""
        handling_alerts.send_test(self.ports, receiver)

    def deliver(self, limit: int = 100) -> int:
        """Send what is due: messages of groups whose wait is over, and all that waits in the outbox.

        Args:
            limit: messages of each kind at most.

        Returns:
            How many messages were taken.
        """
        tick(self.ports)
        return deliver(self.ports, limit)

    def inbox(self, limit: int = 50) -> Sequence[InboxMessage]:
        """Return messages that were kept for pages, newest first."""
        return self.ports.alerts.inbox(limit)

    def messages_waiting(self) -> Sequence[Waiting]:
        """Return how many messages wait, by kind, and why."""
        return self.ports.outbox.waiting()
