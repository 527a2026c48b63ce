"""Callers that break the protocol, and floods, while normal calls go on: statuses stay right, nothing is left over."""

import asyncio
import itertools
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.raw_phone import RawPhone, a_raw_phone
from tests.integration.running import WAIT_S, ended, figures, publish, settled

from ringback.cli.demo.settings_file import BRIDGE, IVR_LINE
from ringback.cli.demo.world import World
from ringback.simulator.sip_text import sdp

pytestmark = [
    pytest.mark.calls,
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

STRANGER = "127.0.0.9"
TALKS_EIGHT_SECONDS = "+99910208"
PER_S = 20_000
FLOODER = Path(__file__).with_name("flooder.py")

_numbers = itertools.count(1)


def new_number() -> str:
    return f"+4930705{next(_numbers):06d}"


async def call_of(world: World, number: str, line: str = IVR_LINE) -> dict[str, Any]:
    """Return the call of a caller, once it has ended."""
    async with asyncio.timeout(WAIT_S):
        delivery = await world.receiver.wait_incoming(from_=number, to=line)
    return await ended(world, delivery.call_id)


async def grown(world: World, before: dict[str, float], *names: str) -> int:
    """Return by how much engine counters have grown together."""
    after = await figures(world)
    return int(sum(after[f"engine:{name}"] - before[f"engine:{name}"] for name in names))


async def menu(world: World, *, first_timeout_s: int) -> str:
    """Publish a line that asks for a key, and return its number."""
    nodes = {
        "start": {"type": "start", "exits": {"next": "menu"}},
        "menu": {"type": "gather", "first_timeout_s": first_timeout_s, "exits": {"no_input": "bye", "invalid": "bye"}},
        "bye": {"type": "hangup"},
    }
    line = new_number()
    await publish(world, nodes, number=line)
    return line


# --- Callers -------------------------------------------------------------------------------------------------------


async def test_caller_that_never_hangs_up_is_hung_up_by_the_flow(running: World) -> None:
    line, number = await menu(running, first_timeout_s=1), new_number()
    async with a_raw_phone(running) as phone:
        talk = await phone.answered(phone.invite(line, from_=number))
        await phone.got(None, "BYE", call_id=talk.call_id)
        call = await call_of(running, number, line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
    await settled(running)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (sdp("127.0.0.1", 9, formats="18 4"), 488),
        ("v=0\r\nm=audio nowhere RTP/AVP x\r\n", 400),
        ("\x00\x01not sdp at all", 400),
        ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n", 488),
    ],
)
async def test_offer_that_cannot_be_used(running: World, body: str, code: int) -> None:
    number = new_number()
    async with a_raw_phone(running) as phone:
        phone.offer = lambda: body  # type: ignore[method-assign]
        talk = phone.invite(IVR_LINE, from_=number)
        refusal = await phone.got(code, "INVITE", call_id=talk.call_id)
        phone.send("ACK", replace(talk, to=refusal.get("To")), cseq=1, branch=talk.branch)
        if code == 488:
            call = await call_of(running, number)
            assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "no_common_codec")
    await settled(running)


