"""The seam to voice engines, and what can go wrong with prompts."""

from pathlib import Path
from typing import Protocol

from msgspec import Struct

from ringback.model.errors import ResourceError


class Utterance(Struct, frozen=True, kw_only=True):
    """A text to be spoken.

    Attributes:
        text: At most 4,000 characters.
        language: BCP 47, such as `en-US`.
        rate: Words per minute, 80-450.
        voice: Name of a voice of the engine; None for the language's.
    """

    text: str
    language: str = "en-US"
    rate: int = 160
    voice: str | None = None


class SpeechUnavailable(ResourceError):  # noqa: N818 - named for what happened
    """There is no voice engine; the message says what to install."""

    slug = "speech-unavailable"


class SpeechFailed(ResourceError):  # noqa: N818 - named for what happened
    """The voice engine could not speak this text: unknown language, too long, too slow."""

    slug = "speech-failed"


class SoundRefused(ResourceError):  # noqa: N818 - named for what happened
    """A sound cannot be used; the message says why and what to do."""

    slug = "sound-refused"


class Speech(Protocol):
    """A voice engine."""

    @property
    def unavailable(self) -> str | None:
        """Return why it cannot speak and what to install, None when it can."""

    async def speak(self, utterance: Utterance, target: Path) -> None:
        """Speak a text into a WAV file, 8 kHz mono PCM16.

        Raises:
            SpeechUnavailable: there is no engine.
            SpeechFailed: it cannot speak this text, or not in time.
        """
