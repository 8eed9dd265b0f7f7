"""The facade: one object with the verbs of the product, bound to a project."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self
from uuid import UUID

from controlplane.gate.model import Run
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import RunId, SnapshotId
from controlplane.usecases import health, holds, overview, quarantine
from controlplane.usecases.browsing import Browsing
from controlplane.usecases.check_dataset import check_dataset
from controlplane.usecases.facade_alerts import AlertVerbs
from controlplane.usecases.govern_batch import BatchRun
from controlplane.usecases.govern_run import govern_pipeline
from controlplane.usecases.health import Health
from controlplane.usecases.model import Ports
from controlplane.usecases.overview import DatasetSummary
from controlplane.usecases.promising import Promising
from controlplane.usecases.quarantine import Aside
from controlplane.usecases.report import CheckReport, RunReport, run_report
from pii_policies.proving import Proof


class Plane(Browsing, Promising, AlertVerbs):
    """A project's control plane. Open one with ``controlplane.open(folder)``; close it, or use it in a ``with`` block.

    Attributes:
        ports: what the verbs work with; for tests and adapters.
    """

    def __init__(self, ports: Ports, closers: Sequence[Callable[[], None]] = ()) -> None:
        self.ports = ports
        self._closers = closers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections; the plane can be used again, and opens them again."""
        for closer in self._closers:
            closer()

    def check(self, dataset: str, snapshot_id: int | None = None) -> CheckReport:
        """Return what all checks of a dataset say of what readers see.

        Raises:
            DatasetUnknownError: no contract describes the dataset.
            UnableToEvaluateError: nothing was published yet, or the snapshot has expired.
        """
        return check_dataset(self.ports, dataset, None if snapshot_id is None else SnapshotId(snapshot_id))

    def govern(self, dataset: str, *, job: str, inputs: Sequence[str] = (), batch: str | None = None) -> BatchRun:
        """Return a batch of own rows to carry through the gate, for use in a ``with`` block.

        Args:
            job: who writes; the job's name in lineage.
            inputs: datasets the rows were made from.
            batch: names the batch, so that handing it over again changes nothing.
        """
        return BatchRun(self.ports, self.ports.platform.governed(dataset), job, tuple(inputs), batch)

    def run(self, pipeline: str, *, since: datetime | None = None, until: datetime | None = None) -> RunReport:
        """Carry the next batch of a pipeline (by its or its dataset's name) through the gate; return how it ended.

        Args:
            since, until: a backfill: rows whose event time lies in [since, until) are read once more, and nobody is paged.

        Raises:
            ConfigurationError: the dataset cannot be backfilled, or only one of the two times is given.
            ControlPlaneError: the run ended ``failed``; the journal has the reason.
        """
        if (since is None) != (until is None):
            message = "a backfill needs both ends, since and until"
            raise ConfigurationError(message)
        backfill = (since, until) if since is not None and until is not None else None
        run = govern_pipeline(self.ports, self.ports.platform.pipeline(pipeline), backfill)
        return run_report(self.ports, run.run_id)

    def pipelines(self) -> Sequence[str]:
        """Return the names of all pipelines, in lineage order."""
        return [pipeline.name for pipeline in self.ports.platform.pipelines]

    def datasets(self) -> Sequence[DatasetSummary]:
        """Return every dataset of the project with what readers see of it."""
        return overview.datasets(self.ports)

    def health(self) -> Health:
        """Return how the plane itself is: does anybody watch, does anything wait. Never raises."""
        return health.health(self.ports)

    def prove_masking(self, canaries: Sequence[str]) -> Proof:
        """Decode everything written above bronze (tables, manifests, store, kept rows, logs, events) and look for clear values.

        Args:
            canaries: clear values of known persons that must not be found anywhere, in any case.
        """
        return self.ports.prove(canaries)

    def runs(self, dataset: str | None = None, limit: int = 100) -> Sequence[Run]:
        """Return runs, newest first."""
        wanted = self.ports.platform.governed(dataset).id if dataset else None
        return self.ports.journal.runs(wanted, limit=limit)

    def report(self, run_id: str) -> RunReport:
        """Return the report of a run. Raises ``ConfigurationError`` when there is no such run."""
        return run_report(self.ports, parse_run_id(run_id))

    def held(self, dataset: str | None = None) -> Sequence[Run]:
        """Return held batches, newest first."""
        return holds.held_runs(self.ports, dataset)

    def release(self, run_id: str, reason: str, *, by: str | None = None) -> RunReport:
        """Publish a held batch under a reason. Raises ``ConfigurationError`` when it cannot be released."""
        run = holds.release(self.ports, parse_run_id(run_id), reason, by=by)
        return run_report(self.ports, run.run_id)

    def quarantined(self, dataset: str | None = None, *, waiting: bool = False, limit: int = 100) -> Sequence[Aside]:
        """Return rows set aside (or waiting for their parent), oldest first."""
        return quarantine.list_aside(self.ports, dataset, waiting=waiting, limit=limit)

    def retry(self, dataset: str, row_ids: Sequence[str] | None = None, reason: str = "", *, by: str | None = None) -> int:
        """Let quarantined rows enter the dataset's next run again; return how many."""
        return quarantine.retry(self.ports, dataset, row_ids, reason, by=by)

    def discard(self, dataset: str, row_ids: Sequence[str], reason: str, *, by: str | None = None) -> int:
        """Give quarantined rows up for good under a reason, all or none; return how many.

        Raises:
            ConfigurationError: no reason is given, or a row is not in quarantine.
        """
        return quarantine.discard(self.ports, dataset, row_ids, reason, by=by)


def parse_run_id(text: str) -> RunId:
    """Return a run id. Raises ``ConfigurationError`` for anything that is no UUID."""
    try:
        return RunId(UUID(text))
    except ValueError:
        message = f"{text!r} is not a run id (a UUID); `controlplane runs list` shows the known ones"
        raise ConfigurationError(message) from None
