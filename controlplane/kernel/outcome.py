"""Words for what a check found, how it was found, and how bad that is."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a check said. ``errored`` and ``no_evidence`` are never folded into the first two."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    NO_EVIDENCE = "no_evidence"


class Evidence(StrEnum):
    """How an answer was had; of mixed evidence the weakest is reported, and ``scan`` is the weakest."""

    METADATA = "metadata"
    MERGED = "merged"
    SCAN = "scan"
    SCREENING = "screening"


class Stage(StrEnum):
    """When a check was judged: on a batch before it was written, on the audit branch, or on what is published."""

    SCREEN = "screen"
    AUDIT = "audit"
    OBSERVE = "observe"


class Severity(StrEnum):
    """How much a failing check matters (priority P1..P3 is alerting's word). Ordered by ``rank``."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for ``info`` up to 3 for ``critical``."""
        return list(Severity).index(self)


class Dimension(StrEnum):
    """The seven quality dimensions of ODCS."""

    ACCURACY = "accuracy"
    COMPLETENESS = "completeness"
    CONFORMITY = "conformity"
    CONSISTENCY = "consistency"
    COVERAGE = "coverage"
    TIMELINESS = "timeliness"
    UNIQUENESS = "uniqueness"
