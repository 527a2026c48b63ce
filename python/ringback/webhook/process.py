"""The parent's side of webhook delivery: feeds the child, writes down what came of it, starts it again if it dies."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from msgspec import Struct

from ringback.model.account import Account
from ringback.model.ids import AccountSid
from ringback.store.database import Database
from ringback.store.errors import StoreClosedError, StoreUnavailableError
from ringback.store.outbox import DueEvent, OutboxQueue
from ringback.store.writes import DeliveryOutcome, StopEndpoint, Write
from ringback.webhook.backlog import Backlog
from ringback.webhook.feed import Flights
from ringback.webhook.messages import FromChild, Hello, Job, Result, Stop, frame, frames, from_child
from ringback.webhook.retry import Next, Try, after_try
from ringback.webhook.settings import DeliverySettings

_POLL_S = 1.0
"""How often the outbox is looked into without a reason: finds retries and events whose predecessor has yielded."""

_BUSY_POLL_S = 0.2
"""The same while some webhooks may not go yet: others may be due behind them."""

_GATHER_S = 0.01
"""How long results wait for others, to be written down in one commit. The receivers are free for more meanwhile."""

_ACCOUNT_KEPT_S = 5.0
_LONGEST_RESTART_WAIT_S = 5.0
_POSTPONED = timedelta(seconds=30)
"""How long the backlog of a failing receiver rests while one event at a time probes it."""

_START_TIMEOUT_S = 30.0
_log = structlog.get_logger(__name__)


class DeliveryHealth(Struct, frozen=True, kw_only=True):
    """How delivery does, counted since the start: for `/metrics` and `/readyz`."""

    is_running: bool
    restarts: int
    delivered: int
    failed_tries: int
    dead: int
    in_flight: int


class WebhookDelivery:
    """Delivers what the outbox holds, in a child process, at least once: rows change when their outcome is known."""

    def __init__(self, database: Database, settings: DeliverySettings | None = None) -> None:
        self._settings = settings or DeliverySettings()
        self._queue: OutboxQueue = database.outbox_queue
        self._writer = database.writer
        self._accounts = database.repositories.accounts
        self._known: dict[AccountSid, tuple[float, Account | None]] = {}
        self._flights = Flights(self._settings)
        self._backlog = Backlog(database.outbox_queue, self._flights, self._settings)
        self._results: list[Result] = []
        self._wake = asyncio.Event()
        self._landed = asyncio.Event()
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._child: Process | None = None
        self._stopping = asyncio.Event()
        self._restarts = self._delivered = self._failed = self._dead = 0
        self._postponed_at: dict[str, float] = {}

    async def start(self) -> None:
        """Start the child process and feed it; returns when it is up.

        Raises:
            TimeoutError: The child did not come up within half a minute.
        """
        self._writer.on_outbox(self.nudge)
        for work in (self._keep_child, self._pump, self._note):
            self._tasks.append(asyncio.create_task(work(), name=f"webhook{work.__name__}"))
        async with asyncio.timeout(_START_TIMEOUT_S):
            await self._ready.wait()

    async def stop(self, grace_s: float = 5.0) -> None:
        """Let running tries end (for `grace_s`), write their outcomes and end the child. Nothing is lost: rows stay."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        keeper, pump, noter = self._tasks
        pump.cancel()
        await self._end_child(grace_s)
        await keeper
        noter.cancel()
        await asyncio.gather(pump, noter, return_exceptions=True)
        await self._note_results()

    def nudge(self) -> None:
        """Look into the outbox now (after a replay, for instance); commits with events nudge by themselves."""
        self._wake.set()

    def health(self) -> DeliveryHealth:
        """Tell how delivery does; cheap."""
        return DeliveryHealth(
            is_running=self._ready.is_set(),
            restarts=self._restarts,
            delivered=self._delivered,
            failed_tries=self._failed,
            dead=self._dead,
            in_flight=len(self._flights),
        )

    # The child process.

    async def _keep_child(self) -> None:
        wait_s = 0.1
        while not self._stopping.is_set():
            begun = time.monotonic()
            await self._run_child()
            self._ready.clear()
            self._flights.forget_all()
            self._backlog.forget()
            if self._stopping.is_set():
                return
            self._restarts += 1
            wait_s = (
                0.1 if time.monotonic() - begun > _LONGEST_RESTART_WAIT_S else min(wait_s * 2, _LONGEST_RESTART_WAIT_S)
            )
            _log.error("webhook_process_died", restarts=self._restarts, again_in_s=wait_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()

    async def _run_child(self) -> None:
        command = (sys.executable, "-m", "ringback.webhook.worker")
        self._child = child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=1 << 20)
        assert child.stdin is not None  # noqa: S101  asked for above
        assert child.stdout is not None  # noqa: S101  likewise
        limits = self._settings
        hello = Hello(timeout_s=limits.timeout_s, at_once=limits.at_once, answer_bytes=limits.answer_bytes)
        try:
            child.stdin.write(frame(hello))
            if self._stopping.is_set():
                # `stop` came while this child was being started and told the one before it.
                child.stdin.write(frame(Stop(grace_s=0)))
            async for body in frames(child.stdout):
                self._hear(from_child.decode(body))
        except Exception as error:  # noqa: BLE001  a supervisor: another child takes its place
            _log.error("webhook_process_fault", error=str(error))
        finally:
            child.stdin.close()
            if child.returncode is None and not self._stopping.is_set():
                with suppress(ProcessLookupError):
                    child.kill()
            await child.wait()

    def _hear(self, message: FromChild) -> None:
        if isinstance(message, Result):
            self._results.append(message)
            self._flights.answered(message.id, worked=_worked(message))
            self._landed.set()
            if self._backlog:
                self._wake.set()
        else:
            self._ready.set()
            self._wake.set()

    async def _end_child(self, grace_s: float) -> None:
        child = self._child
        if child is None or child.returncode is not None or child.stdin is None:
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(frame(Stop(grace_s=grace_s)))
            child.stdin.close()
        try:
            async with asyncio.timeout(grace_s + 2):
                await child.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                child.kill()

    # From the outbox to the child.

    async def _pump(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_BUSY_POLL_S if self._backlog else _POLL_S):
                    await self._wake.wait()
            self._wake.clear()
            await self._ready.wait()
            try:
                while await self._send_due():
                    pass
            except Exception as error:  # noqa: BLE001  a supervisor: whatever it was, other webhooks wait
                _log.warning("outbox_cannot_be_read", error=str(error))
                await asyncio.sleep(_POLL_S)

    async def _send_due(self) -> int:
        """Send one helping of due webhooks to the child; return how many."""
        due = await self._backlog.take()
        now = datetime.now(UTC)
        for position, event in enumerate(due):
            try:
                await self._send(event, now)
            except BaseException:
                for unsent in due[position:]:
                    self._flights.never_left(unsent.id)
                raise
        return len(due)

    async def _send(self, event: DueEvent, now: datetime) -> None:
        account = await self._account(event.account)
        refusal = event.refusal or ("" if account is not None else "the account is gone")
        if refusal or account is None:
            self._flights.never_left(event.id)
            self._dead += 1
            self._writer.submit(_dead(event, now, refusal))
            return
        child = self._child
        if not self._ready.is_set() or child is None or child.stdin is None or child.stdin.is_closing():
            self._flights.never_left(event.id)  # the child just died; its successor will be told
            return
        with suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(frame(self._job(event, account)))
            await child.stdin.drain()

    def _job(self, event: DueEvent, account: Account) -> Job:
        return Job(
            id=event.id,
            method=event.method,
            url=event.url,
            body=None if event.method == "GET" else event.body(),
            secret=account.webhook_secret,
            allow_private=account.allow_private_webhooks or self._settings.allow_private,
        )

    async def _account(self, sid: AccountSid) -> Account | None:
        read_at, account = self._known.get(sid, (0.0, None))
        if time.monotonic() - read_at > _ACCOUNT_KEPT_S:
            account = await self._accounts.get(sid)
            if len(self._known) > self._settings.at_once:
                self._known.clear()
            self._known[sid] = (time.monotonic(), account)
        return account

    # From the child back to the outbox.

    async def _note(self) -> None:
        while True:
            await self._landed.wait()
            self._landed.clear()
            await asyncio.sleep(_GATHER_S)
            try:
                await self._note_results()
            except Exception as error:  # noqa: BLE001  a supervisor: what was not written down is tried again
                _log.warning("webhook_outcomes_not_written", error=str(error))

    async def _note_results(self) -> None:
        """Write down all results that came in, in one group, then make room for others."""
        results, self._results = self._results, []
        if not results:
            return
        now = datetime.now(UTC)
        writes = [write for result in results for write in self._judge(result, now)]
        failing = set()
        try:
            for write in writes[:-1]:
                self._writer.submit(write)
            if writes:
                await self._writer.durable(writes[-1])
        finally:
            for result in results:
                event = self._flights.landed(result.id, worked=_worked(result))
                if event is not None and self._flights.is_failing(event.origin):
                    failing.add(event.origin)
            self._wake.set()
        for write in writes:
            self._count(write)
        for origin in failing:
            await self._postpone(origin, now)
        self._wake.set()

    def _judge(self, result: Result, now: datetime) -> list[Write]:
        event = self._flights.get(result.id)
        if event is None:
            return []
        done = Try(
            event_id=event.id,
            attempt=event.attempts + 1,
            is_final=event.event == "call_end",
            give_up_at=event.give_up_at,
            status_code=result.status_code,
            error=result.error,
            retry_after_s=result.retry_after_s,
        )
        decision = after_try(done, now)
        is_dead = decision.next in {Next.DEAD, Next.GONE}
        outcome = DeliveryOutcome(
            id=event.id,
            at=now,
            attempt=done.attempt,
            state="dead" if is_dead else decision.next.value,
            next_at=decision.next_at,
            status_code=result.status_code,
            error=decision.error,
            duration_ms=result.duration_ms,
        )
        if decision.next is not Next.GONE:
            return [outcome]
        return [outcome, StopEndpoint(account=event.account, endpoint=event.endpoint, at=now)]

    def _count(self, write: Write) -> None:
        if isinstance(write, DeliveryOutcome):
            self._delivered += write.state == Next.DELIVERED
            self._failed += write.state != Next.DELIVERED
            self._dead += write.state == "dead"
        else:
            self._backlog.forget()  # an endpoint was stopped

    async def _postpone(self, origin: str, now: datetime) -> None:
        """Let the backlog of a failing receiver rest, so that nobody has to look past it; at most every ten seconds."""
        last = self._postponed_at.get(origin)
        if last is not None and time.monotonic() - last < _POSTPONED.total_seconds() / 3:
            return
        if len(self._postponed_at) > self._settings.at_once:
            self._postponed_at.clear()
        self._postponed_at[origin] = time.monotonic()
        self._backlog.forget()
        with suppress(StoreUnavailableError, StoreClosedError):
            await self._queue.postpone(origin, now, now + _POSTPONED)


def _worked(result: Result) -> bool:
    """Whether the receiver is well: it answered, if only to refuse this event, and did not ask us to slow down."""
    return result.status_code is not None and result.status_code < 500 and result.status_code != 429  # noqa: PLR2004  HTTP


def _dead(event: DueEvent, now: datetime, why: str) -> DeliveryOutcome:
    return DeliveryOutcome(id=event.id, at=now, attempt=event.attempts, state="dead", next_at=None, error=why)
