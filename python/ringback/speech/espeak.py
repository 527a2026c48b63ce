"""The built-in voice: espeak-ng, run by the worker processes. GPL-3.0; it is never loaded into the server."""

import shutil
from pathlib import Path

from ringback.flow import limits
from ringback.speech.engine import SpeechFailed, SpeechUnavailable, Utterance
from ringback.speech.jobs import Speak
from ringback.speech.workers import WorkerFailed, Workers

INSTALL = "install espeak-ng (Debian and Ubuntu: apt-get install espeak-ng), or use sounds instead of texts"
_SECONDS = 5.0


class Espeak:
    """Speaks with espeak-ng.

    Args:
        workers: Do the work.
        program: Name or path of espeak-ng.
    """

    def __init__(self, workers: Workers, *, program: str = "espeak-ng") -> None:
        self._workers = workers
        self._name = program
        self._program = shutil.which(program)

    @property
    def unavailable(self) -> str | None:
        """Return why it cannot speak and what to install, None when it can."""
        return None if self._program else f"{self._name} is not installed: {INSTALL}"

    async def speak(self, utterance: Utterance, target: Path) -> None:
        """Speak a text into a WAV file, 8 kHz mono PCM16, within 5 s.

        Raises:
            SpeechUnavailable: espeak-ng is not installed.
            SpeechFailed: the text is too long, the language unknown, or it took too long.
        """
        if self._program is None:
            raise SpeechUnavailable(self.unavailable)
        if len(utterance.text) > limits.TEXT_CHARS:
            raise SpeechFailed(f"The text has {len(utterance.text)} characters, at most {limits.TEXT_CHARS}.")
        job = Speak(
            espeak=self._program,
            text=utterance.text.encode("utf-8", "replace").decode(),  # half a surrogate pair is no text
            language=utterance.language,
            rate=utterance.rate,
            voice=utterance.voice,
            target=str(target),
        )
        try:
            answer = await self._workers.do(job, timeout_s=_SECONDS)
        except WorkerFailed as error:
            raise SpeechFailed(f"The text cannot be spoken: {error}.") from error
        if answer.error:
            raise SpeechFailed(f"The text cannot be spoken: {answer.error}.")
