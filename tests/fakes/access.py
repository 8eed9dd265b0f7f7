"""Who may come in, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controlplane.kernel.ports import Clock
from controlplane.usecases.access_ports import Credential, CredentialKind, Credentials
from controlplane.usecases.ports import AuditLog


class InMemoryCredentials:
    def __init__(self) -> None:
        self.kept: dict[str, Credential] = {}

    def add(self, credential: Credential) -> None:
        over = credential.created - timedelta(days=7)
        self.kept = {key: old for key, old in self.kept.items() if old.expires >= over}
        self.kept[credential.secret_sha256] = credential

    def find(self, secret_sha256: str) -> Credential | None:
        return self.kept.get(secret_sha256)

    def use_up(self, kind: CredentialKind, secret_sha256: str, at_wall: datetime) -> Credential | None:
        found = self.kept.get(secret_sha256)
        if found is None or found.kind is not kind or not found.is_alive(at_wall):
            return None
        self.kept[secret_sha256] = replace(found, ended=at_wall, seen=at_wall)
        return self.kept[secret_sha256]

    def touch(self, secret_sha256: str, at_wall: datetime) -> None:
        if secret_sha256 in self.kept:
            self.kept[secret_sha256] = replace(self.kept[secret_sha256], seen=at_wall)

    def end(self, secret_sha256: str, at_wall: datetime) -> bool:
        found = self.kept.get(secret_sha256)
        if found is None or not found.is_alive(at_wall):
            return False
        self.kept[secret_sha256] = replace(found, ended=at_wall)
        return True

    def alive(self, kind: CredentialKind, at_wall: datetime) -> Sequence[Credential]:
        found = [one for one in self.kept.values() if one.kind is kind and one.is_alive(at_wall)]
        return sorted(found, key=lambda one: one.created)


@dataclass
class Doors:
    """The ports that letting people in needs."""

    credentials: Credentials
    audit_log: AuditLog
    clock: Clock
    actor: str = "owner"
