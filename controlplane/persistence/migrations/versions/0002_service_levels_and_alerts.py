"""Service levels, alerts, scheduled slots, sign-in, and what pages need to be quick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.String(27)
_RUN = sa.String(36)
_ALIVE = sa.text("state <> 'resolved'")
_RUNNING = sa.text("state = 'running'")

_STATES_OF_EARLIER_RUNS = """
WITH ended AS (
  SELECT runs.*, row_number() OVER (PARTITION BY dataset_id ORDER BY clock DESC, started_wall DESC, run_id) AS place
  FROM runs WHERE state IN ('published', 'held', 'failed') AND NOT (state = 'published' AND offered IS NULL)
), published AS (
  SELECT runs.*, row_number() OVER (PARTITION BY dataset_id ORDER BY clock DESC, started_wall DESC, run_id) AS place
  FROM runs WHERE state = 'published' AND offered IS NOT NULL
), judged AS (
  SELECT ended.dataset_id, ended.run_id, row_number() OVER (PARTITION BY dataset_id ORDER BY place) AS place
  FROM ended WHERE EXISTS (SELECT 1 FROM measurements WHERE measurements.run_id = ended.run_id)
)
INSERT INTO dataset_states (dataset_id, run_id, state, clock, reason, published_run_id, published_snapshot_id, published_at,
                            judged_run_id, passed, failed, errored, no_evidence)
SELECT ended.dataset_id, ended.run_id, ended.state, ended.clock, ended.reason,
       published.run_id, published.snapshot_id, published.clock, judged.run_id,
       coalesce(sum(CASE WHEN measurements.outcome = 'passed' THEN 1 END), 0),
       coalesce(sum(CASE WHEN measurements.outcome = 'failed' THEN 1 END), 0),
       coalesce(sum(CASE WHEN measurements.outcome = 'errored' THEN 1 END), 0),
       coalesce(sum(CASE WHEN measurements.outcome = 'no_evidence' THEN 1 END), 0)
FROM ended
LEFT JOIN published ON published.dataset_id = ended.dataset_id AND published.place = 1
LEFT JOIN judged ON judged.dataset_id = ended.dataset_id AND judged.place = 1
LEFT JOIN measurements ON measurements.run_id = judged.run_id
WHERE ended.place = 1
GROUP BY ended.dataset_id, ended.run_id, ended.state, ended.clock, ended.reason,
         published.run_id, published.snapshot_id, published.clock, judged.run_id
"""


def upgrade() -> None:
    """Add the tables; what was there stays as it is."""
    _facts()
    _states()
    _alerts()
    _notifications()
    _scheduling()


def _dataset(*, key: bool = False) -> sa.Column[int]:
    return sa.Column("dataset_id", _NUMBER, sa.ForeignKey("datasets.dataset_id"), primary_key=key, nullable=False)


def _facts() -> None:
    counts = ("offered", "duplicates", "dead_lettered", "waiting", "quarantined", "published", "wrong")
    op.create_table(
        "facts",
        sa.Column("fact_id", _NUMBER, primary_key=True),
        _dataset(),
        sa.Column("run_id", _RUN),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("watermark", _MOMENT),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counts),
    )
    op.create_index("facts_of_dataset", "facts", ["dataset_id", "at"])
    op.create_index("facts_of_run", "facts", ["run_id"])


def _states() -> None:
    op.create_table(
        "objective_states",
        sa.Column("promise", sa.Text(), primary_key=True),
        sa.Column("objective", sa.Text(), primary_key=True),
        sa.Column("dataset", sa.Text(), primary_key=True),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("indicator", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("deadline", _MOMENT),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_index("objective_states_worst", "objective_states", ["rank", "deadline"])
    op.create_index("objective_states_of_dataset", "objective_states", ["dataset"])
    op.create_index("objective_states_by_state", "objective_states", ["state", "at"])
    op.create_table(
        "dataset_states",
        _dataset(key=True),
        sa.Column("run_id", _RUN, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("clock", _MOMENT, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("published_run_id", _RUN),
        sa.Column("published_snapshot_id", sa.BigInteger()),
        sa.Column("published_at", _MOMENT),
        sa.Column("published_rows", sa.BigInteger()),
        sa.Column("judged_run_id", _RUN),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("passed", "failed", "errored", "no_evidence")),
    )
    op.create_index("runs_by_clock", "runs", ["clock", "run_id"])
    op.create_index("runs_by_state", "runs", ["state", "clock", "run_id"])
    op.create_index("runs_of_dataset_by_clock", "runs", ["dataset_id", "clock", "run_id"])
    op.execute(_STATES_OF_EARLIER_RUNS)


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", _NUMBER, primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(30), nullable=False),
        sa.Column("dataset", sa.Text()),
        sa.Column("priority", sa.String(2), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("annotations", sa.Text(), nullable=False),
        sa.Column("priority_reason", sa.Text(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("fired_at", _MOMENT),
        sa.Column("acknowledged_at", _MOMENT),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("resolved_at", _MOMENT),
        sa.Column("resolution", sa.Text()),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("evidence_at", _MOMENT, nullable=False),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("flaps", sa.Integer(), nullable=False),
    )
    op.create_index("one_open_alert", "alerts", ["fingerprint"], unique=True, sqlite_where=_ALIVE, postgresql_where=_ALIVE)
    op.create_index("alerts_open", "alerts", ["state", "priority", "started_at"])
    op.create_index("alerts_of_dataset", "alerts", ["dataset", "started_at"])
    op.create_index("alerts_newest", "alerts", ["started_at"])
    op.create_index("alerts_of_fingerprint", "alerts", ["fingerprint", "started_at"])
    op.create_index("alerts_open_of_dataset", "alerts", ["dataset"], sqlite_where=_ALIVE, postgresql_where=_ALIVE)
    op.create_table(
        "alert_marks",
        sa.Column("run_id", _RUN, primary_key=True),
        sa.Column("judged_wall", _MOMENT, nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("silence_id", _NUMBER, primary_key=True),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("starts", _MOMENT, nullable=False),
        sa.Column("ends", _MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_wall", _MOMENT, nullable=False),
    )


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("receiver", sa.Text(), primary_key=True),
        sa.Column("group_key", sa.String(64), primary_key=True),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("due_at", _MOMENT),
        sa.Column("notified_at", _MOMENT),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
    )
    op.create_index("notifications_due", "notifications", ["due_at"])
    op.create_table(
        "inbox",
        sa.Column("message_id", sa.Text(), primary_key=True),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("priority", sa.String(2), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_index("inbox_newest", "inbox", ["at"])


def _scheduling() -> None:
    op.create_table(
        "slots",
        sa.Column("job", sa.Text(), primary_key=True),
        sa.Column("slot", _MOMENT, primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("until_wall", _MOMENT, nullable=False),
        sa.Column("started_wall", _MOMENT, nullable=False),
        sa.Column("ended_wall", _MOMENT),
        sa.Column("error", sa.Text()),
    )
    op.create_index("slots_running", "slots", ["job"], sqlite_where=_RUNNING, postgresql_where=_RUNNING)
    op.create_index("outbox_sent", "outbox", ["sent_wall"])
    op.create_table(
        "credentials",
        sa.Column("secret_sha256", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_wall", _MOMENT, nullable=False),
        sa.Column("seen_wall", _MOMENT, nullable=False),
        sa.Column("expires_wall", _MOMENT, nullable=False),
        sa.Column("ended_wall", _MOMENT),
    )
