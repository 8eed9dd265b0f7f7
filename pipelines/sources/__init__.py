"""The sources of the reference platform: a shop's database as change events in a landing zone."""

from __future__ import annotations

from pipelines.sources.events import STEP, TABLES, TOPICS
from pipelines.sources.facts import SourceFacts, TopicFacts
from pipelines.sources.journey import SourceDataMissingError
from pipelines.sources.people import CANARIES, Canary
from pipelines.sources.stream_facts import ClickFacts, PaymentFacts, StreamFacts
from pipelines.sources.streams import EVENT_TOPICS
from pipelines.sources.window import HORIZON_DAYS, Emission, Stall, Window, WindowError, build_window

__all__ = [
    "CANARIES", "EVENT_TOPICS", "HORIZON_DAYS", "STEP", "TABLES", "TOPICS",
    "Canary", "ClickFacts", "Emission", "PaymentFacts", "SourceDataMissingError", "SourceFacts", "Stall", "StreamFacts",
    "TopicFacts", "Window", "WindowError", "build_window",
]  # fmt: skip
