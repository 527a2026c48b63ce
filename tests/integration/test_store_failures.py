"""What is left when the disk is full, the process is killed or the server goes away."""

import asyncio
import contextlib
import select
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from tests.integration.store_world import OURS, Postgres, a_postgres, a_record, a_request, accept, an_entry, finish

from ringback.store.backend.postgres import PostgresDialect
from ringback.store.backend.schema import migrate
from ringback.store.backend.session import Session
from ringback.store.backend.sqlite import SqliteDialect
from ringback.store.database import Database
from ringback.store.errors import StoreUnavailableError
from ringback.store.journal import JournalWriter
from ringback.store.writes import Append, IdempotencyRecord


class SmallDisk(SqliteDialect):
    """SQLite with a bound on the size of its file: beyond it, SQLITE_FULL as on a full disk."""

    def __init__(self, file: Path, pages: int) -> None:
        super().__init__(file, (f"max_page_count = {pages}",))
        self._opened: list[Any] = []

    def connect(self) -> Connection:
        """Open the connection and remember it."""
        connection = super().connect()
        self._opened.append(connection.connection.driver_connection)
        return connection

    def free_space(self) -> None:
        """Take the bound away."""
        for connection in self._opened:
            connection.execute("PRAGMA max_page_count = 1000000")


@pytest.fixture
async def full_disk(tmp_path: Path) -> AsyncIterator[tuple[JournalWriter, SmallDisk, Path]]:
    """A writer whose file has room for hardly anything."""
    file = tmp_path / "small.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        migrate(connection)
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    engine.dispose()
    disk = SmallDisk(file, pages + 40)
    writer = JournalWriter(disk, node="n")
    writer.start()
    yield writer, disk, file
    await writer.stop(grace_s=0.2)


async def until(holds: Callable[[], object]) -> None:
    """Let the loop run until something holds."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  the writer's health is a figure, it tells nobody when it changes
            await asyncio.sleep(0.002)


async def test_full_disk_refuses_new_calls_and_loses_nothing_of_running_ones(
    full_disk: tuple[JournalWriter, SmallDisk, Path], tmp_path: Path
) -> None:
    writer, disk, file = full_disk
    call, filler = a_request(), a_request()
    await writer.durable(accept(call, filler))
    writer.submit(Append(call_id=filler.id, entries=(an_entry(filler, 2, text="x" * 400_000),)))
    await until(lambda: not writer.health().is_ready)

    with pytest.raises(StoreUnavailableError, match="full"):
        await writer.durable(accept(a_request()))
    end = asyncio.ensure_future(writer.durable(finish(call)))
    await until(lambda: writer.health().waiting == 2)
    assert not end.done()
    disk.free_space()
    await asyncio.wait_for(end, 10)

    assert writer.health().is_ready
    await writer.durable(accept(a_request()))
    await writer.stop()
    opened = await Database.open(f"sqlite:///{file}", key_file=tmp_path / "key")
    row = await opened.repositories.calls.get(OURS, call.id)
    assert row is not None
    assert row.record == a_record(call)
    assert len(await opened.repositories.calls.entries(OURS, filler.id)) == 2
    await opened.close()


async def test_new_call_that_meets_the_full_disk_first_is_refused_and_not_written(
    full_disk: tuple[JournalWriter, SmallDisk, Path],
) -> None:
    writer, disk, _ = full_disk
    big = a_request(custom="x" * 400_000)

    with pytest.raises(StoreUnavailableError, match="full"):
        await writer.durable(accept(big))
    disk.free_space()
    await until(lambda: writer.health().is_ready)

    await writer.durable(accept(big))  # were it there already, this would be refused


async def test_stop_on_a_full_disk_ends_and_says_what_is_lost(
    full_disk: tuple[JournalWriter, SmallDisk, Path],
) -> None:
    writer, _, _ = full_disk
    call = a_request()
    await writer.durable(accept(call))
    writer.submit(Append(call_id=call.id, entries=(an_entry(call, 2, text="x" * 400_000),)))
    waiting = asyncio.ensure_future(writer.durable(finish(call)))
    await until(lambda: not writer.health().is_ready)

    assert await writer.stop(grace_s=0.2) == 2

    with pytest.raises(StoreUnavailableError):
        await waiting


_WRITES_UNTIL_KILLED = """
import asyncio, sys
from pathlib import Path
from tests.integration.store_world import a_request, accept, an_entry, finish
from ringback.store.database import Database
from ringback.store.writes import Append

