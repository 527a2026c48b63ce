"""One call in progress: its machine, its mailbox, and the only hand that changes it.

Whatever happens to the call (engine events, timers, requests, what its flow was told) is delivered here. If nothing is being
carried out the event is stepped at once, without a task switch; while effects are carried out, or while the call waits
for a commit, events queue up. So there is one writer, and an event costs no wake-up of the loop. See
`docs/decisions/0004-calls-are-stepped-where-events-arrive.md`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import structlog
from msgspec import Struct, to_builtins
from msgspec.structs import replace

from ringback.call import crash, states
from ringback.call.effects import Announce, CallEffect, Finish, Record
from ringback.call.events import AnswerWasConfirmed, CallEvent, FaultHappened, LegEnded, Noted, TryAnswered
from ringback.call.record import final_record
from ringback.call.retry import next_attempt, with_retry
from ringback.live import effects as carry
from ringback.live.capacity import Pool, Want
from ringback.live.clock import Timer
from ringback.live.flow_driver import FlowDriver, FlowGiven, FlowSource
from ringback.live.legs import Leg
from ringback.live.parts import Parts
from ringback.live.recordings import Recording
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.ids import CallId, make_id
from ringback.model.journal import Entry, EntryKind, Verdict
from ringback.store import writes
from ringback.store.errors import StoreClosedError
from ringback.store.writes import OutboxEvent
from ringback.webhook.events import announcement

_log = structlog.get_logger(__name__)

Input = CallEvent | FlowGiven

RECOVERED_SEQUENCE = 100
"""Webhook sequence of a call whose earlier events are not remembered: a call has at most seven before its `call_end`."""

_TRACES_AT_ONCE = 64
"""SIP messages kept back until they are written together."""

_EVIDENT = (TryAnswered, AnswerWasConfirmed)


class Held(Struct, frozen=True, kw_only=True):
    """Channels held of account or number until the final record."""

    pool: Pool
    key: str
    count: int


class CallTask:
    """A call from its acceptance to its final record, and a little longer: until its last leg is gone."""

    __slots__ = (
        "_announcements",
        "_commit",
        "_entries_to_write",
        "_is_busy",
        "_is_faulty",
        "_mailbox",
        "_must_commit",
        "_row_state",
        "_sequence",
        "_settled",
        "account",
        "channels",
        "connect_held",
        "entries",
        "flow",
        "held",
        "is_final",
        "legs",
        "parts",
        "recording",
        "request",
        "ringback",
        "slots",
        "source",
        "state",
        "timers",
        "traces",
    )

    def __init__(
        self,
        parts: Parts,
        request: CallRequest,
        account: Account,
        *,
        entries: Sequence[Entry],
        row_state: str = writes.SCHEDULED,
        sequence: int = 0,
    ) -> None:
        """Take over a call whose journal so far is `entries`."""
        self.parts = parts
        self.request = request
        self.account = account
        self.state = states.initial(request, next_seq=len(entries) + 1)
        self.entries: list[Entry] = list(entries)
        self.legs: dict[tuple[int, int], Leg] = {}
        self.timers: dict[tuple[str, int, int], Timer] = {}
        self.held: list[Held] = []
        self.connect_held: list[Held] = []
        self.slots: dict[int, str] = {}  # leg number -> trunk whose slot is reserved but not used yet
        self.channels: int | None = None  # to be written into the call's row with the next entries
        self.ringback: int | None = None  # operation that plays the ringback tone
        self.source: FlowSource | None = None
        self.flow: FlowDriver | None = None
        self.recording: Recording | None = None
        self.traces: list[writes.TraceMessage] = []
        self.is_final = False
        self._mailbox: deque[Input] = deque()
        self._entries_to_write: list[Entry] = []
        self._announcements: list[OutboxEvent] = []
        self._sequence = sequence
        self._row_state = row_state
        self._must_commit = False
        self._is_busy = False
        self._is_faulty = False
        self._commit: asyncio.Task[Any] | None = None
        self._settled: list[asyncio.Future[None]] = []

    # Events in.

    def deliver(self, event: Input) -> None:
        """Let something happen to the call: now, or after what is being done."""
        self._mailbox.append(event)
        if not self._is_busy and self._commit is None:
            self._work()

    async def settled(self) -> None:
        """Return when everything delivered so far is carried out and committed."""
        if self._mailbox or self._is_busy or self._commit is not None:
            future = asyncio.get_running_loop().create_future()
            self._settled.append(future)
            await future

    def now(self) -> datetime:
        """Return the present moment."""
        return self.parts.clock.now()

    def add_leg(self, leg: Leg) -> None:
        """Take over an engine leg: its events come to this call from now on."""
        self.legs[leg.leg, leg.try_] = leg
        self.parts.legs[leg.engine_leg] = leg

    def engine_leg(self, leg: int) -> int:
        """Return the engine's id of a leg: that of its last try.

        Raises:
            LookupError: The engine has no such leg any more. Callers are within a step, so this ends the call alone.
        """
        tries = [try_ for number, try_ in self.legs if number == leg]
        if not tries:
            raise LookupError(f"leg {leg} is not in the engine")
        return self.legs[leg, max(tries)].engine_leg

    def hold(self, wants: Sequence[Want], *, slots: dict[int, str] | None = None) -> None:
        """Take over reserved channels: of account and number until the final record, and trunk slots by leg until dialed."""
        self.held += [Held(pool=want.pool, key=want.key, count=want.count) for want in wants]
        self.slots.update(slots or {})
        self.channels = self._channels_held()

    def hold_for_connect(self, wants: Sequence[Want]) -> None:
        """Take over channels for the parties of a connect node, until it is over."""
        self.connect_held += [Held(pool=want.pool, key=want.key, count=want.count) for want in wants]
        self.channels = self._channels_held()

    def connect_over(self) -> None:
        """Give back the channels of a connect node."""
        for held in self.connect_held:
            self.parts.capacity.release(held.pool, held.key, held.count)
        self.connect_held = []
        self.channels = self._channels_held()
        self.parts.on_free()

    def record(self) -> None:
        """Record the call from the moment leg 1 is answered."""
        self.recording = Recording(self, self.parts.recordings)

    @property
    def has_ended(self) -> bool:
        """The final record is on its way or committed."""
        return self.is_final or self.state.is_final

    def _channels_held(self) -> int:
        return sum(held.count for held in (*self.held, *self.connect_held) if held.pool is Pool.ACCOUNT)

    # The one writer.

    def _work(self) -> None:
        self._is_busy = True
        while self._mailbox and self._commit is None:
            event = self._mailbox.popleft()
            try:
                self._handle(event)
            except Exception as error:  # noqa: BLE001  one call's fault ends that call alone
                self._fault(error)
        self._is_busy = False
        if self._commit is None:
            self._flush()
            self._tell_settled()

    def _handle(self, event: Input) -> None:
        if isinstance(event, FlowGiven):
            if self.flow is not None:
                self.flow.give(event)
            return
        if isinstance(event, LegEnded):
            # Not earlier: while a commit was awaited its effects may still name the leg, which the engine takes calmly.
            self.legs.pop((event.leg, event.try_), None)
        elif self.recording is not None and isinstance(event, _EVIDENT):
            self.recording.start_if_due(event)
        at = event.at
        try:
            self.state, effects = states.step(self.state, event)
        except states.IllegalEvent as refusal:
            self.parts.counters.machine_refused += 1
            data = {"event": refusal.event, "state": str(refusal.state)}
            self.state, effects = states.step(self.state, Noted(at=at, kind=EntryKind.MACHINE_REFUSED, data=data))
        self._carry_out(at, effects)

    def _carry_out(self, at: datetime, effects: Sequence[CallEffect]) -> None:
        for position, effect in enumerate(effects):
            if isinstance(effect, Record):
                self._record(at, effect)
            elif isinstance(effect, Announce):
                self._announce(at, effect.event, data=effect.data)
            elif isinstance(effect, Finish):
                self._finish(at, effect.verdict)
            elif self._must_commit:
                self._commit_then(at, effects[position:])
                return
            else:
                carry.CARRY_OUT[type(effect)](self, effect)
        if self._must_commit and self._commit is None:
            self._commit_then(at, ())

    def _record(self, at: datetime, effect: Record) -> None:
        entry = Entry(call_id=self.request.id, seq=effect.seq, at=at, kind=effect.kind, data=effect.data)
        self.entries.append(entry)
        self._entries_to_write.append(entry)
        if effect.durable:
            self._must_commit = True

    def _announce(self, at: datetime, event: str, *, data: dict[str, Any] | None = None, **more: Any) -> None:
        self._sequence += 1
        account = self.parts.directory.account(self.request.account) or self.account
        self._announcements += announcement(
            event, request=self.request, account=account, sequence=self._sequence, at=at, data=data or None, **more
        )

    # Writing.

    def _take_append(self) -> writes.Append | None:
        """Return what waits to be written about the running call, None if nothing does."""
        state = None if self.is_final or self.state.is_final else self.state.state.value
        if state == self._row_state:
            state = None
        if not (self._entries_to_write or self._announcements or self.channels is not None):
            return None
        if state is not None:
            self._row_state = state
        append = writes.Append(
            call_id=self.request.id,
            entries=tuple(self._entries_to_write),
            state=state,
            channels=self.channels,
            announcements=tuple(self._announcements),
        )
        self._wrote()
        return append

    def _wrote(self) -> None:
        self._entries_to_write = []
        self._announcements = []
        self.channels = None
        self._must_commit = False

    def _flush(self) -> None:
        append = self._take_append()
        if append is not None:
            self.parts.journal.submit(append)

    def _commit_then(self, at: datetime, rest: Sequence[CallEffect]) -> None:
        append = self._take_append()
        if append is not None:
            self._write_durably(append, lambda: self._carry_out(at, rest))

    def _write_durably(self, write: writes.Write, then: Callable[[], None]) -> None:
        """Commit; whatever is delivered meanwhile waits. Then go on."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def committed(task: asyncio.Task[Any]) -> None:
            self._commit = None
            counters = self.parts.counters
            counters.commits += 1
            counters.commit_s += loop.time() - began
            self._is_busy = True
            try:
                self._check(task)
                then()
            except Exception as error:  # noqa: BLE001  as in _work
                self._fault(error)
            self._is_busy = False
            if self._commit is None:
                self._work()

        self._commit = loop.create_task(self.parts.journal.durable(write))  # type: ignore[arg-type]
        self._commit.add_done_callback(committed)

    @staticmethod
    def _check(task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            raise StoreClosedError("the commit was cancelled: the process stops")
        error = task.exception()
        if error is not None:
            raise error

    # The end.

    def _finish(self, at: datetime, verdict: Verdict) -> None:
        record = final_record(self.request, self.entries, verdict)
        if self.recording is not None and self.recording.id is not None:
            record = replace(record, recording_id=self.recording.id)
        retry = self._next_attempt(at, record)
        record = with_retry(record, retry)
        self._announce(at, "call_end", record=record)
        finish = writes.Finish(
            record=record,
            entries=tuple(self._entries_to_write),
            announcements=tuple(self._announcements),
            retry=retry,
        )
        self._wrote()
        self._write_traces()
        self._write_durably(finish, lambda: self._finished(verdict, retry))

    def _next_attempt(self, at: datetime, record: Any) -> CallRequest | None:
        if self.request.retries_left <= 0:
            return None
        new_id = make_id("call", at_ms=int(at.timestamp() * 1000), entropy=self.parts.entropy(10))
        return next_attempt(record, self.request, self.entries, now=at, new_id=CallId(new_id))

    def _finished(self, verdict: Verdict, retry: CallRequest | None) -> None:
        self.is_final = True
        self.parts.counters.count_ended(self.request.kind, verdict.status)
        self._let_go()
        self.parts.on_final(self, retry)

    def _let_go(self) -> None:
        """Stop timers and flow, give back what is held. Slots of legs that still exist stay until those end."""
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        if self.flow is not None:
            self.flow.stop()
        for held in (*self.held, *self.connect_held):
            self.parts.capacity.release(held.pool, held.key, held.count)
        self.held, self.connect_held = [], []
        for trunk in self.slots.values():
            self.parts.capacity.release(Pool.TRUNK, trunk)
        self.slots.clear()
        self.parts.calls.pop(self.request.id, None)

    def _write_traces(self) -> None:
        if self.traces:
            messages, self.traces = tuple(self.traces), []
            self.parts.journal.submit(
                writes.SaveSipTrace(call_id=self.request.id, account=self.request.account, messages=messages)
            )

    def release_slot(self, leg: Leg) -> None:
        """Give back the trunk's slot of an engine leg whose dialog is over."""
        if leg.trunk is not None:
            self.parts.capacity.release(Pool.TRUNK, leg.trunk)
            leg.trunk = None
        self.parts.on_free()

    def end_recovered(self, recovery: crash.Recovery, at: datetime) -> None:
        """Commit the final record of a call whose process is gone."""
        self.entries += recovery.entries
        self._entries_to_write += recovery.entries
        self._finish(at, recovery.verdict)

    def keep_trace(self, message: writes.TraceMessage) -> None:
        """Keep a SIP message of one of the call's legs; it is written with the final record, or at last when it is long."""
        self.traces.append(message)
        if len(self.traces) >= _TRACES_AT_ONCE or (self.is_final and not self.legs):
            self._write_traces()

    # Faults of our own.

    def _fault(self, error: Exception) -> None:
        """End this call alone by the crash rule; if even that fails, out of its journal."""
        if isinstance(error, StoreClosedError):
            self._abandon()
            return
        self.parts.counters.faults += 1
        _log.error("call_fault", call_id=self.request.id, exc_info=error)
        at = self.now()
        detail = f"{type(error).__name__}: {error}"[:500]
        if not self._is_faulty and not self.is_final:
            self._is_faulty = True
            try:
                self.state, effects = states.step(self.state, FaultHappened(at=at, detail=detail))
                self._carry_out(at, effects)
            except Exception as second:  # noqa: BLE001  then there is the journal
                _log.error("call_fault_again", call_id=self.request.id, exc_info=second)
            else:
                return
        if not self.is_final:
            self._end_by_journal(at, detail)

    def _end_by_journal(self, at: datetime, detail: str) -> None:
        """The machine cannot step: hang up, and let the journal decide."""
        self._abandon()
        try:
            recovery = crash.recover(self.request, self.entries, why=crash.INTERNAL_ERROR, at=at, detail=detail)
        except crash.AlreadyFinalError:
            return
        if recovery is None:
            return
        try:
            self.end_recovered(recovery, at)
        except Exception:
            _log.exception("call_cannot_be_finished", call_id=self.request.id)

    def _abandon(self) -> None:
        self._mailbox.clear()
        for leg in self.legs.values():
            self.parts.engine.hangup(leg.engine_leg)
        self._let_go()

    def _tell_settled(self) -> None:
        waiting, self._settled = self._settled, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


def accepted_entry(request: CallRequest, **data: Any) -> Entry:
    """Return the first entry of a call's journal."""
    return Entry(
        call_id=request.id,
        seq=1,
        at=request.accepted_at,
        kind=EntryKind.ACCEPTED,
        data={"request": to_builtins(request), **data},
    )
