"""The first tables: runs, what they measured, kept rows, dead letters, leases, outbox and the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.String(27)
_RUN = sa.String(36)
_REFUSAL = "the audit log is append-only"


def upgrade() -> None:
    """Make every table of an empty store."""
    op.create_table(
        "datasets",
        sa.Column("dataset_id", _NUMBER, primary_key=True),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("namespace", "name", name="one_dataset"),
    )
    _runs()
    _measurements()
    _kept()
    _dead_letters()
    _delivery()
    _audit_log()


def _dataset(*, key: bool = False) -> sa.Column[int]:
    return sa.Column("dataset_id", _NUMBER, sa.ForeignKey("datasets.dataset_id"), primary_key=key, nullable=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", _RUN, primary_key=True),
        _dataset(),
        sa.Column("pipeline", sa.Text()),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("clock", _MOMENT, nullable=False),
        sa.Column("snapshot_id", sa.BigInteger()),
        sa.Column("offered", sa.BigInteger()),
        sa.Column("passed", sa.BigInteger()),
        sa.Column("superseded", sa.BigInteger()),
        sa.Column("quarantined", sa.BigInteger()),
        sa.Column("waiting", sa.BigInteger()),
        sa.Column("dead_lettered", sa.BigInteger()),
        sa.Column("duplicates", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.Column("details", sa.Text()),
        sa.Column("bytes_read", sa.BigInteger()),
        sa.Column("bytes_written", sa.BigInteger()),
        sa.Column("seconds", sa.Float()),
        sa.Column("started_wall", _MOMENT, nullable=False),
        sa.Column("ended_wall", _MOMENT),
    )
    under_way = sa.text("state IN ('planned', 'screened', 'written', 'audited')")
    op.create_index("one_open_run", "runs", ["dataset_id"], unique=True, sqlite_where=under_way, postgresql_where=under_way)
    op.create_index("runs_of_dataset", "runs", ["dataset_id", "state", "clock"])
    op.create_index("runs_newest", "runs", ["started_wall"])
    op.create_table(
        "run_inputs",
        sa.Column("run_id", _RUN, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("ordinal", sa.Integer(), primary_key=True),
        _dataset(),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("after_id", sa.BigInteger()),
        sa.Column("upto_id", sa.BigInteger()),
        sa.Column("sha256", sa.String(64)),
    )
    op.create_index("run_inputs_by_name", "run_inputs", ["dataset_id", "role", "name"])


def _measurements() -> None:
    op.create_table(
        "measurements",
        sa.Column("measurement_id", _NUMBER, primary_key=True),
        sa.Column("run_id", _RUN, sa.ForeignKey("runs.run_id", ondelete="CASCADE")),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        _dataset(),
        sa.Column("snapshot_id", sa.BigInteger()),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("check_id", sa.Text(), nullable=False),
        sa.Column("check_sha256", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("segment", sa.Text()),
        sa.Column("field", sa.Text()),
        sa.Column("dimension", sa.String(40)),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("rows_total", sa.BigInteger()),
        sa.Column("rows_failed", sa.BigInteger()),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("threshold", sa.Text(), nullable=False),
        sa.Column("evidence", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("one_measurement", "measurements", ["run_id", "ordinal"], unique=True)
    op.create_index("measurements_of_check", "measurements", ["dataset_id", "check_id", "at"])


def _kept() -> None:
    op.create_table(
        "kept_files",
        sa.Column("file_id", _NUMBER, primary_key=True),
        _dataset(),
        sa.Column("run_id", _RUN),
        sa.Column("path", sa.Text(), nullable=False, unique=True),
        sa.Column("created_wall", _MOMENT, nullable=False),
    )
    op.create_index("kept_files_of_run", "kept_files", ["run_id"])
    op.create_index("kept_files_of_dataset", "kept_files", ["dataset_id"])
    op.create_table(
        "kept_rows",
        _dataset(key=True),
        sa.Column("row_id", sa.String(64), primary_key=True),
        sa.Column("run_id", _RUN, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_digest", sa.String(32), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("staged_wall", _MOMENT, nullable=False),
        sa.Column("closed_by", _RUN),
        sa.Column("file_id", _NUMBER, sa.ForeignKey("kept_files.file_id")),
        sa.Column("file_row", sa.Integer(), nullable=False),
    )
    op.create_index("kept_rows_of_run", "kept_rows", ["run_id", "status"])
    op.create_index("kept_rows_open", "kept_rows", ["dataset_id", "status", "kind"])
    op.create_index("kept_rows_by_key", "kept_rows", ["dataset_id", "key_digest"])
    op.create_index("kept_rows_of_file", "kept_rows", ["file_id"])


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        _dataset(key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("position", sa.Text(), primary_key=True),
        sa.Column("run_id", _RUN, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
        sa.Column("closed_by", _RUN),
        sa.Column("file_id", _NUMBER, sa.ForeignKey("kept_files.file_id")),
        sa.Column("file_row", sa.Integer(), nullable=False),
    )
    op.create_index("dead_letters_of_run", "dead_letters", ["run_id", "status"])
    op.create_index("dead_letters_open", "dead_letters", ["dataset_id", "status"])
    op.create_index("dead_letters_of_file", "dead_letters", ["file_id"])


def _delivery() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("until_wall", _MOMENT, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("queue_id", _NUMBER, primary_key=True),
        sa.Column("message_id", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_wall", _MOMENT, nullable=False),
        sa.Column("due_wall", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_wall", _MOMENT),
        sa.Column("last_error", sa.Text()),
    )
    waiting = sa.text("sent_wall IS NULL")
    op.create_index("outbox_waiting", "outbox", ["due_wall"], sqlite_where=waiting, postgresql_where=waiting)


def _audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("audit_id", _NUMBER, primary_key=True),
        sa.Column("at_wall", _MOMENT, nullable=False),
        sa.Column("clock", _MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("entry_key", sa.String(64), unique=True),
    )
    op.create_index("audit_log_of_subject", "audit_log", ["subject"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log "
            "FOR EACH ROW EXECUTE FUNCTION audit_log_refuse()"
        )
        op.execute(
            "CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_log_no_{verb.lower()} BEFORE {verb} ON audit_log "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
    # INSERT OR REPLACE deletes without asking the trigger above: see "recursive_triggers" of SQLite's CREATE TRIGGER page
    op.execute(
        "CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log "
        "WHEN EXISTS (SELECT 1 FROM audit_log WHERE audit_id = NEW.audit_id) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )
    op.execute(
        "CREATE TRIGGER audit_log_once BEFORE INSERT ON audit_log "
        "WHEN EXISTS (SELECT 1 FROM audit_log WHERE entry_key = NEW.entry_key) "
        "BEGIN SELECT RAISE(IGNORE); END"
    )
