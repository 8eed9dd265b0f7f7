"""What forgetting promises: old rows go, and nothing goes that anybody still names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem
from sqlalchemy import create_engine, insert

from alerting.model import AlertKind
from controlplane.gate.model import Balance, Run, RunState
from controlplane.persistence.store import Store
from controlplane.persistence.tables import alerts, facts, outbox
from controlplane.usecases.ports import OutboxMessage, RunRecord
from controlplane.usecases.retention_ports import Retention
from tests.fakes.store_kit import FILE_STORES, NOON, ORDERS, SettableClock, a_plan, a_result, kept, located, planned, published

LONG = timedelta(days=500)
RETENTION = Retention()


class Place:
    """A store whose wall clock the test sets."""

    def __init__(self, store: Store, wall: SettableClock, url: str) -> None:
        self.store, self.wall, self.url = store, wall, url

    def prune(self, *keep: Run, retention: Retention = RETENTION) -> Mapping[str, int]:
        now = self.wall.now()
        return self.store.pruner.prune(retention, wall=now, clock=now, keep={run.run_id for run in keep})

    def write(self, table: object, **values: object) -> None:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            connection.execute(insert(table).values(**values))  # type: ignore[arg-type]
        engine.dispose()

    def knows(self, run: Run) -> bool:
        return self.store.journal.find(run.run_id) is not None


@pytest.fixture(params=FILE_STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    wall = SettableClock()
    with located(request.param, tmp_path) as url, Store(url, LocalFileSystem(), f"{tmp_path}/state", wall=wall) as store:
        store.check()
        yield Place(store, wall, url)


def ended(place: Place, base: int, state: RunState = RunState.PUBLISHED, **facts: object) -> Run:
    run = planned(place.store, a_plan(base=base, **{name: facts.pop(name) for name in ("files", "batch") if name in facts}))
    return place.store.records.record(RunRecord(run=run, state=state, results=[a_result()], balance=Balance(1, 1), **facts))  # type: ignore[arg-type]


def test_old_runs_go_with_their_results_and_young_ones_stay(place: Place) -> None:
    old = ended(place, 1, RunState.NOTHING_NEW)
    place.wall.pass_by(days=89)
    young = ended(place, 2, RunState.NOTHING_NEW)
    assert place.prune()["runs"] == 0
    place.wall.pass_by(days=2)
    gone = place.prune()
    assert (gone["runs"], gone["measurements"]) == (1, 1)
    assert (place.knows(old), place.knows(young)) == (False, True)
    assert place.prune() == dict.fromkeys(gone, 0)


def test_results_may_go_before_their_run(place: Place) -> None:
    run = ended(place, 1, RunState.FAILED)
    ended(place, 2)
    place.wall.pass_by(days=10)
    gone = place.prune(retention=Retention(results=timedelta(days=7)))
    assert (gone["runs"], gone["measurements"]) == (0, 1)
    assert place.knows(run)
    assert place.store.records.results(run.run_id) == []


def test_what_a_snapshot_names_stays_with_its_results(place: Place) -> None:
    named = ended(place, 1)
    ended(place, 2, RunState.FAILED)
    place.wall.pass_by(days=100)
    place.prune(named)
    assert place.knows(named)
    assert place.store.records.results(named.run_id) != []


def test_open_and_held_runs_stay(place: Place) -> None:
    held = ended(place, 1, RunState.HELD)
    opened = planned(place.store, a_plan(base=2))
    place.wall.pass_by(days=500)
    place.prune()
    assert place.knows(held)
    assert place.knows(opened)


def test_runs_that_say_what_was_consumed_stay_without_their_results(place: Place) -> None:
    landed = ended(place, 1, files=["cdc.public.orders/1.json"])
    batch = ended(place, 2, batch="2017-10-09")
    ended(place, 3)
    place.wall.pass_by(days=500)
    place.prune()
    assert place.store.journal.consumed_files(ORDERS, "cdc.public.orders") == {
        ("cdc.public.orders/1.json", a_plan(files=["cdc.public.orders/1.json"]).inputs[0].sha256)
    }
    assert place.store.journal.published_batch(ORDERS, "2017-10-09") is not None
    assert place.store.records.results(landed.run_id) == place.store.records.results(batch.run_id) == []


def test_the_run_of_a_live_kept_row_stays_and_that_of_a_closed_one_goes_with_it(place: Place) -> None:
    first = planned(place.store, a_plan(base=1))
    place.store.kept_rows.stage(first, [kept("a"), kept("b")])
    place.store.records.record(RunRecord(run=first, state=RunState.PUBLISHED))
    ended(place, 2)
    place.wall.pass_by(days=100)
    place.prune()
    assert place.knows(first)
    published(place.store, a_plan(base=3), superseded_rows=["a", "b"])
    place.prune()
    assert not place.knows(first)
    assert place.store.kept_rows.find("a") == []


def test_a_run_that_an_open_alert_names_stays_until_the_alert_is_over(place: Place) -> None:
    run = ended(place, 1, RunState.FAILED)
    ended(place, 2)
    an_alert(place, "open", f'{{"run_id": "{run.run_id}"}}')
    place.wall.pass_by(days=100)
    place.prune()
    assert place.knows(run)


def test_resolved_alerts_go_and_open_ones_stay(place: Place) -> None:
    an_alert(place, "old", resolved_at=NOON)
    an_alert(place, "open")
    place.wall.instant += LONG
    an_alert(place, "young", resolved_at=place.wall.now())
    assert place.prune()["alerts"] == 1


def an_alert(place: Place, fingerprint: str, annotations: str = "{}", resolved_at: datetime | None = None) -> None:
    state = "firing" if resolved_at is None else "resolved"
    moments = dict.fromkeys(("started_at", "updated_at", "evidence_at"), NOON)
    place.write(
        alerts, fingerprint=fingerprint, kind=AlertKind.CHECK_FAILURE.value, priority="P2", state=state, labels="{}",
        annotations=annotations, priority_reason="", occurrences=1, flaps=0, resolved_at=resolved_at, **moments,
    )  # fmt: skip


def test_delivered_messages_go_and_waiting_ones_stay(place: Place) -> None:
    place.store.outbox.add([OutboxMessage("sent", "lineage", {}), OutboxMessage("waits", "lineage", {})])
    place.store.outbox.delivered("sent", place.wall.now())
    place.wall.pass_by(days=31)
    assert place.prune()["outbox"] == 1
    assert [message.message_id for message in place.store.outbox.due(place.wall.now())] == ["waits"]


def test_old_slots_go_and_the_newest_of_a_job_stays(place: Place) -> None:
    for hour in (1, 2, 3):
        claim = place.store.slots.claim("check:gold.dim_date", NOON.replace(hour=hour), timedelta(minutes=1))
        assert claim is not None
        place.store.slots.end(claim)
    place.wall.pass_by(days=8)
    assert place.prune()["slots"] == 2
    newest = place.store.slots.newest("check:gold.dim_date")
    assert newest is not None
    assert newest.slot == NOON.replace(hour=3)


def test_of_old_facts_the_newest_of_every_kind_stays(place: Place) -> None:
    published(place.store, a_plan(base=1))
    counts = dict.fromkeys(("offered", "duplicates", "dead_lettered", "waiting", "quarantined", "published", "wrong"), 0)
    for day, state, watermark in ((0, "published", NOON), (1, "published", None), (2, "held", NOON), (3, "published", NOON)):
        values = {"dataset_id": 1, "at": NOON + timedelta(days=day), "state": state, "watermark": watermark, **counts}
        place.write(facts, **values)
    place.wall.instant += LONG
    assert place.prune()["facts"] == 1


def test_more_than_one_batch_goes(place: Place) -> None:
    engine = create_engine(place.url)
    sent = {"kind": "lineage", "payload": "{}", "created_wall": NOON, "due_wall": NOON, "attempts": 1, "sent_wall": NOON}
    with engine.begin() as connection:
        connection.execute(insert(outbox), [{"message_id": f"m{number}", **sent} for number in range(1_203)])
    engine.dispose()
    place.wall.pass_by(days=31)
    assert place.prune()["outbox"] == 1_203


def test_sizes_are_told_by_table(place: Place) -> None:
    ended(place, 1)
    sizes = place.store.pruner.sizes()
    assert (sizes["runs"], sizes["measurements"], sizes["facts"]) == (1, 1, 0)
