"""Two baresips talk through us: each hears the other, digits pass, either may hold, codecs may differ."""

import numpy as np
import pytest
from tests.integration.listening import RATE_HZ, Samples, loudness, sounding
from tests.interop.baresip import PCMA, PCMU, Baresip
from tests.interop.exchange import Exchange
from tests.interop.sound import ALIKE, alike, assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

_SILENT = 50.0


async def connected(exchange: Exchange, **fields: object) -> tuple[Baresip, Baresip, str]:
    """Let us call two baresips, of different G.711, and join them."""
    first, second = await exchange.baresip(codec=PCMA), await exchange.baresip(codec=PCMU)
    call_id = await exchange.world.click_to_call(from_=first.user, to=second.user, bridge=BRIDGE, **fields)
    await first.answer()
    await second.answer()
    return first, second, call_id


async def test_both_parties_of_a_click_to_call_hear_each_other(exchange: Exchange) -> None:
    first, second, call_id = await connected(exchange, record=True)

    await first.hears(3)
    await second.do("hangup")
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    await first.saw("CALL_CLOSED")
    assert_heard(first.heard()[-2 * RATE_HZ :], second.said, other=first.said)
    assert_heard(second.heard(), first.said, other=second.said)
    recording = exchange.recording(call)
    assert_heard(recording.heard, first.said, other=second.said)
    assert_heard(recording.said[-2 * RATE_HZ :], second.said, other=first.said)


async def test_digits_pass_between_the_parties_both_ways(exchange: Exchange) -> None:
    first, second, call_id = await connected(exchange)

    await first.press("1470*#")
    await second.saw("CALL_DTMF_END", count=6)
    await second.press("9")
    await first.saw("CALL_DTMF_END")
    await exchange.world.hangup(call_id)
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "api")
    assert [event["param"] for event in second.events if event["type"] == "CALL_DTMF_START"] == list("1470*#")


async def test_party_holds_and_comes_back(exchange: Exchange) -> None:
    first, second, call_id = await connected(exchange)
    await second.hears(1.5)

    await first.do("hold")
    await second.hears(1.5)
    await first.do("resume")
    await second.hears(1.5)
    await first.do("hangup")
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "caller")
    offers = [message.text for message in first.sent("INVITE")]
    assert ["a=sendonly" in offer.body for offer in offers] == [True, False]
    answers = [message.text for message in first.messages() if message.text.code == 200 and message.cseq == "INVITE"]
    assert "a=recvonly" in answers[-2].body
    assert "a=sendrecv" in answers[-1].body
    before, after = halves(second.heard())
    assert alike(sounding(before), first.said) > ALIKE
    assert alike(sounding(after), first.said) > ALIKE


def halves(heard: Samples) -> tuple[Samples, Samples]:
    """Return what lies before and after the longest silence; that must be one of a second or more."""
    quiet = loudness(heard) <= _SILENT
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    begin, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    assert end - begin >= 50, f"the longest silence has only {(end - begin) * 0.02:.2f} s"
    return heard[: begin * 160], heard[end * 160 :]
