"""What the call machine asks the running side to do. Imperative, frozen, carried out in the order given."""

from typing import Any

from msgspec import Struct, field

from ringback.call.events import TimerName, TryPlan
from ringback.model.journal import EntryKind, Verdict


class Record(Struct, frozen=True, kw_only=True):
    """Write a journal entry with exactly this `seq`; its moment is the event's.

    `durable`: it must be committed before any later effect of the list is carried out. The machine counts `seq` from
    the `next_seq` given to `initial`, without gaps.
    """

    seq: int
    kind: EntryKind
    data: dict[str, Any] = field(default_factory=dict)
    durable: bool = False


class Dial(Struct, frozen=True, kw_only=True):
    """Send the INVITE of one try (its `dialing` entry stands before it in the list).

    `sip_call_id` and `local_tag` are made by the machine out of call id, leg and try, so that the journal has
    them first.
    """

    leg: int
    try_: int
    plan: TryPlan
    sip_call_id: str
    local_tag: str


class Hangup(Struct, frozen=True, kw_only=True):
    """End a leg's try as its state asks for: CANCEL or BYE. `q850` and `reason` go out as Reason."""

    leg: int
    try_: int
    q850: int | None = 16
    reason: str | None = None


class Ring(Struct, frozen=True, kw_only=True):
    """Send 180 to the caller."""


class Answer(Struct, frozen=True, kw_only=True):
    """Send 200 to the caller."""


class Reject(Struct, frozen=True, kw_only=True):
    """Refuse the caller with this code; with `retry_after` none."""

    code: int
    reason: str | None = None


class StartTimer(Struct, frozen=True, kw_only=True):
    """Start (or restart) a timer; it comes back as `TimerFired`."""

    name: TimerName
    after_ms: int
    leg: int = 0
    try_: int = 0


class StopTimer(Struct, frozen=True, kw_only=True):
    """Stop a timer; no effect if it is not running."""

    name: TimerName
    leg: int = 0
    try_: int = 0


class JoinLegs(Struct, frozen=True, kw_only=True):
    """Let two legs hear each other (also early media); replaces what is playing to them."""

    a: int
    b: int


class PlayRingback(Struct, frozen=True, kw_only=True):
    """Play the ringback tone to a leg until it is joined or hung up."""

    leg: int


class StopRingback(Struct, frozen=True, kw_only=True):
    """Stop the ringback tone: nobody was reached and the flow goes on."""

    leg: int


class StartFlow(Struct, frozen=True, kw_only=True):
    """Run the call's flow (or its sound or message target). `answered`: the party already hears us."""

    answered: bool


class TellFlow(Struct, frozen=True, kw_only=True):
    """Tell the flow something: `answered`, `caller_left`, `connect_done`.

    For `connect_done` the data is `{"result": "answered|busy|no_answer|rejected|failed", "leg": n, "party": "+49..."}`;
    it comes when nobody was reached, or when the connected party hung up (`result` answered).
    """

    what: str
    data: dict[str, Any] = field(default_factory=dict)


class StopFlow(Struct, frozen=True, kw_only=True):
    """The call is ending: drop the flow without another step."""


class Announce(Struct, frozen=True, kw_only=True):
    """A webhook event before the final one: `call_start`, `call_answer`, `from_call_start` ...

    Committed with the entries around it: it stands before the durable one it belongs to.
    """

    event: str
    data: dict[str, Any] = field(default_factory=dict)


class Finish(Struct, frozen=True, kw_only=True):
    """Commit the final record: status, release of channels, retry and `call_end` in one transaction. Always last.

    The `final` entry stands just before it as a `Record` and belongs into the same transaction.
    """

    verdict: Verdict


CallEffect = (
    Record
    | Dial
    | Hangup
    | Ring
    | Answer
    | Reject
    | StartTimer
    | StopTimer
    | JoinLegs
    | PlayRingback
    | StopRingback
    | StartFlow
    | TellFlow
    | StopFlow
    | Announce
    | Finish
)
