"""May this call be placed, or let in? The checks before any INVITE leaves or any 180, in their order.

The running side fills the facts from store and cache and tries to reserve channels where the answer is `NeedsChannel`.
Nothing here names a status: the check's slug goes into the journal and `ringback.call.status` reads it.
"""

from enum import StrEnum

from msgspec import Struct

from ringback.model.check import Check as Check  # noqa: PLC0414  (callers find it here)
from ringback.model.number import Number, NumberStatus


class FlowState(StrEnum):
    """What is known of the flow a call should run."""

    PUBLISHED = "published"
    PAUSED = "paused"
    DRAFT = "draft"  # no published version
    DELETED = "deleted"
    UNKNOWN = "unknown"  # no such flow in this account
    REMOTE = "remote"  # a remote flow whose document came in time and is valid
    UNREACHABLE = "unreachable"  # a remote flow whose document did not


class FlowFacts(Struct, frozen=True, kw_only=True):
    """The flow to run; `numbers` counts the DIDs assigned to it."""

    state: FlowState
    numbers: int = 0
    detail: str = ""


class OutboundFacts(Struct, frozen=True, kw_only=True):
    """What the checks of an outbound call or click-to-call need to know.

    Attributes:
        bridge: The account's number named in the request; None when the account holds no such number.
        restriction: What forbids calling the number(s): `do_not_disturb`, `blocked`, `outside_calling_hours`, or None.
        flow: The target flow; None for other targets and for click-to-call.
        to_has_route: Some trunk may carry `to`.
        from_has_route: The same for leg 1 of a click-to-call.
    """

    bridge: Number | None
    restriction: Check | None = None
    flow: FlowFacts | None = None
    to_has_route: bool
    from_has_route: bool = True


class IncomingFacts(Struct, frozen=True, kw_only=True):
    """What the checks of an incoming call need to know.

    Attributes:
        called: The called number as extracted; None when there is no usable one.
        calling: The calling number; None when it is missing, anonymous or not a number.
        number: The installation's number for `called`, None when it is not ours.
        caller_is_blocked: The account does not want this caller.
        flow: The number's flow, None when it has none.
        has_common_codec: We could answer the offer.
    """

    called: str | None
    calling: str | None
    number: Number | None
    caller_is_blocked: bool = False
    flow: FlowFacts | None = None
    has_common_codec: bool = True


class NeedsChannel(Struct, frozen=True, kw_only=True):
    """All checks so far passed: reserve `channels`, then go on (incoming calls with `admit_incoming_flow`)."""

    channels: int


class Refuse(Struct, frozen=True, kw_only=True):
    """A check failed; `sip_code` is the answer to an incoming INVITE, None for our own calls."""

    check: Check
    detail: str = ""
    sip_code: int | None = None


class Wait(Struct, frozen=True, kw_only=True):
    """No channel now, and the call may queue for `queue_ms`."""

    queue_ms: int


class Pass(Struct, frozen=True, kw_only=True):
    """Every check passed."""


def admit_outbound(facts: OutboundFacts, *, channels: int = 1) -> NeedsChannel | Refuse:
    """Run the checks of an outbound call (one channel) or click-to-call (two), up to capacity."""
    return (
        _bridge(facts.bridge)
        or _restriction(facts)
        or _flow(facts.flow)
        or _route(facts)
        or NeedsChannel(channels=channels)
    )


def without_channel(*, queues: bool, waiting: int, queue_length: int, queue_ms: int) -> Wait | Refuse:
    """Say what becomes of an outbound call for which no channel is free.

    Args:
        queues: Account and request let it wait.
        waiting: Calls of the account in the queue now.
        queue_length: Most calls that may wait.
        queue_ms: How long this one may wait.
    """
    if not queues:
        return Refuse(check=Check.NO_CHANNEL, detail="no channel is free and the call may not queue")
    if waiting >= queue_length:
        return Refuse(check=Check.QUEUE_FULL, detail=f"{waiting} calls wait already, at most {queue_length} may")
    return Wait(queue_ms=queue_ms)


