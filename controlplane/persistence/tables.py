"""The store's tables, in SQLAlchemy Core; ``migrations`` makes them and a test proves that both agree.

Times are UTC text of one fixed width, so that text order is time order on every database. A column named ``*_wall`` holds
wall time; every other time is the plane's clock. Snapshot ids are 64-bit integers; measured values are exact decimals as text.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from controlplane.persistence.columns import Instant, PlainText

OPEN_STATES = ("planned", "screened", "written", "audited")
"""States of a run under way; the index ``one_open_run`` allows one such run per dataset."""

LIVE = ("open", "retrying")
"""Statuses in which a kept row or dead letter is part of the present."""

STAGED = "staged"
"""Status of what a run has kept and not yet recorded."""


metadata = MetaData()
_NUMBER = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only in a column declared INTEGER

datasets = Table(
    "datasets",
    metadata,
    Column("dataset_id", _NUMBER, primary_key=True),
    Column("namespace", PlainText, nullable=False),
    Column("name", PlainText, nullable=False),
    UniqueConstraint("namespace", "name", name="one_dataset"),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), nullable=False),
    Column("pipeline", PlainText),
    Column("state", String(20), nullable=False),
    Column("plan", Text, nullable=False),
    Column("clock", Instant, nullable=False),
    Column("snapshot_id", BigInteger),
    *(
        Column(name, BigInteger)
        for name in ("offered", "passed", "superseded", "quarantined", "waiting", "dead_lettered", "duplicates")
    ),
    Column("reason", PlainText),
    Column("details", Text),
    Column("bytes_read", BigInteger),
    Column("bytes_written", BigInteger),
    Column("seconds", Float),
    Column("started_wall", Instant, nullable=False),
    Column("ended_wall", Instant),
)
_OPEN = text(f"state IN ({', '.join(repr(state) for state in OPEN_STATES)})")
Index("one_open_run", runs.c.dataset_id, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("runs_of_dataset", runs.c.dataset_id, runs.c.state, runs.c.clock)
Index("runs_newest", runs.c.started_wall)
Index("runs_by_clock", runs.c.clock, runs.c.run_id)
Index("runs_by_state", runs.c.state, runs.c.clock, runs.c.run_id)
Index("runs_of_dataset_by_clock", runs.c.dataset_id, runs.c.clock, runs.c.run_id)

run_inputs = Table(
    "run_inputs",
    metadata,
    Column("run_id", String(36), ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), nullable=False),
    Column("role", String(20), nullable=False),
    Column("name", PlainText, nullable=False),
    Column("after_id", BigInteger),
    Column("upto_id", BigInteger),
    Column("sha256", String(64)),
)
Index("run_inputs_by_name", run_inputs.c.dataset_id, run_inputs.c.role, run_inputs.c.name)

measurements = Table(
    "measurements",
    metadata,
    Column("measurement_id", _NUMBER, primary_key=True),
    Column("run_id", String(36), ForeignKey("runs.run_id", ondelete="CASCADE")),
    Column("ordinal", Integer, nullable=False),
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), nullable=False),
    Column("snapshot_id", BigInteger),
    Column("at", Instant, nullable=False),
    Column("check_id", PlainText, nullable=False),
    Column("check_sha256", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("stage", String(20), nullable=False),
    Column("segment", PlainText),
    Column("field", PlainText),
    Column("dimension", String(40)),
    Column("severity", String(20), nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("value", Text),
    Column("unit", PlainText, nullable=False),
    Column("rows_total", BigInteger),
    Column("rows_failed", BigInteger),
    Column("quarantined", BigInteger, nullable=False),
    Column("threshold", Text, nullable=False),
    Column("evidence", String(20), nullable=False),
    Column("reason", PlainText, nullable=False),
)
Index("one_measurement", measurements.c.run_id, measurements.c.ordinal, unique=True)
Index("measurements_of_check", measurements.c.dataset_id, measurements.c.check_id, measurements.c.at)

kept_files = Table(
    "kept_files",
    metadata,
    Column("file_id", _NUMBER, primary_key=True),
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), nullable=False),
    Column("run_id", String(36)),
    Column("path", PlainText, nullable=False, unique=True),
    Column("created_wall", Instant, nullable=False),
)
Index("kept_files_of_run", kept_files.c.run_id)
Index("kept_files_of_dataset", kept_files.c.dataset_id)

kept_rows = Table(
    "kept_rows",
    metadata,
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), primary_key=True),
    Column("row_id", String(64), primary_key=True),
    Column("run_id", String(36), ForeignKey("runs.run_id"), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("key", PlainText, nullable=False),
    Column("key_digest", String(32), nullable=False),  # indexed instead of the key: PostgreSQL indexes at most 2,704 bytes
    Column("reasons", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("staged_wall", Instant, nullable=False),
    Column("closed_by", String(36)),
    Column("file_id", _NUMBER, ForeignKey("kept_files.file_id")),
    Column("file_row", Integer, nullable=False),
)
Index("kept_rows_of_run", kept_rows.c.run_id, kept_rows.c.status)
Index("kept_rows_open", kept_rows.c.dataset_id, kept_rows.c.status, kept_rows.c.kind)
Index("kept_rows_by_key", kept_rows.c.dataset_id, kept_rows.c.key_digest)
Index("kept_rows_of_file", kept_rows.c.file_id)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), primary_key=True),
    Column("source", PlainText, primary_key=True),
    Column("position", PlainText, primary_key=True),
    Column("run_id", String(36), ForeignKey("runs.run_id"), primary_key=True),
    Column("status", String(20), nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("since", Instant, nullable=False),
    Column("closed_by", String(36)),
    Column("file_id", _NUMBER, ForeignKey("kept_files.file_id")),
    Column("file_row", Integer, nullable=False),
)
Index("dead_letters_of_run", dead_letters.c.run_id, dead_letters.c.status)
Index("dead_letters_open", dead_letters.c.dataset_id, dead_letters.c.status)
Index("dead_letters_of_file", dead_letters.c.file_id)

leases = Table(
    "leases",
    metadata,
    Column("name", PlainText, primary_key=True),
    Column("holder", PlainText, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("until_wall", Instant, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("queue_id", _NUMBER, primary_key=True),
    Column("message_id", PlainText, nullable=False, unique=True),
    Column("kind", String(40), nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_wall", Instant, nullable=False),
    Column("due_wall", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sent_wall", Instant),
    Column("last_error", PlainText),
)
_WAITING = text("sent_wall IS NULL")
Index("outbox_waiting", outbox.c.due_wall, sqlite_where=_WAITING, postgresql_where=_WAITING)
Index("outbox_sent", outbox.c.sent_wall)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", _NUMBER, primary_key=True),
    Column("at_wall", Instant, nullable=False),
    Column("clock", Instant, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("verb", PlainText, nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("before", PlainText, nullable=False),
    Column("after", PlainText, nullable=False),
    Column("entry_key", String(64), unique=True),
)
Index("audit_log_of_subject", audit_log.c.subject)

facts = Table(
    "facts",
    metadata,
    Column("fact_id", _NUMBER, primary_key=True),
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), nullable=False),
    Column("run_id", String(36)),
    Column("at", Instant, nullable=False),
    Column("state", String(20), nullable=False),
    Column("watermark", Instant),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("offered", "duplicates", "dead_lettered", "waiting", "quarantined", "published", "wrong")
    ),
)
Index("facts_of_dataset", facts.c.dataset_id, facts.c.at)
Index("facts_of_run", facts.c.run_id)

objective_states = Table(
    "objective_states",
    metadata,
    Column("promise", PlainText, primary_key=True),
    Column("objective", PlainText, primary_key=True),
    Column("dataset", PlainText, primary_key=True),
    Column("consumer", PlainText, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("indicator", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("deadline", Instant),
    Column("since", Instant, nullable=False),
    Column("at", Instant, nullable=False),
    Column("document", Text, nullable=False),
)
Index("objective_states_worst", objective_states.c.rank, objective_states.c.deadline)
Index("objective_states_of_dataset", objective_states.c.dataset)
Index("objective_states_by_state", objective_states.c.state, objective_states.c.at)

dataset_states = Table(
    "dataset_states",
    metadata,
    Column("dataset_id", _NUMBER, ForeignKey("datasets.dataset_id"), primary_key=True),
    Column("run_id", String(36), nullable=False),
    Column("state", String(20), nullable=False),
    Column("clock", Instant, nullable=False),
    Column("reason", PlainText),
    Column("published_run_id", String(36)),
    Column("published_snapshot_id", BigInteger),
    Column("published_at", Instant),
    Column("published_rows", BigInteger),
    Column("judged_run_id", String(36)),
    *(Column(name, Integer, nullable=False) for name in ("passed", "failed", "errored", "no_evidence")),
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", _NUMBER, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("kind", String(30), nullable=False),
    Column("dataset", PlainText),
    Column("priority", String(2), nullable=False),
    Column("state", String(20), nullable=False),
    Column("labels", Text, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("priority_reason", PlainText, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("fired_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", PlainText),
    Column("resolved_at", Instant),
    Column("resolution", PlainText),
    Column("updated_at", Instant, nullable=False),
    Column("evidence_at", Instant, nullable=False),
    Column("occurrences", Integer, nullable=False),
    Column("flaps", Integer, nullable=False),
)
_ALIVE = text("state <> 'resolved'")
Index("one_open_alert", alerts.c.fingerprint, unique=True, sqlite_where=_ALIVE, postgresql_where=_ALIVE)
Index("alerts_open", alerts.c.state, alerts.c.priority, alerts.c.started_at)
Index("alerts_of_dataset", alerts.c.dataset, alerts.c.started_at)
Index("alerts_newest", alerts.c.started_at)
Index("alerts_of_fingerprint", alerts.c.fingerprint, alerts.c.started_at)
Index("alerts_open_of_dataset", alerts.c.dataset, sqlite_where=_ALIVE, postgresql_where=_ALIVE)

alert_marks = Table(
    "alert_marks",
    metadata,
    Column("run_id", String(36), primary_key=True),
    Column("judged_wall", Instant, nullable=False),
)

silences = Table(
    "silences",
    metadata,
    Column("silence_id", _NUMBER, primary_key=True),
    Column("matchers", Text, nullable=False),
    Column("starts", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("actor", PlainText, nullable=False),
    Column("reason", PlainText, nullable=False),
    Column("created_wall", Instant, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    Column("receiver", PlainText, primary_key=True),
    Column("group_key", String(64), primary_key=True),
    Column("labels", Text, nullable=False),
    Column("due_at", Instant),
    Column("notified_at", Instant),
    Column("sequence", Integer, nullable=False),
    Column("told", Text, nullable=False),
)
Index("notifications_due", notifications.c.due_at)

inbox = Table(
    "inbox",
    metadata,
    Column("message_id", PlainText, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("receiver", PlainText, nullable=False),
    Column("priority", String(2), nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("document", Text, nullable=False),
)
Index("inbox_newest", inbox.c.at)

slots = Table(
    "slots",
    metadata,
    Column("job", PlainText, primary_key=True),
    Column("slot", Instant, primary_key=True),
    Column("state", String(20), nullable=False),
    Column("holder", PlainText, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("until_wall", Instant, nullable=False),
    Column("started_wall", Instant, nullable=False),
    Column("ended_wall", Instant),
    Column("error", PlainText),
)
_RUNNING = text("state = 'running'")
Index("slots_running", slots.c.job, sqlite_where=_RUNNING, postgresql_where=_RUNNING)

credentials = Table(
    "credentials",
    metadata,
    Column("secret_sha256", String(64), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("subject", PlainText, nullable=False),
    Column("created_wall", Instant, nullable=False),
    Column("seen_wall", Instant, nullable=False),
    Column("expires_wall", Instant, nullable=False),
    Column("ended_wall", Instant),
)
