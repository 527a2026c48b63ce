"""What the call machine remembers between two events. Frozen: `step` returns a new one."""

from enum import StrEnum

from msgspec import Struct

from ringback.call.events import DialPlan, LegPlan
from ringback.call.outcome import TryEvidence
from ringback.call.status import CURRENT, NOTHING_YET, Reading
from ringback.model.call import CallRequest
from ringback.model.errors import LocalError
from ringback.model.journal import Verdict
from ringback.model.status import LegResult


class State(StrEnum):
    """Where a call stands; shown to customers as `state` while there is no status."""

    NEW = "new"  # accepted, admission is running
    QUEUED = "queued"  # waits for a channel
    DIALING = "dialing"  # outbound, click-to-call: leg 1 is being called
    DIALING_SECOND = "dialing_second"  # click-to-call: leg 1 answered, leg 2 is being called
    RINGING = "ringing"  # incoming: our 180 is out
    ANSWERING = "answering"  # incoming: our 200 is out, not confirmed
    TALKING = "talking"  # answered: the status is fixed, the call goes on
    ENDING = "ending"  # the status is fixed, the legs are being ended
    FINAL = "final"  # the final record is on its way; what comes now is `after_final`


class IllegalEvent(LocalError):  # noqa: N818  (the trade's word, see CONTRIBUTING)
    """An event that cannot happen in this state; the state is as it was."""

    slug = "illegal-event"

    def __init__(self, state: State, event: str) -> None:
        super().__init__(f"{event} cannot happen in state {state}")
        self.state = state
        self.event = event


class LegState(Struct, frozen=True, kw_only=True):
    """One leg, as far as the machine must know.

    Attributes:
        plan: How it is reached; None for the caller of an incoming call.
        try_: The try being made, 0 for the caller.
        rang: An 18x was seen on any try.
        responded: The present try had a provisional.
        last_code: The provisional journalled last (negative with early media), so that repeats are not.
        progress: Provisionals journalled.
        repeats: Provisionals not journalled.
        failures: The tries that failed.
        evidence: Journal numbers of what is known against the leg.
        result: Set once.
        open_tries: Tries whose `Ended` has not come and that we have not told to end.
        leaving_tries: Tries that we have told to end.
    """

    leg: int
    plan: LegPlan | None = None
    try_: int = 0
    rang: bool = False
    responded: bool = False
    last_code: int = 0
    progress: int = 0
    repeats: int = 0
    failures: tuple[TryEvidence, ...] = ()
    evidence: tuple[int, ...] = ()
    result: LegResult | None = None
    open_tries: tuple[int, ...] = ()
    leaving_tries: tuple[int, ...] = ()

    @property
    def is_over(self) -> bool:
        """Nothing of the leg is left in the engine."""
        return not self.open_tries and not self.leaving_tries

    @property
    def party(self) -> str:
        """The number called, "" for the caller."""
        return self.plan.party if self.plan else ""


class Connecting(Struct, frozen=True, kw_only=True):
    """The flow's connect node at work.

    Attributes:
        waiting: Parties still to be called, in turn.
        dialing: Numbers of the legs being called.
        joined: The leg that the caller hears (early media or talking), 0 for none.
        talking: The party that answered, 0 before.
        results: How those ended who did not answer.
    """

    waiting: tuple[LegPlan, ...] = ()
    dialing: tuple[int, ...] = ()
    joined: int = 0
    talking: int = 0
    results: tuple[LegResult, ...] = ()


class CallState(Struct, frozen=True, kw_only=True):
    """The call machine's memory.

    Attributes:
        next_seq: Number of the next journal entry.
        reading: What the journal says so far about the status.
        legs: Dialled and incoming legs by number - 1.
        timer: The call's own timer that runs (not those of its legs), "" for none.
        max_duration_ms: Longest talk.
        ring_ms: Incoming ring time.
        is_early: Click-to-call: the legs are joined before leg 2 answered.
        runs_flow: The flow (or sound, or message) was started and is not over.
        flow_is_over: It ended while our answer was not confirmed yet: hang up as soon as it is.
        is_withdrawn: A cancel was accepted.
    """

    request: CallRequest
    state: State = State.NEW
    next_seq: int = 2
    reading: Reading = NOTHING_YET
    legs: tuple[LegState, ...] = ()
    plan: DialPlan | None = None
    flow_id: str | None = None
    flow_version: str | None = None
    timer: str = ""
    max_duration_ms: int = 14_400_000
    is_early: bool = False
    runs_flow: bool = False
    flow_is_over: str = ""
    is_withdrawn: bool = False
    connecting: Connecting | None = None

    @property
    def is_final(self) -> bool:
        """The final record was asked for."""
        return self.state is State.FINAL

    @property
    def verdict(self) -> Verdict | None:
        """The verdict, as soon as it is fixed."""
        if not self.reading.decided_at:
            return None
        return CURRENT.verdict(self.reading, self.request.kind, self.next_seq - 1)
