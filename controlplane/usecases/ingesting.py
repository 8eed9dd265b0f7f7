"""Ingestion (step 2 of a bronze run): messages of a landing topic become rows, or dead letters that say why not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

import pyarrow as pa

from controlplane.gate.model import DeadLetter, InputPin, InputRole
from controlplane.kernel.errors import UnableToEvaluateError
from controlplane.kernel.types import arrow_type
from controlplane.usecases.model import Ports
from controlplane.usecases.wires import UnreadableError, Wire, read_line
from pii_policies.model import MasterKey
from pii_policies.sealing import seal_bytes


@dataclass
class Ingested:
    """What a run's landing files held.

    Attributes:
        wire: how the records are written.
        read: records read, whatever became of them.
        rows: readable events, columns as in ``wire.columns``.
        tombstones: records that only mark a delete told before.
    """

    wire: Wire
    read: int = 0
    tombstones: int = 0
    rows: list[dict[str, object]] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    def table(self) -> pa.Table:
        """Return the rows as an Arrow table in the order they were read."""
        schema = pa.schema([(name, arrow_type(kind)) for name, kind in self.wire.columns.items()])
        return pa.Table.from_pylist(self.rows, schema=schema)


def ingest(ports: Ports, topic: str, wire: Wire, pins: Sequence[InputPin], clock: datetime) -> Ingested:
    """Return the records of a run's pinned landing files.

    Raises:
        UnableToEvaluateError: a pinned file has changed since it was pinned; the next run pins it as it is now.
        UnavailableError: the landing zone does not answer.
    """
    found = Ingested(wire)
    latest = clock + timedelta(seconds=ports.drift)
    for pin in pins:
        if pin.role is not InputRole.LANDING:
            continue
        name = pin.name.removeprefix(f"{topic}/")
        content = ports.landing.read(topic, name)
        if sha256(content).hexdigest() != pin.sha256:
            message = f"landing file {pin.name} changed while it was being read; run again to read it as it is now"
            raise UnableToEvaluateError(message)
        for line, raw in _lines(content):
            found.read += 1
            try:
                row = read_line(raw, wire, latest)
            except UnreadableError as reason:
                found.letters.append(_letter(topic, f"{pin.name}:{line}", str(reason), raw, ports.seal.master()))
                continue
            if row is None:
                found.tombstones += 1
            else:
                found.rows.append(row | {"topic": topic, "landing_file": pin.name, "landing_line": line, "ingested_at": clock})
    return found


def dead_letter(ports: Ports, row: dict[str, object], reason: str) -> DeadLetter:
    """Return the dead letter of an event that was readable but breaks a rule of its contract."""
    position = f"{row['landing_file']}:{row['landing_line']}"
    raw = json.dumps(row, default=str).encode()
    return _letter(str(row["topic"]), position, reason, raw, ports.seal.master())


def _letter(topic: str, position: str, reason: str, raw: bytes, key: MasterKey) -> DeadLetter:
    return DeadLetter(topic, position, reason, seal_bytes(raw, key=key, row_id=position))


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(content.split(b"\n"), start=1):
        if line.strip():
            yield number, line
