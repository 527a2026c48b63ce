"""What a customer asked for, as accepted: complete and checked, so that it can be journalled and replayed."""

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from ringback.model.ids import AccountSid, CallId
from ringback.model.sip.facts import SipFacts
from ringback.model.status import Kind


class FlowTarget(Struct, frozen=True, kw_only=True, tag_field="type", tag="flow"):
    """Run a flow on answer: its id, or the URL of a remote document."""

    flow_id: str | None = None
    url: str | None = None


class SoundTarget(Struct, frozen=True, kw_only=True, tag_field="type", tag="sound"):
    """Play a sound of the account on answer."""

    sound_id: str


class MessageTarget(Struct, frozen=True, kw_only=True, tag_field="type", tag="message"):
    """Speak a text on answer."""

    text: str
    language: str = "en-US"
    speed: str = "medium"


Target = FlowTarget | SoundTarget | MessageTarget


class CallbackUrl(Struct, frozen=True, kw_only=True):
    """One endpoint for some events. No `events` means `call_end` only; `{{name}}` in `url` is filled."""

    url: str
    events: frozenset[str] = frozenset()
    method: str = "POST"


class CallRequest(Struct, frozen=True, kw_only=True):
    """One call to place, or one that came in: the content of the journal's first entry.

    Attributes:
        attempt: 1 for the call itself, 2.. for its retries.
        parent_id: Attempt 1 of this attempt, None on attempt 1.
        from_: Outbound: the bridge; click-to-call: leg 1's number; incoming: the calling number or "".
        to: The dialled number; incoming: the called number.
        ring_ms: `timeout` of the request in milliseconds; None when the request set none.
        queue_ms: Longest wait for a channel.
        not_before: Earliest moment to place it (`time`, `delay`, retry interval).
        variables: Start values for the flow.
        anonymous: The calling number is withheld from those called.
        identity: Value for the Identity header (RFC 8224) of its INVITEs, sent as it is.
        facts: Incoming: what the INVITE said beside the numbers.
    """

    id: CallId
    account: AccountSid
    kind: Kind
    from_: str
    to: str
    bridge: str
    target: Target | None = None
    attempt: int = 1
    parent_id: CallId | None = None
    retries_left: int = 0
    interval_s: int = 60
    ring_ms: int | None = None
    queue_ms: int = 300_000
    queues: bool = True
    max_duration_ms: int = 14_400_000
    record: bool = False
    not_before: datetime | None = None
    accepted_at: datetime
    callbacks: tuple[CallbackUrl, ...] = ()
    custom: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    anonymous: bool = False
    identity: str | None = None
    facts: SipFacts | None = None
