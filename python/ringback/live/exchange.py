"""The running side in one value: makes its parts, starts them in order, and ends them in order."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import structlog
from msgspec import Struct

from ringback.call.events import ShutDown
from ringback.call.states import State
from ringback.call.status import TABLE_VERSION, tables_json
from ringback.flow.check import Facts
from ringback.live.call_parts.journal import CallJournal, accepted_entry
from ringback.live.calls import Calls
from ringback.live.capacity import Capacity
from ringback.live.carriers.phones import apply_phones
from ringback.live.clock import Clock
from ringback.live.counters import Counters
from ringback.live.directory import Directory
from ringback.live.engine import VoiceEngine
from ringback.live.engine_pump import EnginePump
from ringback.live.engine_tables import apply_trunks
from ringback.live.flow_driver import FlowTools, ResolvesPrompts
from ringback.live.incoming import IncomingCalls
from ringback.live.outbound import Outbound
from ringback.live.parts import Journal, Parts
from ringback.live.recovery import recover
from ringback.live.schedule import Schedule
from ringback.live.supervisor import Supervisor
from ringback.live.task import CallTask
from ringback.live.web.client import WebClient
from ringback.live.web.flow_http import FlowHttp
from ringback.live.web.remote_flow import RemoteFlows
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.journal import Entry
from ringback.store.repositories import Repositories
from ringback.store.writes import SCHEDULED, SaveTables

_log = structlog.get_logger(__name__)

_WIND_DOWN_S = 5.0
"""After the grace time: the machine's own wind-down (2 s) and the commits."""

_ENGINE_GRACE_MS = 1_000
_BEGIN_AT_ONCE = 32
"""Calls admitted before the loop gets its turn."""


class ExchangeSettings(Struct, frozen=True, kw_only=True):
    """Bounds of the running side.

    Attributes:
        recordings: Folder for recordings; is made when missing.
        open_calls: Calls in progress and in queues; above it new ones are refused.
        allow_private: Flows may call private addresses for every account (development).
    """

    recordings: Path
    open_calls: int = 100_000
    allow_private: bool = False


