"""The receiver that is always there: messages are kept in the store and shown on pages."""

from __future__ import annotations

from datetime import datetime

from alerting.model import Notification
from alerting.ports import Inbox


class InboxReceiver:
    """Keeps messages (``alerting.ports.Receiver``)."""

    def __init__(self, inbox: Inbox) -> None:
        """Take the place where messages are kept."""
        self._inbox = inbox

    def deliver(self, notification: Notification) -> None:
        """Keep one message; keeping it again changes nothing."""
        self._inbox.put(notification)

    def ping(self, at: datetime) -> None:
        """Do nothing: whoever reads the inbox sees the pages, and with them whether the plane is alive."""
