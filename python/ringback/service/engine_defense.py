"""`[defense]` in the engine's own form."""

from ipaddress import ip_network

from ringback._engine import DefenseConfig
from ringback.service.defense import AclEntry, DefenseSettings
from ringback.service.setting_types import SettingsError


def defense_config(settings: DefenseSettings) -> DefenseConfig:
    """Return the engine's own form.

    Raises:
        SettingsError: a network is none.
    """
    return DefenseConfig(
        stranger_packets_per_s=settings.stranger_packets_per_s,
        known_packets_per_s=settings.known_packets_per_s,
        ban_after=settings.ban_after,
        ban_window_s=settings.ban_window_s,
        ban_s=settings.ban_s,
        scanners=None if settings.scanners is None else list(settings.scanners),
        allow=[_entry(entry) for entry in settings.allow],
        deny=[_entry(entry) for entry in settings.deny],
    )


def _entry(entry: AclEntry) -> tuple[int | None, str]:
    try:
        return entry.listener, str(ip_network(entry.network, strict=False))
    except ValueError as error:
        raise SettingsError(f"[defense]: `{entry.network}` is no network like 192.0.2.0/24") from error
