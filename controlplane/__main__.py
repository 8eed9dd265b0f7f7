"""``python -m controlplane``."""

from __future__ import annotations

from controlplane.cli import entry_point

if __name__ == "__main__":
    entry_point()
