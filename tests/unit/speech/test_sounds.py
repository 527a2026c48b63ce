"""Sounds of accounts, and the whole service put together."""

import hashlib

import pytest
import soundfile

from ringback.flow.effects import Prompt
from ringback.model.ids import AccountSid, SoundId
from ringback.speech.engine import SoundRefused
from ringback.speech.service import SpeechService
from ringback.speech.sounds import Sounds

ACCOUNT, SOUND = AccountSid("HXTEST"), SoundId("sound_1")

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_upload_is_converted_and_described(workers, tone, tmp_path):
    sounds = Sounds(tmp_path / "sounds", workers)

    kept = await sounds.add(ACCOUNT, SOUND, tone("a.mp3", seconds=2).read_bytes())

    path = await sounds.find(ACCOUNT, SOUND)
    assert path == tmp_path / "sounds" / kept.path
    assert soundfile.info(path).samplerate == 8000
    assert kept.duration_ms == pytest.approx(2000, abs=80)
    assert (kept.size_bytes, kept.digest) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
    assert [file.name for file in path.parent.iterdir()] == ["sound_1.wav"]


async def test_a_refused_upload_leaves_the_old_sound(workers, tone, tmp_path):
    sounds = Sounds(tmp_path / "sounds", workers)
    before = await sounds.add(ACCOUNT, SOUND, tone().read_bytes())

    with pytest.raises(SoundRefused, match="use WAV, MP3, FLAC or OGG"):
        await sounds.add(ACCOUNT, SOUND, b"GIF89a")

    path = await sounds.find(ACCOUNT, SOUND)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before.digest


@pytest.mark.parametrize(("data", "error"), [(b"", "empty"), (b"x" * (10 * 1024 * 1024 + 1), "10485761 bytes")])
async def test_uploads_are_bounded(workers, tmp_path, data, error):
    with pytest.raises(SoundRefused, match=error):
        await Sounds(tmp_path, workers).add(ACCOUNT, SOUND, data)


async def test_uploads_that_unpack_into_more_than_ten_minutes_are_refused(workers, tone, tmp_path):
    small = tone("long.flac", rate=8000, seconds=601, hz=0.0)
    assert small.stat().st_size < 200_000

    with pytest.raises(SoundRefused, match="longer than 600 seconds"):
        await Sounds(tmp_path, workers).add(ACCOUNT, SOUND, small.read_bytes())


@pytest.mark.parametrize("sound_id", ["../../x", "../x", "a/b", "", ".", "a.wav", "x" * 65])
async def test_ids_cannot_lead_out_of_the_folder(workers, tone, tmp_path, sound_id):
    sounds = Sounds(tmp_path / "sounds", workers)
    upload = tone("x.wav").read_bytes()  # beside the folder of sounds: where ../../x.wav leads

    with pytest.raises(SoundRefused, match="is not the id of a sound"):
        await sounds.add(ACCOUNT, SoundId(sound_id), upload)

    assert await sounds.find(ACCOUNT, sound_id) is None
    assert not (tmp_path / "sounds").exists()


async def test_a_removed_sound_is_gone_and_may_be_removed_again(workers, tone, tmp_path):
    sounds = Sounds(tmp_path, workers)
    await sounds.add(ACCOUNT, SOUND, tone().read_bytes())

    await sounds.remove(ACCOUNT, SOUND)
    await sounds.remove(ACCOUNT, SOUND)

    assert await sounds.find(ACCOUNT, SOUND) is None


async def test_the_service_plays_uploads_and_texts_and_closes(tone, tmp_path):
    service = await SpeechService(cache_folder=tmp_path / "c", sounds_folder=tmp_path / "s").open()
    try:
        await service.sounds.add(ACCOUNT, SOUND, tone().read_bytes())
        files = await service.prompts.resolve([Prompt(sound_id=SOUND), Prompt(text="Hello")], ACCOUNT)
        facts = service.facts(frozenset({SOUND}))
    finally:
        await service.close()

    assert [soundfile.info(file).samplerate for file in files] == [8000, 8000]
    assert facts.has_speech
    assert facts.sounds == {SOUND}


async def test_the_service_without_a_voice_says_so_to_the_checker(tmp_path):
    service = SpeechService(cache_folder=tmp_path / "c", sounds_folder=tmp_path / "s", espeak="no-such-program")

    assert not service.facts().has_speech
    assert "install espeak-ng" in service.facts().speech_advice
    await service.close()
