"""The sources of the reference platform: a shop's database as change events in a landing zone."""

from __future__ import annotations

from pipelines.sources.events import STEP, TABLES, TOPICS
from pipelines.sources.facts import SourceFacts, TopicFacts
from pipelines.sources.journey import SourceDataMissingError
from pipelines.sources.people import CANARIES, Canary
from pipelines.sources.window import Emission, Window, WindowError, build_window

__all__ = [
    "CANARIES", "STEP", "TABLES", "TOPICS",
    "Canary", "Emission", "SourceDataMissingError", "SourceFacts", "TopicFacts", "Window", "WindowError", "build_window",
]  # fmt: skip
