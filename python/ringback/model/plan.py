"""How parties are to be reached: made by routing, carried out by the call machine."""

from msgspec import Struct

from ringback.model.trunk import OutcomeOverride


class TryPlan(Struct, frozen=True, kw_only=True):
    """One INVITE to be sent: through which gateway, to and from whom. URIs as `sip:+49...@host`.

    `overrides` are the trunk's own rows for reading its answers (`ringback.call.outcome`). `display_name` and `headers`
    come from the trunk's identity policy and header rules.
    """

    trunk_id: str
    engine_trunk: int
    gateway: str
    to_uri: str
    from_uri: str
    display_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    first_response_ms: int = 4000
    transport: str = "auto"
    overrides: tuple[OutcomeOverride, ...] = ()


class LegPlan(Struct, frozen=True, kw_only=True):
    """How to reach one party. `blocked`: trunks of the route that had no free slot (evidence for no_channel)."""

    party: str
    tries: tuple[TryPlan, ...]
    ring_ms: int
    ring_from_request: bool = False
    blocked: tuple[str, ...] = ()


class DialPlan(Struct, frozen=True, kw_only=True):
    """The plan of an outbound call (one leg) or click-to-call (two)."""

    legs: tuple[LegPlan, ...]
    flow_id: str | None = None
    flow_version: str | None = None
    max_duration_ms: int = 14_400_000