async def one(database):
    while True:
        call = a_request()
        await database.writer.durable(accept(call))
        print("accepted", call.id, flush=True)
        database.writer.submit(Append(call_id=call.id, state="dialing"))
        await database.writer.durable(finish(call))
        print("final", call.id, flush=True)

async def main():
    database = await Database.open(sys.argv[1], key_file=Path(sys.argv[2]))
    await asyncio.gather(*(one(database) for _ in range(20)))

asyncio.run(main())
"""


async def test_kill_loses_nothing_that_was_acknowledged(database_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WRITES_UNTIL_KILLED, database_url, str(tmp_path / "key")]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert child.stdout is not None
    said = [await child.stdout.readline() for _ in range(300)]

    child.kill()
    said += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()

    said_by_word: dict[str, set[str]] = {"accepted": set(), "final": set()}
    for line in said:
        if line.endswith(b"\n"):
            word, call_id = line.decode().split()
            said_by_word[word].add(call_id)
    opened = await Database.open(database_url, key_file=tmp_path / "key")
    found = {audited.request.id: audited async for audited in opened.repositories.audit.calls()}
    assert len(said_by_word["final"]) > 50
    assert said_by_word["accepted"] <= set(found)
    assert said_by_word["final"] <= {call_id for call_id, audited in found.items() if audited.record is not None}
    for audited in found.values():  # a call is final with all of its last entries, or not at all
        kinds = [entry.kind for entry in audited.entries]
        assert kinds == (["accepted", "final"] if audited.record else ["accepted"])
    await opened.close()


async def test_writer_goes_on_when_postgres_was_restarted(tmp_path: Path) -> None:
    with a_postgres() as server:
        opened = await Database.open(server.new_database(), key_file=tmp_path / "key")
        call = a_request()
        await opened.writer.durable(accept(call))

        await asyncio.to_thread(server.stop)
        end = asyncio.ensure_future(opened.writer.durable(finish(call)))
        await until(lambda: not opened.writer.health().is_ready)
        with pytest.raises(StoreUnavailableError):
            await opened.writer.durable(accept(a_request()))
        with pytest.raises(StoreUnavailableError):
            await opened.repositories.calls.open_count()
        await asyncio.to_thread(server.start)
        await asyncio.wait_for(end, 20)

        row = await opened.repositories.calls.get(OURS, call.id)
        assert row is not None
        assert row.record == a_record(call)
        await opened.close()


class LosesAnswer:
    """Stands between client and server; once told so, it delivers the next COMMIT and loses the answer to it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.loses_next = False
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread; closing alone does not
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for source in readable:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is server:
                        client.sendall(data)
                        continue
                    server.sendall(data)
                    if self.loses_next and b"COMMIT" in data:
                        self.loses_next = False
                        server.recv(65536)  # the server has committed
                        self.lost += 1
                        return


@pytest.fixture
def lossy(postgres: Postgres) -> Iterator[LosesAnswer]:
    """The lossy line to the PostgreSQL server."""
    line = LosesAnswer(postgres.port)
    yield line
    line.close()


async def test_lost_answer_to_commit_is_no_second_write(postgres: Postgres, lossy: LosesAnswer, tmp_path: Path) -> None:
    url = postgres.new_database().replace(f":{postgres.port}/", f":{lossy.port}/")
    opened = await Database.open(url, key_file=tmp_path / "key")
    call, other = a_request(), a_request()
    await opened.writer.durable(accept(call))

    lossy.loses_next = True
    await opened.writer.durable(finish(call))
    assert lossy.lost == 1
    lossy.loses_next = True
    record = IdempotencyRecord(account=OURS, key="k", body_hash="h", answer="{}", created_at=call.accepted_at)
    written = await opened.writer.durable(accept(other, idempotency=record))

    assert lossy.lost == 2
    assert written.existing is None
    assert opened.writer.health().refused == 0
    assert len(await opened.repositories.calls.entries(OURS, call.id)) == 2
    await opened.close()


def test_transaction_that_was_rolled_back_is_not_taken_for_committed(postgres: Postgres) -> None:
    dialect = PostgresDialect(postgres.new_database())
    session: Any = Session(dialect)
    session.begin()
    mark = session._mark
    session.rollback()

    assert not dialect.was_committed(session.connection, mark)
    session.close()
