"""Exit codes, and which of several wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controlplane.kernel.outcome import Outcome, Severity
from controlplane.usecases.ports import StoredResult
from controlplane.usecases.report import overall

PASSED, FAILED, USAGE, UNEVALUATED, HELD, UNAVAILABLE = 0, 1, 2, 3, 4, 5
_ORDER = (UNAVAILABLE, USAGE, UNEVALUATED, HELD, FAILED, PASSED)


def highest(codes: Iterable[int]) -> int:
    """Return the code that wins; 0 for none."""
    found = set(codes)
    return next((code for code in _ORDER if code in found), PASSED)


def of_results(results: Sequence[StoredResult], bar: Severity) -> int:
    """Return the code of a check report: a failure at or above ``bar`` is 1; an error, or a dataset without evidence, is 3."""
    codes = {_failed(results, bar)}
    if any(result.outcome == Outcome.ERRORED for result in results) or overall(results) is Outcome.NO_EVIDENCE:
        codes.add(UNEVALUATED)
    return highest(codes)


def of_run(state: str, results: Sequence[StoredResult], bar: Severity) -> int:
    """Return the code of a run: held is 4, stopped is 3; of a published one, what failed (1) or errored (3) all the same."""
    if state in {"failed", "abandoned", "superseded"}:
        return UNEVALUATED
    codes = {UNEVALUATED} if any(result.outcome == Outcome.ERRORED for result in results) else set()
    return highest(codes | {HELD if state == "held" else _failed(results, bar)})


def _failed(results: Sequence[StoredResult], bar: Severity) -> int:
    return FAILED if any(result.outcome == Outcome.FAILED and _rank(result) >= bar.rank for result in results) else PASSED


def _rank(result: StoredResult) -> int:
    return Severity(result.severity).rank
