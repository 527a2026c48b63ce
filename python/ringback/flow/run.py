"""The interpreter: `run(document, state, input) -> (state, effects)`. Pure, synchronous; time comes in with the input.

Each return ends with exactly one effect that waits (`AnswerCall`, `Play`, `Gather`, `Connect`, `CallHttp`) or ends
the run (`HangUp`,
`End`, `Fail`); or has no effects at all, because the input was not the one waited for. Nothing is endless between two
waits: nodes, jumps and the work of templates are counted.
"""

from collections.abc import Callable
from typing import assert_never

from msgspec.structs import replace

from ringback.flow import limits
from ringback.flow.context import make_values, request_variables, started
from ringback.flow.document import Document, start_id
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
    HttpDone,
    Play,
    PlayDone,
    Prompt,
    Started,
    Trail,
)
from ringback.flow.expression import ExpressionError
from ringback.flow.nodes import Node, exits_of, kind_of, type_of
from ringback.flow.scope import MASK, Build, Scope
from ringback.flow.state import FlowState, Waiting
from ringback.flow.step import Finish, JumpTo, Leave, Outcome, RunError, Turn, Wait
from ringback.flow.values import size

Stepped = tuple[FlowState, tuple[FlowEffect, ...]]

_WAITS: dict[type[FlowEffect], Waiting] = {
    Play: Waiting.PLAY,
    Gather: Waiting.GATHER,
    Connect: Waiting.CONNECT,
    CallHttp: Waiting.HTTP,
}
_ENDS_WAIT: dict[Waiting, type[FlowInput]] = {
    Waiting.PLAY: PlayDone,
    Waiting.GATHER: DigitsGathered,
    Waiting.CONNECT: ConnectDone,
    Waiting.HTTP: HttpDone,
}


def begin(document: Document) -> FlowState:
    """Return the state of a run that has not begun; the first input is `Started`."""
    return FlowState(node=start_id(document))


def run(document: Document, state: FlowState, given: FlowInput) -> Stepped:
    """Go on with a run until it waits or ends.

    An input that is not waited for (an old number, a second `Started`, anything after the end) changes nothing.

    Args:
        document: Checked by `ringback.flow.check`; the same in every step of a run.
        state: From `begin` or the last step.
        given: What happened.
    """
    match given:
        case Started():
            if state.waiting is not Waiting.START:
                return state, ()
            return _start(document, state, given)
        case CallAnswered():
            if state.waiting is not Waiting.ANSWER:
                return replace(state, answered=state.waiting is not Waiting.OVER or state.answered), ()
            return _Walk(document, replace(state, answered=True, at=given.at)).enter_again()
        case PlayDone() | DigitsGathered() | ConnectDone() | HttpDone():
            if _ENDS_WAIT.get(state.waiting) is not type(given) or given.number != state.number:
                return state, ()
            return _Walk(document, replace(state, at=given.at)).resume(given)
        case _:
            assert_never(given)


def is_secret(document: Document, state: FlowState, given: FlowInput) -> bool:
    """Say whether an input holds what the author declared secret, so that whoever keeps it encrypts or masks it."""
    secrets = {name for name, variable in document.variables.items() if variable.secret}
    if isinstance(given, Started):
        return not secrets.isdisjoint(request_variables(given))
    if not isinstance(given, DigitsGathered | HttpDone):
        return False
    node = document.nodes.get(state.node)
    written = (getattr(node, "variable", None), *getattr(node, "save", ()))
    return not secrets.isdisjoint(written)


def _start(document: Document, state: FlowState, given: Started) -> Stepped:
    try:
        state, notes = started(document, state, given)
    except RunError as error:
        return replace(state, waiting=Waiting.OVER, at=given.at), (Fail(node=state.node, error=str(error)),)
    walk = _Walk(document, state)
    walk.effects.extend(Trail(node=state.node, type="start", exit="", note=note) for note in notes)
    return walk.go(state.node)


