"""Tenants and their limits."""

from msgspec import Struct

from ringback.model.ids import AccountSid


class CallDefaults(Struct, frozen=True, kw_only=True):
    """Times and limits of calls, milliseconds. Set per request, else number, else account."""

    ring_ms: int = 45_000
    incoming_ring_ms: int = 45_000
    queue_ms: int = 300_000
    queue_length: int = 1_000
    remote_flow_ms: int = 3_000
    interval_s: int = 60
    max_retries: int = 5
    late_schedule_ms: int = 900_000
    max_duration_ms: int = 14_400_000


class CallingHours(Struct, frozen=True, kw_only=True):
    """When the account may call out: a zone name, weekdays (0 = Monday) and a span of local minutes since midnight."""

    time_zone: str
    weekdays: frozenset[int]
    start_minute: int
    end_minute: int


class Account(Struct, frozen=True, kw_only=True):
    """A tenant.

    Attributes:
        channels: Channels (legs) at once.
        queues: Outbound calls without a free channel wait instead of ending as MAXUSE.
        is_test: Test numbers (`+999...`) are accepted and routed to the simulator's trunk.
        webhook_url: Receives `call_end` (and the other call events) of all calls, None for none.
        webhook_secret: `whsec_...` key for signatures.
        allow_private_webhooks: Callbacks may go to private and loopback addresses (development).
    """

    sid: AccountSid
    name: str
    channels: int = 100
    queues: bool = True
    is_test: bool = False
    defaults: CallDefaults = CallDefaults()
    calling_hours: CallingHours | None = None
    webhook_url: str | None = None
    webhook_secret: str = ""
    allow_private_webhooks: bool = False
