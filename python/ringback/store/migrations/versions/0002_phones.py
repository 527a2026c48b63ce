"""Phones that register here."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of phones."""
    op.create_table(
        "phone",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("engine_id", sa.Integer(), nullable=False),
        sa.Column("realm", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("sealed_hashes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_phone"),
        sa.UniqueConstraint("engine_id", name="uq_phone_engine_id"),
        sa.UniqueConstraint("realm", "username", name="uq_phone_realm_username"),
    )
