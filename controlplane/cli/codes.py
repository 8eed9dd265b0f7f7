"""Exit codes, and which of several wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from controlplane.kernel.outcome import Outcome, Severity
from controlplane.usecases.ports import StoredResult

PASSED, FAILED, USAGE, UNEVALUATED, HELD, UNAVAILABLE = 0, 1, 2, 3, 4, 5
_ORDER = (UNAVAILABLE, USAGE, UNEVALUATED, HELD, FAILED, PASSED)


def highest(codes: Iterable[int]) -> int:
    """Return the code that wins; 0 for none."""
    found = set(codes)
    return next((code for code in _ORDER if code in found), PASSED)


def of_results(results: Sequence[StoredResult], bar: Severity) -> int:
    """Return the code of check results: a failure at or above ``bar`` is 1; an error, or nothing judged at all, is 3."""
    codes = {FAILED for result in results if result.outcome == Outcome.FAILED and _rank(result) >= bar.rank}
    if any(result.outcome == Outcome.ERRORED for result in results):
        codes.add(UNEVALUATED)
    if results and all(result.outcome == Outcome.NO_EVIDENCE for result in results):
        codes.add(UNEVALUATED)
    return highest(codes)


def of_run(state: str, results: Sequence[StoredResult], bar: Severity) -> int:
    """Return the code of a run: held is 4, failed or stopped is 3, else what its checks say."""
    if state == "held":
        return highest([HELD, of_results([result for result in results if result.outcome != Outcome.FAILED], bar)])
    if state in {"failed", "abandoned", "superseded"}:
        return UNEVALUATED
    return of_results(results, bar) if results else PASSED


def _rank(result: StoredResult) -> int:
    return Severity(result.severity).rank
