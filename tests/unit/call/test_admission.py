"""Admission: which check comes first."""

from typing import Any

import msgspec
import pytest

from ringback.call.admission import (
    Check,
    FlowFacts,
    FlowState,
    IncomingFacts,
    NeedsChannel,
    OutboundFacts,
    Pass,
    Refuse,
    Wait,
    admit_incoming,
    admit_incoming_flow,
    admit_outbound,
    incoming_without_channel,
    without_channel,
)
from ringback.model.ids import AccountSid, NumberId
from ringback.model.number import Number, NumberStatus

NUMBER = Number(id=NumberId("num_1"), account=AccountSid("AC1"), number="+4930333")
INACTIVE = msgspec.structs.replace(NUMBER, number_status=NumberStatus.INACTIVE)
NO_VOICE_OUT = msgspec.structs.replace(NUMBER, voice_out=False)
NO_VOICE_IN = msgspec.structs.replace(NUMBER, voice_in=False)
GOOD_FLOW = FlowFacts(state=FlowState.PUBLISHED, numbers=1)

# What fails, in the order of the contract: (facts that fail it, check).
OUTBOUND: list[tuple[dict[str, Any], Check]] = [
    ({"bridge": None}, Check.BRIDGE_UNKNOWN),
    ({"bridge": NO_VOICE_OUT}, Check.NO_VOICE_OUT),
    ({"restriction": Check.DO_NOT_DISTURB}, Check.DO_NOT_DISTURB),
    ({"flow": FlowFacts(state=FlowState.UNKNOWN)}, Check.FLOW_UNKNOWN),
    ({"to_has_route": False}, Check.NO_ROUTE),
    ({"from_has_route": False}, Check.NO_ROUTE_FROM),
]


def outbound(**changes: Any) -> Check | int:
    facts = {"bridge": NUMBER, "to_has_route": True, "flow": GOOD_FLOW, **changes}
    result = admit_outbound(OutboundFacts(**facts), channels=2)
    return result.check if isinstance(result, Refuse) else result.channels


def test_everything_in_order_asks_for_channels() -> None:
    assert outbound() == 2


@pytest.mark.parametrize("index", range(len(OUTBOUND)))
def test_the_first_outbound_check_that_fails_counts(index: int) -> None:
    changes: dict[str, Any] = {}
    for later, _ in reversed(OUTBOUND[index:]):
        changes |= later

    assert outbound(**changes) is OUTBOUND[index][1]


def test_inactive_bridge() -> None:
    assert outbound(bridge=INACTIVE) is Check.BRIDGE_INACTIVE


@pytest.mark.parametrize(
    ("state", "check"),
    [
        (FlowState.UNKNOWN, Check.FLOW_UNKNOWN),
        (FlowState.DELETED, Check.FLOW_DELETED),
        (FlowState.UNREACHABLE, Check.FLOW_UNREACHABLE),
        (FlowState.DRAFT, Check.FLOW_NOT_PUBLISHED),
        (FlowState.PAUSED, Check.FLOW_PAUSED),
        (FlowState.PUBLISHED, Check.FLOW_UNASSIGNED),
    ],
)
def test_flow_without_numbers(state: FlowState, check: Check) -> None:
    assert outbound(flow=FlowFacts(state=state, numbers=0)) is check


def test_remote_flow_needs_no_number() -> None:
    assert outbound(flow=FlowFacts(state=FlowState.REMOTE)) == 2


def test_target_without_flow_needs_no_flow_check() -> None:
    assert outbound(flow=None) == 2


@pytest.mark.parametrize(
    ("queues", "waiting", "expected"),
    [(True, 9, Wait(queue_ms=5000)), (True, 10, Check.QUEUE_FULL), (False, 0, Check.NO_CHANNEL)],
)
def test_without_a_channel(queues: bool, waiting: int, expected: object) -> None:
    result = without_channel(queues=queues, waiting=waiting, queue_length=10, queue_ms=5000)

    assert (result.check if isinstance(result, Refuse) else result) == expected


INCOMING: list[tuple[dict[str, Any], Check, int]] = [
    ({"called": None}, Check.NO_CALLED_NUMBER, 484),
    ({"number": None}, Check.NUMBER_UNKNOWN, 404),
    ({"calling": None}, Check.NO_CALLING_NUMBER, 433),
    ({"number": INACTIVE}, Check.BRIDGE_INACTIVE, 480),
    ({"caller_is_blocked": True}, Check.BLOCKED, 603),
]


def incoming(**changes: Any) -> IncomingFacts:
    facts = {"called": "+4930333", "calling": "+4930111", "number": NUMBER, "flow": GOOD_FLOW, **changes}
    return IncomingFacts(**facts)


def test_incoming_in_order_asks_for_a_channel_then_passes() -> None:
    assert admit_incoming(incoming()) == NeedsChannel(channels=1)
    assert admit_incoming_flow(incoming()) == Pass()


@pytest.mark.parametrize("index", range(len(INCOMING)))
def test_the_first_incoming_check_that_fails_counts(index: int) -> None:
    changes: dict[str, Any] = {}
    for later, _, _ in reversed(INCOMING[index:]):
        changes |= later
    _, check, code = INCOMING[index]

    result = admit_incoming(incoming(**changes))

    assert isinstance(result, Refuse)
    assert (result.check, result.sip_code) == (check, code)


def test_anonymous_caller_is_let_in_where_the_number_accepts_it() -> None:
    number = msgspec.structs.replace(NUMBER, accept_anonymous=True)

    assert isinstance(admit_incoming(incoming(calling=None, number=number)), NeedsChannel)


def test_number_without_incoming_voice_is_out_of_service() -> None:
    result = admit_incoming(incoming(number=NO_VOICE_IN))

    assert isinstance(result, Refuse)
    assert result.check is Check.BRIDGE_INACTIVE


def test_capacity_comes_before_the_flow() -> None:
    assert isinstance(admit_incoming(incoming(flow=None, has_common_codec=False)), NeedsChannel)
    assert incoming_without_channel("trunk").sip_code == 486


@pytest.mark.parametrize(
    ("changes", "check", "code"),
    [
        ({"flow": None, "has_common_codec": False}, Check.FLOW_MISSING, 480),
        ({"flow": FlowFacts(state=FlowState.DELETED)}, Check.FLOW_MISSING, 480),
        ({"flow": FlowFacts(state=FlowState.PAUSED), "has_common_codec": False}, Check.FLOW_PAUSED, 480),
        ({"flow": FlowFacts(state=FlowState.DRAFT)}, Check.FLOW_NOT_PUBLISHED, 480),
        ({"flow": FlowFacts(state=FlowState.UNREACHABLE)}, Check.FLOW_UNREACHABLE, 480),
        ({"has_common_codec": False}, Check.NO_COMMON_CODEC, 488),
    ],
)
def test_flow_checks_of_incoming_calls(changes: dict[str, Any], check: Check, code: int) -> None:
    result = admit_incoming_flow(incoming(**changes))

    assert isinstance(result, Refuse)
    assert (result.check, result.sip_code) == (check, code)
