"""The writer's connection: transactions by hand, statements of many rows, and one judgement of errors.

Lives in the writer's thread. What differs between the databases is in a `Dialect`.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import structs
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError

from ringback.store.backend.statements import MUST_MATCH, Op, Row, chunks, parameters, sql
from ringback.store.errors import WriteRefusedError
from ringback.store.tables import idempotency
from ringback.store.writes import IDEMPOTENCY_KEPT, IdempotencyRecord

T = TypeVar("T")


class Dialect(Protocol):
    """What differs between the databases."""

    placeholder: str
    begin: str
    smallest_write: str

    def connect(self) -> Connection:
        """Open the one connection, in autocommit mode: the session says BEGIN and COMMIT itself."""

    def is_temporary(self, error: BaseException) -> bool:
        """Tell whether trying again later can help: disk full, connection lost, locked."""

    def mark(self, connection: Connection) -> object:
        """Return what identifies the open transaction, None where a failed COMMIT leaves no doubt."""

    def was_committed(self, connection: Connection, mark: object) -> bool:
        """Tell, on a new connection, whether that transaction was committed."""


class Session:
    """One connection with transactions by hand. Any error leaves it usable after `rollback`."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._connection: Connection | None = None
        self._mark: object = None
        self._commit_in_doubt = False

    @property
    def connection(self) -> Connection:
        """The SQLAlchemy connection, opened when first needed."""
        if self._connection is None:
            self._connection = self._dialect.connect()
        return self._connection

    @property
    def commit_is_in_doubt(self) -> bool:
        """Whether the last COMMIT failed in a way that leaves open whether it took effect."""
        return self._commit_in_doubt

    def begin(self) -> None:
        """Begin a transaction."""
        self._execute(self._dialect.begin)
        self._mark = self._dialect.mark(self.connection)

    def commit(self) -> None:
        """Commit. When this fails on a network connection, `was_committed` tells what came of it."""
        self._commit_in_doubt = self._mark is not None
        self._execute("COMMIT")
        self._commit_in_doubt = False

    def probe(self) -> None:
        """Commit next to nothing, to see whether commits work."""
        self.begin()
        self._execute(self._dialect.smallest_write)
        self.commit()

    def rollback(self) -> None:
        """Undo the transaction, if one is open; without a working connection take a new one next time."""
        if self._connection is None:
            return
        try:
            if self._is_broken():
                self.close()
            elif self._in_transaction():
                self._execute("ROLLBACK")
        except Exception:  # noqa: BLE001  whatever is wrong with it, this connection is done for
            self.close()

    def was_committed(self) -> bool:
        """Tell whether the transaction whose COMMIT failed took effect all the same; False when that cannot be."""
        if not self._commit_in_doubt:
            return False
        took_effect = self._dialect.was_committed(self.connection, self._mark)
        self._commit_in_doubt = False
        return took_effect

    def try_alone(self, work: Callable[[], T]) -> T:
        """Run `work` under a savepoint: if it raises, only its own writes are undone."""
        self._execute("SAVEPOINT one")
        try:
            result = work()
        except BaseException as error:
            if not self.is_temporary(error):
                self._execute("ROLLBACK TO SAVEPOINT one")
                self._execute("RELEASE SAVEPOINT one")
            raise
        self._execute("RELEASE SAVEPOINT one")
        return result

    def write(self, op: Op, rows: Sequence[Row]) -> None:
        """Write rows of one operation.

        Raises:
            WriteRefusedError: An update did not find its call, or found it final.
        """
        for piece in chunks(rows):
            padded, values = parameters(op, piece)
            found = self._execute(sql(op, padded, self._dialect.placeholder), values)
            if op in MUST_MATCH and found != len(piece):
                raise WriteRefusedError(f"{op.name.lower()} of an unknown or final call (one of {len(piece)})")

    def claim(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        """Keep an answer under its key; if the key is in use, change nothing and return what is kept there."""
        return claim_key(self.connection, record)

    def is_temporary(self, error: BaseException) -> bool:
        """Tell whether trying again later can help."""
        if isinstance(error, DBAPIError) and error.orig is not None:
            error = error.orig
        return self._dialect.is_temporary(error)

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()

    def _driver(self) -> Any:
        return self.connection.connection.driver_connection

    def _is_broken(self) -> bool:
        return bool(getattr(self._driver(), "closed", False))

    def _in_transaction(self) -> bool:
        driver = self._driver()
        if self._dialect.placeholder == "?":
            return bool(driver.in_transaction)
        return bool(driver.info.transaction_status != 0)

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        cursor = self._driver().cursor()
        try:
            cursor.execute(statement, values)
            return int(cursor.rowcount)
        finally:
            cursor.close()


def claim_key(connection: Connection, record: IdempotencyRecord) -> IdempotencyRecord | None:
    """Keep an answer under its key; if the key is in use (for 24 h), change nothing and return what is kept there."""
    insert = sqlite_insert if connection.dialect.name == "sqlite" else postgres_insert
    statement = insert(idempotency).values(structs.asdict(record))
    statement = statement.on_conflict_do_update(
        index_elements=["account", "key"],
        set_={name: statement.excluded[name] for name in ("body_hash", "answer", "created_at")},
        where=idempotency.c.created_at <= record.created_at - IDEMPOTENCY_KEPT,
    )
    if connection.execute(statement.returning(idempotency.c.key)).one_or_none() is not None:
        return None
    kept = select(idempotency).where(idempotency.c.account == record.account, idempotency.c.key == record.key)
    return IdempotencyRecord(**connection.execute(kept).one()._mapping)  # noqa: SLF001  SQLAlchemy's public name
