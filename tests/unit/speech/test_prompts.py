"""Prompts become files: cached, made once, with errors that say what to do."""

import asyncio

import pytest
import soundfile

from ringback.flow.effects import Prompt
from ringback.model.ids import AccountSid
from ringback.speech.cache import FileCache
from ringback.speech.engine import SoundRefused, SpeechFailed, SpeechUnavailable
from ringback.speech.espeak import Espeak
from ringback.speech.prompts import URL_MAX_AGE_S, Prompts

ACCOUNT = AccountSid("HXTEST")

pytestmark = pytest.mark.asyncio(loop_scope="module")


class CountingSpeech:
    """A voice that counts, and speaks when it is let go."""

    unavailable = None

    def __init__(self):
        self.said = []
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.error = None

    async def speak(self, utterance, target):
        self.said.append(utterance)
        self.asked.set()
        await self.go.wait()
        if self.error:
            raise self.error
        target.write_bytes(b"spoken " + utterance.text.encode())


class Web:
    """Addresses and what they give."""

    def __init__(self, **pages):
        self.pages = pages
        self.fetched = []

    async def __call__(self, url):
        self.fetched.append(url)
        page = self.pages[url.rpartition("/")[2]]
        if isinstance(page, Exception):
            raise page
        return page


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
async def cache(tmp_path):
    opened = FileCache(tmp_path / "cache")
    await opened.open()
    return opened


@pytest.fixture
def make(cache, workers, tmp_path):
    made = []

    async def find(account, sound_id):
        path = tmp_path / f"{account}-{sound_id}.wav"
        return path if path.exists() else None

    def make_(*, speech=None, fetch=None, cache_=cache):
        made.append(
            Prompts(speech=speech or CountingSpeech(), workers=workers, cache=cache_, find_sound=find, fetch=fetch)
        )
        return made[-1]

    return make_


async def test_espeak_speaks_several_languages_into_telephone_audio(make, workers):
    prompts = make(speech=Espeak(workers))

    files = await prompts.resolve(
        [Prompt(text="Hello"), Prompt(text="Guten Tag", language="de-DE"), Prompt(text="Hello", rate=300)], ACCOUNT
    )

    infos = [soundfile.info(file) for file in files]
    assert [(info.samplerate, info.channels, info.subtype) for info in infos] == [(8000, 1, "PCM_16")] * 3
    assert len(set(files)) == 3
    assert infos[2].frames < infos[0].frames  # faster is shorter


@pytest.mark.parametrize(
    ("prompt", "error"),
    [
        (Prompt(text="x", language="xx-YY"), "no voice for the language `xx-YY`"),
        (Prompt(text="x", voice="../../etc/passwd"), "is not the name of a voice"),
        (Prompt(text="x", voice="nobody"), "does not exist"),
        (Prompt(text="x" * 4001), "4001 characters, at most 4000"),
    ],
)
async def test_what_espeak_cannot_speak_is_told(make, workers, prompt, error):
    with pytest.raises(SpeechFailed, match=error):
        await make(speech=Espeak(workers)).resolve([prompt], ACCOUNT)


async def test_odd_texts_do_not_harm(make, workers):
    texts = ["\x00\x07\ud800", "--help", "-f /etc/passwd", "[[nonsense]]", "<break time='9999s'/>", "🎉", " . "]

    for file in await make(speech=Espeak(workers)).resolve([Prompt(text=text) for text in texts], ACCOUNT):
        assert soundfile.info(file).duration < 60


async def test_without_a_voice_engine_the_error_says_what_to_install(make, workers):
    speech = Espeak(workers, program="no-such-program")

    with pytest.raises(SpeechUnavailable, match="apt-get install espeak-ng"):
        await make(speech=speech).resolve([Prompt(text="x")], ACCOUNT)

    assert speech.unavailable.startswith("no-such-program is not installed")


async def test_a_text_is_spoken_once_and_then_taken_from_the_cache(make):
    speech = CountingSpeech()
    prompts = make(speech=speech)

    first = await prompts.resolve([Prompt(text="a"), Prompt(text="b"), Prompt(text="a")], ACCOUNT)
    again = await prompts.resolve([Prompt(text="a")], ACCOUNT)

    assert [utterance.text for utterance in speech.said] == ["a", "b"]
    assert first[0] == first[2] == again[0]


