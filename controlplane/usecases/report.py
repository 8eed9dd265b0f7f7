"""Reports: what a check or a run found, as one document (``check_report.schema.json``, ``run_report.schema.json``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from checks.model import CheckKind, CheckResult, Threshold
from controlplane.gate.model import Run
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import RunId, SnapshotId
from controlplane.kernel.outcome import Outcome, Severity
from controlplane.usecases.model import Ports
from controlplane.usecases.ports import StoredResult

_HISTORICAL = frozenset({CheckKind.VOLUME_CHANGE.value})


@dataclass(frozen=True)
class CheckReport:
    """What checks of one dataset found at one snapshot.

    Attributes:
        rows: rows of the snapshot; None when not countable.
        evidence: ``files_total``, ``files_read``, ``bytes_read``, ``rows_read``.
    """

    dataset: str
    snapshot_id: SnapshotId | None
    rows: int | None
    evidence: Mapping[str, int]
    results: tuple[StoredResult, ...]

    @property
    def outcome(self) -> Outcome:
        """One outcome for the dataset, see ``overall``."""
        return overall(self.results)

    def document(self) -> dict[str, object]:
        """Return the report as plain data, exactly as ``check --format json`` prints it."""
        return {
            "dataset": self.dataset,
            "snapshot_id": self.snapshot_id,
            "outcome": self.outcome.value,
            "rows": self.rows,
            "evidence": dict(self.evidence),
            "checks": [result_document(result) for result in self.results],
        }


@dataclass(frozen=True)
class RunReport:
    """What became of one run.

    Attributes:
        run_id: None when the run did not even get planned.
        inputs: what it read, each with role, name and what was pinned.
    """

    run_id: RunId | None
    state: str
    dataset: str
    inputs: tuple[Mapping[str, object], ...] = ()
    snapshot_id: SnapshotId | None = None
    balance: Mapping[str, int] = field(default_factory=dict)
    results: tuple[StoredResult, ...] = ()
    reason: str | None = None
    pipeline: str | None = None
    clock: str | None = None

    @staticmethod
    def stopped(dataset: str, reason: str) -> RunReport:
        """Return the report of a run that ended ``failed`` before or while it was carried."""
        return RunReport(None, "failed", dataset, reason=reason)

    def document(self) -> dict[str, object]:
        """Return the report as plain data, exactly as ``runs show --format json`` prints it."""
        return {
            "run_id": str(self.run_id) if self.run_id else None,
            "state": self.state,
            "dataset": self.dataset,
            "pipeline": self.pipeline,
            "clock": self.clock,
            "reason": self.reason,
            "inputs": [dict(pin) for pin in self.inputs],
            "snapshot_id": self.snapshot_id,
            "balance": dict(self.balance),
            "checks": [result_document(result) for result in self.results],
        }


def run_report(ports: Ports, run_id: RunId) -> RunReport:
    """Return the report of a recorded run. Raises ``ConfigurationError`` when there is no such run."""
    run = ports.journal.find(run_id)
    if run is None:
        message = f"there is no run {run_id}; `controlplane runs list` shows the known ones"
        raise ConfigurationError(message)
    return RunReport(
        run_id=run.run_id,
        state=run.state.value,
        dataset=run.plan.dataset.name,
        inputs=tuple(_input(pin) for pin in _pins(run)),
        snapshot_id=run.snapshot_id,
        balance=_balance(run),
        results=tuple(ports.records.results(run.run_id)),
        reason=run.reason,
        pipeline=run.pipeline,
        clock=run.clock.isoformat(),
    )


def _pins(run: Run) -> Sequence[Mapping[str, object]]:
    return [
        {"role": pin.role.value, "name": pin.name, "after": pin.after, "upto": pin.upto, "sha256": pin.sha256}
        for pin in run.plan.inputs
    ]


def _input(pin: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in pin.items() if value is not None}


def _balance(run: Run) -> Mapping[str, int]:
    names = ("offered", "passed", "superseded", "quarantined", "waiting", "dead_lettered", "duplicates")
    return {name: getattr(run.balance, name) for name in names} if run.balance else {}


def overall(results: Sequence[StoredResult]) -> Outcome:
    """Return one outcome for many results of severity error and above: failed, else errored, else no_evidence, else passed.

    A comparison with history that is still warming up makes nothing of the rest vacuous: it counts only if it stands alone.
    """
    serious = [result for result in results if Severity(result.severity).rank >= Severity.ERROR.rank]
    judged = [result for result in serious if not (result.kind in _HISTORICAL and result.outcome == Outcome.NO_EVIDENCE)]
    counted = {result.outcome for result in judged or serious}
    for outcome in (Outcome.FAILED, Outcome.ERRORED, Outcome.NO_EVIDENCE):
        if outcome.value in counted:
            return outcome
    return Outcome.PASSED if counted else Outcome.NO_EVIDENCE


def result_document(result: StoredResult) -> dict[str, object]:
    """Return one check's result as reports print it."""
    return {
        "id": result.check_id,
        "kind": result.kind,
        "stage": result.stage,
        "segment": result.segment,
        "quarantined": result.quarantined,
        "field": result.field,
        "dimension": result.dimension,
        "severity": result.severity,
        "outcome": result.outcome,
        "measured": {
            "value": number(result.value),
            "unit": result.unit,
            "rows_total": result.rows_total,
            "rows_failed": result.rows_failed,
        },
        "threshold": dict(result.threshold),
        "evidence": result.evidence,
        "reason": result.reason,
    }


def stored(result: CheckResult) -> StoredResult:
    """Return a fresh result in the form the store gives it back."""
    check, measured = result.check, result.measurement
    return StoredResult(
        check_id=check.id,
        kind=check.kind.value,
        stage=result.stage.value,
        segment=measured.segment,
        field=", ".join(check.fields) or None,
        dimension=check.dimension.value if check.dimension else None,
        severity=check.severity.value,
        outcome=result.outcome.value,
        value=measured.value,
        unit=check.unit,
        rows_total=measured.rows_total,
        rows_failed=measured.rows_failed,
        quarantined=result.quarantined,
        threshold=threshold_document(check.threshold),
        evidence=measured.evidence.value,
        reason=result.reason,
    )


def threshold_document(threshold: Threshold) -> dict[str, object]:
    """Return a threshold as contracts write it: ``{"mustBe": 0}`` or ``{"mustBeBetween": [1, 5]}``."""
    numbers = [number(value) for value in threshold.operand]
    return {threshold.operator.value: numbers if len(numbers) > 1 else numbers[0]}


def number(value: Decimal | None) -> int | float | None:
    """Return a decimal as JSON has it: a whole number where it is one; null for NaN and infinity, which JSON has not."""
    if value is None or not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)