class Exchange:
    """All running calls. `start` after the engine runs; `stop` before it is forgotten."""

    def __init__(
        self,
        *,
        engine: VoiceEngine,
        journal: Journal,
        repositories: Repositories,
        clock: Clock,
        prompts: ResolvesPrompts,
        settings: ExchangeSettings,
        flow_facts: Callable[[], Facts] = Facts,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.settings = settings
        self.repositories = repositories
        self.directory = Directory(repositories)
        self.web = WebClient(allow_private=settings.allow_private)
        self.parts = Parts(
            engine=engine,
            journal=journal,
            clock=clock,
            directory=self.directory,
            capacity=Capacity(),
            counters=Counters(),
            supervisor=Supervisor(),
            flow_tools=FlowTools(
                prompts=prompts,
                call_http=FlowHttp(self.web).call,
            ),
            recordings=settings.recordings,
            entropy=entropy,
            on_final=self._on_final,
            on_free=self._on_free,
        )
        self.directory.is_down = self.parts.standing.is_down
        self.outbound = Outbound(self.parts, RemoteFlows(self.web, facts=flow_facts))
        self.incoming = IncomingCalls(self.parts)
        self.pump = EnginePump(self.parts, self.incoming.take)
        self.schedule = Schedule(
            repositories.calls,
            clock,
            self.parts.supervisor,
            is_running=lambda call_id: self.calls.is_in_hand(call_id),  # noqa: PLW0108  (`calls` is made below)
            start=lambda request: self.take_over((request,)),
        )
        self.calls = Calls(self)
        self.is_stopping = False
        self._changed = asyncio.Event()  # a call became final: for whoever waits for the last one

    async def start(self) -> int:
        """Read what calls are decided by, end what a crash left open, let queued calls go on; then take calls.

        Returns:
            How many calls were ended.
        """
        parts = self.parts
        self.settings.recordings.mkdir(parents=True, exist_ok=True)
        await parts.journal.durable(SaveTables(hash=TABLE_VERSION, tables=tables_json(), at=parts.clock.now()))
        await self.directory.refresh()
        await apply_trunks(parts.engine, self.directory.trunks(), may_call_in=False)
        self.pump.start()
        recovered = await recover(self)
        self.directory.on_change(self._directory_changed)
        await self._directory_changed()
        self.schedule.begin()
        return recovered

    async def stop(self, grace_s: float, *, hurry: asyncio.Event | None = None) -> None:
        """Take no new calls, let running ones end for `grace_s` or until `hurry`, end the rest by the crash rule.

        Scheduled and queued calls stay rows and go on at the next start.
        """
        self.close_doors()
        self.schedule.stop()
        self.outbound.close()
        await self._ended_within(grace_s, hurry or asyncio.Event())
        for task in self._in_progress():
            task.deliver(ShutDown(at=self.parts.clock.now()))
        await self._ended_within(_WIND_DOWN_S, asyncio.Event())
        left = self._in_progress()
        if left:
            _log.error("calls_left_open", calls=[task.request.id for task in left], advice="ended at the next start")

    async def close(self) -> None:
        """After the engine stopped: take its last events, stop background work."""
        self.pump.drain()
        self.pump.stop()
        await self.parts.supervisor.stop()
        await self.web.close()

    def close_doors(self) -> None:
        """Refuse new calls from now on: the API's and INVITEs, with 503."""
        self.is_stopping = True
        self.incoming.is_closed = True
        self.parts.engine.set_accepting(False)

    def take_over(self, requests: Iterable[CallRequest]) -> None:
        """Take calls that are due: admit them, a few at a time if there are many."""
        tasks = [self.task_of_row(request) for request in requests]
        for task in tasks[:_BEGIN_AT_ONCE]:
            self.outbound.begin(task)
        rest = tasks[_BEGIN_AT_ONCE:]
        if rest:
            self.parts.clock.call_later(0, lambda: self._begin(rest))

    def task_of_row(self, request: CallRequest) -> CallTask:
        """Take a call in hand of which nothing is known but that it was accepted."""
        return self.adopt(request, (accepted_entry(request),))

    def adopt(
        self, request: CallRequest, entries: Sequence[Entry], *, row_state: str = SCHEDULED, sequence: int = 0
    ) -> CallTask:
        """Take a call in hand with its journal so far."""
        journal = CallJournal(request, entries, row_state=row_state, sequence=sequence)
        account = self.directory.account(request.account) or Account(sid=request.account, name=request.account)
        task = CallTask(self.parts, request, account, journal)
        self.parts.calls[request.id] = task
        return task

    async def is_over(self, request: CallRequest) -> bool:
        """Say whether the call became final; for calls that are not in hand."""
        row = await self.repositories.calls.get(request.account, request.id)
        return row is None or row.record is not None

    async def wait_until_idle(self) -> None:
        """Return when no call is in progress or queued and no leg is left (tests, draining)."""
        while self.parts.calls or self.parts.legs:
            self._changed.clear()
            await self._changed.wait()

    def _begin(self, tasks: Sequence[CallTask]) -> None:
        for task in tasks[:_BEGIN_AT_ONCE]:
            if not task.has_ended and not self.is_stopping:
                self.outbound.begin(task)
        rest = tasks[_BEGIN_AT_ONCE:]
        if rest:
            self.parts.clock.call_later(0, lambda: self._begin(rest))

    def _on_final(self, task: CallTask, retry: CallRequest | None) -> None:
        self.outbound.queue.leave(task)
        self.schedule.ended(task.request.id)
        self.calls.ended(task.request.id)
        if retry is not None:
            self.parts.counters.count_accepted(retry.kind)
            self.schedule.tell(retry.not_before or retry.accepted_at)
        self.outbound.queue.look()
        self._changed.set()

    def _on_free(self) -> None:
        self.outbound.queue.look()
        self._changed.set()

    def _in_progress(self) -> list[CallTask]:
        """Return the calls that have a leg or an INVITE; those before that go on at the next start."""
        waiting = (State.NEW, State.QUEUED)
        return [task for task in self.parts.calls.values() if task.state.state not in waiting]

    async def _ended_within(self, limit_s: float, hurry: asyncio.Event) -> None:
        """Wait until no call is in progress, at most so long."""
        waits = [asyncio.ensure_future(work) for work in (self._all_ended(), hurry.wait())]
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def _all_ended(self) -> None:
        while self._in_progress():
            self._changed.clear()
            await self._changed.wait()

    async def _directory_changed(self) -> None:
        trunks = self.directory.trunks()
        await apply_trunks(self.parts.engine, trunks)
        apply_phones(self.parts.engine, self.directory.phones())
        self.parts.standing.forget_trunks({trunk.engine_id for trunk in trunks if trunk.enabled})
        self.outbound.queue.look()