async def test_everything_that_is_heard_is_part_of_the_key(make):
    speech = CountingSpeech()
    variants = [
        Prompt(text="a"),
        Prompt(text="a", language="de-DE"),
        Prompt(text="a", rate=200),
        Prompt(text="a", voice="v"),
        Prompt(text="av"),
    ]

    files = await make(speech=speech).resolve(variants, ACCOUNT)

    assert len(set(files)) == len(variants)


async def test_a_caller_who_goes_away_does_not_stop_what_others_wait_for(make):
    speech = CountingSpeech()
    speech.go.clear()
    prompts = make(speech=speech)
    first = asyncio.create_task(prompts.resolve([Prompt(text="a")], ACCOUNT))
    await speech.asked.wait()
    second = asyncio.create_task(prompts.resolve([Prompt(text="a")], ACCOUNT))

    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    speech.go.set()

    assert (await second)[0].read_bytes() == b"spoken a"
    assert len(speech.said) == 1


async def test_a_failure_is_told_to_everybody_and_not_remembered(make):
    speech = CountingSpeech()
    speech.error = SpeechFailed("no")
    prompts = make(speech=speech)

    results = await asyncio.gather(
        *(prompts.resolve([Prompt(text="a")], ACCOUNT) for _ in range(2)), return_exceptions=True
    )
    speech.error = None

    assert [type(result) for result in results] == [SpeechFailed, SpeechFailed]
    assert len(await prompts.resolve([Prompt(text="a")], ACCOUNT)) == 1


async def test_closing_gives_up_what_is_being_made(make):
    speech = CountingSpeech()
    speech.go.clear()
    prompts = make(speech=speech)
    waiting = asyncio.create_task(prompts.resolve([Prompt(text="a")], ACCOUNT))
    await speech.asked.wait()

    await prompts.close()

    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_sounds_are_those_of_the_account(make, tmp_path):
    (tmp_path / f"{ACCOUNT}-s.wav").write_bytes(b"")
    prompts = make()

    assert await prompts.resolve([Prompt(sound_id="s")], ACCOUNT) == [tmp_path / f"{ACCOUNT}-s.wav"]
    with pytest.raises(SoundRefused, match="has no sound s"):
        await prompts.resolve([Prompt(sound_id="s")], AccountSid("OTHER"))


async def test_an_address_is_fetched_converted_and_kept(make, tone):
    web = Web(a=tone().read_bytes())
    prompts = make(fetch=web)

    (file,) = await prompts.resolve([Prompt(url="https://x/a")], ACCOUNT)
    again = await prompts.resolve([Prompt(url="https://x/a")], ACCOUNT)

    assert soundfile.info(file).samplerate == 8000
    assert again == [file]
    assert web.fetched == ["https://x/a"]


async def test_an_old_file_is_fetched_again_and_serves_on_if_that_fails(make, tone, workers, tmp_path):
    clock = Clock()
    cache = FileCache(tmp_path / "urls", now=clock)
    await cache.open()
    web = Web(a=tone().read_bytes())
    prompts = make(fetch=web, cache_=cache)
    (file,) = await prompts.resolve([Prompt(url="https://x/a")], ACCOUNT)
    clock.now = file.stat().st_mtime + URL_MAX_AGE_S + 1

    web.pages["a"] = ConnectionError("down")
    assert await prompts.resolve([Prompt(url="https://x/a")], ACCOUNT) == [file]
    web.pages["a"] = b"now it is no sound"
    assert await prompts.resolve([Prompt(url="https://x/a")], ACCOUNT) == [file]

    assert len(web.fetched) == 3


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (ConnectionError("refused"), "cannot be used: refused"),
        (SoundRefused("private address"), "private address"),
        (b"<html>", "use WAV, MP3, FLAC or OGG"),
        (b"", "is empty"),
        (b"x" * (10 * 1024 * 1024 + 1), "at most 10485760"),
    ],
)
async def test_an_address_that_gives_no_sound_is_told(make, page, error):
    with pytest.raises(SoundRefused, match=error):
        await make(fetch=Web(a=page)).resolve([Prompt(url="https://x/a")], ACCOUNT)


async def test_addresses_can_be_switched_off(make):
    with pytest.raises(SoundRefused, match="switched off"):
        await make().resolve([Prompt(url="https://x/a")], ACCOUNT)
