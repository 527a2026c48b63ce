"""Files made once and used again: a folder with a bound on its bytes; what was used longest ago goes first."""

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{64}\.wav")


class FileCache:
    """A folder of WAV files by key (SHA-256 in hex). One process uses it.

    Args:
        folder: Is made if missing; leftovers of an unclean end are removed.
        max_bytes: Bound on all files together.
        now: Seconds since 1970.
    """

    def __init__(self, folder: Path, *, max_bytes: int = 536_870_912, now: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._now = now
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0

    @property
    def bytes_used(self) -> int:
        """Return the size of all files."""
        return self._bytes

    async def open(self) -> None:
        """Find the files of earlier runs, oldest first."""
        found = await asyncio.to_thread(_scan, self._folder)
        self._sizes = OrderedDict(found)
        self._bytes = sum(self._sizes.values())
        self._evict(keep=None)

    def path(self, key: str) -> Path:
        """Return where the file of a key is, or is to be put."""
        return self._folder / f"{key}.wav"

    def get(self, key: str, *, max_age_s: float | None = None) -> Path | None:
        """Return the file of a key if it is there and was made at most `max_age_s` ago; it counts as used now."""
        if key not in self._sizes:
            return None
        path = self.path(key)
        try:
            made_at = path.stat().st_mtime
            os.utime(path, (self._now(), made_at))  # the access time tells the next process what was used last
        except OSError:
            self._forget(key)
            return None
        self._sizes.move_to_end(key)
        return path if max_age_s is None or self._now() - made_at <= max_age_s else None

    def added(self, key: str) -> Path:
        """Take over the file that was put at `path(key)`; older ones make room."""
        path = self.path(key)
        self._forget(key)
        self._sizes[key] = path.stat().st_size
        self._bytes += self._sizes[key]
        self._evict(keep=key)
        return path

    def _forget(self, key: str) -> None:
        self._bytes -= self._sizes.pop(key, 0)

    def _evict(self, *, keep: str | None) -> None:
        while self._bytes > self._max_bytes and self._sizes:
            key = next(iter(self._sizes))
            if key == keep:
                return
            self._forget(key)
            with contextlib.suppress(OSError):
                self.path(key).unlink()


def _scan(folder: Path) -> list[tuple[str, int]]:
    """Return keys and sizes, used longest ago first; remove what is not a file of ours."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[tuple[float, str, int]] = []
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name):
            stat = path.stat()
            found.append((stat.st_atime, path.stem, stat.st_size))
        elif path.name.startswith(".job-"):
            shutil.rmtree(path, ignore_errors=True)
    return [(key, size) for _, key, size in sorted(found)]
