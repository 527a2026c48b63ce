"""The first schema, and the triggers that keep what is final final."""

from alembic import op

from ringback.store.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

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
    metadata.create_all(op.get_bind())
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in _SQLITE_TRIGGERS if is_sqlite else _POSTGRES_TRIGGERS:
        op.execute(trigger)
