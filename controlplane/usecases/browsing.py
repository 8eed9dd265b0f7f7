"""The part of the facade that pages are made of: stored answers, paged and filtered; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from controlplane.gate.model import KeptKind
from controlplane.usecases.model import Ports
from controlplane.usecases.viewing import checks, datasets, kept, runs, searching
from controlplane.usecases.viewing.checks import CheckFilter, CheckList, CheckPage
from controlplane.usecases.viewing.datasets import DatasetFilter, DatasetList, DatasetPage
from controlplane.usecases.viewing.kept import QuarantineList, QuarantinePage
from controlplane.usecases.viewing.runs import RunList, RunPage
from controlplane.usecases.viewing.searching import Hits
from controlplane.usecases.views_ports import RunFilter


class Browsing:
    """What ``Plane`` answers to people who look; every answer is ready in the store and the contracts.

    Attributes:
        ports: what the verbs work with.
    """

    ports: Ports

    def dataset_list(self, wanted: DatasetFilter | None = None, *, limit: int = 50, offset: int = 0) -> DatasetList:
        """Return a page of datasets, worst first."""
        return datasets.list_datasets(self.ports, wanted or DatasetFilter(), limit=limit, offset=offset)

    def dataset_page(self, name: str) -> DatasetPage:
        """Return all there is to know of a dataset. Raises ``DatasetUnknownError`` naming the known ones."""
        return datasets.dataset_page(self.ports, name)

    def check_list(self, wanted: CheckFilter | None = None, *, limit: int = 50, offset: int = 0) -> CheckList:
        """Return a page of checks, what needs a person first."""
        return checks.list_checks(self.ports, wanted or CheckFilter(), limit=limit, offset=offset)

    def check_page(self, dataset: str, check_id: str) -> CheckPage:
        """Return one check with its history and a masked sample of what it set aside.

        Raises:
            ConfigurationError: there is no such dataset or check (``DatasetUnknownError``, ``NotFoundError``).
        """
        return checks.check_page(self.ports, dataset, check_id)

    def run_list(self, wanted: RunFilter | None = None, *, limit: int = 50) -> RunList:
        """Return a page of runs, newest first. Raises ``DatasetUnknownError`` for a dataset without a contract."""
        return runs.list_runs(self.ports, wanted or RunFilter(), limit=limit)

    def run_page(self, run_id: str) -> RunPage:
        """Return what became of a run. Raises ``NotFoundError`` when there is no such run."""
        return runs.run_page(self.ports, run_id)

    def quarantine_list(self) -> QuarantineList:
        """Return all that is kept beside tables, by dataset and reason."""
        return kept.list_quarantine(self.ports)

    def quarantine_page(
        self,
        dataset: str,
        *,
        kind: KeptKind | None = None,
        reasons: Sequence[str] = (),
        after: tuple[datetime, str, str] | None = None,
        limit: int = 50,
    ) -> QuarantinePage:
        """Return what is kept beside a table, with a page of its rows, masked. Raises ``DatasetUnknownError``.

        Args:
            reasons: the checks that wanted rows broke, exactly these; all rows without any.
        """
        return kept.quarantine_page(self.ports, dataset, kind=kind, reasons=reasons, after=after, limit=limit)

    def search(self, text: str, *, limit: int = 50) -> Hits:
        """Return datasets, fields and checks whose name has all words of a text, best first."""
        return searching.search(self.ports, text, limit=limit)
