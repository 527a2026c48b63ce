"""Everything that prepares sound, put together: what `ringback.service` opens at start and closes at the end."""

from pathlib import Path
from typing import Self

from ringback.flow.check import Facts
from ringback.speech.cache import FileCache
from ringback.speech.engine import Speech
from ringback.speech.espeak import INSTALL, Espeak
from ringback.speech.prompts import Fetch, Prompts
from ringback.speech.sounds import Sounds
from ringback.speech.workers import Workers


class SpeechService:
    """Workers, voice, cache, sounds and prompts.

    Attributes:
        prompts: Makes prompts ready to be played.
        sounds: Keeps uploads.
        speech: The voice engine.
    """

    def __init__(
        self,
        *,
        cache_folder: Path,
        sounds_folder: Path,
        fetch: Fetch | None = None,
        cache_bytes: int = 536_870_912,
        workers: int = 2,
        espeak: str = "espeak-ng",
    ) -> None:
        self._workers = Workers(count=workers)
        self._cache = FileCache(cache_folder, max_bytes=cache_bytes)
        self.speech: Speech = Espeak(self._workers, program=espeak)
        self.sounds = Sounds(sounds_folder, self._workers)
        self.prompts = Prompts(
            speech=self.speech,
            workers=self._workers,
            cache=self._cache,
            find_sound=self.sounds.find,
            fetch=fetch,
        )

    async def open(self) -> Self:
        """Read the cache's folder and start the workers, so that the first caller does not wait for them."""
        await self._cache.open()
        await self._workers.start()
        return self

    async def close(self) -> None:
        """Give up what is being made and end the workers."""
        await self.prompts.close()
        await self._workers.close()

    def facts(self, sounds: frozenset[str] | None = None) -> Facts:
        """Return what the flow checker has to know; `sounds` are the account's sound ids."""
        has_speech = self.speech.unavailable is None
        return Facts(has_speech=has_speech, speech_advice=INSTALL, sounds=sounds)
