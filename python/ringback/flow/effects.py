"""Inputs and effects of the flow interpreter: `run(document, state, input) -> (state, effects)`.

An interpreter that waits for something has said so in its last effect (`Play`, `Gather`, `Connect`, `CallHttp`,
`AnswerCall`), and gets exactly one input for it. `number` ties the two together; an input with an old number is
ignored.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct, field


class Started(Struct, frozen=True, kw_only=True):
    """Begin.

    Attributes:
        answered: The caller hears us already.
        variables: `call` and `caller` (records with the fields of `ringback.flow.scope`), and the request's own by
            name: those that the document declares set its variables, all of them are in `call.variables`.
        entropy: Seeds random choices.
        without_call: Started over HTTP: nodes that need a call are skipped.
    """

    at: datetime
    answered: bool
    without_call: bool = False
    variables: dict[str, Any] = field(default_factory=dict)
    entropy: int = 0


class CallAnswered(Struct, frozen=True, kw_only=True):
    """The caller has our 200: telephony widgets may run."""

    at: datetime


class PlayDone(Struct, frozen=True, kw_only=True):
    """A prompt ended: `done`, `digit` (barge-in), `stopped`, `failed`."""

    at: datetime
    number: int
    result: str
    detail: str = ""


class DigitsGathered(Struct, frozen=True, kw_only=True):
    """A gather ended: `match`, `no_input`, `too_few`, `failed`; `detail` says why it failed."""

    at: datetime
    number: int
    digits: str
    result: str
    terminator: str | None = None
    detail: str = ""


class ConnectDone(Struct, frozen=True, kw_only=True):
    """Connecting ended: nobody was reached, or the connected party hung up."""

    at: datetime
    number: int
    result: str
    party: str = ""


class HttpDone(Struct, frozen=True, kw_only=True):
    """A reply to `CallHttp`; `status_code` None when there was none, then `error` says why. `body`: JSON or text."""

    at: datetime
    number: int
    status_code: int | None
    body: Any = None
    error: str = ""


FlowInput = Started | CallAnswered | PlayDone | DigitsGathered | ConnectDone | HttpDone


class Prompt(Struct, frozen=True, kw_only=True):
    """One thing to be heard: exactly one of `text`, `sound_id`, `url`. `rate`: words per minute, `language`: BCP 47."""

    text: str | None = None
    sound_id: str | None = None
    url: str | None = None
    language: str = "en-US"
    rate: int = 160
    voice: str | None = None


class AnswerCall(Struct, frozen=True, kw_only=True):
    """A telephony widget is reached on an unanswered call; continue with `CallAnswered`."""

    node: str


class Play(Struct, frozen=True, kw_only=True):
    """Play prompts one after another. `loop` 0 is endless."""

    number: int
    prompts: tuple[Prompt, ...]
    loop: int = 1
    barge_in: bool = False


class Gather(Struct, frozen=True, kw_only=True):
    """Play prompts and collect digits, as the engine's `gather`."""

    number: int
    prompts: tuple[Prompt, ...]
    min_digits: int
    max_digits: int
    terminators: str
    first_timeout_ms: int
    inter_timeout_ms: int
    barge_in: bool


class Connect(Struct, frozen=True, kw_only=True):
    """Call other parties and join the first who answers. `caller_id`: None is the flow's own number."""

    number: int
    parties: tuple[str, ...]
    at_once: bool
    ring_ms: int
    caller_id: str | None = None


class CallHttp(Struct, frozen=True, kw_only=True):
    """Send an HTTP request from the running side (private addresses refused)."""

    number: int
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    timeout_ms: int = 5000
    retries: int = 0


class Trail(Struct, frozen=True, kw_only=True):
    """A node was left: for the journal. Values of variables marked secret are masked."""

    node: str
    type: str
    exit: str
    changed: dict[str, Any] = field(default_factory=dict)
    note: str = ""


class HangUp(Struct, frozen=True, kw_only=True):
    """End the call; `sip_code` is the answer to a caller not answered yet."""

    sip_code: int | None = None
    node: str = ""


class End(Struct, frozen=True, kw_only=True):
    """The flow ran to its end."""


class Fail(Struct, frozen=True, kw_only=True):
    """The flow cannot go on: an error at run time, or a bound was reached."""

    node: str
    error: str


FlowEffect = AnswerCall | Play | Gather | Connect | CallHttp | Trail | HangUp | End | Fail
