"""How trunks stand towards their carriers at the moment."""

from msgspec import Struct


class GatewayStanding(Struct, frozen=True, kw_only=True):
    """What OPTIONS say of a gateway. `code` is of the last answer, None if none came."""

    gateway: str
    up: bool
    code: int | None = None
    round_trip_ms: float | None = None


class TrunkStanding(Struct, frozen=True, kw_only=True):
    """A trunk's registration (`registered`, `refused`, `failed`, `unregistered`; None: nothing known) and gateways."""

    registration: str | None = None
    code: int | None = None
    phrase: str | None = None
    expires_s: int = 0
    gateways: tuple[GatewayStanding, ...] = ()
