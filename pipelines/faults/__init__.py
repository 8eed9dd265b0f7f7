"""What goes wrong in the fortnight: three faults that the sources have on top of their everyday ones."""

from __future__ import annotations

from pipelines.faults.story import Fault, faults_of, with_faults

__all__ = ["Fault", "faults_of", "with_faults"]
