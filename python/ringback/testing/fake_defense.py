"""Bans of the fake engine: kept until they are lifted, without time. Nobody attacks a fake."""

from ipaddress import ip_address
from typing import Any

from ringback import _engine as en


class FakeDefense:
    """The methods of `Engine` about who is not listened to. `defense` is what it was told last."""

    def __init__(self) -> None:
        self.defense: Any = None
        self._banned: dict[str, int] = {}

    def set_defense(self, defense: Any) -> None:
        """Keep it."""
        self.defense = defense

    def bans(self) -> list[tuple[str, int]]:
        """Return who is banned, and the whole time of it."""
        return list(self._banned.items())

    def ban(self, source: str, *, seconds: int) -> None:
        """Ban an address."""
        self._banned[_address(source)] = seconds

    def lift_ban(self, source: str) -> None:
        """Lift a ban."""
        self._banned.pop(_address(source), None)


def _address(source: str) -> str:
    try:
        return str(ip_address(source))
    except ValueError:
        raise en.InvalidArgument(f"source: {source!r} is no IP address") from None
