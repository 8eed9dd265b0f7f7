"""What has to run before what, as far as the demo needs to know it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import controlplane


@dataclass(frozen=True)
class Job:
    """A pipeline of the project.

    Attributes:
        topic: of the landing zone, for ingestion.
        reads: names of the pipelines that make its inputs; after: of those and the parents that its checks look at.
    """

    name: str
    topic: str | None
    reads: frozenset[str]
    after: frozenset[str]


def jobs_of(plane: controlplane.Plane) -> tuple[Job, ...]:
    """Return the project's pipelines in the order of the project file."""
    pipelines = plane.ports.platform.pipelines
    makers = {pipeline.dataset: pipeline.name for pipeline in pipelines}
    return tuple(
        Job(
            name=pipeline.name,
            topic=pipeline.topic,
            reads=frozenset(makers[name] for name, role in pipeline.inputs.items() if role != "reference" and name in makers),
            after=frozenset(makers[name] for name in pipeline.inputs if name in makers),
        )
        for pipeline in pipelines
    )


def ingesting(jobs: Sequence[Job], topics: Collection[str]) -> tuple[str, ...]:
    """Return the names of the pipelines that read these topics."""
    return tuple(job.name for job in jobs if job.topic in topics)


def downstream(jobs: Sequence[Job], names: Collection[str]) -> tuple[str, ...]:
    """Return the names of the pipelines that are fed by others, however far away, without those."""
    reached = set(names)
    for job in jobs:  # a project lists its pipelines in the order of lineage
        if job.reads & reached:
            reached.add(job.name)
    return tuple(job.name for job in jobs if job.name in reached - set(names))


def heights(jobs: Sequence[Job]) -> Mapping[str, int]:
    """Return for each pipeline how many others have to run one after another behind it, at most."""
    found = {job.name: 0 for job in jobs}
    for job in reversed(jobs):
        for before in job.after:
            found[before] = max(found[before], found[job.name] + 1)
    return found
