"""What the far ends hear is what the other side said: compared sample by sample, through the running server."""

from pathlib import Path

import pytest
from tests.integration.listening import (
    RATE_HZ,
    Ears,
    best_second,
    likeness,
    listen,
    longest_gap_s,
    read,
    sounding,
    sweep,
    write,
)
from tests.integration.running import ended, publish, reported, upload, way

from ringback.cli.demo.settings_file import BRIDGE
from ringback.cli.demo.world import World
from ringback.simulator.audio import write_voice

pytestmark = [
    pytest.mark.calls,
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

ALIKE = 0.9
UNLIKE = 0.5
MOST_GAP_S = 0.1
CUT_OFF = RATE_HZ // 5
"""The end of a sound is still in the far end's jitter buffer when the BYE comes."""

_lines = iter(range(1000))


def new_line() -> str:
    """A number of ours that no other test uses."""
    return f"+4930700{next(_lines):04d}"


def caller() -> str:
    """A calling number that no other test uses."""
    return f"+4930701{next(_lines):04d}"


async def ears_of(world: World, number: str) -> Ears:
    """Return what a test number heard and said; its leg is over then."""
    await reported(world, event="ended", number=number)
    assert world.legs is not None
    return listen(world.legs / f"{number}.wav")


async def test_both_parties_of_a_click_to_call_hear_each_other(running: World) -> None:
    first, second = "+999102", "+99910305"  # the first speaks downwards; the second upwards, for five seconds

    call = await ended(running, await running.click_to_call(from_=first, to=second, bridge=BRIDGE))

    assert call["status"] == "ANSWER"
    one, two = await ears_of(running, first), await ears_of(running, second)
    for hearer, speaker in [(one, two), (two, one)]:
        talk = sounding(hearer.heard)[-4 * RATE_HZ :]
        assert len(talk) == 4 * RATE_HZ
        assert best_second(talk, speaker.said) > ALIKE
        assert best_second(talk, hearer.said) < UNLIKE
        assert longest_gap_s(talk) <= MOST_GAP_S


async def test_recording_of_the_call_has_what_each_of_them_said(running: World) -> None:
    first, second = "+999104", "+99910503"

    call_id = await running.click_to_call(from_=first, to=second, bridge=BRIDGE, record=True)
    call = await ended(running, call_id)

    one, two = await ears_of(running, first), await ears_of(running, second)
    recorded = listen(running.folder / "data" / "recordings" / f"{call['recording_id']}.wav")
    said_by_first, said_by_second = recorded.heard, sounding(recorded.said)[-2 * RATE_HZ :]
    assert best_second(sounding(said_by_first), one.said) > ALIKE
    assert best_second(said_by_second, two.said) > ALIKE
    assert best_second(said_by_second, one.said) < UNLIKE
    assert longest_gap_s(said_by_first) <= MOST_GAP_S


async def test_callee_hears_a_sound_of_the_account_wholly(running: World, tmp_path: Path) -> None:
    callee, sound = "+999106", sweep(2500, 500, 1.5)
    write(tmp_path / "sweep.wav", sound)
    sound_id = await upload(running, "Sweep", (tmp_path / "sweep.wav").read_bytes())

    call = await ended(running, await running.outbound(to=callee, bridge=BRIDGE, target=sound_id))

    ears = await ears_of(running, callee)
    assert (call["status"], call["hangup_by"]) == ("ANSWER", "platform")
    assert likeness(sound[:-CUT_OFF], ears.heard) > ALIKE
    assert longest_gap_s(ears.heard) <= MOST_GAP_S


async def test_caller_hears_a_text_wholly(running: World, tmp_path: Path) -> None:
    line = new_line()
    text = "The quick brown fox jumps over the lazy dog."
    nodes = {
        "start": {"type": "start", "exits": {"next": "say"}},
        "say": {"type": "play", "prompt": text, "exits": {"next": "bye"}},
        "bye": {"type": "hangup"},
    }
    await publish(running, nodes, number=line)
    cache = running.folder / "data" / "prompts"
    before = set(cache.glob("*.wav"))

    call = await ended(running, await running.incoming(to=line, from_=caller(), record=str(tmp_path / "heard.wav")))

    (spoken,) = set(cache.glob("*.wav")) - before
    assert call["status"] == "FLOW_ANSWER"
    assert way(call) == [("start", "next"), ("say", "next"), ("bye", "hangup")]
    assert likeness(sounding(read(spoken)), listen(tmp_path / "heard.wav").heard) > ALIKE


@pytest.mark.parametrize(("digits", "exit_"), [("1", "1"), ("*", "*"), ("90", "90"), ("4", "invalid")])
async def test_digits_of_the_caller_branch_the_flow(running: World, digits: str, exit_: str) -> None:
    line = new_line()
    exits = {"1": "one", "*": "star", "90": "ninety", "invalid": "other", "no_input": "other"}
    settings = {"max_digits": 2, "inter_timeout_s": 0.5, "first_timeout_s": 5, "terminator": ""}
    nodes = {
        "start": {"type": "start", "exits": {"next": "menu"}},
        "menu": {"type": "gather", **settings, "exits": exits},
        **{name: {"type": "hangup"} for name in ("one", "star", "ninety", "other")},
    }
    await publish(running, nodes, number=line)

    call = await ended(running, await running.incoming(to=line, from_=caller(), digits=digits))

    assert call["status"] == "FLOW_ANSWER"
    assert way(call) == [("start", "next"), ("menu", exit_), (exits[exit_], "hangup")]
    events = (await running.client.get(f"/calls/{call['id']}/events"))["events"]
    assert digits in [event["data"].get("digits") for event in events if event["kind"] == "flow_input"]


async def test_digits_go_through_a_connection_in_order_both_ways(running: World) -> None:
    line, party = new_line(), "+999102068642"  # talks for six seconds, begins with the digits 8642
    nodes = {
        "start": {"type": "start", "exits": {"next": "call"}},
        "call": {"type": "connect", "to": party, "exits": {"answered": "bye", "failed": "bye"}},
        "bye": {"type": "hangup"},
    }
    await publish(running, nodes, number=line)

    end = await running.call_in(to=line, from_=caller(), digits=",,,,13579*0#")

    assert (await end)["digits"] == "8642"
    assert (await reported(running, event="ended", number=party))["digits"] == "13579*0#"


async def test_first_party_hears_why_the_second_cannot_be_reached(running: World, tmp_path: Path) -> None:
    first, second = "+999101", "+999425486"  # early media for 2.5 s, then busy: there never is an answer
    announcement = read(write_voice(tmp_path / "voice.wav", upwards=False))

    call = await ended(running, await running.click_to_call(from_=first, to=second, bridge=BRIDGE))

    assert call["status"] == "BUSY_CHANNEL2"
    ears = await ears_of(running, first)
    assert best_second(ears.heard, announcement) > ALIKE
    assert best_second(ears.heard, ears.said) < UNLIKE


async def test_answer_does_not_interrupt_early_media(running: World) -> None:
    first, second = "+999103", "+99932004"  # early media for 2 s, then answers and talks for 4 s

    call = await ended(running, await running.click_to_call(from_=first, to=second, bridge=BRIDGE))

    assert call["status"] == "ANSWER"
    one, two = await ears_of(running, first), await ears_of(running, second)
    talk = sounding(one.heard)[-5 * RATE_HZ :]
    assert len(talk) == 5 * RATE_HZ
    assert best_second(talk[: 2 * RATE_HZ], two.said) > ALIKE
    assert longest_gap_s(talk) <= MOST_GAP_S
