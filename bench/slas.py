"""Service levels: 10,000 objectives over 2,000 datasets with 30 days of hourly facts, read from SQLite, judged and stored.

Prints seconds of CPU time (user and system) and of wall time: for a process that has read nothing yet, and for the next
evaluation a minute later, when every dataset has one more fact.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from pyarrow.fs import LocalFileSystem

from controlplane.persistence.database import Database, insert_many
from controlplane.persistence.store import Store
from controlplane.persistence.tables import datasets, facts
from controlplane.slas.evaluation import evaluate, facts_needed, members_of
from controlplane.slas.model import Basis, Indicator, Objective, Promise, ServiceLevels
from controlplane.slas.ratios import Path as Way
from controlplane.slas.verdicts import Subject
from controlplane.usecases.sla_ports import BoardFilter, ServiceLevelStore

NOON = datetime(2017, 10, 9, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DATASETS, HOURS = 2000, 30 * 24
SPACE = "iceberg://bench"
Answer = TypeVar("Answer")


def objectives() -> tuple[Objective, ...]:
    fresh = [
        Objective(
            f"fresh{within}",
            Indicator.FRESHNESS,
            Decimal("99.5"),
            30 * DAY,
            "",
            HOUR * within,
            timedelta(minutes=1),
            "Europe/Berlin",
        )
        for within in (1, 2, 6)
    ]
    complete = Objective("complete", Indicator.COMPLETENESS, Decimal("99.5"), 30 * DAY, "", basis=Basis.LANDED)
    return (*fresh, complete, Objective("right", Indicator.ACCURACY, Decimal("99.9"), 30 * DAY, ""))


def rows() -> Iterator[list[dict[str, object]]]:
    """Yield the facts of each hour: every dataset publishes, some late, a few with rows that are lost."""
    for hour in range(HOURS, -1, -1):
        yield [
            {
                "dataset_id": number + 1,
                "run_id": f"{hour:08d}-0000-0000-0000-{number:012d}",
                "at": NOON - HOUR * hour + timedelta(seconds=number),
                "state": "held" if (number + hour) % 97 == 0 else "published",
                "watermark": None
                if (number + hour) % 97 == 0
                else NOON - HOUR * hour - timedelta(minutes=(number * 7 + hour) % 90),
                "offered": 1000,
                "duplicates": 3,
                "dead_lettered": int((number + hour) % 50 == 0),
                "waiting": hour % 3,
                "quarantined": 1,
                "published": 996,
                "wrong": int((number + hour) % 40 == 0),
            }
            for number in range(DATASETS)
        ]


def timed(what: str, work: Callable[[], Answer]) -> Answer:
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    answer = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(f"{what:<44}{spent:7.2f} s CPU {time.perf_counter() - wall:7.2f} s wall")
    return answer


def main() -> None:
    names = [f"gold.table_{number:04d}" for number in range(DATASETS)]
    # every fourth dataset is made from the one before it, so that rows are followed on their way
    ways = {
        name: Way((name,), (name,)) if number % 4 else Way((names[number - 1],), (name, names[number - 1]))
        for number, name in enumerate(names)
    }
    subjects = {name: Subject(name, 1 + number % 3, ways[name]) for number, name in enumerate(names)}
    levels = ServiceLevels((Promise("all", "bench", objectives(), "", tuple(names)),), (), "")
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/store.db"
        with Store(url, LocalFileSystem(), folder) as store:
            store.check()
        database = Database(url)
        with database.writing() as connection:
            insert_many(
                connection,
                datasets,
                [{"dataset_id": number + 1, "namespace": SPACE, "name": name} for number, name in enumerate(names)],
            )
            for hour in rows():
                insert_many(connection, facts, hour)
        database.close()
        print(f"{DATASETS * (HOURS + 1):,} facts, {Path(f'{folder}/store.db').stat().st_size / 1e6:,.0f} MB")
        with Store(url, LocalFileSystem(), folder) as store:
            service_levels = store.service_levels_of(SPACE)
            timed("first evaluation", lambda: once(service_levels, levels, subjects, NOON + HOUR))
            with Database(url).writing() as connection:
                more = [{**row, "at": NOON + HOUR, "state": "published", "watermark": NOON + HOUR} for row in next(rows())]
                insert_many(connection, facts, more)
            timed(
                "evaluation a minute later", lambda: once(service_levels, levels, subjects, NOON + HOUR + timedelta(minutes=1))
            )
            page = timed("a page of the board", lambda: service_levels.board(BoardFilter(), limit=25))
            print({state.value: count for state, count in page.counts.items()})


def once(store: ServiceLevelStore, levels: ServiceLevels, subjects: dict[str, Subject], at: datetime) -> None:
    histories = timed("  facts read", lambda: store.histories(members_of(subjects.values()), at - facts_needed(levels), at))
    states = timed("  objectives judged", lambda: evaluate(levels, subjects, histories, at))
    timed(f"  {len(states):,} states stored", lambda: store.keep(states))


if __name__ == "__main__":
    main()
