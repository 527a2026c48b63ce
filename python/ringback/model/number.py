"""Numbers an account holds, and the people it must not call."""

from enum import StrEnum

from msgspec import Struct

from ringback.model.ids import AccountSid, FlowId, NumberId


class NumberStatus(StrEnum):
    """Whether a number is in service."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


class Number(Struct, frozen=True, kw_only=True):
    """A number (DID) of an account. It chooses the account of an incoming call and is the bridge of outgoing ones.

    Attributes:
        number: E.164 with leading `+`.
        voice_out: May be used as bridge; without it OUTGOING_RESTRICTED.
        flow_id: The one flow that answers it, None without.
        channels: Channels (legs) at once over this number, None for no limit of its own.
        accept_anonymous: Incoming calls without calling number are let in.
        ring_ms: Incoming ring time, None for the account's.
    """

    id: NumberId
    account: AccountSid
    number: str
    number_status: NumberStatus = NumberStatus.ACTIVE
    voice_in: bool = True
    voice_out: bool = True
    flow_id: FlowId | None = None
    channels: int | None = None
    accept_anonymous: bool = False
    ring_ms: int | None = None
