"""Broken and forged messages in bulk: normal calls go on through them, everything is counted, nothing is left over."""

import asyncio
import itertools
import random
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest
from tests.integration.mutations import mutants
from tests.integration.raw_phone import a_raw_phone, rtp_header
from tests.integration.running import ended, figures, publish, settled, way

from ringback.cli.demo.settings_file import BRIDGE, IVR_LINE, SLOW_LINE
from ringback.cli.demo.world import World

pytestmark = [
    pytest.mark.calls,
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

STRANGER = "127.0.0.9"
MUTANTS = 20_000
AT_ONCE = 30
EVERY_S = 0.01

_numbers = itertools.count(1)


def new_number() -> str:
    return f"+4930704{next(_numbers):06d}"


# --- Many broken messages ------------------------------------------------------------------------------------------


async def pour(datagrams: Iterable[bytes], sources: list[socket.socket], target: tuple[str, int]) -> int:
    """Send datagrams, each from the next source, about 3,000 a second; return how many left."""
    sent = 0
    turns = itertools.cycle(sources)
    for datagram in datagrams:
        next(turns).sendto(datagram, target)
        sent += 1
        if sent % AT_ONCE == 0:
            await asyncio.sleep(EVERY_S)  # the pace; nothing is waited for
    return sent


async def normal_calls(world: World, until: asyncio.Task[int]) -> Counter[tuple[str, str]]:
    """Place calls of four kinds, one after another of each kind, until the flood is over; count how they ended."""
    ivr = world.flows["ivr"]
    ends: Counter[tuple[str, str]] = Counter()

    async def answered() -> str:
        return await world.outbound(to="+99910101", bridge=BRIDGE, target=ivr)

    async def busy() -> str:
        return await world.outbound(to="+999048602", bridge=BRIDGE, target=ivr)

    async def pair() -> str:
        return await world.click_to_call(from_="+99910104", to="+99910101", bridge=BRIDGE)

    async def incoming() -> str:
        return await world.incoming(to=IVR_LINE, from_=new_number(), digits="1")

    async def again_and_again(place: object) -> None:
        while not until.done():
            async with asyncio.timeout(20):
                call_id = await place()  # type: ignore[operator]
            call = await ended(world, call_id)
            ends[place.__name__, call["status"]] += 1  # type: ignore[attr-defined]

    await asyncio.gather(*(again_and_again(place) for place in (answered, busy, pair, incoming)))
    return ends


COUNTED = [
    "keepalives",
    "dropped_garbage",
    "dropped_stray_responses",
    "dropped_stray_acks",
    "dropped_unknown_source",
    "refused_malformed",
    "refused_unknown_source",
    "refused_unsupported",
    "refused_no_dialog",
]


async def test_normal_calls_go_on_through_a_flood_of_mutants(running: World) -> None:
    number = new_number()
    nodes = {
        "start": {"type": "start", "exits": {"next": "answer"}},
        "answer": {"type": "answer", "exits": {"next": "bye"}},
        "bye": {"type": "hangup"},
    }
    await publish(running, nodes, number=number, channels=5)
    before = await settled(running)
    host, port = running.sip.rsplit(":", 1)
    with socket.socket(type=socket.SOCK_DGRAM) as known, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        known.bind(("127.0.0.1", 0))
        stranger.bind((STRANGER, 0))
        source = "{}:{}".format(*known.getsockname())
        await running.client.post("/trunks", {"name": "Broken carrier", "sources": [source]})
        flood = asyncio.create_task(
            pour(mutants(MUTANTS, number=number, seed=20_261), [known, stranger], (host, int(port)))
        )
        ends = await normal_calls(running, flood)
        sent = await flood

    after = await settled(running)
    assert sent == MUTANTS
    assert set(ends) == {("answered", "ANSWER"), ("busy", "BUSY"), ("pair", "ANSWER"), ("incoming", "FLOW_ANSWER")}
    assert min(ends.values()) >= 2
    gone = {name: after[f"engine:{name}"] - before[f"engine:{name}"] for name in COUNTED}
    assert min(gone.values()) > 0, gone
    came = ["datagrams_received", "dropped_unread", "dropped_flood"]
    assert sum(after[f"engine:{name}"] - before[f"engine:{name}"] for name in came) > MUTANTS
    calls = [name for name in after if name.startswith("calls_ended:incoming")]
    assert sum(after[name] - before.get(name, 0) for name in calls) > ends["incoming", "FLOW_ANSWER"], "no mutant lived"


# --- Forged requests -----------------------------------------------------------------------------------------------


async def test_forged_requests_do_not_end_a_call(running: World) -> None:
    number = new_number()
    async with a_raw_phone(running) as phone, a_raw_phone(running) as rival:
        async with a_raw_phone(running, host=STRANGER, trusted=False) as stranger:
            talk = await phone.answered(phone.invite(IVR_LINE, from_=number))
            forged = [
                replace(talk, from_=talk.from_.replace(talk.our_tag, "forged")),
                replace(talk, to=talk.to.replace(talk.their_tag, "forged")),
                replace(talk, from_=talk.from_.replace(talk.our_tag, talk.their_tag), to=talk.from_),
                replace(talk, call_id=talk.call_id.upper()),
                replace(talk, to=talk.to.partition(";")[0]),
            ]
            for attacker in (stranger, rival):
                for fake in forged:
                    attacker.send("BYE", fake, cseq=100)
                    attacker.send("ACK", fake, cseq=1)
                    if "tag=" in fake.to:
                        attacker.send("INVITE", fake, body=attacker.offer(), cseq=101)
                    attacker.send("CANCEL", fake, cseq=1)
            # The server reads in order: when the last forged request has its answer, all were looked at.
            for fake in forged:
                await rival.got(481, "BYE", call_id=fake.call_id)
            await rival.got(481, "CANCEL", call_id=forged[-1].call_id)
            assert {message.code for message in rival.seen} == {481}
            assert stranger.seen == []
            assert [message for message in phone.seen if message.method in {"BYE", "INVITE"}] == []

        phone.send("BYE", talk)

        await phone.got(200, "BYE", call_id=talk.call_id)
        async with asyncio.timeout(20):
            delivery = await running.receiver.wait_incoming(from_=number, to=IVR_LINE)
        call = await ended(running, delivery.call_id)
        assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "caller")
        await settled(running)


