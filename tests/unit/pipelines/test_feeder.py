from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from pathlib import Path

from pipelines.demo.feeder import Feeder
from pipelines.sources import TOPICS, Window, build_window
from pipelines.sources.journey import Journey
from pipelines.sources.window import watermark


def delivered(folder: Path, window: Window, table: str) -> bool:
    files = sorted((folder / TOPICS[table]).glob("*.jsonl"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return lines == [delivery.line for delivery in window.feeds[table].deliveries]


def wait_for_end(feeder: Feeder) -> None:
    until = time.monotonic() + 20
    while feeder.is_running and time.monotonic() < until:
        time.sleep(0.01)
    assert not feeder.is_running


def test_sources_go_on_where_a_replay_stopped_and_end_with_their_window(journey: Journey, tmp_path: Path) -> None:
    replayed = build_window(date(2017, 10, 9), 1, seed=7, journey=journey)
    window = build_window(date(2017, 10, 9), 2, seed=7, journey=journey)
    replayed.emit_until(tmp_path, replayed.end)
    moments = [replayed.end + timedelta(hours=number) for number in (0, 7, 30)]
    with Feeder(window, tmp_path, lambda: moments.pop(0), pace=0.0) as feeder:
        wait_for_end(feeder)
    assert all(delivered(tmp_path, window, table) for table in TOPICS)


def test_a_feeder_stops_with_its_block_and_delivers_what_was_due_by_then(journey: Journey, tmp_path: Path) -> None:
    window = build_window(date(2017, 10, 9), 1, seed=7, journey=journey)
    asked: list[datetime] = []

    def now() -> datetime:
        asked.append(window.steps[1])
        return window.steps[1]

    with Feeder(window, tmp_path, now, pace=60.0):
        while not asked:
            time.sleep(0.01)
    assert watermark(tmp_path / TOPICS["orders"]) == window.steps[1]
