"""Structured logs: one line an event, with what it is about bound around the work; names, numbers and times, never rows.

Whoever logs gives an event a name and plain fields; ``bound`` adds fields to everything logged inside its block, in this
thread or task only. Nothing is set up at import: a process that serves calls ``set_up`` once, all others stay silent.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from controlplane.kernel.errors import ConfigurationError

LOGGER = "controlplane"
_BYTES, _FILES = 10_000_000, 5
_BOUND: ContextVar[Mapping[str, object]] = ContextVar("fields of log lines", default={})  # noqa: B039 (never changed in place)


def event(name: str, level: int = logging.INFO, **fields: object) -> None:
    """Log one event.

    Args:
        name: what happened, such as ``run ended``; the same event always has the same name.
        level: of the standard library.
        fields: run_id, dataset, job, slot, seconds ...; never values of rows.
    """
    logging.getLogger(LOGGER).log(level, name, extra={"fields": fields})


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add fields to everything that is logged in the block."""
    token = _BOUND.set({**_BOUND.get(), **fields})
    try:
        yield
    finally:
        _BOUND.reset(token)


class BoundFields(logging.Filter):
    """Puts the bound fields on every record that passes; a handler's filter, since only there all loggers meet."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Take every record, with its fields as ``record.fields``."""
        record.fields = {**_BOUND.get(), **getattr(record, "fields", {})}
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, then its fields.

    An exception is told by its type alone: messages of libraries may quote rows.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        if record.name != LOGGER:
            line["logger"] = record.name
        return json.dumps({**line, **_fields(record)}, default=str, ensure_ascii=True)


class TextLines(logging.Formatter):
    """The same for a person: ``12:00:05 info run ended  run_id=... dataset=silver.orders``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{_time(record)[11:19]} {record.levelname.lower():<7} {record.getMessage()}  {fields}"
        return line.rstrip().replace("\n", " ")


def set_up(*, file: Path | None = None, level: int = logging.INFO) -> None:
    """Send logs to standard error, as text on a terminal and as JSON elsewhere, and to a file as JSON.

    Args:
        file: turned over at 10 MB, five old ones are kept.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(TextLines() if sys.stderr.isatty() else JsonLines())
    handlers: list[logging.Handler] = [screen]
    if file is not None:
        handlers.append(_turning(file))
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    for handler in handlers:
        handler.addFilter(BoundFields())
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level)
    logging.captureWarnings(capture=True)


def _turning(file: Path) -> logging.Handler:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(file, maxBytes=_BYTES, backupCount=_FILES, encoding="utf-8")
    except OSError as error:
        message = f"logs cannot be written to {file} ({error.strerror}); correct `logs` in controlplane.yaml"
        raise ConfigurationError(message) from error
    handler.setFormatter(JsonLines())
    return handler


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: dict[str, object] = {name: value for name, value in getattr(record, "fields", {}).items() if value is not None}
    if record.exc_info and record.exc_info[0] is not None:
        fields["error_type"] = record.exc_info[0].__name__
    return fields
