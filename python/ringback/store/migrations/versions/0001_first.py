"""The first schema, and the triggers that keep what is final final."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_STATUSES = (
    "NOANSWER ANSWER FLOW_ANSWER FAILED BUSY REJECTED NOROUTE BUSY_CHANNEL1 BUSY_CHANNEL2 FAILED_CHANNEL1 "
    "FAILED_CHANNEL2 NOANSWER_CHANNEL1 NOANSWER_CHANNEL2 MAXUSE FLOW_UNASSIGNED FLOW_PAUSED "
    "FLOW_NOT_PUBLISHED FLOW_UNREACHABLE QUEUE_TIMEOUT OBD_TIMEOUT CANCEL BRIDGE_UNAVAILABLE MISS_CALL "
    "NO_INCOMING_CLI INCOMING_DISCONNECTED RING_TIMEOUT FLOW_EXECUTED OUTGOING_RESTRICTED "
)

_ONE_OF_28 = "status IS NULL OR status IN (" + ", ".join(f"'{status}'" for status in _STATUSES.split()) + ")"

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER call_is_final BEFORE UPDATE OF status, state, channels, reason, record, ended_at ON "call"
       WHEN OLD.status IS NOT NULL
       BEGIN SELECT RAISE(ABORT, 'the call is final: its status is written once'); END""",
    """CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal
       BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
)

_POSTGRES_TRIGGERS = (
    """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER call_is_final BEFORE UPDATE OF status, state, channels, reason, record, ended_at ON "call"
       FOR EACH ROW WHEN (OLD.status IS NOT NULL)
       EXECUTE FUNCTION refuse_change('the call is final: its status is written once')""",
    """CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal
       FOR EACH ROW EXECUTE FUNCTION refuse_change('the journal is append-only')""",
)


def upgrade() -> None:
    """Bring the schema up."""
    _calls()
    _evidence()
    _webhooks()
    _accounts()
    _routing()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in _SQLITE_TRIGGERS if is_sqlite else _POSTGRES_TRIGGERS:
        op.execute(trigger)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _calls() -> None:
    """Calls and their journals."""
    op.create_table(
        "call",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("from_number", sa.Text(), nullable=False),
        sa.Column("to_number", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("record", sa.Text(), nullable=True),
        sa.Column("node", sa.Text(), nullable=False),
        sa.CheckConstraint("(status IS NULL) = (state <> 'final')", name=op.f("ck_call_final_with_status")),
        sa.CheckConstraint(_ONE_OF_28, name=op.f("ck_call_one_of_28")),
        sa.CheckConstraint("(status IS NULL) = (record IS NULL)", name=op.f("ck_call_record_with_status")),
        sa.CheckConstraint(
            "channels >= 0 AND (status IS NULL OR channels = 0)", name=op.f("ck_call_channels_released")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_account_accepted", "call", ["account", "accepted_at", "id"])
    _partial("ix_call_due", "call", ["due_at"], "state = 'scheduled'")
    _partial("ix_call_open", "call", ["state", "id"], "status IS NULL")
    _partial("ix_call_parent", "call", ["parent_id"], "parent_id IS NOT NULL")
    op.create_table(
        "journal",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "seq", name="pk_journal"),
        sqlite_with_rowid=False,
    )


def _evidence() -> None:
    """Legs, SIP traces and decision tables; answers that are remembered."""
    op.create_table(
        "leg",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("leg", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("trunk", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("sip_code", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("call_id", "leg", name="pk_leg"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_leg_account_started", "leg", ["account", "started_at"])
    op.create_table(
        "sip_trace",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sip_trace"),
    )
    op.create_index("ix_sip_trace_at", "sip_trace", ["at"])
    op.create_index("ix_sip_trace_call", "sip_trace", ["call_id", "at"])
    op.create_table(
        "decision_tables",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("tables", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_decision_tables"),
    )
    op.create_table(
        "idempotency",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name="pk_idempotency"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])


def _webhooks() -> None:
    """The outbox, its tries, and endpoints that said 410."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("give_up_at", sa.BigInteger(), nullable=False),
        sa.Column("is_replay", sa.Boolean(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name=op.f("ck_outbox_state")),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_account", "outbox", ["account", "id"])
    op.create_index("ix_outbox_call", "outbox", ["call_id", "sequence"])
    _partial("ix_outbox_due", "outbox", ["next_at", "id"], "state = 'waiting'")
    op.create_table(
        "delivery_attempt",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "attempt", name="pk_delivery_attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stopped_endpoint",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "endpoint", name="pk_stopped_endpoint"),
    )


def _accounts() -> None:
    """Accounts and what they own besides flows."""
    op.create_table(
        "account",
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sid", name="pk_account"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("hash", name="uq_api_key_hash"),
    )
    op.create_index("ix_api_key_account", "api_key", ["account", "id"])
    op.create_table(
        "number",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_number"),
        sa.UniqueConstraint("number", name="uq_number_number"),
    )
    op.create_index("ix_number_account", "number", ["account", "id"])
    _partial("ix_number_flow", "number", ["flow_id"], "flow_id IS NOT NULL")
    op.create_table(
        "blocked_number",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", "number", name="pk_blocked_number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sound",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sound"),
    )
    op.create_index("ix_sound_account", "sound", ["account", "name"])


def _routing() -> None:
    """Trunks, routes and flows."""
    op.create_table(
        "trunk",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("engine_id", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("sealed_password", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_trunk"),
        sa.UniqueConstraint("engine_id", name="uq_trunk_engine_id"),
    )
    op.create_table(
        "route",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_route"),
    )
    op.create_table(
        "flow",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("flow_state", sa.Text(), nullable=False),
        sa.Column("draft", sa.Text(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=True),
        sa.Column("versions", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("flow_state IN ('Draft', 'Published', 'Paused')", name=op.f("ck_flow_flow_state")),
        sa.PrimaryKeyConstraint("id", name="pk_flow"),
    )
    op.create_index("ix_flow_account", "flow", ["account", "id"])
    op.create_table(
        "flow_version",
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("flow_id", "version", name="pk_flow_version"),
    )
