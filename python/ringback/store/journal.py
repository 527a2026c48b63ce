"""The journal writer: the one thread that writes. See `JournalWriter`."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog
from msgspec import Struct
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from ringback.store.backend.group import Outcome, Work, commit_group
from ringback.store.backend.rows import Prepared, prepare
from ringback.store.backend.session import Dialect, Session
from ringback.store.errors import StoreClosedError, StoreUnavailableError, WriteRefusedError
from ringback.store.writes import AcceptCalls, Write, Written

T = TypeVar("T")

GROUP_S = 0.005
"""Longest a write waits for company. A durable one waits for the commit before it and for `PACE_S`."""

PACE_S = 0.004
"""Shortest time between the beginnings of two groups. A commit costs about the same for one write as for twenty, so
under load a short wait for company saves the writer work; a durable write that comes alone does not wait."""

GROUP_ITEMS = 2_000
"""Most writes in a transaction: bounds how long the next durable one waits."""

MOST_WAITING = 20_000
"""So many writes behind, no new calls are taken: about two seconds of full load. Those of running calls still are."""

_FIRST_RETRY_S = 0.05
_LONGEST_RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class WriterHealth(Struct, frozen=True, kw_only=True):
    """Whether new calls may be taken.

    Attributes:
        is_ready: Commits work and the queue is short.
        problem: For people, "" when ready.
        waiting: Writes not committed yet.
        committed: Writes committed since the start.
        refused: Writes the database refused for good since the start; each was also logged.
        groups: Transactions committed since the start.
    """

    is_ready: bool
    problem: str
    waiting: int
    committed: int
    refused: int
    groups: int


class _Item:
    """A write or work on its way. `future` is None for writes nobody waits for."""

    __slots__ = ("future", "task")

    def __init__(self, task: Prepared | Work, future: asyncio.Future[Any] | None) -> None:
        self.task = task
        self.future = future

    @property
    def can_be_turned_away(self) -> bool:
        """New calls and configuration are told at once that nothing can be written; running calls wait."""
        if self.future is None:
            return False
        return not isinstance(self.task, Prepared) or isinstance(self.task.write, AcceptCalls)


class JournalWriter:
    """Write in groups, in order, from one thread. `Database.open` makes it; its methods are for the loop only."""

    def __init__(self, dialect: Dialect, *, node: str) -> None:
        self._session = Session(dialect)
        self._node = node
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._gives_up = threading.Event()
        self._problem = ""
        self._began_at = 0.0
        self._accepted = self._settled = self._committed = self._refused = self._groups = 0
        self._outbox_listeners: list[Callable[[], None]] = []
        self._refusal_listeners: list[Callable[[Write, Exception], None]] = []

    def start(self) -> None:
        """Start the thread. Called once, in the loop whose tasks write."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="journal-writer", daemon=True)
        self._thread.start()

    async def stop(self, grace_s: float = 30.0) -> int:
        """Commit everything that waits, then end the thread; return how many writes had to be given up.

        While commits fail (disk full) this tries for `grace_s`, says in the log what is lost, and ends.
        """
        if self._thread is None or self._is_closed:
            return 0
        self._is_closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, grace_s)
        self._gives_up.set()
        await asyncio.to_thread(self._thread.join)
        await asyncio.sleep(0)  # let the last group's futures be resolved
        return self._accepted - self._settled

    def submit(self, write: Write) -> None:
        """Write behind: in order, never dropped; a refusal is counted, logged and told to `on_refused`.

        Raises:
            StoreClosedError: The writer was stopped.
            TypeError: Something in an entry's data cannot be JSON.
        """
        self._enqueue(_Item(prepare(write, self._node), None))

    def durable(self, write: Write) -> asyncio.Future[Written]:
        """Write, and return what is done when it is committed to disk.

        A future and no coroutine: each call waits for two of them, and a task more for each would be felt. Cancelling
        it does not withdraw the write. While commits fail, `AcceptCalls` is refused at once and everything else waits
        until they work again.

        The future raises:
            StoreUnavailableError: An `AcceptCalls` while the database cannot commit or is too far behind.
            WriteRefusedError: The database refused this write: final already, entry written twice, unknown call.
            StoreClosedError: The writer was stopped.
        """
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        try:
            self._ask(_Item(prepare(write, self._node), future))
        except Exception as error:  # noqa: BLE001  whoever awaits the future hears of it, as of every other refusal
            future.set_exception(error)
        return future

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work(connection)` (SQLAlchemy Core, synchronous) in the writer's thread, in a transaction.

        For everything that is not about calls: accounts, flows, numbers ... Exceptions come back to the caller and undo
        it. It may run a second time when something else in its group was refused, and must not commit.

        Raises:
            StoreUnavailableError: The database cannot commit at the moment.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._ask(_Item(work, future))
        return await future

    def health(self) -> WriterHealth:
        """Tell whether commits work; cheap, for every request."""
        waiting = self._accepted - self._settled
        problem = self._problem
        if not problem and waiting > MOST_WAITING:
            problem = f"The database is {waiting} writes behind; no new calls are taken until it has caught up."
        return WriterHealth(
            is_ready=not problem,
            problem=problem,
            waiting=waiting,
            committed=self._committed,
            refused=self._refused,
            groups=self._groups,
        )

    def on_outbox(self, listener: Callable[[], None]) -> None:
        """Call `listener` in the loop after each commit that added webhook rows."""
        self._outbox_listeners.append(listener)

    def on_refused(self, listener: Callable[[Write, Exception], None]) -> None:
        """Call `listener` in the loop for each `submit`ted write that the database refused for good."""
        self._refusal_listeners.append(listener)

    def _ask(self, item: _Item) -> None:
        """Enqueue what is awaited, unless it can and must be turned away."""
        if item.can_be_turned_away:
            health = self.health()
            if not health.is_ready:
                raise StoreUnavailableError(health.problem)
        self._enqueue(item)

    def _enqueue(self, item: _Item) -> None:
        if self._is_closed or self._loop is None:
            raise StoreClosedError("The store is closed; nothing more can be written.")
        self._accepted += 1
        self._queue.put(item)

    # From here on: the writer's thread.

    def _run(self) -> None:
        is_last = False
        while not (is_last or self._gives_up.is_set()):
            group, is_last = self._collect()
            if group:
                self._settle(group)
        self._session.close()

    def _collect(self) -> tuple[list[_Item], bool]:
        """Wait for the first write, then for others until one is awaited, the group is full or its time is up."""
        first = self._first()
        if first is None:
            return [], True
        group, is_awaited = [first], first.future is not None
        until = time.monotonic() + GROUP_S
        time.sleep(max(0.0, self._began_at + PACE_S - time.monotonic()))
        while len(group) < GROUP_ITEMS:
            try:
                wait_s = 0.0 if is_awaited else until - time.monotonic()
                item = self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
            is_awaited = is_awaited or item.future is not None
        self._began_at = time.monotonic()
        return group, False

    def _first(self) -> _Item | None:
        """Wait for the first write of a group. After a failure that left nothing to retry, look whether it is over."""
        while self._problem:
            try:
                return self._queue.get(timeout=_LONGEST_RETRY_S)
            except queue.Empty:
                self._probe()
        return self._queue.get()

    def _probe(self) -> None:
        try:
            self._session.probe()
        except Exception:  # noqa: BLE001  whatever it is, it is not over
            self._session.rollback()
        else:
            self._recover()

    def _settle(self, group: list[_Item]) -> None:
        """Commit a group, trying again while that can help, and tell those who wait."""
        retry_s = _FIRST_RETRY_S
        while group:
            try:
                if self._session.was_committed():
                    outcomes: list[Outcome] = [Written()] * len(group)
                else:
                    outcomes = commit_group(self._session, [item.task for item in group])
            except Exception as error:  # noqa: BLE001  the writer must outlive everything
                group = self._stumble(group, error)
                if self._gives_up.wait(retry_s):
                    return self._give_up(group)
                retry_s = min(retry_s * 2, _LONGEST_RETRY_S)
                continue
            self._recover()
            self._groups += 1
            return self._report(group, outcomes)
        return None

    def _stumble(self, group: list[_Item], error: Exception) -> list[_Item]:
        """A commit failed: raise the alarm, turn away what can be, and return what must wait."""
        if not self._problem:
            _log.error("journal_cannot_commit", error=str(error), waiting=self._accepted - self._settled)
        self._problem = (
            f"The database cannot commit ({_first_line(error)}). No new calls are taken; what happened to running ones "
            "waits in memory. Free disk space or bring the database back: it goes on by itself."
        )
        if not self._session.is_temporary(error):
            # Nobody foresaw this error. A fresh connection is the best we can offer; nothing is given up.
            self._session.close()
        if self._session.commit_is_in_doubt:
            return group  # what is turned away must surely not have happened
        turned_away = [item for item in group if item.can_be_turned_away]
        if turned_away:
            refusal = StoreUnavailableError(self._problem)
            self._report(turned_away, [refusal] * len(turned_away))
        return [item for item in group if not item.can_be_turned_away]

    def _recover(self) -> None:
        if self._problem:
            self._problem = ""
            _log.info("journal_commits_again", waiting=self._accepted - self._settled)

    def _give_up(self, group: list[_Item]) -> None:
        """The process must end and commits still fail: say what is lost, so that nobody has to guess."""
        while not self._queue.empty():
            item = self._queue.get_nowait()
            if item is not None:
                group.append(item)
        for item in group:
            kind = type(item.task.write).__name__ if isinstance(item.task, Prepared) else "configuration"
            _log.critical("journal_gave_up_write", write=kind, call_id=_call_of(item.task))
        lost = StoreUnavailableError(self._problem)
        self._tell_loop([(item, lost) for item in group if item.future is not None], has_outbox=False)

    def _report(self, group: Sequence[_Item], outcomes: Sequence[Outcome]) -> None:
        """Count, log, and wake the loop once for the whole group if anybody there cares."""
        has_outbox = False
        for_loop = []
        for item, outcome in zip(group, outcomes, strict=True):
            is_write = isinstance(item.task, Prepared)
            if isinstance(outcome, Exception):
                outcome = _as_refusal(outcome) if is_write else outcome  # noqa: PLW2901  the refusal stands for the error from here on
                self._refused += is_write
            else:
                self._committed += 1
                has_outbox = has_outbox or (isinstance(item.task, Prepared) and item.task.has_outbox)
            if item.future is not None or isinstance(outcome, Exception):
                for_loop.append((item, outcome))
        self._settled += len(group)
        if for_loop or has_outbox:
            self._tell_loop(for_loop, has_outbox=has_outbox)

    def _tell_loop(self, outcomes: list[tuple[_Item, Outcome]], *, has_outbox: bool) -> None:
        assert self._loop is not None  # noqa: S101  set before the thread starts
        try:
            self._loop.call_soon_threadsafe(self._resolve, outcomes, has_outbox)
        except RuntimeError:
            _log.warning("journal_outlived_loop", outcomes=len(outcomes))

    # Back in the loop.

    def _resolve(self, outcomes: list[tuple[_Item, Outcome]], has_outbox: bool) -> None:  # noqa: FBT001  call_soon has no keywords
        for item, outcome in outcomes:
            if item.future is None:
                self._tell_refused(item, outcome)
            elif item.future.cancelled():
                continue
            elif isinstance(outcome, Exception):
                item.future.set_exception(outcome)
            else:
                item.future.set_result(outcome)
        if has_outbox:
            for listener in self._outbox_listeners:
                listener()

    def _tell_refused(self, item: _Item, error: Exception) -> None:
        assert isinstance(item.task, Prepared)  # noqa: S101  work is always awaited
        _log.error("journal_refused_write", call_id=_call_of(item.task), error=str(error))
        for listener in self._refusal_listeners:
            listener(item.task.write, error)


def _as_refusal(error: Exception) -> Exception:
    if isinstance(error, WriteRefusedError | StoreUnavailableError):
        return error
    what = "breaks a rule of the tables" if isinstance(error, IntegrityError) else "cannot be written"
    refusal = WriteRefusedError(f"This write {what}: {_first_line(error)}")
    refusal.__cause__ = error
    return refusal


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _call_of(task: Prepared | Work) -> str | None:
    write = task.write if isinstance(task, Prepared) else None
    if isinstance(write, AcceptCalls):
        return write.requests[0].id
    record = getattr(write, "record", None)
    return getattr(write, "call_id", None) or getattr(record, "id", None)
