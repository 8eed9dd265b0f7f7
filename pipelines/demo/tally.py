"""What the runs of a replay add up to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import controlplane


@dataclass
class Tally:
    """Counts over all runs.

    Attributes:
        runs: by state; outcomes: results of checks by outcome.
        balance: by dataset, the balances of its published runs added up; what is held is offered again.
        held: by dataset, the held runs, each with the moment it was noticed first and its reason.
        failed: sentences about runs that failed.
        breaches: by check, the moments at which it failed, in order.
        failing_rows: by check, the failing rows of its last result that had any evidence.
    """

    runs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    balance: dict[str, Counter[str]] = field(default_factory=dict)
    held: dict[str, dict[str, tuple[datetime, str]]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    breaches: dict[str, list[datetime]] = field(default_factory=dict)
    failing_rows: dict[str, int] = field(default_factory=dict)

    def add(self, at: datetime, report: controlplane.RunReport) -> None:
        """Count one run's report of a moment."""
        if report.state == "held":
            known = self.held.setdefault(report.dataset, {})
            if str(report.run_id) in known:
                return  # nothing has come since: the same batch is held still
            known[str(report.run_id)] = (at, report.reason or "")
        self.runs[report.state] += 1
        if report.state == "failed":
            self.failed.append(f"{report.dataset} failed at {at:%d %b %H:%M}: {report.reason}")
        if report.state == "published":
            self.balance.setdefault(report.dataset, Counter()).update(report.balance)
        for result in report.results:
            self.outcomes[result.outcome] += 1
            if result.outcome == "failed":
                self.breaches.setdefault(result.check_id, []).append(at)
            if result.rows_failed is not None:
                self.failing_rows[result.check_id] = result.rows_failed