async def test_storm_of_copies_is_one_call(running: World) -> None:
    line, number = await menu(running, first_timeout_s=20), new_number()
    before = await figures(running)
    async with a_raw_phone(running) as phone:
        talk = phone.invite(line, from_=number)
        for _ in range(200):
            phone.send("INVITE", talk, body=phone.offer(), branch=talk.branch, cseq=1)
        talk = await phone.answered(talk)
        for _ in range(200):
            phone.send("ACK", talk, cseq=1)
        branch = "z9hG4bKbye"
        for _ in range(50):
            phone.send("BYE", talk, cseq=2, branch=branch)
        call = await call_of(running, number, line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    assert await grown(running, before, "retransmissions_absorbed") >= 200
    after = await settled(running)
    incoming = [name for name in after if name.startswith("calls_ended:incoming")]
    assert sum(after[name] - before.get(name, 0) for name in incoming) == 1


async def test_cseq_that_jumps_ahead_is_taken_and_one_that_falls_back_is_not(running: World) -> None:
    line, number = await menu(running, first_timeout_s=20), new_number()
    before = await figures(running)
    async with a_raw_phone(running) as phone:
        talk = await phone.answered(phone.invite(line, from_=number))
        phone.send("OPTIONS", talk, cseq=70_000)
        await phone.got(200, "OPTIONS", call_id=talk.call_id)
        phone.send("BYE", talk, cseq=7)
        await phone.got(500, "BYE", call_id=talk.call_id)
        phone.send("BYE", talk, cseq=2_000_000_000)
        await phone.got(200, "BYE", call_id=talk.call_id)
        call = await call_of(running, number, line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    assert await grown(running, before, "refused_cseq") == 1
    await settled(running)


async def test_headers_beyond_measure_are_refused_and_those_within_it_taken(running: World) -> None:
    line, number = await menu(running, first_timeout_s=20), new_number()
    async with a_raw_phone(running) as phone:
        host, port = phone.target
        talk = await phone.answered(phone.invite(line, from_=number))
        for extra in ("X-Many: 1\r\n" * 1_000, f"X-Long: {'x' * 30_000}\r\n"):
            text = (
                f"OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKx\r\n"
                f"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: huge\r\nCSeq: 1 OPTIONS\r\n{extra}\r\n"
            )
            phone.transport.sendto(text.encode(), phone.target)
        phone.send("OPTIONS", talk, cseq=5)
        await phone.got(200, "OPTIONS", call_id=talk.call_id)
        phone.send("BYE", talk, cseq=6)
        call = await call_of(running, number, line)

    assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
    await settled(running)


# --- Floods --------------------------------------------------------------------------------------------------------


async def flood(world: World, source: tuple[str, int], method: str, *, count: int) -> dict[str, float]:
    """Let a process of its own send `count` requests at 20,000 a second; return what it says of itself."""
    host, port = world.sip.rsplit(":", 1)
    arguments = (host, port, source[0], str(source[1]), method, str(count), str(PER_S))
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(FLOODER), *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    assert child.returncode == 0
    return dict(json.loads(output))


def free_port(host: str) -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


async def through(world: World, attack: Callable[[], Awaitable[dict[str, float]]]) -> dict[str, float]:
    """Attack while a call is in progress and others come and go; their statuses are what they always are."""
    in_progress = await world.outbound(to=TALKS_EIGHT_SECONDS, bridge=BRIDGE, target=world.flows["ivr"])
    await world.wait_event(in_progress, "leg_answered")
    async with a_raw_phone(world) as phone:
        line, number = await menu(world, first_timeout_s=20), new_number()
        talk = await phone.answered(phone.invite(line, from_=number))
        attacking = asyncio.ensure_future(attack())
        busy = await world.outbound(to="+999048602", bridge=BRIDGE, target=world.flows["ivr"])
        short = await world.outbound(to="+99910101", bridge=BRIDGE, target=world.flows["ivr"])
        said = await attacking
        await hang_up(phone, talk)
        incoming = await call_of(world, number, line)
    assert (incoming["status"], incoming["hangup_by"]) == ("FLOW_ANSWER", "caller")
    assert (await ended(world, busy))["status"] == "BUSY"
    assert (await ended(world, short))["status"] == "ANSWER"
    assert (await ended(world, in_progress))["status"] == "ANSWER"
    return said


async def hang_up(phone: RawPhone, talk: Any) -> None:
    """Send BYE as RFC 3261 has it: again until it is answered, for a flood may have swallowed it."""
    for _ in range(20):
        phone.send("BYE", talk, cseq=2, branch="z9hG4bKend")
        try:
            async with asyncio.timeout(0.5):
                await phone.got(200, "BYE", call_id=talk.call_id)
                return
        except TimeoutError:
            continue
    raise AssertionError("BYE was never answered")


async def test_stranger_that_floods_invites_hears_little_and_harms_nobody(running: World) -> None:
    before = await settled(running)
    source = (STRANGER, free_port(STRANGER))

    said = await through(running, lambda: flood(running, source, "INVITE", count=40_000))

    assert said["sent"] == 40_000
    gone = await grown(
        running, before, "dropped_flood", "dropped_unread", "dropped_stranger_rate", "refused_unknown_source"
    )
    assert gone > 35_000
    assert await grown(running, before, "dropped_flood") > 0
    assert await grown(running, before, "faults") == 0
    await settled(running)


async def test_stranger_that_floods_registrations_harms_nobody(running: World) -> None:
    before = await settled(running)
    source = (STRANGER, free_port(STRANGER))

    said = await through(running, lambda: flood(running, source, "REGISTER", count=40_000))

    assert said["sent"] == 40_000
    assert await grown(running, before, "dropped_flood", "dropped_unread", "dropped_unknown_source") > 35_000
    await settled(running)


async def test_trunk_that_floods_invites_gets_its_share_and_no_more(running: World) -> None:
    source = ("127.0.0.1", free_port("127.0.0.1"))
    trunk = {
        "name": "Flooding carrier",
        "sources": [f"{source[0]}:{source[1]}"],
        "limits": {"incoming_per_s": 10},
    }
    await running.client.post("/trunks", trunk)
    before = await settled(running)

    said = await through(running, lambda: flood(running, source, "INVITE", count=40_000))

    assert said["sent"] == 40_000
    refused = await grown(
        running, before, "refused_trunk_rate", "refused_gate", "refused_rate", "dropped_unread", "dropped_flood"
    )
    assert refused > 35_000
    after = await settled(running)
    assert after["calls_ended:incoming:NOROUTE"] - before.get("calls_ended:incoming:NOROUTE", 0) <= 10 * (
        said["took_s"] + 2
    )
