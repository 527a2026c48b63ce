"""Sounds of accounts: uploads checked, converted and kept. What is known about them is `ringback.store.sounds`'."""

import asyncio
import contextlib
import hashlib
import re
import tempfile
from pathlib import Path

from msgspec import Struct

from ringback.model.ids import AccountSid, SoundId
from ringback.speech.engine import SoundRefused
from ringback.speech.jobs import MAX_SECONDS, Convert
from ringback.speech.workers import WorkerFailed, Workers

MAX_UPLOAD_BYTES = 10 * 1024 * 1024
_CONVERT_SECONDS = 30.0
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")


class SoundFile(Struct, frozen=True, kw_only=True):
    """A sound that was kept: `path` is relative to the folder of sounds, `digest` the SHA-256 of the file, hex."""

    path: str
    duration_ms: int
    size_bytes: int
    digest: str


class Sounds:
    """The files of all accounts' sounds, in one folder each.

    Args:
        folder: Is made when it is needed.
        workers: Convert uploads.
    """

    def __init__(self, folder: Path, workers: Workers) -> None:
        self._folder = folder
        self._workers = workers
        self._converting = asyncio.Lock()  # one upload at a time, so that prompts of calls find a worker

    async def add(self, account: AccountSid, sound_id: SoundId, data: bytes) -> SoundFile:
        """Check and keep an upload; one of the same id is replaced.

        Args:
            account: Whose it is.
            sound_id: Its id.
            data: WAV, MP3, FLAC or OGG; at most 10 MB and 10 minutes.

        Raises:
            SoundRefused: It cannot be used; the message says why.
            OSError: The disk is full or not writable.
        """
        path = self.path(account, sound_id)
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        async with self._converting:
            duration_ms = await convert_bytes(data, path, self._workers, limit_bytes=MAX_UPLOAD_BYTES)
        kept = await asyncio.to_thread(path.read_bytes)
        return SoundFile(
            path=str(path.relative_to(self._folder)),
            duration_ms=duration_ms,
            size_bytes=len(kept),
            digest=hashlib.sha256(kept).hexdigest(),
        )

    def path(self, account: AccountSid, sound_id: SoundId | str) -> Path:
        """Return where a sound is, or would be.

        Raises:
            SoundRefused: The ids cannot be names of files.
        """
        if not (_SAFE.fullmatch(account) and _SAFE.fullmatch(sound_id)):
            raise SoundRefused(f"{sound_id[:64]!r} is not the id of a sound.")
        return self._folder / account / f"{sound_id}.wav"

    async def find(self, account: AccountSid, sound_id: str) -> Path | None:
        """Return the file of a sound, None if there is none: a `FindSound` for `Prompts`."""
        try:
            path = self.path(account, sound_id)
        except SoundRefused:
            return None
        return path if path.is_file() else None

    async def remove(self, account: AccountSid, sound_id: SoundId) -> None:
        """Remove the file of a sound, if there is one."""
        with contextlib.suppress(FileNotFoundError, SoundRefused):
            await asyncio.to_thread(self.path(account, sound_id).unlink)


async def convert_bytes(data: bytes, target: Path, workers: Workers, *, limit_bytes: int) -> int:
    """Convert an audio file to 8 kHz mono PCM16 WAV at `target`; return its length in milliseconds.

    Raises:
        SoundRefused: It is too large, too long, empty, or not WAV, MP3, FLAC or OGG.
    """
    if len(data) > limit_bytes:
        raise SoundRefused(f"The file has {len(data)} bytes, at most {limit_bytes}.")
    if not data:
        raise SoundRefused("The file is empty.")
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".job-") as upload:
        await asyncio.to_thread(upload.write, data)
        await asyncio.to_thread(upload.flush)
        job = Convert(source=upload.name, target=str(target), max_seconds=MAX_SECONDS)
        try:
            answer = await workers.do(job, timeout_s=_CONVERT_SECONDS)
        except WorkerFailed as error:
            raise SoundRefused(f"The file cannot be converted: {error}.") from error
    if answer.error:
        raise SoundRefused(f"The file cannot be used: {answer.error}.")
    return answer.duration_ms
