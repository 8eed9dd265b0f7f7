"""Completeness and accuracy: rows lost of rows expected, at any moment, from what runs added up to it.

Two kinds of numbers make them up. Flows are added by one run and belong to its moment (rows that landed, dead letters, wrong
rows); of them a window counts what lies in it. Levels replace what an earlier run said (rows of a
batch that is held); of them the newest counts, however old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from controlplane.slas.history import EMPTY, HELD, PUBLISHED, History, Numbers


@dataclass(frozen=True)
class Path:
    """Where the rows of a dataset come from.

    Attributes:
        roots: datasets whose rows land from sources, this one itself if it is one.
        members: every dataset on the way, this one and the roots included; parents that are only looked up are not.
        whole: members that are written whole by every run.
    """

    roots: tuple[str, ...]
    members: tuple[str, ...]
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Tally:
    """What was expected and what of it was lost, change by change.

    Attributes:
        at: of each change, in order, in microseconds since 1970.
        expected, lost: rows added at that moment, counted in windows.
        expected_level, lost_level: by how much the newest word of the levels changed.
    """

    at: Numbers
    expected: Numbers
    lost: Numbers
    expected_level: Numbers
    lost_level: Numbers

    @cached_property
    def _sums(self) -> Numbers:
        """Running sums of the four columns, beginning with 0."""
        rows = np.stack((self.expected, self.lost, self.expected_level, self.lost_level))
        return np.concatenate((np.zeros((4, 1), dtype=np.int64), np.cumsum(rows, axis=1)), axis=1)

    def windows(self, ends: Numbers, length: int) -> tuple[Numbers, Numbers]:
        """Return the rows expected and lost in the windows of ``length`` microseconds that end at each moment.

        What ends at a moment begins after the moment one length before. Of levels the newest word at the end counts. No more
        is lost than was expected.
        """
        upto = self._sums[:, np.searchsorted(self.at, ends, side="right")]
        before = self._sums[:2, np.searchsorted(self.at, ends - length, side="right")]
        expected = upto[0] - before[0] + upto[2]
        return expected, np.minimum(upto[1] - before[1] + np.maximum(upto[3], 0), expected)

    def since(self, moments: Numbers) -> tuple[Numbers, Numbers]:
        """Return the rows expected and lost after each moment until the last change; no more is lost than was expected."""
        sums = self._sums[:2] + self._sums[2:]
        change = np.maximum(sums[:, -1:] - sums[:, np.searchsorted(self.at, moments, side="right")], 0)
        return change[0], np.minimum(change[1], change[0])

    def between(self, edges: Numbers) -> tuple[Numbers, Numbers]:
        """Return the rows expected and lost after each edge up to the next one; what was found again is lost no more."""
        upto = self._sums[:, np.searchsorted(self.at, edges, side="right")]
        change = upto[:, 1:] - upto[:, :-1]
        return np.maximum(change[0] + change[2], 0), np.maximum(change[1] + change[3], 0)


def accuracy_of(history: History) -> Tally:
    """Return the rows of a dataset that were published, and of these the wrong ones."""
    published = history.state == PUBLISHED
    at, nothing = history.at[published], np.zeros(int(published.sum()), dtype=np.int64)
    return Tally(at, history.published[published], history.wrong[published], nothing, nothing)


def completeness_of(path: Path, histories: Mapping[str, History]) -> Tally:
    """Return the rows that landed for a dataset, and of these the ones that are not in what its readers see.

    Expected are the rows offered to the roots without duplicates. Missing are dead letters of the roots, and rows offered by a
    run that is held, on any member. Quarantined rows are present: they are kept beside the table and were not lost on the way.
    So are rows that wait for a parent: they are late within what the contract allows, and are quarantined when it is over.
    """
    parts = [_part(member, path, histories.get(member, EMPTY)) for member in path.members]
    at, expected, lost, expected_level, lost_level = (np.concatenate([part[column] for part in parts]) for column in range(5))
    order = np.argsort(at, kind="stable")
    return Tally(at[order], expected[order], lost[order], expected_level[order], lost_level[order])


def _part(member: str, path: Path, history: History) -> tuple[Numbers, ...]:
    """Return what one member adds: its moments and the four columns of a tally."""
    judged = (history.state == PUBLISHED) | (history.state == HELD)
    at, offered = history.at[judged], history.offered[judged] - history.duplicates[judged]
    held = history.state[judged] == HELD
    nothing = np.zeros(len(at), dtype=np.int64)
    is_root = member in path.roots
    kept_back = np.maximum(offered - _rows_before(history.published[judged], held), 0) if member in path.whole else offered
    level = np.where(held, kept_back, 0)
    return (
        at,
        np.where(held, 0, offered) if is_root else nothing,
        np.where(held, 0, history.dead_lettered[judged]) if is_root else nothing,
        _changes(np.where(held, offered, 0)) if is_root else nothing,
        _changes(level),
    )


def _rows_before(published: Numbers, held: Numbers) -> Numbers:
    """Return, per fact, the rows of the newest published run up to it: what readers of a whole table go on seeing."""
    place = np.maximum.accumulate(np.where(held, 0, np.arange(len(held)) + 1))
    return np.concatenate(([0], published))[place]


def _changes(levels: Numbers) -> Numbers:
    return np.diff(levels, prepend=0)
