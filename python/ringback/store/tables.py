"""The tables. What each column means that its name does not say stands here; migrations make them (`migrations/`).

Money and media are elsewhere: recordings and sounds are files. Ids sort by time, so that `id` orders lists. Documents
(requests, records, journal data) are JSON text: they are read whole, and come back byte for byte.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from ringback.model.status import Status
from ringback.store.backend.columns import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_STATUSES = ", ".join(f"'{status}'" for status in Status)


def _required(name: str, column_type: Any) -> Column[Any]:
    return Column(name, column_type, nullable=False)


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


# The projection of the journal: what a call asked for, where it stands, how it ended. A trigger refuses changes of a
# final row.
call = Table(
    "call",
    metadata,
    Column("id", Text, primary_key=True),
    _required("account", Text),
    _required("kind", Text),
    _required("attempt", Integer),
    Column("parent_id", Text),
    _required("from_number", Text),
    _required("to_number", Text),
    _required("bridge", Text),
    _required("state", Text),
    _required("channels", Integer),  # occupied now; 0 once final
    Column("due_at", UtcTime),  # when the schedule looks at it
    _required("accepted_at", UtcTime),
    _required("request", Text),
    Column("status", Text),
    Column("reason", Text),
    Column("ended_at", UtcTime),
    Column("record", Text),
    _required("node", Text),
    CheckConstraint(f"status IS NULL OR status IN ({_STATUSES})", name="one_of_28"),
    CheckConstraint("(status IS NULL) = (record IS NULL)", name="record_with_status"),
    CheckConstraint("(status IS NULL) = (state <> 'final')", name="final_with_status"),
    CheckConstraint("channels >= 0 AND (status IS NULL OR channels = 0)", name="channels_released"),
    Index("ix_call_account_accepted", "account", "accepted_at", "id"),
    _partial("ix_call_due", "due_at", where="state = 'scheduled'"),
    _partial("ix_call_open", "state", "id", where="status IS NULL"),
    _partial("ix_call_parent", "parent_id", where="parent_id IS NOT NULL"),
)

# Append-only: a trigger refuses changes.
journal = Table(
    "journal",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _required("at", UtcTime),
    _required("node", Text),
    _required("kind", Text),
    _required("data", Text),
    sqlite_with_rowid=False,
)

# One row for each leg of a final call: thin, for reports by trunk. Everything else about legs is in the record.
leg = Table(
    "leg",
    metadata,
    Column("call_id", Text, primary_key=True),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    _required("account", Text),
    Column("trunk", Text),
    Column("result", Text),
    Column("started_at", UtcTime),
    Column("answered_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("sip_code", Integer),
    Index("ix_leg_account_started", "account", "started_at"),
    sqlite_with_rowid=False,
)

# Webhooks. `state`: waiting, delivered, dead. `next_at` is set while waiting. `origin` is scheme, host and port of
# the URL. A replayed one keeps no order with the other events of its call.
outbox = Table(
    "outbox",
    metadata,
    Column("id", Text, primary_key=True),
    _required("call_id", Text),
    _required("account", Text),
    _required("sequence", Integer),
    _required("event", Text),
    _required("endpoint", Text),
    _required("method", Text),
    _required("url", Text),
    _required("origin", Text),
    _required("payload", Text),
    _required("state", Text),
    _required("attempts", Integer),
    Column("next_at", UtcTime),
    _required("give_up_at", UtcTime),
    _required("is_replay", Boolean),
    _required("last_error", Text),
    _required("created_at", UtcTime),
    Column("delivered_at", UtcTime),
    CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name="state"),
    Index("ix_outbox_call", "call_id", "sequence"),
    Index("ix_outbox_account", "account", "id"),
    _partial("ix_outbox_due", "next_at", "id", where="state = 'waiting'"),
)

delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    _required("at", UtcTime),
    Column("status_code", Integer),
    _required("error", Text),
    _required("duration_ms", Integer),
    sqlite_with_rowid=False,
)

stopped_endpoint = Table(
    "stopped_endpoint",
    metadata,
    Column("account", Text, primary_key=True),
    Column("endpoint", Text, primary_key=True),
    _required("stopped_at", UtcTime),
)

sip_trace = Table(
    "sip_trace",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    _required("call_id", Text),
    _required("account", Text),
    _required("at", UtcTime),
    _required("leg", Integer),
    _required("outgoing", Boolean),
    _required("peer", Text),
    _required("text", Text),
    Index("ix_sip_trace_call", "call_id", "at"),
    Index("ix_sip_trace_at", "at"),
)

decision_tables = Table(
    "decision_tables",
    metadata,
    Column("hash", Text, primary_key=True),
    _required("tables", Text),
    _required("created_at", UtcTime),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _required("body_hash", Text),
    _required("answer", Text),
    _required("created_at", UtcTime),
    Index("ix_idempotency_created_at", "created_at"),
    sqlite_with_rowid=False,
)

account = Table(
    "account",
    metadata,
    Column("sid", Text, primary_key=True),
    _required("data", Text),
    _required("sealed_secret", Text),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    _required("account", Text),
    _required("hash", Text),  # SHA-256 of the secret, hex
    _required("data", Text),
    _required("created_at", UtcTime),
    Column("revoked_at", UtcTime),
    UniqueConstraint("hash"),
    Index("ix_api_key_account", "account", "id"),
)

number = Table(
    "number",
    metadata,
    Column("id", Text, primary_key=True),
    _required("account", Text),
    _required("number", Text),
    Column("flow_id", Text),
    _required("data", Text),
    UniqueConstraint("number"),
    Index("ix_number_account", "account", "id"),
    _partial("ix_number_flow", "flow_id", where="flow_id IS NOT NULL"),
)

blocked_number = Table(
    "blocked_number",
    metadata,
    Column("account", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    _required("data", Text),
    sqlite_with_rowid=False,
)

trunk = Table(
    "trunk",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text),  # NULL: the operator's
    _required("engine_id", Integer),
    _required("data", Text),
    Column("sealed_password", Text),
    UniqueConstraint("engine_id"),
)
phone = Table(
    "phone",
    metadata,
    Column("id", Text, primary_key=True),
    _required("account", Text),
    _required("engine_id", Integer),
    _required("realm", Text),  # lower case
    _required("username", Text),
    _required("data", Text),
    _required("sealed_hashes", Text),
    UniqueConstraint("engine_id"),
    UniqueConstraint("realm", "username"),
)

route = Table(
    "route",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text),  # NULL: the operator's
    _required("data", Text),
)

flow = Table(
    "flow",
    metadata,
    Column("id", Text, primary_key=True),
    _required("account", Text),
    _required("name", Text),
    _required("flow_state", Text),
    _required("draft", Text),
    Column("published_version", Integer),
    _required("versions", Integer),
    _required("created_at", UtcTime),
    _required("updated_at", UtcTime),
    CheckConstraint("flow_state IN ('Draft', 'Published', 'Paused')", name="flow_state"),
    Index("ix_flow_account", "account", "id"),
)

# Kept when the flow is deleted: old calls refer to it.
flow_version = Table(
    "flow_version",
    metadata,
    Column("flow_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _required("account", Text),
    _required("document", Text),
    _required("digest", Text),
    _required("published_at", UtcTime),
)

sound = Table(
    "sound",
    metadata,
    Column("id", Text, primary_key=True),
    _required("account", Text),
    _required("name", Text),
    _required("data", Text),
    Index("ix_sound_account", "account", "name"),
)
