"""Errors as problem documents (RFC 9457): a status, a title that stays, and the sentence for this case."""

from __future__ import annotations

from dataclasses import dataclass

from controlplane.kernel.errors import (
    ConfigurationError,
    ControlPlaneError,
    DatasetUnknownError,
    HeldError,
    LostRaceError,
    NotFoundError,
    NotInstalledError,
    SignInRefusedError,
    StoreUnavailableError,
    UnableToEvaluateError,
    UnavailableError,
)

_STATUS: tuple[tuple[type[ControlPlaneError], int, str], ...] = (
    (DatasetUnknownError, 404, "This dataset is not known"),
    (NotFoundError, 404, "There is nothing here"),
    (NotInstalledError, 501, "A part is not installed"),
    (ConfigurationError, 400, "This cannot be done as asked"),
    (SignInRefusedError, 401, "Not signed in"),
    (StoreUnavailableError, 503, "The store does not answer"),
    (UnavailableError, 503, "An outside system does not answer"),
    (LostRaceError, 409, "Somebody else was quicker"),
    (HeldError, 409, "The batch is held"),
    (UnableToEvaluateError, 409, "This could not be evaluated"),
)


@dataclass(frozen=True)
class Problem:
    """What went wrong, for programs."""

    status: int
    title: str
    detail: str

    def document(self) -> dict[str, object]:
        """Return the problem as plain data."""
        return {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}


def problem_of(error: Exception) -> Problem:
    """Return the problem of an error; one that nobody foresaw says nothing of its inside."""
    if not isinstance(error, ControlPlaneError):
        return Problem(500, "Internal error", "This is a defect of the control plane; its log has the reason.")
    for family, status, title in _STATUS:
        if isinstance(error, family):
            return Problem(status, title, str(error))
    return Problem(500, "Something could not be done", str(error))
