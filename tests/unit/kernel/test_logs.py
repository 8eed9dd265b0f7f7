from __future__ import annotations

import json
import logging

from controlplane.kernel.logs import LOGGER, BoundFields, JsonLines, TextLines, bound, event


class Kept(logging.Handler):
    """Keeps formatted lines."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(formatter)
        self.addFilter(BoundFields())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def logged(formatter: logging.Formatter) -> tuple[Kept, logging.Logger]:
    handler, logger = Kept(formatter), logging.getLogger(LOGGER)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return handler, logger


def test_an_event_is_one_json_line_with_its_own_and_the_bound_fields() -> None:
    handler, logger = logged(JsonLines())
    try:
        with bound(job="run:orders"), bound(run_id="r1", dataset="silver.orders"):
            event("run ended", state="published", seconds=0.12, reason=None)
        event("schedule\nended", logging.WARNING)
    finally:
        logger.removeHandler(handler)
    first, second = (json.loads(line) for line in handler.lines)
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info", "event": "run ended", "job": "run:orders", "run_id": "r1", "dataset": "silver.orders",
        "state": "published", "seconds": 0.12,
    }  # fmt: skip
    assert (second["level"], second["event"]) == ("warning", "schedule\nended")
    assert "run_id" not in second
    assert all("\n" not in line for line in handler.lines)


def test_a_person_reads_one_line_too() -> None:
    handler, logger = logged(TextLines())
    try:
        event("slot\nfailed", logging.ERROR, job="run:orders", error="the catalog\ndoes not answer")
    finally:
        logger.removeHandler(handler)
    assert handler.lines[0][9:] == "error   slot failed  job=run:orders error=the catalog does not answer"


def test_an_exception_is_told_by_its_type_alone() -> None:
    handler, logger = logged(JsonLines())
    try:
        try:
            int("jane@example.org")
        except ValueError:
            logger.exception("internal error")
    finally:
        logger.removeHandler(handler)
    assert json.loads(handler.lines[0])["error_type"] == "ValueError"
    assert "jane" not in handler.lines[0]
