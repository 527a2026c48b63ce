"""Phones of the fake engine: kept, but none of them ever registers by itself; tests emit the events."""

from typing import Any


class FakeRegistrar:
    """The methods of `Engine` about phones. `phones` and `registrar_limits` are what it was told last."""

    def __init__(self) -> None:
        self.phones: list[Any] = []
        self.registrar_limits: dict[str, int] = {}

    def set_phones(self, phones: list[Any], **limits: int) -> None:
        """Keep them."""
        self.phones = list(phones)
        self.registrar_limits = limits
