"""Prompts of flows made ready to be played: `resolve(prompts) -> file paths`."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from ringback.flow.effects import Prompt

FindSound = Callable[[str], Awaitable[Path | None]]
"""Give the file of a sound of an account by its id; None if there is none."""

Fetch = Callable[[str], Awaitable[bytes]]
"""Fetch an address: bounded in time and size, private addresses refused. Raises `SoundRefused` or any OSError."""


class Prompts:
    """Resolves prompts: spoken texts through the voice engine and the cache, sounds of the account, addresses."""

    async def resolve(self, prompts: Sequence[Prompt], *, find_sound: FindSound) -> list[Path]:
        """Return one file for each prompt, in order.

        Raises:
            SpeechUnavailable, SpeechFailed, SoundRefused: a prompt cannot be made; the message says which and why.
        """
        raise NotImplementedError
