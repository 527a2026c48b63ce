"""Sounds of an account, and numbers it has nothing to do with."""

from datetime import datetime

from msgspec import Struct

from ringback.model.ids import AccountSid, SoundId


class Sound(Struct, frozen=True, kw_only=True):
    """An audio file of an account, converted to 8 kHz mono WAV. `path` is relative to the sounds directory."""

    id: SoundId
    account: AccountSid
    name: str
    path: str
    duration_ms: int
    size_bytes: int
    digest: str
    created_at: datetime


class BlockedNumber(Struct, frozen=True, kw_only=True):
    """A number that an account neither calls nor takes calls from (`outgoing`, `incoming` say which). E.164."""

    account: AccountSid
    number: str
    outgoing: bool = True
    incoming: bool = True
    note: str = ""
    created_at: datetime
