"""Phones and agents that register here."""

import hashlib
from datetime import datetime

from msgspec import Struct

from ringback.model.ids import AccountSid, PhoneId


class Phone(Struct, frozen=True, kw_only=True):
    """A user of the registrar: `sip:username@realm` with any number of devices.

    Attributes:
        engine_id: The number the engine knows the phone by, unique in the installation.
        username: User part and digest user name, unique in its realm.
        realm: Digest realm, a host name.
        number: The account's number (E.164) that its calls come from; None: they are anonymous.
        ha1_md5: `MD5(username:realm:password)`; the password itself is kept nowhere.
        ha1_sha256: The same by SHA-256.
        max_contacts: Devices at once.
    """

    id: PhoneId
    engine_id: int = 0
    account: AccountSid
    username: str
    realm: str = "ringback"
    name: str = ""
    number: str | None = None
    ha1_md5: str | None = None
    ha1_sha256: str | None = None
    max_contacts: int = 5
    codecs: tuple[str, ...] = ("PCMA", "PCMU")
    enabled: bool = True


class PhoneContact(Struct, frozen=True, kw_only=True):
    """A device that is registered now."""

    contact: str
    source: str
    expires_at: datetime
    user_agent: str | None = None


def hash_password(username: str, realm: str, password: str) -> tuple[str, str]:
    """Return HA1 by MD5 and by SHA-256 (RFC 7616 section 3.4.2)."""
    secret = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(secret, usedforsecurity=False).hexdigest(), hashlib.sha256(secret).hexdigest()
