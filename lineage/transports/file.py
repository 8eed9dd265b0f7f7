"""Events appended to a file, one line of JSON each."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from controlplane.kernel.errors import UnavailableError


class FileTransport:
    """Appends events to one file (JSON Lines); several processes may append to it at once.

    Each event is one write to a file opened for appending, which POSIX makes one piece on local disks, so lines never mix.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def emit(self, event: Mapping[str, object]) -> None:
        """Append one event; missing folders are made.

        Raises:
            UnavailableError: the file cannot be written (rights, full disk, a folder in its place).
        """
        line = json.dumps(event, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                written = os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            message = (
                f"Lineage file {self._path} cannot be written: {error.strerror}; check its rights and the space on its disk."
            )
            raise UnavailableError(message) from error
        if written != len(line):
            message = f"Lineage file {self._path} took only a part of an event: its disk is full; make room and send it again."
            raise UnavailableError(message)
