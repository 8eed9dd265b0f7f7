"""Numbers for Prometheus: the plane's health as gauges, and how long HTTP answers take."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from controlplane.usecases.facade import Plane
from controlplane.usecases.health import Health, health

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_COUNTED = (
    ("runs", "state", "Runs planned in the last 24 hours."),
    ("checks", "outcome", "Checks of every dataset's newest judged run."),
    ("alerts", "priority", "Open alerts."),
    ("objectives", "state", "Promised objectives."),
)


class Measures:
    """What one process measures. A registry of its own, so that several apps in a process never meet."""

    def __init__(self, plane: Plane) -> None:
        """Take the plane whose health is told."""
        self._registry = CollectorRegistry()
        self._registry.register(_HealthGauges(plane))
        self.answers = Histogram(
            "controlplane_http_seconds",
            "Time to answer a request.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return all numbers in the text format of Prometheus, version 0.0.4."""
        return generate_latest(self._registry)


class MeasuredApp:
    """ASGI middleware that times every answer by route, never by path: an address a client makes up costs no memory."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        """Wrap an app."""
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and time its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), "500"

        async def passing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, passing)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in {"GET", "POST", "HEAD"} else "other"
            self._measures.answers.labels(method, route, status).observe(time.perf_counter() - started)


class _HealthGauges(Collector):
    """Asks for the plane's health whenever somebody scrapes."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane

    def collect(self) -> Iterable[Metric]:
        """Return the gauges of this moment."""
        return _gauges(health(self._plane.ports))


def _gauges(found: Health) -> Iterator[Metric]:
    yield _gauge("up", "1 while the store answers.", 0.0 if found.problems else 1.0)
    if found.problems:
        return
    for name, label, text in _COUNTED:
        counts: Mapping[str, int] = getattr(found, name)
        family = GaugeMetricFamily(f"controlplane_{name}", text, labels=[label])
        for value, count in sorted(counts.items()):
            family.add_metric([value], count)
        yield family
    yield _gauge("messages_waiting", "Messages not delivered yet.", found.messages_waiting)
    yield _gauge("slot_lag_seconds", "Age of the most overdue scheduled moment.", found.slot_lag.total_seconds())
    for name, text, duration in (
        ("oldest_message_seconds", "How long the oldest undelivered message has waited.", found.oldest_message),
        ("slowest_delivery_seconds", "Slowest delivery of the last hour.", found.slowest_delivery),
        ("last_evaluation_age_seconds", "Time since promises were evaluated by schedule.", _age(found)),
    ):
        if duration is not None:
            yield _gauge(name, text, duration.total_seconds())


def _age(found: Health) -> timedelta | None:
    last: datetime | None = found.last_evaluation
    return None if last is None else found.at - last


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"controlplane_{name}", text, value=value)
