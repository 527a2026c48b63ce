"""The worker processes: deadlines, deaths, waiting jobs."""

import asyncio

import pytest

from ringback.speech.jobs import Convert, Speak
from ringback.speech.workers import WorkerFailed, Workers

pytestmark = pytest.mark.asyncio(loop_scope="module")


def convert(source, target):
    return Convert(source=str(source), target=str(target), max_seconds=600)


def speak(espeak, target, **more):
    settings = {"text": "x", "language": "en", "rate": 160, "voice": "en", **more}
    return Speak(espeak=espeak, target=str(target), **settings)


async def test_a_job_is_done_and_its_target_is_there(workers, tone, tmp_path):
    answer = await workers.do(convert(tone(), tmp_path / "out.wav"), timeout_s=10)

    assert (answer.error, answer.duration_ms) == ("", 500)
    assert (tmp_path / "out.wav").stat().st_size > 8000


async def test_a_job_that_fails_leaves_nothing_behind_and_the_worker_alive(workers, tone, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"nonsense")

    refused = await workers.do(convert(bad, tmp_path / "out.wav"), timeout_s=10)
    missing = await workers.do(convert(tmp_path / "missing.wav", tmp_path / "out.wav"), timeout_s=10)
    done = await workers.do(convert(tone(), tmp_path / "done.wav"), timeout_s=10)

    assert "use WAV, MP3, FLAC or OGG" in refused.error
    assert missing.error
    assert done.error == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.wav", "done.wav", "tone.wav"]


async def test_a_job_that_takes_too_long_is_ended_with_what_it_runs(workers, program, tone, tmp_path):
    await workers.start()
    job = asyncio.create_task(workers.do(speak(program.endless(), tmp_path / "out.wav"), timeout_s=1))
    assert await program.is_running()

    with pytest.raises(WorkerFailed, match="longer than 1 seconds"):
        await job

    assert await program.is_gone()
    assert (await workers.do(convert(tone(), tmp_path / "done.wav"), timeout_s=20)).error == ""


async def test_a_worker_that_dies_is_replaced(workers, program, tone, tmp_path):
    await workers.start()
    espeak = program.write("kill -9 $PPID")

    with pytest.raises(WorkerFailed, match="died"):
        await workers.do(speak(espeak, tmp_path / "out.wav"), timeout_s=10)

    assert (await workers.do(convert(tone(), tmp_path / "done.wav"), timeout_s=20)).error == ""


async def test_a_job_that_is_given_up_does_not_answer_the_next_one(workers, program, tone, tmp_path):
    slow = asyncio.create_task(workers.do(speak(program.endless(), tmp_path / "x.wav"), timeout_s=50))
    assert await program.is_running()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow

    answer = await workers.do(convert(tone(), tmp_path / "done.wav"), timeout_s=20)

    assert await program.is_gone()
    assert (answer.error, answer.duration_ms) == ("", 500)


async def test_more_jobs_than_may_wait_are_refused(tone, tmp_path):
    workers = Workers(count=1, waiting=2)
    try:
        jobs = [workers.do(convert(tone(), tmp_path / f"{number}.wav"), timeout_s=20) for number in range(6)]
        results = await asyncio.gather(*jobs, return_exceptions=True)
    finally:
        await workers.close()

    refused = [result for result in results if isinstance(result, WorkerFailed)]
    assert len(refused) in {3, 4}  # one runs, two wait; the first may have taken its place already
    assert all("too many" in str(error) for error in refused)


async def test_closing_ends_what_is_running(program, tmp_path):
    workers = Workers(count=1)
    running = asyncio.create_task(workers.do(speak(program.endless(), tmp_path / "x.wav"), timeout_s=50))
    assert await program.is_running()

    await workers.close()

    assert await program.is_gone()
    with pytest.raises(WorkerFailed):
        await running
    with pytest.raises(WorkerFailed, match="stopping"):
        await workers.do(convert(tmp_path / "a", tmp_path / "b"), timeout_s=1)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo no such voice >&2; exit 3", "no such voice"),
        ("exit 3", "exit code 3"),
        ("exit 0", "exit code 0"),
        ('while [ "$1" != -w ]; do shift; done; echo junk > "$2"', "not an audio file"),
    ],
)
async def test_a_voice_that_fails_is_told(workers, program, tmp_path, script, error):
    answer = await workers.do(speak(program.write(script), tmp_path / "out.wav"), timeout_s=10)

    assert error in answer.error
    assert not (tmp_path / "out.wav").exists()


async def test_a_voice_that_writes_without_end_is_stopped_by_the_bound_on_files(workers, program, tmp_path):
    script = 'while [ "$1" != -w ]; do shift; done; exec cat /dev/zero > "$2"'

    answer = await workers.do(speak(program.write(script), tmp_path / "out.wav"), timeout_s=20)

    assert "exit code" in answer.error  # and not that it took too long
    assert list(tmp_path.iterdir()) == []


async def test_the_worker_ends_when_its_server_is_gone(workers):
    process = await workers._all[0].start()

    process.stdin.close()

    async with asyncio.timeout(5):
        assert await process.wait() == 0


async def test_a_program_that_is_no_worker_is_told(monkeypatch):
    monkeypatch.setattr("ringback.speech.workers.sys.executable", "/bin/false")
    workers = Workers(count=1)

    await workers.start()  # ahead of time it is not an error
    with pytest.raises(WorkerFailed, match="does not start"):
        await workers.do(convert("a", "b"), timeout_s=1)

    await workers.close()
