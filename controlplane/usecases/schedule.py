"""The jobs of a project: its pipelines, its observed checks, and what the plane does for itself."""

from __future__ import annotations

from collections.abc import Iterator

from controlplane.usecases.agenda import EVALUATION, HOUSEKEEPING, NOTIFICATIONS, RETENTION, Cron, Every, Job, Work
from controlplane.usecases.model import Pipeline, Platform
from controlplane.usecases.schedule_ports import Intervals

_AT_NIGHT = "15 3 * * *"


def jobs_of(platform: Platform, intervals: Intervals, time_zone: str) -> tuple[Job, ...]:
    """Return every job of a project: pipelines in lineage order, observed checks, and what the plane does for itself."""
    return (
        *(_run_job(platform, pipeline, intervals) for pipeline in platform.pipelines),
        *_check_jobs(platform, time_zone),
        Job(EVALUATION, Work.EVALUATE, Every(intervals.evaluation)),
        Job(NOTIFICATIONS, Work.NOTIFY, Every(intervals.notifications)),
        Job(HOUSEKEEPING, Work.KEEP_HOUSE, Cron(_AT_NIGHT, time_zone)),
        Job(RETENTION, Work.FORGET, Cron(_AT_NIGHT, time_zone)),
    )


def _run_job(platform: Platform, pipeline: Pipeline, intervals: Intervals) -> Job:
    makers = [platform.making(name) for name in pipeline.inputs if name != pipeline.dataset]
    after = tuple(f"run:{maker.name}" for maker in makers if maker is not None)
    interval = intervals.ingestion if pipeline.topic is not None else intervals.hourly
    return Job(f"run:{pipeline.name}", Work.RUN, Every(interval), pipeline.name, after=after)


def _check_jobs(platform: Platform, time_zone: str) -> Iterator[Job]:
    for name, governed in platform.datasets.items():
        found: dict[str, set[str]] = {}
        for check in governed.checks:
            if check.schedule is not None and not check.screening_only:
                found.setdefault(" ".join(check.schedule.split()), set()).add(check.id)
        for schedule, ids in sorted(found.items()):
            yield Job(f"check:{name} {schedule}", Work.CHECK, Cron(schedule, time_zone), name, frozenset(ids))
