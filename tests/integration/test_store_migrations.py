"""The schema that migrations make is the one the code expects."""

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from tests.integration.store_world import a_request, accept

from ringback.model.status import Status
from ringback.store import tables
from ringback.store.backend.schema import migrate
from ringback.store.database import Database
from ringback.store.errors import StoreUnavailableError


async def test_migrations_make_the_tables_of_the_code(database: Database) -> None:
    def compare(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, tables.metadata))

    assert await database.writer.run(compare) == []


async def test_check_constraints_are_those_of_the_code(database: Database) -> None:
    def names(connection: Any) -> dict[str, set[str]]:
        found = inspect(connection)
        return {name: {one["name"] for one in found.get_check_constraints(name)} for name in tables.metadata.tables}

    expected = {
        name: {str(one.name) for one in table.constraints if type(one).__name__ == "CheckConstraint"}
        for name, table in tables.metadata.tables.items()
    }
    assert await database.writer.run(names) == expected


async def test_every_status_and_no_other_is_allowed(database: Database) -> None:
    calls = [a_request() for _ in Status]
    await database.writer.durable(accept(*calls))

    for call, status in zip(calls, Status, strict=True):
        end = tables.call.update().where(tables.call.c.id == call.id)
        end = end.values(status=status.value, state="final", record="{}")
        await database.writer.run(lambda connection, end=end: connection.execute(end))

    assert await database.repositories.calls.open_count() == 0


async def test_migrating_again_changes_nothing(database: Database) -> None:
    def work(connection: Any) -> Any:
        migrate(connection)
        return connection.execute(text("SELECT version_num FROM alembic_version")).all()

    assert await database.writer.run(work) == [("0002",)]


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nonexistent/folder/x.db", "postgresql://nobody:secret-pw@127.0.0.1:1/none"],
)
async def test_database_that_cannot_be_opened_is_explained_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be opened") as caught:
        await Database.open(url, key_file=tmp_path / "key")

    assert "secret-pw" not in str(caught.value)
