"""Prompts of flows made ready to be played: `resolve(prompts, account) -> file paths`."""

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ringback.flow.effects import Prompt
from ringback.model.ids import AccountSid
from ringback.speech.cache import FileCache
from ringback.speech.engine import SoundRefused, Speech, SpeechFailed, SpeechUnavailable, Utterance
from ringback.speech.sounds import MAX_UPLOAD_BYTES, convert_bytes
from ringback.speech.workers import Workers

FindSound = Callable[[AccountSid, str], Awaitable[Path | None]]
"""Give the file of a sound of an account by its id; None if there is none."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Fetch an address: bounded in time and size, private addresses refused. Raises `SoundRefused` or an OSError."""

URL_MAX_AGE_S = 86_400.0
"""A file from an address is fetched again after this; the old one serves on if that fails."""

_FORMAT = "1"
"""Part of every key: raise it when the files come out differently, so that old ones are not used."""


class Prompts:
    """Resolves prompts: spoken texts through the voice engine and the cache, sounds of the account, addresses.

    Args:
        speech: The voice engine.
        workers: Convert what is fetched.
        cache: Keeps spoken texts and fetched files; opened by its owner.
        find_sound: Looks up sounds.
        fetch: Fetches addresses; None refuses them.
    """

    def __init__(
        self, *, speech: Speech, workers: Workers, cache: FileCache, find_sound: FindSound, fetch: Fetch | None = None
    ) -> None:
        self._speech = speech
        self._workers = workers
        self._cache = cache
        self._find_sound = find_sound
        self._fetch = fetch
        self._making: dict[str, asyncio.Task[Path]] = {}

    async def resolve(self, prompts: Sequence[Prompt], account: AccountSid) -> list[Path]:
        """Return one file for each prompt, in order.

        Raises:
            SpeechUnavailable: There is no voice engine.
            SpeechFailed: A text cannot be spoken.
            SoundRefused: A sound is unknown, or what an address gives is no sound.
        """
        return list(await asyncio.gather(*(self._one(prompt, account) for prompt in prompts)))

    async def close(self) -> None:
        """Give up what is being made."""
        tasks = tuple(self._making.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, prompt: Prompt, account: AccountSid) -> Path:
        if prompt.sound_id is not None:
            path = await self._find_sound(account, prompt.sound_id)
            if path is None:
                raise SoundRefused(f"The account has no sound {prompt.sound_id}.")
            return path
        if prompt.url is not None:
            return await self._from_url(prompt.url)
        return await self._spoken(prompt)

    async def _spoken(self, prompt: Prompt) -> Path:
        utterance = Utterance(text=prompt.text or "", language=prompt.language, rate=prompt.rate, voice=prompt.voice)
        key = _key("text", utterance.language, str(utterance.rate), utterance.voice or "", utterance.text)

        async def make() -> Path:
            if self._speech.unavailable is not None:
                raise SpeechUnavailable(self._speech.unavailable)
            await self._speech.speak(utterance, self._cache.path(key))
            return self._cache.added(key)

        return self._cache.get(key) or await self._once(key, make)

    async def _from_url(self, url: str) -> Path:
        key = _key("url", url)

        async def make() -> Path:
            if self._fetch is None:
                raise SoundRefused("Sounds from addresses are switched off.")
            try:
                data = await self._fetch(url)
                with tempfile.TemporaryDirectory(dir=self._cache.path(key).parent, prefix=".job-") as folder:
                    made = Path(folder) / "made.wav"
                    await convert_bytes(data, made, self._workers, limit_bytes=MAX_UPLOAD_BYTES)
                    made.replace(self._cache.path(key))
            except (SoundRefused, OSError) as error:
                if (old := self._cache.get(key)) is not None:
                    return old
                raise SoundRefused(f"The sound at the address cannot be used: {error}") from error
            return self._cache.added(key)

        return self._cache.get(key, max_age_s=URL_MAX_AGE_S) or await self._once(key, make)

    async def _once(self, key: str, make: Callable[[], Awaitable[Path]]) -> Path:
        """Make a file once however many wait for it; one of them going away does not stop it."""
        task = self._making.get(key)
        if task is None:
            task = asyncio.ensure_future(_awaited(make))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(task)

    def _made(self, key: str, task: asyncio.Task[Path]) -> None:
        self._making.pop(key, None)
        with contextlib.suppress(asyncio.CancelledError, SpeechFailed, SoundRefused, SpeechUnavailable):
            task.result()  # whoever still waits gets the error; without anybody it is not reported as forgotten


async def _awaited(make: Callable[[], Awaitable[Path]]) -> Path:
    return await make()


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join((_FORMAT, *parts)).encode("utf-8", "replace")).hexdigest()
