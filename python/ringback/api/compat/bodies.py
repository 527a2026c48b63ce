"""What the two placing requests may contain. Ranges stand here once: for reading, for the OpenAPI document, for people.

Forms carry texts only; there `callback`, `target` and `variables` hold JSON as text.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar

from msgspec import Meta, Struct, field

MAX_TO = 1_000
"""Numbers in one request: one transaction of the journal stays short."""

NumberText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        description="A number: E.164 with `+`, or without where `prefix` or the country code makes it complete.",
        examples=["+4930901820"],
    ),
]
NumberDigits = Annotated[int, Meta(ge=0, le=10**18)]
Numbers = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TO * 42,
        description=f"One number, or up to {MAX_TO} separated by commas: all are accepted or none.",
        examples=["+4930901820,+4930901821"],
    ),
]
Prefix = Annotated[
    str,
    Meta(
        pattern=r"^\+?[1-9][0-9]{0,4}$", description="Country code put before numbers that have none.", examples=["49"]
    ),
]
Retry = Annotated[int, Meta(ge=0, le=5, description="How often an unsuccessful call is tried again.")]
Interval = Annotated[int, Meta(ge=5, le=86_400, description="Seconds between attempts.")]
Moment = Annotated[datetime, Meta(tz=True, description="Place the call then: ISO 8601 with zone, within 366 days.")]
Delay = Annotated[int, Meta(ge=0, le=31_622_400, description="Seconds to wait before placing the call.")]
RingSeconds = Annotated[
    int, Meta(ge=5, le=180, description="Seconds a party may ring; then OBD_TIMEOUT or NOANSWER_CHANNELn.")
]
MaxSeconds = Annotated[int, Meta(ge=1, le=86_400, description="Longest duration of the answered call, seconds.")]
Url = Annotated[str, Meta(min_length=8, max_length=2_048)]
Custom = Annotated[str, Meta(max_length=1_024, description="Comes back in webhooks and call logs as it is.")]
IdentityText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=8_192,
        pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$",
        description="Value of the Identity header (RFC 8224) of the INVITEs, sent as it is; not checked.",
    ),
]
KeyText = Annotated[str, Meta(min_length=1, max_length=255, description="As the header `Idempotency-Key`.")]
Callback = Annotated[
    str, Meta(min_length=2, max_length=40_960, description="One URL for `call_end`, or the map of events as JSON text.")
]
JsonText = Annotated[str, Meta(max_length=32_768)]

NOT_YET = "is not offered by this version; leave it out"


class OutboundBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Call one or more numbers from the bridge; on answer do what `target` says."""

    UNAVAILABLE: ClassVar[dict[str, str]] = {"detect_machine": NOT_YET}

    to: Numbers | NumberDigits
    bridge: NumberText | NumberDigits
    target: Annotated[str, Meta(min_length=1, max_length=32_768)] | list[dict[str, Any]] | dict[str, Any]
    prefix: Prefix | Annotated[int, Meta(ge=1, le=99_999)] | None = None
    retry: Retry = 0
    interval: Interval | None = None
    time: Moment | None = None
    delay: Delay | None = None
    timeout: RingSeconds | None = None
    callback: Callback | dict[str, Any] | None = None
    dlrurl: Url | None = None
    custom: Custom | None = None
    max_duration: MaxSeconds | None = None
    record: bool = False
    variables: JsonText | dict[str, Any] = field(default_factory=dict)
    queue: bool | None = None
    anonymous: bool = False
    identity: IdentityText | None = None
    idempotency_key: KeyText | None = None


class ClickToCallBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Call `from`, then `to`, both from the bridge, and join them."""

    UNAVAILABLE: ClassVar[dict[str, str]] = {"whisper": NOT_YET}

    from_: NumberText | NumberDigits = field(name="from")
    to: NumberText | NumberDigits
    bridge: NumberText | NumberDigits
    prefix: Prefix | Annotated[int, Meta(ge=1, le=99_999)] | None = None
    retry: Retry = 0
    interval: Interval | None = None
    time: Moment | None = None
    delay: Delay | None = None
    timeout: RingSeconds | None = None
    callback: Callback | dict[str, Any] | None = None
    dlrurl: Url | None = None
    custom: Custom | None = None
    max_duration: MaxSeconds | None = None
    record: bool = False
    variables: JsonText | dict[str, Any] = field(default_factory=dict)
    queue: bool = False
    anonymous: bool = False
    identity: IdentityText | None = None
    idempotency_key: KeyText | None = None


class PlacedCall(Struct, frozen=True, kw_only=True):
    """One accepted call."""

    to: str
    id: str


class Placed(Struct, frozen=True, kw_only=True):
    """The accepted calls, in the order of `to`; `id` only when there is one."""

    calls: list[PlacedCall]
    id: str | None = None


class PlacedAnswer(Struct, frozen=True, kw_only=True):
    """The answer to an accepted request. `code` begins with RBC as in the compatible API."""

    code: str
    message: str
    data: Placed
