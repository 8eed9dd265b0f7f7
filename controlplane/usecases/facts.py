"""Facts: what the end of a run says about its dataset, for service levels to be judged by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from checks.model import CheckKind, CheckResult
from controlplane.gate.model import Balance, InputRole, Run, RunState
from controlplane.kernel.outcome import Stage
from controlplane.slas.status import Fact
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Pipeline, Ports
from controlplane.usecases.ports import StoredResult


def known_until(ports: Ports, pipeline: Pipeline) -> datetime | None:
    """Return until when everything that the sources made is among the inputs a run would pin now; None when no source says so.

    Ask before the inputs are looked at: what comes in between is then read, and not yet promised.
    """
    now = ports.clock.now()
    if pipeline.topic is not None:
        stated = ports.landing.watermark(pipeline.topic)
        return None if stated is None else min(stated, now)
    feeding = [name for name, role in pipeline.inputs.items() if role is not InputRole.REFERENCE and name != pipeline.dataset]
    known = ports.service_levels.watermarks(feeding) if feeding else {}
    return min(known.values()) if known and len(known) == len(feeding) else None


def fact_of(ports: Ports, run: Run, state: RunState, balance: Balance | None = None, *, wrong: int = 0) -> Fact:
    """Return what a run's end says: how far readers see now (published only), and what became of its rows.

    Rows handed over by a caller are as new as the moment they are published.

    Args:
        wrong: rows that fail a check and are published all the same; no more than were published count.
    """
    now, counted = ports.clock.now(), balance or Balance()
    is_published = state is RunState.PUBLISHED
    is_handed_over = any(pin.role is InputRole.BATCH for pin in run.plan.inputs)
    published = counted.passed if is_published else 0
    return Fact(
        dataset=run.plan.dataset.name,
        at=now,
        state=state.value,
        watermark=(now if is_handed_over else run.plan.watermark) if is_published else None,
        offered=counted.offered,
        duplicates=counted.duplicates,
        dead_lettered=counted.dead_lettered,
        waiting=counted.waiting,
        quarantined=counted.quarantined,
        published=published,
        wrong=min(wrong, published),
        run_id=str(run.run_id),
    )


def wrong_rows(governed: Governed, results: Iterable[CheckResult | StoredResult]) -> int:
    """Return how many rows of a batch fail a check and stay in it: at most so many, because one row may fail several.

    Rows stay that fail a check which does not block; where no row can be set aside, because the batch is one whole, all stay.
    """
    counts: Counter[str] = Counter()
    for result in results:
        check_id, failed = _failed(result)
        counts[check_id] += failed if result.stage == Stage.SCREEN else 0
    return sum(
        counts[check.id]
        for check in governed.checks
        if check.row_scope and check.kind is not CheckKind.SCHEMA_DRIFT and not (check.blocking and governed.sets_aside)
    )


def _failed(result: CheckResult | StoredResult) -> tuple[str, int]:
    if isinstance(result, StoredResult):
        return result.check_id, result.rows_failed or 0
    return result.check.id, result.measurement.rows_failed or 0


def note_watermark(ports: Ports, run: Run) -> None:
    """Remember that a run found nothing to do although the sources have said more: readers see everything up to there."""
    name, watermark = run.plan.dataset.name, run.plan.watermark
    if watermark is None:
        return
    before = ports.service_levels.watermarks([name]).get(name)
    if before is None or watermark > before:
        fact = Fact(name, ports.clock.now(), RunState.NOTHING_NEW.value, watermark, run_id=str(run.run_id))
        ports.service_levels.append([fact])
