"""Collapsing: what the touched files of a table look like after a batch of events, whatever order the events came in.

Pure SQL over three relations: ``incoming`` (passing rows, masked, with ``__row`` and ``__deleted``), ``existing`` (all rows of
the files that may hold their keys) and ``tombstones`` (keys deleted before, with the ordering of the delete).

*merge* keeps the latest event of a key. *scd2* makes every event a version and recomputes the intervals of each touched key;
events of equal content are kept, because a late event between them must be able to tell them apart.
An event as late as what is published already (the same event again) replaces it with itself, which makes repeats harmless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.gate.screening import DELETED, ROW
from controlplane.kernel.sql import columns, identifier

INCOMING = "incoming"
EXISTING = "existing"
TOMBSTONES = "tombstones"


@dataclass(frozen=True)
class Collapse:
    """The column roles a collapse needs.

    Attributes:
        names: the table's columns, in order.
        order: ordering columns the table stores, most significant first; batch_order: those the batch has.
        effective, valid_from, valid_to, is_current: scd2 only.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    order: tuple[str, ...]
    batch_order: tuple[str, ...]
    effective: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    is_current: str | None = None

    @property
    def interval(self) -> tuple[str, ...]:
        """The columns that scd2 computes; empty for merge."""
        return tuple(name for name in (self.valid_from, self.valid_to, self.is_current) if name)


def latest_query(roles: Collapse) -> str:
    """Return the SELECT of each key's latest incoming event (merge) or all events but repeats of one instant (scd2)."""
    by = columns([*roles.keys, *([roles.effective] if roles.effective else [])])
    order = ", ".join(f"{identifier(name)} DESC NULLS LAST" for name in [*roles.batch_order, ROW])
    return f"SELECT * FROM {INCOMING} QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {order}) = 1"


def winners_query(latest: str, roles: Collapse, against: Sequence[str] = (EXISTING, TOMBSTONES)) -> str:
    """Return the SELECT of the incoming events that change the table: not older than what is published or deleted.

    Args:
        against: the relations to compare with; one known to be empty may be left out.
    """
    older = " OR ".join(
        f"EXISTS (SELECT 1 FROM {relation} AS e WHERE {_same(roles.keys, 'e', 'w')}{_same_instant(roles, relation)}"
        f" AND {_row(roles.order, 'e')} > {_row(roles.order, 'w')})"
        for relation in against
    )
    if not roles.order or not older:
        return f"SELECT * FROM {identifier(latest)}"
    return f"SELECT * FROM {identifier(latest)} AS w WHERE NOT ({older})"


def merged_query(winners: str, roles: Collapse) -> str:
    """Return the SELECT of the rows that the touched files hold after a merge."""
    names = columns(roles.names)
    return (
        f"SELECT {columns(roles.names, 'e.')} FROM {EXISTING} AS e "
        f"WHERE NOT EXISTS (SELECT 1 FROM {identifier(winners)} AS w WHERE {_same(roles.keys, 'e', 'w')}) "
        f"UNION ALL SELECT {names} FROM {identifier(winners)} WHERE NOT {DELETED}"
    )


def versions_query(winners: str, roles: Collapse) -> str:
    """Return the SELECT of the rows that the touched files hold after an scd2 batch.

    The timeline of a key holds its published versions, the deletes they imply (a version that ends where no other begins),
    remembered deletes, and the incoming events; each version ends where the next entry begins.
    """
    keys, attributes = list(roles.keys), [name for name in roles.names if name not in roles.interval]
    valid_from, valid_to = identifier(str(roles.valid_from)), identifier(str(roles.valid_to))
    touched = f"EXISTS (SELECT 1 FROM {identifier(winners)} AS w WHERE {_same(roles.keys, 'e', 'w')})"
    blanks = [name for name in attributes if name not in keys]
    nothing = ", ".join(f"NULL AS {identifier(name)}" for name in blanks)
    nothing = f", {nothing}" if nothing else ""
    names = columns([*keys, *blanks])
    timeline = (
        f"SELECT {names}, {valid_from} AS __at, FALSE AS __gone, 1 AS __rank FROM {EXISTING} AS e WHERE {touched} "
        f"UNION ALL SELECT {columns(keys)}{nothing}, {valid_to}, TRUE, 0 FROM {EXISTING} AS e "
        f"WHERE {touched} AND {valid_to} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {EXISTING} AS n "
        f"WHERE {_same(roles.keys, 'e', 'n')} AND n.{valid_from} = e.{valid_to}) "
        f"UNION ALL SELECT {columns(keys)}{nothing}, __effective, TRUE, 0 FROM {TOMBSTONES} AS e WHERE {touched} "
        f"UNION ALL SELECT {names}, {identifier(str(roles.effective))}, {DELETED}, 2 FROM {identifier(winners)}"
    )
    once = f"SELECT * FROM ({timeline}) QUALIFY row_number() OVER (PARTITION BY {columns(keys)}, __at ORDER BY __rank DESC) = 1"
    ends = f"lead(__at) OVER (PARTITION BY {columns(keys)} ORDER BY __at)"
    shown = {str(roles.valid_from): "__at", str(roles.valid_to): "__until", str(roles.is_current): "__until IS NULL"}
    picked = ", ".join(f"{shown.get(name, identifier(name))} AS {identifier(name)}" for name in roles.names)
    return (
        f"SELECT {columns(roles.names, 'e.')} FROM {EXISTING} AS e WHERE NOT {touched} "
        f"UNION ALL SELECT {picked} FROM (SELECT *, {ends} AS __until FROM ({once})) WHERE NOT __gone"
    )


def latest_by_arrival(keys: Sequence[str]) -> str:
    """Return the SELECT of each key's last incoming row where nothing but arrival tells which is later."""
    return f"SELECT * FROM {INCOMING} QUALIFY row_number() OVER (PARTITION BY {columns(keys)} ORDER BY {ROW} DESC) = 1"


def _same(keys: Sequence[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{identifier(key)} = {right}.{identifier(key)}" for key in keys)


def _same_instant(roles: Collapse, relation: str) -> str:
    if roles.effective is None:
        return ""
    at = "__effective" if relation == TOMBSTONES else identifier(str(roles.valid_from))
    return f" AND e.{at} = w.{identifier(roles.effective)}"


def _row(names: Sequence[str], alias: str) -> str:
    return "ROW(" + ", ".join(f"{alias}.{identifier(name)}" for name in names) + ")"
