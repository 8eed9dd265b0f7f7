"""Who is told, by the kind a ``routes.yaml`` gives them; nothing is opened and no secret read before a message is sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from alerting.ports import Inbox, Receiver
from alerting.receivers.inbox import InboxReceiver
from alerting.receivers.secrets import read_secret
from alerting.receivers.webhook import WebhookReceiver
from alerting.routing import WEBHOOK, ReceiverSettings


def make_receiver(settings: ReceiverSettings, *, inbox: Inbox, root: Path, environ: Mapping[str, str]) -> Receiver:
    """Return the receiver of one entry.

    Args:
        settings: the entry.
        inbox: where messages are kept for pages.
        root: the project's folder, from which a secret's relative path starts.
        environ: where a secret's variable is looked up, each time a message is sent.
    """
    if settings.kind != WEBHOOK:
        return InboxReceiver(inbox)
    reference = settings.secret
    return WebhookReceiver(
        settings.name,
        settings.url,
        secret=None if reference is None else lambda: read_secret(reference, settings.name, root=root, environ=environ),
        timeout=settings.timeout,
    )
