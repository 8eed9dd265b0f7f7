"""Pages of long lists, with links that reproduce every view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from controlplane.web.formatting import thousands


def link(path: str, **query: object) -> str:
    """Return a path with the query parameters that have a value; equal views have equal links."""
    given = {name: value for name, value in sorted(query.items()) if value not in {None, ""}}
    return f"{path}?{urlencode(given)}" if given else path


@dataclass(frozen=True)
class Pager:
    """Where a page stands in its list.

    Attributes:
        page: counted from 1; size: rows on a page; total: rows of the list.
        path: of the list; query: its filters.
    """

    page: int
    size: int
    total: int
    path: str
    query: Mapping[str, object]

    @property
    def offset(self) -> int:
        """Rows before this page."""
        return (self.page - 1) * self.size

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self.total // self.size))

    @property
    def words(self) -> str:
        """Which rows these are, of how many (``26 to 50 of 412``)."""
        if not self.total:
            return "none"
        if self.offset >= self.total:
            return f"none of {thousands(self.total)}"
        first, last = self.offset + 1, min(self.offset + self.size, self.total)
        return f"{thousands(first)} to {thousands(last)} of {thousands(self.total)}"

    @property
    def previous(self) -> str | None:
        """Link to the page before, None on the first."""
        return self._link(min(self.page, self.pages + 1) - 1) if self.page > 1 else None

    @property
    def following(self) -> str | None:
        """Link to the page behind, None on the last."""
        return self._link(self.page + 1) if self.page < self.pages else None

    def _link(self, page: int) -> str:
        return link(self.path, **self.query, page=page if page > 1 else None)
