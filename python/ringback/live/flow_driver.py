"""Runs a call's flow: steps the pure interpreter and carries out what it asks for.

Everything the flow is told comes through the call's mailbox and is journalled first (`flow_input`), so that a run can
be replayed from the journal. The driver never changes the call itself: what the flow wants of it goes back as events.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from msgspec import Struct, to_builtins

from ringback.call.events import FlowFinished, FlowNeededAnswer, Noted
from ringback.flow import effects as fx
from ringback.flow.document import Document
from ringback.flow.run import begin, is_secret, run
from ringback.flow.scope import MASK
from ringback.live.call_parts.connect import connect_over, plan_connect
from ringback.model.call import CallRequest
from ringback.model.ids import AccountSid
from ringback.model.journal import EntryKind
from ringback.model.status import Kind

if TYPE_CHECKING:
    from ringback.live.task import CallTask

_LINE_LEG = 1
"""The leg a flow talks to."""

_MOST_JOURNALLED = 4_000
"""Characters of one HTTP body in the journal; the length of the whole stands beside what was cut."""


class FlowSource(Struct, frozen=True, kw_only=True):
    """The flow of one call, pinned at admission. `flow_id` is None for a sound or a message."""

    flow_id: str | None
    version: str | None
    document: Document


class FlowGiven(Struct, frozen=True, kw_only=True):
    """What a call's flow is told, on its way through the call's mailbox; or what to do when its turn comes."""

    at: datetime
    given: fx.FlowInput | None = None
    then: Callable[[], None] | None = None


class ResolvesPrompts(Protocol):
    """`ringback.speech.prompts.Prompts`."""

    async def resolve(self, prompts: Sequence[fx.Prompt], account: AccountSid) -> list[Path]:
        """Return one file for each prompt."""


class FlowTools(Struct, frozen=True, kw_only=True):
    """What flows need from outside.

    Attributes:
        prompts: Makes prompts ready to be played.
        call_http: Carries out a flow's HTTP request for a call; never raises for what the other side does.
    """

    prompts: ResolvesPrompts
    call_http: "Callable[[fx.CallHttp, CallTask], Awaitable[fx.HttpDone]]"


class FlowDriver:
    """One run of a flow. Made when the call machine says `StartFlow`."""

    def __init__(self, task: "CallTask", source: FlowSource) -> None:
        self._task = task
        self._document = source.document
        self._state = begin(source.document)
        self._is_over = False
        self._op: int | None = None  # the engine operation waited for
        self._number = 0  # of the flow effect that waits
        self._work: asyncio.Task[None] | None = None

    def start(self, *, answered: bool) -> None:
        """Begin at the first node."""
        task = self._task
        entropy = int.from_bytes(task.parts.entropy(6))
        variables = {**task.request.variables, **_about(task.request)}
        self._tell(fx.Started(at=task.now(), answered=answered, variables=variables, entropy=entropy))

    def tell(self, what: str, data: dict[str, Any]) -> None:
        """Pass on what the call machine tells the flow."""
        at = self._task.now()
        if what == "answered":
            self._tell(fx.CallAnswered(at=at))
        elif what == "connect_done":
            connect_over(self._task)
            number, result = self._number, str(data.get("result", "failed"))
            self._tell(fx.ConnectDone(at=at, number=number, result=result, party=str(data.get("party", ""))))
        elif what == "caller_left":
            self.stop()

    def stop(self) -> None:
        """Drop the run without another step."""
        self._is_over = True
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def op_done(self, op: int, result: str, detail: str | None) -> None:
        """The engine ended a `play`."""
        if op != self._op or result == "leg_ended":
            return
        self._op = None
        outcome = result if result in {"done", "digit", "failed"} else "stopped"
        self._tell(fx.PlayDone(at=self._task.now(), number=self._number, result=outcome, detail=detail or ""))

    def gather_done(self, op: int, digits: str, result: str, terminator: str | None, detail: str | None) -> None:
        """The engine ended a `gather`."""
        if op != self._op or result == "leg_ended":
            return
        self._op = None
        outcome = result if result in {"match", "no_input", "too_few"} else "failed"
        self._tell(
            fx.DigitsGathered(
                at=self._task.now(),
                number=self._number,
                digits=digits,
                result=outcome,
                terminator=terminator,
                detail=detail or "",
            )
        )

    def give(self, what: FlowGiven) -> None:
        """Take one item out of the mailbox: an input to step with, or something whose turn has come."""
        if self._is_over:
            return
        if what.then is not None:
            what.then()
        if what.given is not None:
            self._step(what.given)

    def _step(self, given: fx.FlowInput) -> None:
        task = self._task
        task.deliver(Noted(at=given.at, kind=EntryKind.FLOW_INPUT, data=self._for_journal(given)))
        self._state, effects = run(self._document, self._state, given)
        for effect in effects:
            self._CARRY_OUT[type(effect)](self, effect, given.at)

    def _tell(self, given: fx.FlowInput) -> None:
        self._task.deliver(FlowGiven(at=given.at, given=given))

    def _for_journal(self, given: fx.FlowInput) -> dict[str, Any]:
        data = to_builtins(given)
        data.pop("at", None)
        data = {"input": type(given).__name__, **data}
        if is_secret(self._document, self._state, given):
            for name in ("digits", "body", "variables"):
                if data.get(name):
                    data[name] = MASK
        body = data.get("body")
        if isinstance(body, str) and len(body) > _MOST_JOURNALLED:
            data |= {"body": body[:_MOST_JOURNALLED], "body_chars": len(body)}
        return data

    # What the flow asks for.

    def _answer(self, effect: fx.AnswerCall, at: datetime) -> None:
        self._task.deliver(FlowNeededAnswer(at=at, node=effect.node))

    def _play(self, effect: fx.Play, at: datetime) -> None:
        def play(files: list[str]) -> int:
            return self._engine_call("play", files, loop=effect.loop, barge_in=effect.barge_in)

        def failed(detail: str) -> fx.FlowInput:
            return fx.PlayDone(at=self._task.now(), number=effect.number, result="failed", detail=detail)

        del at
        self._with_files(effect.number, effect.prompts, play, failed)

    def _gather(self, effect: fx.Gather, at: datetime) -> None:
        def gather(files: list[str]) -> int:
            return self._engine_call(
                "gather",
                files=files,
                min_digits=effect.min_digits,
                max_digits=effect.max_digits,
                terminators=effect.terminators,
                first_timeout_ms=effect.first_timeout_ms,
                inter_timeout_ms=effect.inter_timeout_ms,
                barge_in=effect.barge_in,
            )

        def failed(detail: str) -> fx.FlowInput:
            now = self._task.now()
            return fx.DigitsGathered(at=now, number=effect.number, digits="", result="failed", detail=detail)

        del at
        self._with_files(effect.number, effect.prompts, gather, failed)

    def _connect(self, effect: fx.Connect, at: datetime) -> None:
        del at
        self._number = effect.number
        self._task.deliver(plan_connect(self._task, effect))

    def _http(self, effect: fx.CallHttp, at: datetime) -> None:
        del at
        self._number = effect.number

        async def ask() -> None:
            self._tell(await self._task.parts.flow_tools.call_http(effect, self._task))

        def failed(error: Exception) -> None:
            now, number = self._task.now(), effect.number
            self._tell(fx.HttpDone(at=now, number=number, status_code=None, error=f"internal error: {error}"))

        self._work = self._task.parts.supervisor.start(ask(), name="flow-http", failed=failed)

    def _trail(self, effect: fx.Trail, at: datetime) -> None:
        data: dict[str, Any] = {"node": effect.node, "type": effect.type, "exit": effect.exit}
        if effect.changed:
            data["changed"] = effect.changed
        if effect.note:
            data["note"] = effect.note
        self._task.deliver(Noted(at=at, kind=EntryKind.FLOW_STEP, data=data))

    def _hang_up(self, effect: fx.HangUp, at: datetime) -> None:
        self._is_over = True
        self._task.deliver(FlowFinished(at=at, outcome="hangup", sip_code=effect.sip_code, node=effect.node))

    def _end(self, effect: fx.End, at: datetime) -> None:
        del effect
        self._is_over = True
        self._task.deliver(FlowFinished(at=at, outcome="end"))

    def _fail(self, effect: fx.Fail, at: datetime) -> None:
        self._is_over = True
        self._task.deliver(FlowFinished(at=at, outcome="failed", detail=effect.error, node=effect.node))

    def _engine_call(self, method: str, *args: Any, **kwargs: Any) -> int:
        leg = self._task.engine_leg(_LINE_LEG)
        operation: int = getattr(self._task.parts.engine, method)(leg, *args, **kwargs)
        return operation

    def _with_files(
        self,
        number: int,
        prompts: Sequence[fx.Prompt],
        begin_operation: Callable[[list[str]], int],
        failed: Callable[[str], fx.FlowInput],
    ) -> None:
        """Make the prompts ready, then begin the operation in the call's turn; tell the flow if they cannot be had."""
        self._number = number

        def start(files: list[str]) -> None:
            self._op = begin_operation(files)

        if not prompts:
            start([])
            return

        async def resolve() -> None:
            paths = await self._task.parts.flow_tools.prompts.resolve(prompts, self._task.request.account)
            files = [str(path) for path in paths]
            self._task.deliver(FlowGiven(at=self._task.now(), then=lambda: start(files)))

        def could_not(error: Exception) -> None:
            self._tell(failed(str(error)))

        self._work = self._task.parts.supervisor.start(resolve(), name="prompts", failed=could_not)

    _CARRY_OUT: ClassVar[dict[type, Callable[..., None]]] = {
        fx.AnswerCall: _answer,
        fx.Play: _play,
        fx.Gather: _gather,
        fx.Connect: _connect,
        fx.CallHttp: _http,
        fx.Trail: _trail,
        fx.HangUp: _hang_up,
        fx.End: _end,
        fx.Fail: _fail,
    }


def _about(request: CallRequest) -> dict[str, Any]:
    """Return what every flow knows of its call and of its caller."""
    number = request.from_ if request.kind is Kind.INCOMING else request.bridge
    return {
        "call": {
            "id": request.id,
            "kind": request.kind.value,
            "from": request.from_,
            "to": request.to,
            "bridge": request.bridge,
            "attempt": request.attempt,
            "custom": request.custom,
            "started_at": request.accepted_at.isoformat(),
        },
        "caller": {"number": number, "name": None, "anonymous": not number},
    }
