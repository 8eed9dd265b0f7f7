"""Ports of alerting. Adapters: ``alerting.receivers`` (who is told), ``controlplane.persistence`` (the inbox)."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from alerting.model import Notification


class Receiver(Protocol):
    """Somebody who is told. Taking the same message twice does no harm: it has the same ``message_id``."""

    def deliver(self, notification: Notification) -> None:
        """Hand over one message, once; the outbox tries again.

        Raises:
            UnavailableError: nobody answers, or not in time, or not well; any message would fare the same.
            MessageRefusedError: this message is not taken; others may be.
            ConfigurationError: the receiver cannot be used as it is set up.
        """
        ...

    def ping(self, at: datetime) -> None:
        """Say that the plane is alive; raises like ``deliver``."""
        ...


class Inbox(Protocol):
    """Where messages are kept for pages."""

    def put(self, notification: Notification) -> None:
        """Keep a message; one that is there already is left as it is."""
        ...
