"""Outbound calls against SIPp: for each thing a network can say, the status that the product promises."""

from typing import Any

import pytest
from tests.sip.harness import Carrier, ended

from ringback.cli.demo.settings_file import BRIDGE
from ringback.cli.demo.world import World

pytestmark = [pytest.mark.calls, pytest.mark.sipp, pytest.mark.asyncio(loop_scope="session")]


async def dial(world: World, to: str, **fields: object) -> str:
    return await world.outbound(to=to, bridge=BRIDGE, target=world.flows["ivr"], **fields)


REFUSALS = [
    # code, phrase, extra header, status, reason
    (486, "Busy Here", "", "BUSY", "busy"),
    (600, "Busy Everywhere", "", "BUSY", "busy"),
    (403, "Forbidden", "Reason: Q.850;cause=17", "BUSY", "busy"),
    (603, "Decline", "", "REJECTED", "rejected"),
    (607, "Unwanted", "", "REJECTED", "rejected"),
    (403, "Forbidden", "Reason: Q.850;cause=21", "REJECTED", "rejected"),
    (480, "Temporarily Unavailable", "", "NOANSWER", None),
    (408, "Request Timeout", "", "NOANSWER", None),
    (487, "Request Terminated", "", "NOANSWER", None),
    (500, "Server Error", "Reason: Q.850;cause=18", "NOANSWER", None),
    (403, "Forbidden", "Reason: Q.850;cause=52", "OUTGOING_RESTRICTED", None),
    (404, "Not Found", "Reason: Q.850;cause=3", "NOROUTE", None),
    (404, "Not Found", "", "FAILED", None),
    (484, "Address Incomplete", "", "FAILED", None),
    (488, "Not Acceptable Here", "", "FAILED", None),
    (604, "Does Not Exist Anywhere", "", "FAILED", None),
    (403, "Forbidden", "Reason: Q.850;cause=16", "FAILED", None),
]


@pytest.mark.parametrize(("code", "phrase", "extra", "status", "reason"), REFUSALS, ids=str)
async def test_refusal_after_ringing(
    world: World, carrier: Carrier, code: int, phrase: str, extra: str, status: str, reason: str | None
) -> None:
    to = await carrier.answers_with("callee_refuses", code=code, phrase=phrase, extra=extra or "X-None: 1")

    call = await ended(world, await dial(world, to))

    assert call["status"] == status
    assert call["sip_code"] == code
    if reason:
        assert call["reason"] == reason
    await carrier.satisfied()


@pytest.mark.parametrize(
    ("code", "phrase", "status"),
    [(408, "Request Timeout", "FAILED"), (500, "Server Error", "FAILED"), (503, "Channel limit exceeded", "MAXUSE")],
)
async def test_refusal_without_ringing(world: World, carrier: Carrier, code: int, phrase: str, status: str) -> None:
    to = await carrier.answers_with("callee_refuses_at_once", code=code, phrase=phrase, extra="X-None: 1")

    call = await ended(world, await dial(world, to))

    assert call["status"] == status
    await carrier.satisfied()


async def test_callee_answers_and_hangs_up(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_answers_and_hangs_up")

    call = await ended(world, await dial(world, to))

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    assert call["talk_s"] > 0
    await carrier.satisfied()


async def test_hangup_over_the_api_ends_an_answered_call_as_answer(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_answers_and_waits")
    call_id = await dial(world, to)
    await world.wait_event(call_id, "leg_answered")

    await world.hangup(call_id)

    call = await ended(world, call_id)
    assert (call["status"], call["hangup_by"]) == ("ANSWER", "api")
    await carrier.satisfied()


@pytest.mark.parametrize(
    "scenario", ["callee_rings_until_cancel", "callee_answers_the_cancel_too_late", "callee_busy_crosses_cancel"]
)
async def test_withdrawn_while_ringing_is_cancel_whatever_crosses_it(
    world: World, carrier: Carrier, scenario: str
) -> None:
    to = await carrier.answers_with(scenario)
    call_id = await dial(world, to)
    await world.wait_event(call_id, "progress")

    await world.hangup(call_id)
    again = await world.hangup(call_id)

    call = await ended(world, call_id)
    assert (call["status"], call["hangup_by"]) == ("CANCEL", "api")
    assert again["id"] == call_id
    await carrier.satisfied()


@pytest.mark.parametrize(("fields", "status"), [({"timeout": 5}, "OBD_TIMEOUT"), ({}, "NOANSWER")])
async def test_ring_time_of_request_and_default_are_told_apart(
    world: World, carrier: Carrier, fields: dict[str, Any], status: str
) -> None:
    to = await carrier.answers_with("callee_rings_until_cancel")

    call = await ended(world, await dial(world, to, **fields))

    assert call["status"] == status
    await carrier.satisfied()


async def test_silent_carrier_is_failed(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_is_silent")

    call = await ended(world, await dial(world, to))

    assert (call["status"], call["reason"]) == ("FAILED", "no_response")


async def test_answer_without_common_codec_is_failed_and_hung_up(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_has_no_common_codec")

    call = await ended(world, await dial(world, to))

    assert (call["status"], call["reason"]) == ("FAILED", "no_common_codec")
    await carrier.satisfied()


async def test_early_media_then_busy_is_busy(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_early_media_then_busy")

    assert (await ended(world, await dial(world, to)))["status"] == "BUSY"
    await carrier.satisfied()


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_digest_challenge_is_answered(world: World, carrier: Carrier, algorithm: str) -> None:
    secret = {"username": "trunk", "password": "s3cret"}
    to = await carrier.answers_with("callee_wants_digest", trunk=secret, algorithm=algorithm)
    call_id = await dial(world, to)
    await world.wait_event(call_id, "leg_answered")
    await world.hangup(call_id)

    assert (await ended(world, call_id))["status"] == "ANSWER"
    await carrier.satisfied()


async def test_hold_and_resume_change_nothing(world: World, carrier: Carrier) -> None:
    to = await carrier.answers_with("callee_reinvites_hold")

    assert (await ended(world, await dial(world, to)))["status"] == "ANSWER"
    await carrier.satisfied()


@pytest.mark.parametrize(
    "first",
    [("callee_refuses_at_once", {"code": 503, "phrase": "Down", "extra": "X-None: 1"}), ("callee_is_silent", {})],
    ids=["503", "no first response"],
)
async def test_second_trunk_answers_after_the_first_failed(
    world: World, carrier: Carrier, first: tuple[str, dict[str, object]]
) -> None:
    to = await carrier.fails_over(first, ("callee_answers_and_hangs_up", {}))

    call = await ended(world, await dial(world, to))

    assert call["status"] == "ANSWER"
    assert call["legs"][0]["tries"] == 2
    await carrier.peers[1].finished()


async def test_busy_is_not_tried_on_the_next_trunk(world: World, carrier: Carrier) -> None:
    busy = ("callee_refuses_at_once", {"code": 486, "phrase": "Busy Here", "extra": "X-None: 1"})
    to = await carrier.fails_over(busy, ("callee_answers_and_hangs_up", {}))

    call = await ended(world, await dial(world, to))

    assert call["status"] == "BUSY"
    assert call["legs"][0]["tries"] == 1
