"""G.722 and Opus with telephones, and between them: each hears what the other said."""

import pytest
from tests.integration.listening import RATE_HZ
from tests.interop.exchange import Exchange, play
from tests.interop.peers.baresip import G722, OPUS, PCMA, Codec
from tests.interop.sound import assert_heard

from ringback.cli.demo.settings_file import BRIDGE

pytestmark = [
    pytest.mark.calls,
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

_CODECS = [pytest.param(G722, "G722", id="G722"), pytest.param(OPUS, "OPUS", id="OPUS")]


@pytest.mark.parametrize(("codec", "name"), _CODECS)
async def test_call_in(exchange: Exchange, codec: Codec, name: str) -> None:
    phone = await exchange.baresip(codec=codec, trunk={"codecs": [name, "PCMA"]})
    sound, said = await exchange.sound(260, 2)
    line = await exchange.line(play(sound), record=True)

    await phone.dial(exchange.uri(line))
    call = await exchange.incoming(from_=phone.user, to=line)

    assert call["status"] == "FLOW_ANSWER"
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)


@pytest.mark.parametrize(("codec", "name"), _CODECS)
async def test_parties_of_different_codecs_hear_each_other(exchange: Exchange, codec: Codec, name: str) -> None:
    first = await exchange.baresip(codec=codec, trunk={"codecs": [name]})
    second = await exchange.baresip(codec=PCMA, trunk={"codecs": ["PCMA"]})

    call_id = await exchange.world.click_to_call(from_=first.user, to=second.user, bridge=BRIDGE)
    await first.answer()
    await second.answer()
    await first.hears(3)
    await second.hang_up()
    call = await exchange.ended(call_id)

    assert call["status"] == "ANSWER"
    assert_heard(first.heard()[-2 * RATE_HZ :], second.said, other=first.said)
    assert_heard(second.heard(), first.said, other=second.said)


@pytest.mark.parametrize("is_out", [False, True], ids=["in", "out"])
async def test_encrypted_media(exchange: Exchange, *, is_out: bool) -> None:
    phone = await exchange.baresip(
        account=";mediaenc=srtp-mand", settings="module srtp.so\n", trunk={"srtp": "required", "srtp_over_clear": True}
    )
    sound, said = await exchange.sound(261, 2)
    if is_out:
        call_id = await exchange.world.outbound(to=phone.user, bridge=BRIDGE, target=sound, record=True)
        await phone.answer()
        call = await exchange.ended(call_id)
    else:
        line = await exchange.line(play(sound), record=True)
        await phone.dial(exchange.uri(line))
        call = await exchange.incoming(from_=phone.user, to=line)

    assert call["status"] == ("ANSWER" if is_out else "FLOW_ANSWER")
    assert all("RTP/SAVP" in body for body in (message.text.body for message in phone.messages()) if body)
    assert_heard(phone.heard(), said, other=phone.said)
    assert_heard(exchange.recording(call).heard, phone.said, other=said)
