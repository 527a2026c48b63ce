"""Two telephones talk through us: each hears the other, digits pass, either may hold, codecs differ."""

import numpy as np
import pytest
from tests.integration.listening import RATE_HZ, Samples, loudness, sounding
from tests.interop.exchange import Exchange, Kind
from tests.interop.peers.baresip import PCMU, Baresip
from tests.interop.peers.linphone import Linphone
from tests.interop.peers.phone import Phone
from tests.interop.sound import ALIKE, alike, assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("kind", [Baresip, Linphone]),
]

_SILENT = 50.0


async def connected(exchange: Exchange, kind: Kind, **fields: object) -> tuple[Phone, Baresip, str]:
    """Let us call two telephones, of different G.711, and join them."""
    first = await exchange.phone(kind, trunk={"codecs": ["PCMA"]})
    second = await exchange.baresip(codec=PCMU)
    call_id = await exchange.world.click_to_call(from_=first.user, to=second.user, bridge=BRIDGE, **fields)
    await first.answer()
    await second.answer()
    return first, second, call_id


async def test_both_parties_of_a_click_to_call_hear_each_other(exchange: Exchange, kind: Kind) -> None:
    first, second, call_id = await connected(exchange, kind, record=True)

    await first.hears(3)
    await second.hang_up()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "callee")
    await first.is_free()
    assert_heard(first.heard()[-2 * RATE_HZ :], second.said, other=first.said)
    assert_heard(second.heard(), first.said, other=second.said)
    recording = exchange.recording(call)
    assert_heard(recording.heard, first.said, other=second.said)
    assert_heard(recording.said[-2 * RATE_HZ :], second.said, other=first.said)


async def test_digits_pass_between_the_parties_both_ways(exchange: Exchange, kind: Kind) -> None:
    first, second, call_id = await connected(exchange, kind)

    await first.press("1470*#")
    await second.saw("CALL_DTMF_END", count=6)
    await second.press("9")
    if isinstance(first, Baresip):
        await first.saw("CALL_DTMF_END")
    await exchange.world.hangup(call_id)
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "api")
    assert [event["param"] for event in second.events if event["type"] == "CALL_DTMF_START"] == list("1470*#")


async def test_party_holds_and_comes_back(exchange: Exchange, kind: Kind) -> None:
    first, second, call_id = await connected(exchange, kind)
    await second.hears(1.5)

    await first.hold()
    await second.hears(1.5)
    await first.resume()
    await first.hears(1.5)
    await first.hang_up()
    call = await exchange.ended(call_id)

    assert (call["status"], call["hangup_by"]) == ("ANSWER", "caller")
    offers = [message.text.body for message in first.sent("INVITE")]
    assert ["a=sendonly" in offer for offer in offers] == [True, False]
    answers = [message.text.body for message in first.answers("INVITE") if message.text.code == 200]
    assert "a=recvonly" in answers[-2]
    assert "a=sendrecv" in answers[-1]
    before, after = halves(second.heard()) if isinstance(first, Baresip) else thirds(second.heard())
    assert alike(sounding(before), first.said) > ALIKE
    assert alike(sounding(after), first.said) > ALIKE
    if kind is Linphone:
        assert alike(first.heard()[-RATE_HZ:], second.said) > ALIKE


def thirds(heard: Samples) -> tuple[Samples, Samples]:
    """Return the first and the last third: linphone plays music to whom it holds, which `sendonly` allows."""
    return heard[: len(heard) // 3], heard[-len(heard) // 3 :]


def halves(heard: Samples) -> tuple[Samples, Samples]:
    """Return what lies before and after the longest silence; that must be one of a second or more."""
    quiet = loudness(heard) <= _SILENT
    edges = np.flatnonzero(np.diff(np.concatenate([[0], quiet.astype(int), [0]])))
    begin, end = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
    assert end - begin >= 50, f"the longest silence has only {(end - begin) * 0.02:.2f} s"
    return heard[: begin * 160], heard[end * 160 :]
