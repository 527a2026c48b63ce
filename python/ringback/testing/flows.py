"""Test flows as code: a scripted caller walks through a flow in virtual time, without a phone, a network or a wait.

    call = FlowCall("office.json", caller="+4915112345678", at="2026-01-05T10:00:00+01:00")
    call.hears("Press 1 for sales")
    call.presses("1")
    call.connects("no_answer")
    call.hears("leave a message")
    assert call.ended == "end"
    assert call.trail == ["hours:match", "menu:1", "sales:no_answer", "sorry:next"]
    assert call.status == "FLOW_ANSWER"

What plays is heard to its end by itself; whatever else the flow waits for (digits, a connected party, a reply) has to
come from the script. A step that the flow is not ready for is an `AssertionError` that says what it waits for instead.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ringback.flow.check import Facts, check
from ringback.flow.document import Document
from ringback.flow.effects import (
    AnswerCall,
    CallAnswered,
    CallHttp,
    Connect,
    ConnectDone,
    DigitsGathered,
    End,
    Fail,
    FlowEffect,
    FlowInput,
    Gather,
    HangUp,
    HttpDone,
    Play,
    PlayDone,
    Prompt,
    Started,
    Trail,
)
from ringback.flow.problems import Severity
from ringback.flow.run import begin, run
from ringback.flow.state import FlowState
from ringback.model.journal import EntryKind
from ringback.model.status import Kind, Status
from ringback.testing.flow_status import FlowJournal

DEFAULT_AT = "2026-01-05T10:00:00+00:00"
"""A Monday morning."""

_SOUND_S = 3.0
_ROUNDS = 10_000


class FlowCall:
    """One call through a flow.

    Args:
        document: The flow: a path, JSON, or what it decodes to. It must have no errors.
        caller: The calling number.
        to: The called number.
        at: When the call comes in, ISO 8601 with a zone, or an aware datetime.
        kind: `incoming`, or `outbound`: then the flow begins answered.
        variables: The request's own variables.
        apis: Replies by api node id, given whenever the node asks: `{"crm": {"status_code": 200, "body": {...}}}`.
        parties: Results by connect node id, given whenever it calls: `{"sales": "busy"}`.
        without_call: As if started over HTTP.
    """

    def __init__(
        self,
        document: Document | Mapping[str, Any] | str | bytes | Path,
        *,
        caller: str = "+4915112345678",
        to: str = "+4930123456",
        at: str | datetime = DEFAULT_AT,
        kind: str = "incoming",
        variables: Mapping[str, Any] | None = None,
        apis: Mapping[str, Mapping[str, Any]] | None = None,
        parties: Mapping[str, str] | None = None,
        without_call: bool = False,
    ) -> None:
        self.document = load(document)
        self.now = datetime.fromisoformat(at) if isinstance(at, str) else at
        if self.now.tzinfo is None:
            raise ValueError(f"`at` needs a time zone: write it like {DEFAULT_AT}")
        self.started_at = self.now
        self.heard: list[str] = []
        self.requests: list[CallHttp] = []
        self.connected: list[tuple[str, ...]] = []
        self.steps: list[Trail] = []
        self.ended: str | None = None
        self.error = ""
        self.sip_code: int | None = None
        self._apis = dict(apis or {})
        self._parties = dict(parties or {})
        self._unheard: list[str] = []
        self._wait: FlowEffect | None = None
        self._state: FlowState = begin(self.document)
        self._journal = FlowJournal(Kind(kind), at=self.now)
        self._give(self._started(Kind(kind), caller, to, variables or {}, without_call=without_call))

    # What can be asked

    @property
    def trail(self) -> list[str]:
        """Return the nodes left so far as `node:exit`."""
        return [f"{step.node}:{step.exit}" for step in self.steps]

    @property
    def notes(self) -> list[str]:
        """Return the notes of the trail, those of log nodes among them."""
        return [step.note for step in self.steps if step.note]

    @property
    def variables(self) -> dict[str, Any]:
        """Return the declared variables."""
        return dict(self._state.variables)

    @property
    def is_answered(self) -> bool:
        """Whether the caller was answered."""
        return self._state.answered

    @property
    def status(self) -> Status:
        """Return the final status the call ends with, by the same table as a real one. It must have ended."""
        if self.ended is None:
            raise AssertionError(f"The call has not ended: {self.waits_for}.")
        return self._journal.status()

    @property
    def waits_for(self) -> str:
        """Say for people what the flow waits for."""
        match self._wait:
            case None:
                return f"the call is over ({self.ended}{': ' + self.error if self.error else ''})"
            case Gather():
                return f"the node `{self._state.node}` waits for digits"
            case Connect(parties=parties):
                return f"the node `{self._state.node}` is calling {', '.join(parties)}"
            case CallHttp(method=method, url=url):
                return f"the node `{self._state.node}` waits for a reply to {method} {url}"
            case Play():
                return f"the node `{self._state.node}` plays without end"
            case _:
                return f"the node `{self._state.node}` waits"

    # What the caller and the world do

    def hears(self, *texts: str) -> "FlowCall":
        """Assert that these were heard since the caller last did something, in this order.

        Parts of a text, a sound's id, or an address are enough.
        """
        rest = list(self._unheard)
        for text in texts:
            position = next((index for index, said in enumerate(rest) if text in said), None)
            if position is None:
                raise AssertionError(
                    f"The caller did not hear {text!r}. Since the last step: {self._unheard}; {self.waits_for}."
                )
            rest = rest[position:]
        return self

    def hears_nothing(self) -> "FlowCall":
        """Assert that nothing was heard since the caller last did something."""
        if self._unheard:
            raise AssertionError(f"The caller heard {self._unheard}.")
        return self

    def presses(self, keys: str) -> "FlowCall":
        """Press keys. Those after a terminator or beyond the node's maximum are typed ahead for the next question."""
        self._unheard.clear()
        if not keys:
            raise ValueError("Press at least one key; stays_silent() presses none.")
        while keys:
            gather = self._expect(Gather)
            digits, terminator, keys = _take(gather, keys)
            self._pass(0.3 * (len(digits) + 1))
            result = "match" if terminator is not None or len(digits) >= gather.max_digits else "timeout"
            if result == "timeout":
                self._pass(gather.inter_timeout_ms / 1000)
                result = "match" if len(digits) >= gather.min_digits else "too_few"
            if not digits:
                result = "too_few" if gather.min_digits else "match"
            self._give(
                DigitsGathered(at=self.now, number=gather.number, digits=digits, result=result, terminator=terminator)
            )
        return self

    def stays_silent(self) -> "FlowCall":
        """Let the time for the first digit go by."""
        gather = self._expect(Gather)
        self._unheard.clear()
        self._pass(gather.first_timeout_ms / 1000)
        self._give(DigitsGathered(at=self.now, number=gather.number, digits="", result="no_input"))
        return self

    def connects(self, result: str, *, party: str | None = None, talk_s: float = 30.0) -> "FlowCall":
        """Let the party that is called be `busy`, `no_answer`, ... or `answered`, and hang up after `talk_s`."""
        connect = self._expect(Connect)
        self._unheard.clear()
        self._pass(talk_s if result == "answered" else connect.ring_ms / 1000 if result == "no_answer" else 1.0)
        reached = party if party is not None else connect.parties[0] if result == "answered" else ""
        self._give(ConnectDone(at=self.now, number=connect.number, result=result, party=reached))
        return self

    def api_replies(
        self, status_code: int | None = 200, body: Any = None, *, error: str = "", after_s: float = 0.2
    ) -> "FlowCall":
        """Answer the request that the flow waits for; status None is no reply at all."""
        request = self._expect(CallHttp)
        self._pass(after_s)
        self._give(HttpDone(at=self.now, number=request.number, status_code=status_code, body=body, error=error))
        return self

    def waits(self, seconds: float) -> "FlowCall":
        """Let time go by."""
        self._pass(seconds)
        return self

    def hangs_up(self) -> "FlowCall":
        """Hang up. The flow does not go on."""
        if self.ended is None:
            self._wait = None
            self.ended = "caller_left"
            self._journal.left(self.now)
        return self

    # How it works

    def _started(
        self, kind: Kind, caller: str, to: str, variables: Mapping[str, Any], *, without_call: bool
    ) -> Started:
        call = {"id": "call_TEST", "kind": kind.value, "from": caller, "to": to, "bridge": to, "attempt": 1}
        answered = kind is not Kind.INCOMING
        own = {"call": call, "caller": {"number": caller, "anonymous": not caller}, **variables}
        return Started(at=self.now, answered=answered, variables=own, without_call=without_call)

    def _expect(self, wanted: type[Any]) -> Any:
        if not isinstance(self._wait, wanted):
            raise AssertionError(f"The flow does not wait for this: {self.waits_for}. Heard: {self._unheard}.")  # noqa: TRY004
        return self._wait

    def _pass(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def _give(self, given: FlowInput | None) -> None:
        """Give an input, and go on with everything that needs no script."""
        for _ in range(_ROUNDS):
            if given is None:
                return
            self._wait = None
            self._state, effects = run(self.document, self._state, given)
            given = None
            for effect in effects:
                given = self._carry_out(effect)
        raise AssertionError(f"The flow went on {_ROUNDS} times by itself.")

    def _carry_out(self, effect: FlowEffect) -> FlowInput | None:
        """Do what the running side would do; return the input that follows by itself."""
        match effect:
            case Trail():
                self.steps.append(effect)
            case AnswerCall():
                self._journal.entry(EntryKind.ANSWERING, self.now)
                self._journal.entry(EntryKind.ANSWER_CONFIRMED, self.now, how="ack")
                return CallAnswered(at=self.now)
            case End() | HangUp() | Fail():
                self._end(effect)
            case _:
                return self._begin_wait(effect)
        return None

    def _begin_wait(self, effect: Play | Gather | Connect | CallHttp) -> FlowInput | None:
        self._wait = effect
        if isinstance(effect, Play | Gather):
            self._hear(effect.prompts)
        match effect:
            case Play(loop=loop) if loop > 0:
                return PlayDone(at=self.now, number=effect.number, result="done")
            case Connect(parties=parties):
                self.connected.append(parties)
                result = self._parties.get(self._state.node)
                return self._scripted_party(effect, result) if result else None
            case CallHttp():
                self.requests.append(effect)
                reply = self._apis.get(self._state.node)
                return HttpDone(at=self.now, number=effect.number, **{"status_code": 200, **reply}) if reply else None
        return None

    def _scripted_party(self, effect: Connect, result: str) -> ConnectDone:
        party = effect.parties[0] if result == "answered" else ""
        return ConnectDone(at=self.now, number=effect.number, result=result, party=party)

    def _hear(self, prompts: tuple[Prompt, ...]) -> None:
        for prompt in prompts:
            said = prompt.text or prompt.sound_id or prompt.url or ""
            self.heard.append(said)
            self._unheard.append(said)
            self._pass(len(said.split()) * 60 / prompt.rate if prompt.text else _SOUND_S)

    def _end(self, effect: End | HangUp | Fail) -> None:
        match effect:
            case End():
                self.ended = "end"
            case HangUp(sip_code=sip_code):
                self.ended, self.sip_code = "hangup", sip_code
            case Fail(error=error, node=node):
                self.ended, self.error = "failed", f"node `{node}`: {error}"
        self._journal.flow_over(effect, self.now)


def load(document: Document | Mapping[str, Any] | str | bytes | Path) -> Document:
    """Read and check a flow; a text that does not begin with `{` is a path.

    Raises:
        AssertionError: The flow has errors; all are listed.
    """
    if isinstance(document, Document):
        return document
    source: Any = document
    if isinstance(source, Path) or (isinstance(source, str) and not source.lstrip().startswith("{")):
        source = Path(source).read_bytes()
    result = check(dict(source) if isinstance(source, Mapping) else source, Facts())
    errors = [f"{problem.path}: {problem.message}" for problem in result.problems if problem.severity is Severity.ERROR]
    if errors or result.document is None:
        raise AssertionError("The flow has errors:\n" + "\n".join(errors))
    return result.document


def _take(gather: Gather, keys: str) -> tuple[str, str | None, str]:
    """Return the digits that one question takes of the keys, the terminator, and the rest."""
    for index, key in enumerate(keys):
        if key in gather.terminators:
            return keys[:index], key, keys[index + 1 :]
        if index + 1 == gather.max_digits:
            return keys[: index + 1], None, keys[index + 1 :]
    return keys, None, ""


def dumps(call: FlowCall) -> str:
    """Write what happened, for a failing test's message."""
    lines = {"heard": call.heard, "trail": call.trail, "notes": call.notes, "state": call.waits_for}
    return json.dumps(lines, ensure_ascii=False, indent=1)
