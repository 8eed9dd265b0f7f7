"""How a project is operated, as ``controlplane.yaml`` says it: ``schedule``, ``retention``, ``housekeeping`` and ``limits``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta

from controlplane.kernel.problems import shown
from controlplane.kernel.reading import Section
from controlplane.usecases.retention_ports import Retention
from controlplane.usecases.schedule_ports import Intervals

_MEMORY = re.compile("[1-9][0-9]*(?:KB|MB|GB|TB)")
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=1)
_LEAST_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Housekeeping:
    """When small files are rewritten together, and how long unreferenced ones are left alone."""

    small_files: int = 8
    grace: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Limits:
    """Bounds of one SQL query; None leaves them to the engine.

    Attributes:
        memory: such as ``2GB``.
    """

    memory: str | None = None
    threads: int | None = None
    timeout: timedelta | None = None


def read_housekeeping(section: Section | None) -> Housekeeping:
    """Return when files are rewritten and deleted."""
    if section is None:
        return Housekeeping()
    files, grace = section.integer("small_files", allowed=range(2, 10_001)), section.duration("grace")
    section.done()
    return Housekeeping(files or Housekeeping.small_files, Housekeeping.grace if grace is None else grace)


def read_limits(section: Section | None) -> Limits:
    """Return the bounds of one query."""
    if section is None:
        return Limits()
    memory, threads = section.text("memory"), section.integer("threads", allowed=range(1, 1025))
    timeout = section.duration("timeout")
    section.done()
    if memory is not None and not _MEMORY.fullmatch(memory):
        section.problem("memory", f"{shown(memory)} is no amount of memory; write one such as 2GB")
    if timeout is not None and not timeout:
        section.problem("timeout", "must be longer than nothing")
    return Limits(memory, threads, timeout)


def read_intervals(section: Section | None) -> Intervals:
    """Return how often jobs are due."""
    if section is None:
        return Intervals()
    found = dict(_durations(section, [field.name for field in fields(Intervals)]))
    for key, duration in found.items():
        if not _SHORTEST <= duration <= _LONGEST:
            section.problem(key, "must be at least PT1S and at most P1D")
    return Intervals(**found)


def read_retention(section: Section | None) -> Retention:
    """Return how long the store remembers what."""
    if section is None:
        return Retention()
    found = dict(_durations(section, [field.name for field in fields(Retention)]))
    for key, duration in found.items():
        if duration < _LEAST_KEPT:
            section.problem(key, "must be at least P1D")
    return Retention(**found)


def _durations(section: Section, keys: list[str]) -> Iterator[tuple[str, timedelta]]:
    for key in keys:
        duration = section.duration(key)
        if duration is not None:
            yield key, duration
    section.done()
