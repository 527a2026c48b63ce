"""Sounds of accounts: what is known about the files. The files themselves are `ringback.speech.sounds`'."""

from ringback.model.ids import AccountSid, SoundId
from ringback.model.sound import Sound
from ringback.store.backend.access import Access


class SoundRepository:
    """Sounds of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def list(self, account: AccountSid) -> tuple[Sound, ...]:
        """Return the account's sounds by name, at most 10,000."""
        raise NotImplementedError

    async def get(self, account: AccountSid, sound_id: SoundId) -> Sound | None:
        """Return one sound of the account."""
        raise NotImplementedError

    async def save(self, sound: Sound) -> Sound:
        """Create or replace a sound.

        Raises:
            UnknownError: The id belongs to another account's sound.
        """
        raise NotImplementedError

    async def delete(self, account: AccountSid, sound_id: SoundId) -> bool:
        """Forget a sound; False if the account has none of that id. The file is the caller's to remove."""
        raise NotImplementedError
