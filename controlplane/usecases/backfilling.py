"""Backfill: a run that reads once more what lies between two instants, beside what is new, and pages nobody.

For a dataset that merges, the input's rows whose event time lies in the span are offered again; a merge of the same events
changes nothing, so only what the SELECT or the contract now says differently moves. For a dataset that is made whole, the
result is computed again and the partitions the span touches are replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
from pyarrow import compute

from controlplane.contracts.expressions import partition_field
from controlplane.contracts.model import Mode
from controlplane.gate.model import InputPin, InputRole, Run
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.table import DataFile, FieldStats, Snapshot
from controlplane.usecases.compiling.dataset import Governed
from controlplane.usecases.model import Pipeline, Ports

Span = tuple[datetime, datetime]

_LATENCIES = ("latency", "freshness")
_TIMED = {"timestamp", "timestamptz", "date"}
_UNITS = {"hour", "day", "month", "year"}


def check_backfill(ports: Ports, pipeline: Pipeline, span: Span) -> None:
    """Make sure that a pipeline can be backfilled.

    Raises:
        ConfigurationError: the span is empty or has no time zone, the dataset only appends (its rows would double), or an
            input does not say what its event time is.
    """
    starts, ends = span
    if starts.tzinfo is None or ends.tzinfo is None:
        message = "a backfill needs times with their offset, such as 2017-10-09T00:00:00+00:00"
        raise ConfigurationError(message)
    if starts >= ends:
        message = f"nothing lies between {starts.isoformat()} and {ends.isoformat()}; --to must be later than --from"
        raise ConfigurationError(message)
    governed = ports.platform.governed(pipeline.dataset)
    if pipeline.topic is not None:
        message = f"{governed.name} is made from landed messages, which are read once; backfill the datasets made from it"
        raise ConfigurationError(message)
    if governed.spec.write_mode.mode is Mode.APPEND:
        message = f"{governed.name} only appends, so rows read again would be there twice; give it writeMode merge with keys"
        raise ConfigurationError(message)
    for name, role in pipeline.inputs.items():
        if role is InputRole.NEW:
            event_time(ports.platform.governed(name))


def event_time(governed: Governed) -> str:
    """Return the field that says when a dataset's rows happened: the element of its contract's latency.

    Raises:
        ConfigurationError: the contract does not say it.
    """
    owners = {governed.name, governed.spec.object_name}
    for promise in governed.contract.promises:
        if promise.property not in _LATENCIES:
            continue
        for element in (promise.element or "").split(","):
            owner, _, field = element.strip().rpartition(".")
            if owner in owners and governed.columns.get(field) in _TIMED:
                return field
    message = (
        f"{governed.contract.place.file}: {governed.name} does not say when its rows happened; name that field in "
        f"slaProperties: {{property: latency, element: {governed.spec.object_name}.FIELD, ...}}"
    )
    raise ConfigurationError(message)


def read_again(ports: Ports, run: Run, pin: InputPin, appended: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the rows of an input that a backfill offers: those of the span, and what was appended since the last run.

    Args:
        appended: the new rows, with ``columns``.
    """
    if run.plan.backfill is None:
        return appended
    dataset = DatasetId(run.plan.dataset.namespace, pin.name)
    field = event_time(ports.platform.governed(pin.name))
    wanted = list(dict.fromkeys([*columns, field]))
    at = SnapshotId(int(pin.upto or 0))
    files = _files(ports.reader.snapshot(dataset, at), field, run.plan.backfill)
    rows = ports.reader.rows(dataset, at, columns=wanted, files=files).read_all()
    again = rows.filter(_lies_in(rows.column(field), run.plan.backfill)).select(list(columns))
    if appended.num_rows == 0:
        return again
    fresh = ports.reader.appended(dataset, pin.after, at, wanted)
    outside = fresh.filter(compute.invert(_lies_in(fresh.column(field), run.plan.backfill)))
    return pa.concat_tables([again, outside.select(list(columns))], promote_options="permissive")


def only_touched(ports: Ports, governed: Governed, run: Run, rows: pa.Table) -> tuple[pa.Table, int]:
    """Return a whole result of which only the partitions of the backfill's span are new, and how many rows those are.

    Outside them the table keeps the rows it has. A table without a partition by time is one partition.

    Args:
        rows: the whole result as it would be published.
    """
    partition = _time_partition(governed)
    if run.plan.backfill is None or partition is None:
        return rows, rows.num_rows
    field, unit = partition
    span = widened(run.plan.backfill, unit)
    fresh = rows.filter(_lies_in(rows.column(field), span))
    published = ports.reader.rows(governed.id, run.plan.base).read_all().select(rows.schema.names)
    kept = published.filter(compute.invert(_lies_in(published.column(field), span)))
    return pa.concat_tables([fresh, kept.cast(fresh.schema)]), fresh.num_rows


def widened(span: Span, unit: str) -> Span:
    """Return the whole hours, days, months or years a span touches, in UTC as Iceberg partitions by it."""
    starts, ends = (moment.astimezone(UTC) for moment in span)
    last = _beginning(ends - timedelta(microseconds=1), unit)
    return _beginning(starts, unit), _following(last, unit)


def _beginning(moment: datetime, unit: str) -> datetime:
    hour = moment.replace(minute=0, second=0, microsecond=0)
    if unit == "hour":
        return hour
    day = hour.replace(hour=0)
    if unit == "day":
        return day
    return day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def _following(beginning: datetime, unit: str) -> datetime:
    longest = {"hour": timedelta(hours=1), "day": timedelta(days=1), "month": timedelta(days=31), "year": timedelta(days=366)}
    return _beginning(beginning + longest[unit], unit)


def _time_partition(governed: Governed) -> tuple[str, str] | None:
    """Return the first partition field that is a time, and its unit; a date partitioned by its value counts by day."""
    for text in governed.definition.partition:
        transform, name = partition_field(text)
        if transform in _UNITS:
            return name, transform
        if transform == "identity" and governed.columns.get(name) == "date":
            return name, "day"
    return None


def _files(snapshot: Snapshot, field: str, span: Span) -> tuple[DataFile, ...]:
    """Return the files that may hold rows of the span, by the bounds of their event time; unknown bounds may hold any."""
    number = next(column.field_id for column in snapshot.schema.fields if column.name == field)
    return tuple(data_file for data_file in snapshot.files if _may_hold(data_file.stats.get(number), span))


def _may_hold(stats: FieldStats | None, span: Span) -> bool:
    if stats is None or stats.lower is None or stats.upper is None:
        return True
    return _instant(stats.lower) < span[1] and _instant(stats.upper) >= widened(span, "day")[0]


def _instant(value: object) -> datetime:
    """Return a bound as an instant in UTC; a date is its midnight."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, time(), UTC) if isinstance(value, date) else datetime.min.replace(tzinfo=UTC)


def _lies_in(column: pa.ChunkedArray, span: Span) -> pa.ChunkedArray:
    """Return for each value whether it lies in [from, to), in UTC; an empty value lies nowhere."""
    moments = column.cast(pa.timestamp("us"))  # a time with a zone keeps its UTC instant
    starts, ends = (pa.scalar(moment.astimezone(UTC).replace(tzinfo=None), pa.timestamp("us")) for moment in span)
    inside = compute.and_(compute.greater_equal(moments, starts), compute.less(moments, ends))
    return compute.fill_null(inside, False)  # noqa: FBT003 (the value that stands for null)
