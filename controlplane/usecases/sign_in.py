"""Who may come in, and for how long. Secrets have 256 random bits; the store sees their SHA-256 only; times are wall time."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from secrets import token_urlsafe

from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import ConfigurationError, SignInRefusedError
from controlplane.kernel.ports import Clock
from controlplane.usecases.access_ports import Credential, CredentialKind
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import AuditEntry

LINK_LIFE = timedelta(minutes=10)
"""How long a one-time link can be followed."""

IDLE = timedelta(hours=1)
"""How long a session may lie unused."""

SESSION_LIFE = timedelta(hours=12)
"""How long a session lasts, used or not."""

TOKEN_LIFE = timedelta(days=90)
"""How long a token is good for unless its maker says otherwise."""

_NOTED_AFTER = timedelta(minutes=1)  # a session's use is written at most this often
_LONGEST = 512  # no secret of ours is longer; what is longer is not even hashed


@dataclass(frozen=True)
class Session:
    """One browser that was let in.

    Attributes:
        csrf: what every form of this session carries; derived from the secret, stored nowhere.
    """

    subject: str
    csrf: str


class Access:
    """Lets people and programs in, and out again."""

    def __init__(self, ports: Ports, wall: Clock | None = None) -> None:
        """Take the ports, and the wall clock where it is not the machine's."""
        self._ports = ports
        self._wall = wall or SystemClock()

    def new_link(self, subject: str | None = None) -> str:
        """Return path and query of a link that signs in once, within ten minutes."""
        secret = self._issue(CredentialKind.LINK, subject or self._ports.actor, LINK_LIFE)
        return f"/sign-in/once?token={secret}"

    def new_token(self, subject: str, life: timedelta = TOKEN_LIFE) -> str:
        """Return a token for the API and for signing in; it is shown this once.

        Raises:
            ConfigurationError: it would have no name, or be over at once.
        """
        if not subject.strip() or life <= timedelta(0):
            message = "a token needs a name to be known by and a life longer than nothing, such as P90D"
            raise ConfigurationError(message)
        secret = self._issue(CredentialKind.TOKEN, subject.strip(), life)
        self._note("token.new", subject.strip(), f"valid for {life.total_seconds() / 86400:g} days", digest(secret)[:12])
        return secret

    def tokens(self) -> Sequence[Credential]:
        """Return the tokens that are good, oldest first."""
        return self._ports.credentials.alive(CredentialKind.TOKEN, self._wall.now())

    def revoke(self, token_id: str) -> Credential:
        """End a token at once, by its id. Raises ``ConfigurationError`` when there is no such token."""
        for token in self.tokens():
            if token.credential_id == token_id and self._ports.credentials.end(token.secret_sha256, self._wall.now()):
                self._note("token.revoke", token.subject, "revoked", token_id)
                return token
        message = f"there is no living token {token_id!r}; `controlplane token list` shows the known ones"
        raise ConfigurationError(message)

    def follow_link(self, secret: str) -> str:
        """Use up a one-time link and return the secret of a new session. Raises ``SignInRefusedError``."""
        used = None
        if _is_plausible(secret):
            used = self._ports.credentials.use_up(CredentialKind.LINK, digest(secret), self._wall.now())
        if used is None:
            raise _refused()
        return self._open(used.subject, "one-time link")

    def sign_in(self, secret: str) -> str:
        """Return the secret of a new session for the bearer of a token. Raises ``SignInRefusedError``."""
        return self._open(self.bearer(secret), "token")

    def bearer(self, secret: str) -> str:
        """Return whose token this is. Raises ``SignInRefusedError``."""
        found = self._living(CredentialKind.TOKEN, secret)
        if found is None:
            raise _refused()
        return found.subject

    def session(self, secret: str) -> Session | None:
        """Return the session of a secret and note its use; None when it is over, idle for too long, or never was."""
        found = self._living(CredentialKind.SESSION, secret)
        if found is None or self._wall.now() - found.seen > IDLE:
            return None
        return Session(found.subject, csrf_of(secret))

    def sign_out(self, secret: str) -> None:
        """End a session; one that is over already stays over."""
        self._ports.credentials.end(digest(secret), self._wall.now())

    def _open(self, subject: str, how: str) -> str:
        secret = self._issue(CredentialKind.SESSION, subject, SESSION_LIFE)
        self._note("session.open", subject, f"signed in with a {how}", digest(secret)[:12])
        return secret

    def _living(self, kind: CredentialKind, secret: str) -> Credential | None:
        if not _is_plausible(secret):
            return None
        now = self._wall.now()
        found = self._ports.credentials.find(digest(secret))
        if found is None or found.kind is not kind or not found.is_alive(now):
            return None
        is_idle = kind is CredentialKind.SESSION and now - found.seen > IDLE
        if now - found.seen > _NOTED_AFTER and not is_idle:
            self._ports.credentials.touch(found.secret_sha256, now)
        return found

    def _issue(self, kind: CredentialKind, subject: str, life: timedelta) -> str:
        secret, now = token_urlsafe(32), self._wall.now()
        self._ports.credentials.add(Credential(digest(secret), kind, subject, now, now, now + life))
        return secret

    def _note(self, verb: str, subject: str, reason: str, after: str) -> None:
        now = self._wall.now()
        actor = subject if verb == "session.open" else self._ports.actor
        entry = AuditEntry(now, self._ports.clock.now(), actor, verb, subject, reason, after=after)
        self._ports.audit_log.append(entry)


def new_link(ports: Ports, subject: str | None = None) -> str:
    """Return path and query of a link that signs in once, within ten minutes."""
    return Access(ports).new_link(subject)


def digest(secret: str) -> str:
    """Return what the store keeps of a secret: SHA-256, in hex; a slow hash is for passwords that people choose."""
    return sha256(secret.encode()).hexdigest()


def csrf_of(secret: str) -> str:
    """Return the token that a session's forms carry: HMAC-SHA-256 under the session's secret."""
    return hmac.new(secret.encode(), b"form", sha256).hexdigest()


def _is_plausible(secret: str) -> bool:
    return 0 < len(secret) <= _LONGEST and secret.isascii()


def _refused() -> SignInRefusedError:
    message = "this link or token opens nothing: it was used, has expired, was revoked or never existed"
    return SignInRefusedError(message)