def admit_incoming(facts: IncomingFacts) -> NeedsChannel | Refuse:
    """Run the checks of an incoming call that come before capacity."""
    if facts.called is None:
        return Refuse(check=Check.NO_CALLED_NUMBER, detail="the INVITE names no called number", sip_code=484)
    number = facts.number
    if number is None:
        return Refuse(check=Check.NUMBER_UNKNOWN, detail=f"{facts.called} is not a number of ours", sip_code=404)
    if facts.calling is None and not number.accept_anonymous:
        return Refuse(check=Check.NO_CALLING_NUMBER, detail="the caller withholds the number", sip_code=433)
    if number.number_status is not NumberStatus.ACTIVE or not number.voice_in:
        return Refuse(check=Check.BRIDGE_INACTIVE, detail=f"{number.number} is not in service", sip_code=480)
    if facts.caller_is_blocked:
        return Refuse(check=Check.BLOCKED, detail=f"{facts.calling} is blocked", sip_code=603)
    return NeedsChannel(channels=1)


def incoming_without_channel(limit: str) -> Refuse:
    """Refuse an incoming call because `limit` (number, account or trunk) is at its capacity."""
    return Refuse(check=Check.NO_CHANNEL, detail=f"all channels of the {limit} are taken", sip_code=486)


def admit_incoming_flow(facts: IncomingFacts) -> Pass | Refuse:
    """Run the checks of an incoming call that come after capacity."""
    if facts.flow is None:
        return Refuse(check=Check.FLOW_MISSING, detail="no flow answers this number", sip_code=480)
    check = _INCOMING_FLOW.get(facts.flow.state)
    if check is not None:
        return Refuse(check=check, detail=facts.flow.detail or f"the flow is {facts.flow.state}", sip_code=480)
    if not facts.has_common_codec:
        return Refuse(check=Check.NO_COMMON_CODEC, detail="the offer has no codec of the trunk", sip_code=488)
    return Pass()


_INCOMING_FLOW = {
    FlowState.UNKNOWN: Check.FLOW_MISSING,
    FlowState.DELETED: Check.FLOW_MISSING,
    FlowState.PAUSED: Check.FLOW_PAUSED,
    FlowState.DRAFT: Check.FLOW_NOT_PUBLISHED,
    FlowState.UNREACHABLE: Check.FLOW_UNREACHABLE,
}

_OUTBOUND_FLOW = {
    FlowState.UNKNOWN: Check.FLOW_UNKNOWN,
    FlowState.DELETED: Check.FLOW_DELETED,
    FlowState.UNREACHABLE: Check.FLOW_UNREACHABLE,
    FlowState.DRAFT: Check.FLOW_NOT_PUBLISHED,
    FlowState.PAUSED: Check.FLOW_PAUSED,
}


def _bridge(bridge: Number | None) -> Refuse | None:
    if bridge is None:
        return Refuse(check=Check.BRIDGE_UNKNOWN, detail="the account holds no such number")
    if bridge.number_status is not NumberStatus.ACTIVE:
        return Refuse(check=Check.BRIDGE_INACTIVE, detail=f"{bridge.number} is {bridge.number_status}")
    if not bridge.voice_out:
        return Refuse(check=Check.NO_VOICE_OUT, detail=f"{bridge.number} has no outgoing call facility")
    return None


def _restriction(facts: OutboundFacts) -> Refuse | None:
    return None if facts.restriction is None else Refuse(check=facts.restriction)


def _flow(flow: FlowFacts | None) -> Refuse | None:
    if flow is None:
        return None
    check = _OUTBOUND_FLOW.get(flow.state)
    if check is not None:
        return Refuse(check=check, detail=flow.detail)
    if flow.state is FlowState.PUBLISHED and flow.numbers == 0:  # a remote flow has no numbers to assign
        return Refuse(check=Check.FLOW_UNASSIGNED, detail="no number is assigned to the flow")
    return None


def _route(facts: OutboundFacts) -> Refuse | None:
    if not facts.to_has_route:
        return Refuse(check=Check.NO_ROUTE, detail="no trunk carries calls to this number")
    if not facts.from_has_route:
        return Refuse(check=Check.NO_ROUTE_FROM, detail="no trunk carries calls to the first number")
    return None
