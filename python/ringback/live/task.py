"""One call in progress: its machine, its mailbox, and the only hand that changes it.

Whatever happens to the call (engine events, timers, requests, what its flow was told) is delivered here. If nothing is
being carried out the event is stepped at once, without a task switch; while effects are carried out, or while the call
waits for a commit, events queue up. So there is one writer, and an event costs no wake-up of the loop. See
`docs/decisions/0004-calls-are-stepped-where-events-arrive.md`.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from ringback._engine import EngineError
from ringback.call import crash, states
from ringback.call.effects import Announce, CallEffect, Finish, Record
from ringback.call.events import AnswerWasConfirmed, CallEvent, FaultHappened, LegEnded, Noted, TryAnswered
from ringback.call.record import final_record
from ringback.call.retry import next_attempt, with_retry
from ringback.live import effects as carry
from ringback.live.call_parts.holdings import Holdings
from ringback.live.call_parts.journal import CallJournal
from ringback.live.call_parts.legs import Leg
from ringback.live.call_parts.recordings import Recording
from ringback.live.capacity import Pool
from ringback.live.clock import Timer
from ringback.live.flow_driver import FlowDriver, FlowGiven, FlowSource
from ringback.live.parts import Parts
from ringback.model.account import Account
from ringback.model.call import CallRequest
from ringback.model.final import FinalRecord
from ringback.model.ids import CallId, make_id
from ringback.model.journal import EntryKind, Verdict
from ringback.store.errors import StoreClosedError
from ringback.store.writes import TraceMessage, Write

_log = structlog.get_logger(__name__)


class Failed(Struct, frozen=True):
    """Something that was done for the call outside of it failed; it ends by the crash rule."""

    error: Exception


Input = CallEvent | FlowGiven | Failed

_MOST_DETAIL = 500
_OVER = frozenset({states.State.ENDING, states.State.FINAL})


class CallTask:
    """A call from its acceptance to its final record, and a little longer: until its last leg is gone.

    Attributes:
        legs: Engine legs by leg and try.
        ringback: The engine operation that plays the ringback tone, None for none.
        source: The flow to run, pinned at admission.
        flow: The run, once it began.
        is_final: The final record is committed.
    """

    __slots__ = (
        "_account",
        "_commit",
        "_is_busy",
        "_is_faulty",
        "_mailbox",
        "_over_at",
        "_settled",
        "flow",
        "holdings",
        "is_final",
        "journal",
        "legs",
        "parts",
        "recording",
        "request",
        "ringback",
        "source",
        "state",
        "timers",
    )

    def __init__(self, parts: Parts, request: CallRequest, account: Account, journal: CallJournal) -> None:
        """Take a call in hand. `account` as it is now; if it is deleted the call goes on with it."""
        self.parts = parts
        self.request = request
        self.journal = journal
        self.state = states.initial(request, next_seq=journal.next_seq)
        self.legs: dict[tuple[int, int], Leg] = {}
        self.timers: dict[tuple[str, int, int], Timer] = {}
        self.holdings = Holdings(parts.capacity)
        self.ringback: int | None = None
        self.source: FlowSource | None = None
        self.flow: FlowDriver | None = None
        self.recording: Recording | None = None
        self.is_final = False
        self._account = account
        self._mailbox: deque[Input] = deque()
        self._is_busy = False
        self._is_faulty = False
        self._commit: asyncio.Future[Any] | None = None
        self._over_at: datetime | None = None  # when the leg was gone whose end was the call's
        self._settled: list[asyncio.Future[None]] = []

    @property
    def account(self) -> Account:
        """The call's account as it is now."""
        return self.parts.directory.account(self.request.account) or self._account

    @property
    def has_ended(self) -> bool:
        """The final record is on its way or committed."""
        return self.is_final or self.state.is_final

    def now(self) -> datetime:
        """Return the present moment."""
        return self.parts.clock.now()

    # Events in.

    def deliver(self, event: Input) -> None:
        """Let something happen to the call: now, or after what is being done."""
        self._mailbox.append(event)
        if not self._is_busy and self._commit is None:
            self._work()

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Let a fault in what is done for the call end the call, and nothing else."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  one call's fault ends that call alone
            self.deliver(Failed(error))

    async def settled(self) -> None:
        """Return when everything delivered so far is carried out and committed."""
        if self._mailbox or self._is_busy or self._commit is not None:
            future = asyncio.get_running_loop().create_future()
            self._settled.append(future)
            await future

    def end_recovered(self, recovery: crash.Recovery, at: datetime) -> None:
        """Commit the end of a call that only its journal knows."""
        self.journal.add(recovery.entries)
        # The machine knows nothing of it: what the legs still report is news after the end, numbered after the journal.
        self.state = replace(self.state, state=states.State.FINAL, next_seq=self.journal.next_seq)
        self._finish(at, recovery.verdict)

    # Legs.

    def add_leg(self, leg: Leg) -> None:
        """Take over an engine leg: its events come to this call from now on."""
        self.legs[leg.leg, leg.try_] = leg
        self.parts.legs[leg.engine_leg] = leg

    def engine_leg(self, leg: int) -> int:
        """Return the engine's id of a leg: that of its last try.

        Raises:
            LookupError: The engine has no such leg any more. Within a step that ends the call alone.
        """
        tries = [try_ for number, try_ in self.legs if number == leg]
        if not tries:
            raise LookupError(f"leg {leg} is not in the engine")
        return self.legs[leg, max(tries)].engine_leg

    def release_slot(self, leg: Leg) -> None:
        """Give back the trunk's slot of an engine leg whose dialog is over."""
        if leg.trunk is not None:
            self.parts.capacity.release(Pool.TRUNK, leg.trunk)
            leg.trunk = None
        self.parts.on_free()

    def keep_trace(self, message: TraceMessage) -> None:
        """Keep a SIP message of one of the call's legs: written with the final record, later ones as they come."""
        if self.journal.keep_trace(message) or self.is_final:
            self._write_traces()

    def op_done(self, op: int, result: str, detail: str | None) -> None:
        """Tell whoever waits for an operation of the engine that it ended."""
        if self.recording is not None:
            self.recording.op_done(op, result, detail)
        if self.flow is not None:
            self.flow.op_done(op, result, detail)

    def record(self) -> None:
        """Record the call from the moment leg 1 is answered."""
        self.recording = Recording(self, self.parts.recordings)

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
        if isinstance(event, Failed):
            raise event.error
        if isinstance(event, LegEnded):
            # Not earlier: while a commit was awaited its effects may still name the leg, which the engine takes calmly.
            self.legs.pop((event.leg, event.try_), None)
        elif self.recording is not None and isinstance(event, TryAnswered | AnswerWasConfirmed):
            self.recording.start_if_due(event)
        try:
            self.state, effects = states.step(self.state, event)
        except states.IllegalEvent as refusal:
            effects = self._refused(event.at, refusal)
        if self._over_at is None and isinstance(event, LegEnded) and self.state.state in _OVER:
            self._over_at = event.at
        self._carry_out(event.at, effects)

    def _refused(self, at: datetime, refusal: states.IllegalEvent) -> tuple[CallEffect, ...]:
        """Count and journal an event that the machine did not expect; nothing else comes of it."""
        self.parts.counters.machine_refused += 1
        data = {"event": refusal.event, "state": str(refusal.state)}
        self.state, effects = states.step(self.state, Noted(at=at, kind=EntryKind.MACHINE_REFUSED, data=data))
        return effects

    def _carry_out(self, at: datetime, effects: Sequence[CallEffect]) -> None:
        """Carry out effects in order; before the first that leaves the process, commit what must be committed."""
        for position, effect in enumerate(effects):
            if isinstance(effect, Record):
                self.journal.record(at, effect)
            elif isinstance(effect, Announce):
                self.journal.announce(at, effect, self.account)
            elif isinstance(effect, Finish):
                self._finish(at, effect.verdict)
            elif self.journal.must_commit:
                self._commit_then(at, effects[position:])
                return
            else:
                carry.CARRY_OUT[type(effect)](self, effect)
        if self.journal.must_commit:
            self._commit_then(at, ())

    # Writing.

    def _row_state(self) -> str | None:
        return None if self.has_ended else self.state.state.value

    def _flush(self) -> None:
        """Write behind what need not be waited for."""
        append = self.journal.take_append(self._row_state())
        if append is None:
            return
        try:
            self.parts.journal.submit(append)
        except StoreClosedError:
            self._abandon()

    def _commit_then(self, at: datetime, rest: Sequence[CallEffect]) -> None:
        append = self.journal.take_append(self._row_state())
        if append is not None:
            self._write_durably(append, lambda: self._carry_out(at, rest))

    def _write_durably(self, write: Write, then: Callable[[], None]) -> None:
        """Commit; whatever is delivered meanwhile waits. Then go on."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def committed(commit: asyncio.Future[Any]) -> None:
            self._commit = None
            self.parts.counters.commits += 1
            self.parts.counters.commit_s += loop.time() - began
            self._is_busy = True
            try:
                _check(commit)
                then()
            except Exception as error:  # noqa: BLE001  as in _work
                self._fault(error)
            self._is_busy = False
            if self._commit is None:
                self._work()

        self._commit = asyncio.ensure_future(self.parts.journal.durable(write))
        self._commit.add_done_callback(committed)

    def _write_traces(self) -> None:
        traces = self.journal.take_traces()
        if traces is not None:
            with contextlib.suppress(StoreClosedError):
                self.parts.journal.submit(traces)

    def _tell_settled(self) -> None:
        waiting, self._settled = self._settled, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    # The end.

    def _finish(self, at: datetime, verdict: Verdict) -> None:
        record = final_record(self.request, self.journal.entries, verdict)
        if self.recording is not None and self.recording.id is not None:
            record = replace(record, recording_id=self.recording.id)
        retry = self._next_attempt(at, record)
        finish = self.journal.take_finish(at, with_retry(record, retry), self.account, retry)
        self._write_traces()
        self._write_durably(finish, lambda: self._finished(verdict, retry))

    def _next_attempt(self, at: datetime, record: FinalRecord) -> CallRequest | None:
        if self.request.retries_left <= 0:
            return None
        new_id = make_id("call", at_ms=int(at.timestamp() * 1000), entropy=self.parts.entropy(10))
        return next_attempt(record, self.request, self.journal.entries, now=at, new_id=CallId(new_id))

    def _finished(self, verdict: Verdict, retry: CallRequest | None) -> None:
        self.is_final = True
        self.parts.counters.count_ended(self.request.kind, verdict.status)
        if self._over_at is not None:
            self.parts.counters.time_final(max(0.0, (self.now() - self._over_at).total_seconds()))
        self._let_go()
        self.parts.on_final(self, retry)

    def _let_go(self) -> None:
        """Stop timers and flow, give back channels. Slots of legs that still exist stay until those end."""
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        if self.flow is not None:
            self.flow.stop()
        self.holdings.release()
        self.parts.calls.pop(self.request.id, None)

    # Faults of our own.

    def _fault(self, error: Exception) -> None:
        """End this call alone by the crash rule; if even that fails, out of its journal."""
        if isinstance(error, StoreClosedError):
            self._abandon()
            return
        self.parts.counters.faults += 1
        _log.error("call_fault", call_id=self.request.id, exc_info=error)
        at = self.now()
        detail = f"{type(error).__name__}: {error}"[:_MOST_DETAIL]
        if not self._is_faulty and not self.has_ended:
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
        """The machine cannot step, or its end was refused: hang up, and let the journal decide if it has not yet."""
        self._hang_up_all()
        try:
            recovery = crash.recover(self.request, self.journal.entries, why=crash.INTERNAL_ERROR, at=at, detail=detail)
            if recovery is not None:
                self.end_recovered(recovery, at)
                return
        except crash.AlreadyFinalError:
            pass  # its final record was refused: another process wrote it
        except Exception:  # noqa: BLE001  the last resort
            _log.exception("call_cannot_be_finished", call_id=self.request.id)
        self._abandon()

    def _hang_up_all(self) -> None:
        self._mailbox.clear()
        for leg in self.legs.values():
            with contextlib.suppress(EngineError):
                self.parts.engine.hangup(leg.engine_leg)

    def _abandon(self) -> None:
        """Hang up and let go of everything: nothing more can be written about this call by us."""
        self.is_final = True
        self._hang_up_all()
        self._let_go()
        self.parts.on_free()


def _check(commit: asyncio.Future[Any]) -> None:
    """Raise what a commit raised."""
    if commit.cancelled():
        raise StoreClosedError("The commit was cancelled: the process stops.")
    error = commit.exception()
    if isinstance(error, Exception):
        raise error
