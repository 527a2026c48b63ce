"""What can happen to a call: the inputs of the call machine. Past tense, frozen, with the moment they happened.

Legs count from 1. A leg is dialled in one or more *tries* (gateways, trunks), which also count from 1. Leg 1 of an
incoming call is the caller and has no tries (`try_` is 0). Legs 2 and up of incoming and outbound calls come from the
flow's connect node.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from ringback.model.cause import Cause
from ringback.model.journal import EntryKind
from ringback.model.plan import DialPlan as DialPlan  # noqa: PLC0414  (callers find the plans here)
from ringback.model.plan import LegPlan as LegPlan  # noqa: PLC0414
from ringback.model.plan import TryPlan as TryPlan  # noqa: PLC0414
from ringback.model.status import HangupBy


class TimerName(StrEnum):
    """The timers a call can have running, at most one of each name and leg."""

    RING = "ring"  # one over all tries of a leg
    FIRST_RESPONSE = "first_response"  # one try without any provisional
    INCOMING_RING = "incoming_ring"  # our caller hears ringing
    MISS_CALL = "miss_call"
    MAX_DURATION = "max_duration"
    WIND_DOWN = "wind_down"  # decided and hung up, waiting for the legs


class Queued(Struct, frozen=True, kw_only=True):
    """No channel was free and the account queues: the call waits, at latest until `until`."""

    at: datetime
    until: datetime


class QueueTimedOut(Struct, frozen=True, kw_only=True):
    """The call waited too long. `why`: `waited` (queue time) or `missed_schedule` (found much too late after a stop).

    Expected and without effect once the call has left the queue.
    """

    at: datetime
    why: str = "waited"


class Admitted(Struct, frozen=True, kw_only=True):
    """Outbound or click-to-call passed admission and its channels are reserved."""

    at: datetime
    plan: DialPlan


class AdmissionRefused(Struct, frozen=True, kw_only=True):
    """Admission said no. `check` is one of `Check`, `sip_code` the answer to an incoming INVITE."""

    at: datetime
    check: str
    detail: str = ""
    sip_code: int | None = None


class IncomingAdmitted(Struct, frozen=True, kw_only=True):
    """An incoming call may go on: ring, then run the flow, or only ring (`miss_call_ms`)."""

    at: datetime
    ring_ms: int
    miss_call_ms: int | None = None
    flow_id: str | None = None
    flow_version: str | None = None
    max_duration_ms: int = 14_400_000


class TryProgressed(Struct, frozen=True, kw_only=True):
    """A provisional response, 100 included."""

    at: datetime
    leg: int
    try_: int
    code: int
    phrase: str
    early_media: bool = False


class TryAnswered(Struct, frozen=True, kw_only=True):
    """A dialled leg got a 2xx with usable SDP."""

    at: datetime
    leg: int
    try_: int
    code: int
    phrase: str = "OK"
    codec: str = ""
    dialog: str = ""


class LateAnswered(Struct, frozen=True, kw_only=True):
    """A 2xx came after we had given the try up; the engine ended it with BYE."""

    at: datetime
    leg: int
    try_: int
    code: int


class LegEnded(Struct, frozen=True, kw_only=True):
    """The engine's `Ended`: of one try of a dialled leg, or of the caller's leg (`try_` 0).

    Besides the engine's words the running side may say cause `no_channel` (side `local`): the INVITE was not sent
    because the trunk had no free slot when its turn came.
    """

    at: datetime
    leg: int
    try_: int
    cause: Cause


class AnswerWasConfirmed(Struct, frozen=True, kw_only=True):
    """The caller of an incoming call has our 200. `how`: ack, request, rtp."""

    at: datetime
    how: str
    codec: str = ""


class MediaWasLost(Struct, frozen=True, kw_only=True):
    """Nothing came from an answered leg for the media time-out."""

    at: datetime
    leg: int


class StatsReported(Struct, frozen=True, kw_only=True):
    """Media figures of a leg."""

    at: datetime
    leg: int
    codec: str
    packets_sent: int
    packets_received: int
    packets_lost: int
    jitter_ms: float
    round_trip_ms: float | None = None
    packets_late: int = 0
    concealed_ms: int = 0
    jitter_max_ms: float = 0.0
    loss_percent: float = 0.0
    remote_loss_percent: float | None = None
    mos: float | None = None


class TimerFired(Struct, frozen=True, kw_only=True):
    """A timer of ours is up. `leg` and `try_` are those of its start, 0 where it has none."""

    at: datetime
    name: TimerName
    leg: int = 0
    try_: int = 0


class HangupRequested(Struct, frozen=True, kw_only=True):
    """Somebody asked through the API (or a wrapper of ours) to withdraw or end the call."""

    at: datetime
    by: HangupBy = HangupBy.API


class FlowNeededAnswer(Struct, frozen=True, kw_only=True):
    """The flow reached a telephony widget on a call not answered yet."""

    at: datetime
    node: str


class FlowFinished(Struct, frozen=True, kw_only=True):
    """The flow is over.

    `outcome`: `end` (ran to its end), `hangup` (a hangup node; `sip_code` if unanswered), `failed` (error, loop bound).
    """

    at: datetime
    outcome: str
    sip_code: int | None = None
    detail: str = ""
    node: str = ""


class ConnectRequested(Struct, frozen=True, kw_only=True):
    """The flow wants other parties on the line: one after another, or all at once; `ring_ms` for each.

    `legs` without tries could not be routed or admitted and count as failed (`blocked` says why).
    """

    at: datetime
    legs: tuple[LegPlan, ...]
    at_once: bool = False


class Noted(Struct, frozen=True, kw_only=True):
    """Something for the journal that decides nothing: flow trail and inputs, refused events. Becomes a `Record`.

    `kind` is one of `flow_started`, `flow_step`, `flow_input`, `machine_refused`.
    """

    at: datetime
    kind: EntryKind
    data: dict[str, Any] = field(default_factory=dict)


class FaultHappened(Struct, frozen=True, kw_only=True):
    """A fault of our own in this call's task."""

    at: datetime
    detail: str


class ShutDown(Struct, frozen=True, kw_only=True):
    """The process stops and the grace time is up."""

    at: datetime


CallEvent = (
    Queued
    | QueueTimedOut
    | Admitted
    | AdmissionRefused
    | IncomingAdmitted
    | TryProgressed
    | TryAnswered
    | LateAnswered
    | LegEnded
    | AnswerWasConfirmed
    | MediaWasLost
    | StatsReported
    | TimerFired
    | HangupRequested
    | FlowNeededAnswer
    | FlowFinished
    | ConnectRequested
    | Noted
    | FaultHappened
    | ShutDown
)
