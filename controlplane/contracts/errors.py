"""What loading a contract can end in."""

from __future__ import annotations

from controlplane.kernel.problems import DocumentInvalidError


class ContractInvalidError(DocumentInvalidError):
    """Raised when contracts cannot be used; ``problems`` has all that is wrong, the text one line for each."""
