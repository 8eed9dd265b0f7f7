"""What a database driver reports, as one sentence for people. Never quotes SQL, values or a URL's secrets."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from controlplane.kernel.errors import StoreUnavailableError

_LOCKED = "is locked by another process; wait until that has finished and run this again"
_FULL = "could not be written because its disk is full; nothing was stored half: free some space and run this again"
_DAMAGED = (
    "is damaged or is no SQLite database; restore it from a backup, or move the file away so that a new, empty store is made"
)
_CLOSED = "cannot be opened or written; check that its folder exists and that this user may write to the folder and the file"
_BROKEN = "could not be read or written because its disk reported an error; check the disk and run this again"

_SQLITE = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_CANTOPEN": _CLOSED,
    "SQLITE_READONLY": _CLOSED,
    "SQLITE_PERM": _CLOSED,
    "SQLITE_AUTH": _CLOSED,
    "SQLITE_IOERR": _BROKEN,
}
"""By primary result code (https://www.sqlite.org/rescode.html); extended codes start with one of these."""

_POSTGRES = {
    "28": "refused the user or the password; check both in the store's url",
    "3D": "does not exist on this server; create the database or correct the store's url",
    "42501": "may not be used in this way by this user; grant it CREATE on the schema and access to its tables",
    "53100": _FULL,
    "53300": "has no free connection; raise max_connections of the server or run fewer processes",
    "25006": "is read-only (a standby?); point the store's url at the primary",
    "55P03": _LOCKED,
    "40001": _LOCKED,
    "40P01": _LOCKED,
}
"""By SQLSTATE or its class (PostgreSQL documentation, appendix A)."""

_SILENT = "does not answer; check that the server runs, that host and port in the store's url are right, and run this again"
_SAID = {
    "authentication failed": "28",
    "no password supplied": "28",
    "role ": "28",
    "does not exist": "3D",
    "too many clients": "53300",
}
"""A connection that is refused carries no SQLSTATE; PostgreSQL's own words are looked at in this order."""


def unavailable(error: DBAPIError, where: str) -> StoreUnavailableError:
    """Return the error that tells people why the store does not work.

    Args:
        error: what the driver reported.
        where: the store as people know it, without secrets.
    """
    cause = error.orig
    name = getattr(cause, "sqlite_errorname", None)
    reason = _sqlite_reason(str(name)) if name is not None else _postgres_reason(cause, lost=error.connection_invalidated)
    return StoreUnavailableError(f"the store {where} {reason}")


def _sqlite_reason(name: str) -> str:
    for code, reason in _SQLITE.items():
        if name.startswith(code):
            return reason
    return f"does not work as it should (SQLite says {name}); run this again, or restore the store from a backup"


def _postgres_reason(cause: BaseException | None, *, lost: bool) -> str:
    state = getattr(cause, "sqlstate", None)
    if state is None:
        said = str(cause)
        state = next((code for words, code in _SAID.items() if words in said), "08")
    if lost or state[:2] in {"08", "57"}:
        return _SILENT
    for code, reason in _POSTGRES.items():
        if state.startswith(code):
            return reason
    return f"does not work as it should (PostgreSQL error {state}); look it up in the server's log"
