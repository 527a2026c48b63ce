"""Tells the engine which phones may register."""

from collections.abc import Iterable

from ringback._engine import PhoneConfig
from ringback.live.engine import VoiceEngine
from ringback.model.phone import Phone


def apply_phones(engine: VoiceEngine, phones: Iterable[Phone]) -> None:
    """Replace the engine's table of phones. Those that are no longer there lose their devices."""
    engine.set_phones([_config(phone) for phone in phones if phone.enabled])


def _config(phone: Phone) -> PhoneConfig:
    return PhoneConfig(
        id=phone.engine_id,
        username=phone.username,
        realm=phone.realm,
        ha1_md5=phone.ha1_md5,
        ha1_sha256=phone.ha1_sha256,
        max_contacts=phone.max_contacts,
        codecs=list(phone.codecs),
    )
