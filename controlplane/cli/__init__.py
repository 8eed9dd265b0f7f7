"""The command line. ``main(argv) -> int`` is the console script and callable in process."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises and never shows a stack trace.

    Codes, the highest of the order 5 > 2 > 3 > 4 > 1 > 0 wins: 0 passed, 1 a check of severity error or above failed, 2 wrong
    usage or configuration, 3 something could not be evaluated, 4 held by the gate, 5 an outside system is unavailable.
    """
    from controlplane.cli.entry import run  # noqa: PLC0415 (so that importing the package costs nothing)

    return run(sys.argv[1:] if argv is None else list(argv))


def entry_point() -> None:
    """Console script."""
    sys.exit(main())
