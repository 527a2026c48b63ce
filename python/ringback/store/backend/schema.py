"""Brings a database's schema up to date."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

_ONE_AT_A_TIME = 7_264_225
"""PostgreSQL advisory lock: two nodes that start together migrate one after the other."""


def migrate(connection: Connection) -> None:
    """Run the migrations that this database has not seen; without any it takes a few milliseconds."""
    config = Config()
    config.set_main_option("script_location", "ringback.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    command.upgrade(config, "head")
