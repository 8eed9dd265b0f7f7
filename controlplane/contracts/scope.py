"""What is known around the thing being read: how strict to be, and which fields its dataset has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controlplane.contracts.expressions import condition_columns
from controlplane.contracts.model import Mode, Place
from controlplane.kernel.problems import Steps, nearest, shown, unknown
from controlplane.kernel.reading import Issues, Section


@dataclass(frozen=True)
class Scope:
    """The surroundings of a part of a contract.

    Attributes:
        governed: the contract has a property of ours, so whatever we would not run as written is an error in it. In a
            foreign contract it is a warning where the standard leaves it open.
        columns: names of the dataset's fields (column names and, where they differ, names in the contract), folded to
            lower case, to the column's name.
        types: column to canonical type.
        mode: how the dataset is written.
    """

    issues: Issues
    governed: bool
    columns: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.APPEND

    def doubt(self, path: Steps, message: str) -> None:
        """Note what the standard allows but we do not: a problem in our contracts, a warning in foreign ones."""
        if self.governed:
            self.issues.add(path, message)
        else:
            self.issues.warn(path, message)

    def column(self, path: Steps, name: str) -> str | None:
        """Return the column that a name stands for; a name of none is a problem."""
        found = self.columns.get(name.casefold())
        if found is None:
            self.issues.add(path, unknown("field", name, tuple(self.columns.values())))
        return found

    def named(self, section: Section, key: str, *, required: bool = False) -> str | None:
        """Return the column that a key of a section names."""
        name = section.text(key, required=required)
        return None if name is None else self.column(section.at(key), name)

    def all_named(self, section: Section, key: str) -> tuple[str, ...]:
        """Return the columns that a list of a section names."""
        found = [self.column(section.at(key, position), name) for position, name in enumerate(section.texts(key))]
        return tuple(name for name in found if name is not None)

    def condition(self, section: Section, key: str) -> str | None:
        """Return an SQL condition over the dataset's columns."""
        text = section.parsed(key, checked_condition)
        if text is not None:
            self.stored(section.at(key), condition_columns(text))
        return text

    def stored(self, path: Steps, names: Iterable[str]) -> None:
        """Check that columns which SQL names are stored under these very names (in any case)."""
        known = {column.casefold() for column in self.types}
        for name in names:
            if name.casefold() not in known:
                self.issues.add(path, f"the SQL names an {unknown('field', name, tuple(self.types))}")

    def near_column(self, name: str, cutoff: float) -> str | None:
        """Return a column whose name is nearly this one."""
        return nearest(name, tuple(self.columns.values()), cutoff)


def columns_of(names: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the lookup of ``Scope.columns`` for (name in the contract, column) pairs; a column's own name wins."""
    pairs = list(names)
    logical = {name.casefold(): column for name, column in pairs}
    return logical | {column.casefold(): column for _, column in pairs}


def checked_condition(text: str) -> str:
    """Return an SQL condition as it is. Raises ``ValueError`` saying why where it is none."""
    condition_columns(text)
    return text


def place(issues: Issues, path: Steps) -> Place:
    """Return the place of a path in its file."""
    return Place(issues.document.file, issues.document.line(path))


def quoted(names: Iterable[str]) -> str:
    """Return names as a quoted list for a sentence."""
    return ", ".join(shown(name) for name in names)
