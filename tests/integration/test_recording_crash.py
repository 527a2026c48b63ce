"""A recording whose process is killed is a WAV file that others can read."""

import asyncio
import signal
import sys
import wave
from pathlib import Path

import pytest

pytestmark = pytest.mark.calls

_CHILD = """
import asyncio, sys
from pathlib import Path
from tests.contract.pair import Pair
from ringback import _engine as en

async def main(folder):
    ports = iter((45_000, 45_100))
    def make(listen):
        first = next(ports)
        return en.Engine(en.EngineConfig(listen=listen, rtp_first_port=first, rtp_last_port=first + 98))
    pair = Pair(make("127.0.0.1:0"), make("127.0.0.1:0"), make, folder)
    pair.start()
    ours, theirs = await pair.talk()
    pair.a.engine.record(ours, str(folder / "killed.wav"))
    tone = pair.b.engine.tone(theirs, "dial", duration_ms=4500)
    await pair.b.next(en.OpDone, op=tone)
    print("recorded", flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_a_recording_is_readable_after_its_process_was_killed(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, str(tmp_path), cwd=root, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert await child.stdout.readline() == b"recorded\n"
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()

    path = tmp_path / "killed.wav"
    with wave.open(str(path)) as file:
        length_s = file.getnframes() / file.getframerate()
        audio = file.readframes(file.getnframes())
    # The header is brought up to date every two seconds: it lacks at most that, and never promises more than there is.
    assert 2.0 <= length_s <= 5.0
    assert len(audio) == int(length_s * 8000) * 4 <= path.stat().st_size - 44
    left = memoryview(audio).cast("h")[::2]
    assert max(left[8000:16000]) > 3000, "the far end's tone is not in it"
