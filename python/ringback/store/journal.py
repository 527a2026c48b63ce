"""The journal writer: the one thread that writes. See `JournalWriter`."""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from ringback.store.writes import Write, Written

T = TypeVar("T")


class WriterHealth(Struct, frozen=True, kw_only=True):
    """Whether new calls may be taken.

    Attributes:
        is_ready: Commits work and the queue is short.
        problem: For people, "" when ready.
        waiting: Writes not committed yet.
        committed: Writes committed since the start.
        refused: Writes the database refused for good since the start; each was also logged.
    """

    is_ready: bool
    problem: str
    waiting: int
    committed: int
    refused: int


class JournalWriter:
    """Write in groups, in order, from one thread. Made by `Database.open`; its methods are called from the loop only."""

    def submit(self, write: Write) -> None:
        """Write behind: in order, never dropped; a refusal is counted and told to `on_refused`.

        Raises:
            StoreClosedError: The writer was stopped.
            TypeError: Something in an entry's data cannot be JSON.
        """
        raise NotImplementedError

    async def durable(self, write: Write) -> Written:
        """Write, and return when it is committed to disk.

        Cancelling the wait does not withdraw the write. While commits fail, `AcceptCalls` is refused at once and everything
        else waits until they work again.

        Raises:
            StoreUnavailableError: An `AcceptCalls` while the database cannot commit or is too far behind.
            WriteRefusedError: The database refused this write: final already, entry written twice, unknown call.
            StoreClosedError: The writer was stopped.
        """
        raise NotImplementedError

    async def run(self, work: Callable[[Any], T]) -> T:
        """Run `work(connection)` (SQLAlchemy Core, synchronous) in the writer's thread, in a transaction of its own.

        For everything that is not about calls: accounts, flows, numbers ... Exceptions come back to the caller and undo it.
        """
        raise NotImplementedError

    def health(self) -> WriterHealth:
        """Tell whether commits work; cheap, for every request."""
        raise NotImplementedError

    def on_outbox(self, listener: Callable[[], None]) -> None:
        """Call `listener` in the loop after each commit that added webhook rows."""
        raise NotImplementedError

    def on_refused(self, listener: Callable[[Write, Exception], None]) -> None:
        """Call `listener` in the loop for each `submit`ted write that the database refused for good."""
        raise NotImplementedError