async def test_forged_cancel_does_not_stop_a_call_from_ringing(running: World) -> None:
    number = new_number()
    async with a_raw_phone(running) as phone, a_raw_phone(running) as rival:
        async with a_raw_phone(running, host=STRANGER, trusted=False) as stranger:
            talk = phone.invite(SLOW_LINE, from_=number)
            await phone.got(180, "INVITE", call_id=talk.call_id)
            for attacker in (stranger, rival):
                attacker.send("CANCEL", talk, cseq=1)
                attacker.send("CANCEL", talk, cseq=1, branch=talk.branch)  # its Via names the attacker's own address
            assert [message.code for message in await rival.got_all(2)] == [481, 481]
            assert stranger.seen == []
            assert phone.finals(talk.call_id) == []

        phone.send("CANCEL", talk, cseq=1, branch=talk.branch)

        ended_by = await phone.got(487, "INVITE", call_id=talk.call_id)
        phone.send("ACK", replace(talk, to=ended_by.get("To")), cseq=1, branch=talk.branch)
        async with asyncio.timeout(20):
            delivery = await running.receiver.wait_incoming(from_=number, to=SLOW_LINE)
        call = await ended(running, delivery.call_id)
        assert (call["status"], call["reason"]) == ("INCOMING_DISCONNECTED", "caller_cancelled")
        await settled(running)


# --- Forged media --------------------------------------------------------------------------------------------------


def media_garbage(count: int) -> Iterable[bytes]:
    """Make random bytes, RTP of no stream of ours, and keys that nobody pressed."""
    chance = random.Random(7)
    for serial in range(count):
        yield [
            chance.randbytes(chance.randint(1, 1_400)),
            b"",
            rtp_header(8, serial, serial * 160, ssrc=chance.getrandbits(32)) + chance.randbytes(160),
            rtp_header(101, serial, 160, ssrc=9, marker=True) + struct.pack("!BBH", 9, 0x8A, 800),
            b"\x90" + chance.randbytes(60),
            b"\xbf\xff" + chance.randbytes(20),
        ][serial % 6]


async def test_garbage_at_the_media_port_presses_no_keys(running: World) -> None:
    line, number = new_number(), new_number()
    exits = {"1": "one", "9": "nine", "invalid": "other", "no_input": "other"}
    nodes = {
        "start": {"type": "start", "exits": {"next": "menu"}},
        "menu": {"type": "gather", "first_timeout_s": 20, "exits": exits},
        **{name: {"type": "hangup"} for name in ("one", "nine", "other")},
    }
    await publish(running, nodes, number=line)
    before = await settled(running)
    async with a_raw_phone(running) as phone:
        talk = await phone.answered(phone.invite(line, from_=number))
        for serial in range(5):
            phone.speak(talk, b"\xd5" * 160, timestamp=serial * 160)
        host, port = talk.media
        with socket.socket(type=socket.SOCK_DGRAM) as neighbor, socket.socket(type=socket.SOCK_DGRAM) as stranger:
            neighbor.bind(("127.0.0.1", 0))
            stranger.bind((STRANGER, 0))
            await pour(media_garbage(3_000), [neighbor, stranger], (host, port))
            await pour(media_garbage(300), [neighbor, stranger], (host, port + 1))
        for broken in (b"\x00garbage", b"\xc0" * 12, b"\x80\x08\x00"):
            phone.rtp.transport.sendto(broken, talk.media)

        phone.press(talk, 1)

        await phone.got(None, "BYE", call_id=talk.call_id)
        async with asyncio.timeout(20):
            delivery = await running.receiver.wait_incoming(from_=number, to=line)
        call = await ended(running, delivery.call_id)
        assert (call["status"], call["hangup_by"]) == ("FLOW_ANSWER", "platform")
        assert way(call)[1:] == [("menu", "1"), ("one", "hangup")]
    after = await settled(running)
    for name in ("dropped_rtp_foreign", "dropped_rtp_malformed", "dropped_rtcp_malformed"):
        assert after[f"engine:{name}"] > before[f"engine:{name}"], name


async def test_server_is_alive_after_all_that(running: World) -> None:
    assert (await figures(running))["engine:faults"] == 0
    call = await ended(running, await running.outbound(to="+99910101", bridge=BRIDGE, target=running.flows["ivr"]))
    assert call["status"] == "ANSWER"
