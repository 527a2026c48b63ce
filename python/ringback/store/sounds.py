"""Sounds of accounts: what is known about the files. The files themselves are `ringback.speech.sounds`'."""

from typing import Any

import msgspec
from sqlalchemy import Row, select

from ringback.model.ids import AccountSid, SoundId
from ringback.model.sound import Sound
from ringback.store.backend.access import Access
from ringback.store.tables import sound

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Sound)
_MOST_LISTED = 10_000


def _read(row: Row[Any]) -> Sound:
    return _decoder.decode(row.data)


class SoundRepository:
    """Sounds of accounts."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def list(self, account: AccountSid) -> tuple[Sound, ...]:
        """Return the account's sounds by name, at most 10,000."""
        query = select(sound).where(sound.c.account == account).order_by(sound.c.name, sound.c.id).limit(_MOST_LISTED)
        return tuple([_read(row) for row in await self._access.rows(query)])

    async def get(self, account: AccountSid, sound_id: SoundId) -> Sound | None:
        """Return one sound of the account."""
        row = await self._access.row(select(sound).where(sound.c.id == sound_id, sound.c.account == account))
        return None if row is None else _read(row)

    async def save(self, value: Sound) -> Sound:
        """Create or replace a sound.

        Raises:
            UnknownError: The id belongs to another account's sound.
        """
        values = {"name": value.name, "data": _encoder.encode(value).decode()}
        await self._access.save(sound, value.id, value.account, values)
        return value

    async def delete(self, account: AccountSid, sound_id: SoundId) -> bool:
        """Forget a sound; False if the account has none of that id. The file is the caller's to remove."""
        return await self._access.delete(sound, sound_id, account)