class _Walk:
    """One step of a run: from an input to the next wait or the end."""

    def __init__(self, document: Document, state: FlowState) -> None:
        self.document = document
        self.state = state
        self.effects: list[FlowEffect] = []
        self.scope = Scope(document.variables, self._values())

    def go(self, node_id: str | None) -> Stepped:
        """Walk on from a node."""
        while node_id is not None:
            node_id = self._guarded(node_id, self._visit)
        return self.state, tuple(self.effects)

    def enter_again(self) -> Stepped:
        """Enter the node that waited for the call to be answered."""
        return self.go(self._guarded(self.state.node, self._enter))

    def resume(self, given: FlowInput) -> Stepped:
        """Give the node that waits its input."""

        def resumed(node_id: str) -> str | None:
            node = self.document.nodes[node_id]
            resume = kind_of(node).resume
            if resume is None:
                raise RunError("it does not wait for anything")
            return self._apply(node_id, node, resume(node, self._turn(node_id), given))

        return self.go(self._guarded(self.state.node, resumed))

    def _guarded(self, node_id: str, act: Callable[[str], str | None]) -> str | None:
        """Act on a node; turn its errors into `Fail`."""
        try:
            return act(node_id)
        except (RunError, ExpressionError) as error:
            self._over(Fail(node=node_id, error=str(error)))
            return None

    def _visit(self, node_id: str) -> str | None:
        """Enter a node for the first time: count it, and have the call answered if the node needs that."""
        node = self.document.nodes.get(node_id)
        if node is None:
            raise RunError("there is no such node")
        if self.state.steps >= limits.STEPS:
            raise RunError(f"the flow has entered {limits.STEPS} nodes; it seems to go in a circle")
        self.state = replace(self.state, node=node_id, steps=self.state.steps + 1, memory={})
        if kind_of(node).is_telephony(node):
            if self.state.without_call:
                return self._skip(node_id, node)
            if not self.state.answered:
                self.state = replace(self.state, waiting=Waiting.ANSWER)
                self.effects.append(AnswerCall(node=node_id))
                return None
        return self._enter(node_id)

    def _enter(self, node_id: str) -> str | None:
        node = self.document.nodes[node_id]
        return self._apply(node_id, node, kind_of(node).enter(node, self._turn(node_id)))

    def _turn(self, node_id: str) -> Turn:
        state, document = self.state, self.document
        return Turn(
            node_id=node_id,
            at=state.at,
            number=state.number + 1,
            answered=state.answered,
            scope=self.scope,
            memory=state.memory,
            voice=Prompt(language=document.language, rate=document.rate, voice=document.voice),
        )

    def _apply(self, node_id: str, node: Node, outcome: Outcome) -> str | None:
        match outcome:
            case Leave():
                return self._leave(node_id, node, outcome)
            case Wait():
                waiting = _WAITS[type(outcome.effect)]
                self.state = replace(self.state, waiting=waiting, number=self.state.number + 1, memory=outcome.memory)
                self.effects.append(outcome.effect)
                return None
            case JumpTo():
                if self.state.jumps >= limits.JUMPS:
                    raise RunError(f"the flow has jumped {limits.JUMPS} times; it seems to go in a circle")
                self.state = replace(self.state, jumps=self.state.jumps + 1)
                self.effects.append(Trail(node=node_id, type=type_of(node), exit="jump", note=f"to {outcome.node_id}"))
                return outcome.node_id
            case Finish():
                self.effects.append(Trail(node=node_id, type=type_of(node), exit="hangup", note=outcome.note))
                self._over(End() if self.state.without_call else outcome.effect)
                return None
            case _:
                assert_never(outcome)

    def _leave(self, node_id: str, node: Node, leave: Leave) -> str | None:
        self._store(node_id, leave)
        declared = self.document.variables
        changed = {name: MASK if declared[name].secret else value for name, value in leave.changed.items()}
        self.effects.append(Trail(node=node_id, type=type_of(node), exit=leave.exit, changed=changed, note=leave.note))
        return self._follow(node, leave.exit)

    def _follow(self, node: Node, exit_: str) -> str | None:
        """Return the node behind an exit; one that leads nowhere ends the flow."""
        after = exits_of(node).get(exit_)
        if after is None:
            self._over(End())
        return after

    def _store(self, node_id: str, leave: Leave) -> None:
        """Take over changed variables and the node's results, within the bound of a run."""
        state = self.state
        before = sum(size(state.variables.get(name)) for name in leave.changed) + size(state.results.get(node_id, {}))
        after = sum(map(size, leave.changed.values())) + size(leave.result)
        weight = state.weight + after - before
        if weight > limits.STATE_CHARS:
            raise RunError(f"the flow keeps more than {limits.STATE_CHARS} characters in its variables and results")
        secret = state.secret_results | {node_id} if leave.secret else state.secret_results
        self.state = replace(
            state,
            variables={**state.variables, **leave.changed} if leave.changed else state.variables,
            results={**state.results, node_id: leave.result} if leave.result else state.results,
            secret_results=secret,
            weight=weight,
        )
        if leave.changed or leave.result:
            self.scope = self.scope.rebuilt(self._values())

    def _values(self) -> Build:
        document, state = self.document, self.state
        return lambda masked: make_values(document, state, masked=masked)

    def _skip(self, node_id: str, node: Node) -> str | None:
        """Pass over a node that needs a call, in a run without one."""
        exit_ = kind_of(node).skip_exit
        note = "skipped: the flow was started without a call"
        self.effects.append(Trail(node=node_id, type=type_of(node), exit=exit_, note=note))
        return self._follow(node, exit_)

    def _over(self, effect: FlowEffect) -> None:
        self.state = replace(self.state, waiting=Waiting.OVER, memory={})
        self.effects.append(effect)
