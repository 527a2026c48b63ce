"""Alembic's entry: `ringback.store.backend.schema` hands in the connection."""

from alembic import context

from ringback.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
