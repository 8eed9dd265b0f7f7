"""The error family. Every message is one sentence a person can act on: what, where, what is allowed, what to do next."""

from __future__ import annotations

from typing import ClassVar


class ControlPlaneError(Exception):
    """Base of every error this product raises on purpose; ``exit_code`` is the CLI's answer to it."""

    exit_code: ClassVar[int] = 3


class ConfigurationError(ControlPlaneError):
    """Raised when a file, option or argument that a person wrote cannot be used."""

    exit_code: ClassVar[int] = 2


class DatasetUnknownError(ConfigurationError):
    """Raised when a dataset is not declared by any contract or not present in the catalog."""


class NotFoundError(ConfigurationError):
    """Raised when what a person names (a run, a check, a row) is not there."""


class NotInstalledError(ConfigurationError):
    """Raised when an optional part is missing; the message names the extra to install."""


class UnableToEvaluateError(ControlPlaneError):
    """Raised when a question cannot be answered (a query that fails, a snapshot that has expired)."""

    exit_code: ClassVar[int] = 3


class SnapshotExpiredError(UnableToEvaluateError):
    """Raised when a snapshot that somebody names is no longer part of the table."""


class NotAppendOnlyError(UnableToEvaluateError):
    """Raised when rows between two snapshots were asked for and something other than an append lies between."""


class QueryFailedError(UnableToEvaluateError):
    """Raised when an engine refuses or aborts a query; the message is redacted of quoted values."""


class QueryTimedOutError(QueryFailedError):
    """Raised when a query exceeds its time or memory bound."""


class SignInRefusedError(ControlPlaneError):
    """Raised when a link, token or session opens nothing; says no more than that, whoever asks."""

    exit_code: ClassVar[int] = 2


class HeldError(ControlPlaneError):
    """Raised when the gate holds a batch and the caller asked for it to be readable."""

    exit_code: ClassVar[int] = 4


class UnavailableError(ControlPlaneError):
    """Raised when an outside system (catalog, warehouse, store, network) does not answer."""

    exit_code: ClassVar[int] = 5


class MessageRefusedError(ControlPlaneError):
    """Raised when a receiver answers and does not take one message; others may fare better."""

    exit_code: ClassVar[int] = 5


class CatalogUnavailableError(UnavailableError):
    """Raised when the Iceberg catalog or the warehouse behind it cannot be reached."""


class StoreUnavailableError(UnavailableError):
    """Raised when the control plane's own store is locked, full, or gone."""


class LeaseTakenError(UnavailableError):
    """Raised when another writer holds the dataset's writer lease."""


class LostRaceError(ControlPlaneError):
    """Raised when a foreign writer moved the table's head between plan and publish; the batch is planned again."""

    exit_code: ClassVar[int] = 5
