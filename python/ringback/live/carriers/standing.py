"""What the engine says of registrations, gateways and phones: kept here, asked by routing, API and metrics."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from ringback import _engine as en
from ringback.model.phone import PhoneContact
from ringback.model.standing import GatewayStanding, TrunkStanding


class Standing:
    """The present state; numbers are the engine's. Nothing of it outlives the process: the engine tells it anew."""

    def __init__(self) -> None:
        self._trunks: dict[int, TrunkStanding] = {}
        self._phones: dict[int, dict[str, PhoneContact]] = {}

    def trunk(self, engine_id: int) -> TrunkStanding:
        """Return how a trunk stands."""
        return self._trunks.get(engine_id, TrunkStanding())

    def trunks(self) -> Iterator[tuple[int, TrunkStanding]]:
        """Yield every trunk of which something is known."""
        yield from self._trunks.items()

    def is_down(self, engine_id: int, gateway: str) -> bool:
        """Say whether a gateway is known to be down; one that nobody watches is not."""
        return any(known.gateway == gateway and not known.up for known in self.trunk(engine_id).gateways)

    def phone(self, engine_id: int, now: datetime) -> tuple[PhoneContact, ...]:
        """Return the devices of a phone, the one heard last first."""
        contacts = [contact for contact in self._phones.get(engine_id, {}).values() if contact.expires_at > now]
        return tuple(reversed(contacts))

    def phones(self) -> int:
        """Return how many phones have a device."""
        return len(self._phones)

    def forget_trunks(self, known: set[int]) -> None:
        """Forget trunks that are gone."""
        for engine_id in self._trunks.keys() - known:
            del self._trunks[engine_id]

    def registration(self, event: en.Registration) -> None:
        """Keep what became of a REGISTER of ours."""
        self._trunks[event.trunk] = replace(
            self.trunk(event.trunk),
            registration=event.state,
            code=event.code,
            phrase=event.phrase,
            expires_s=event.expires_s,
        )

    def trunk_state(self, event: en.TrunkState) -> None:
        """Keep what became of a gateway."""
        before = self.trunk(event.trunk)
        others = [known for known in before.gateways if known.gateway != event.gateway]
        state = GatewayStanding(gateway=event.gateway, up=event.up, code=event.code, round_trip_ms=event.round_trip_ms)
        gateways = tuple(sorted((*others, state), key=lambda known: known.gateway))
        self._trunks[event.trunk] = replace(before, gateways=gateways)

    def phone_registered(self, event: en.PhoneRegistered, at: datetime) -> None:
        """Keep a device."""
        contacts = self._phones.setdefault(event.phone, {})
        contacts.pop(event.contact, None)  # the one heard last stands last
        contacts[event.contact] = PhoneContact(
            contact=event.contact,
            source=event.source,
            expires_at=at + timedelta(seconds=event.expires_s),
            user_agent=event.user_agent,
        )

    def phone_gone(self, event: en.PhoneGone) -> None:
        """Forget a device."""
        contacts = self._phones.get(event.phone, {})
        contacts.pop(event.contact, None)
        if not contacts:
            self._phones.pop(event.phone, None)
