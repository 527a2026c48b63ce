"""Sounds from the upload to the call, through the command line, the API and a running server."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.integration.listening import sweep, write
from tests.integration.running import ended, publish, upload, way

from ringback.cli import run
from ringback.cli.demo.client import ApiFaultError
from ringback.cli.demo.settings_file import BRIDGE, SID
from ringback.cli.demo.world import World

pytestmark = [
    pytest.mark.calls,
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.asyncio(loop_scope="session"),
]

ANSWERS = "+9991072"  # rings for 0.7 s, answers, stays for up to 20 s
START = {"type": "start", "exits": {"next": "say"}}
BYE = {"type": "hangup"}


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    write(tmp_path / "ding.wav", sweep(600, 900, 0.4))
    return tmp_path / "ding.wav"


async def test_sound_added_on_the_command_line_is_what_a_call_plays(
    running: World, wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = ["--url", running.url, "--key", running.api_key, "--sid", SID, "--json"]
    assert await asyncio.to_thread(run, ["sounds", "add", str(wav), "--name", "Ding", *server]) == 0
    sound = json.loads(capsys.readouterr().out)

    call = await ended(running, await running.outbound(to=ANSWERS, bridge=BRIDGE, target=sound["id"]))

    assert (sound["name"], sound["duration_s"]) == ("Ding", 0.4)
    assert (call["status"], call["hangup_by"]) == ("ANSWER", "platform")
    assert way(call) == [("play", "next")]
    assert not call["trail"][0]["data"].get("note")
    assert 0.3 < call["talk_s"] < 5


async def test_flow_plays_a_sound_and_keeps_it_from_being_deleted(
    running: World, wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "+49307030001"
    sound_id = await upload(running, "Ding", wav.read_bytes())
    flow_id = await publish(
        running,
        {"start": START, "say": {"type": "play", "prompt": {"sound": sound_id}, "exits": {"next": "bye"}}, "bye": BYE},
        number=line,
    )

    call = await ended(running, await running.incoming(to=line, from_="+49307030002"))

    assert call["status"] == "FLOW_ANSWER"
    assert way(call) == [("start", "next"), ("say", "next"), ("bye", "hangup")]
    assert not any(step["data"].get("note") for step in call["trail"])
    server = ["--url", running.url, "--key", running.api_key, "--sid", SID]
    assert await asyncio.to_thread(run, ["sounds", "delete", sound_id, *server]) == 1
    assert f"the published flow plays it: {line} ({flow_id})" in capsys.readouterr().err


async def test_unknown_sound_is_refused_before_anything_is_called(running: World) -> None:
    with pytest.raises(ApiFaultError, match="the account has no sound `sound_nowhere`"):
        await running.outbound(to=ANSWERS, bridge=BRIDGE, target="sound_nowhere")

    nodes = {"start": START, "say": {"type": "play", "prompt": {"sound": "sound_nowhere"}}}
    with pytest.raises(ApiFaultError, match="the account has no sound `sound_nowhere`"):
        await publish(running, nodes, number="+49307030003")


async def test_sound_from_a_private_address_is_skipped_and_the_trail_says_why(running: World) -> None:
    line, url = "+49307030004", f"{running.receiver.url}/ding.wav"
    say = {"type": "play", "prompt": {"url": url}, "exits": {"next": "ask"}}
    ask = {"type": "gather", "prompt": {"url": url}, "exits": {"match": "bye", "no_input": "bye", "invalid": "bye"}}
    await publish(running, {"start": START, "say": say, "ask": ask, "bye": BYE}, number=line)

    call = await ended(running, await running.incoming(to=line, from_="+49307030005"))

    assert call["status"] == "FLOW_ANSWER"
    assert way(call) == [("start", "next"), ("say", "next"), ("ask", "no_input"), ("bye", "hangup")]
    notes = {step["data"]["node"]: step["data"].get("note", "") for step in call["trail"]}
    for node in ("say", "ask"):
        assert "127.0.0.1 is not a public address" in notes[node]
