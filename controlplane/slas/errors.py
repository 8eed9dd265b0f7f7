"""What loading promises can end in."""

from __future__ import annotations

from controlplane.kernel.problems import DocumentInvalidError


class PromisesInvalidError(DocumentInvalidError):
    """Raised when ``slas.yaml`` cannot be used; ``problems`` has all that is wrong, the text one line for each."""
