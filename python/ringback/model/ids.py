"""Typed ids: a prefix that says what it is, and 26 characters that sort by time (ULID, Crockford base 32)."""

from typing import NewType

AccountSid = NewType("AccountSid", str)
CallId = NewType("CallId", str)
FlowId = NewType("FlowId", str)
NumberId = NewType("NumberId", str)
PhoneId = NewType("PhoneId", str)
TrunkId = NewType("TrunkId", str)
RouteId = NewType("RouteId", str)
SoundId = NewType("SoundId", str)
DeliveryId = NewType("DeliveryId", str)
NodeId = NewType("NodeId", str)

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_BITS = 48
_ENTROPY_BYTES = 10


def make_id(prefix: str, *, at_ms: int, entropy: bytes) -> str:
    """Make an id such as `call_01JD8Q...`.

    Args:
        prefix: What the id names: `call`, `flow`, `num`, `trunk`, `phone`, `route`, `sound`, `evt`.
        at_ms: Time, milliseconds since 1970 UTC, 48 bits.
        entropy: 10 random bytes.

    Raises:
        ValueError: `entropy` is not 10 bytes, or `at_ms` does not fit 48 bits.
    """
    if len(entropy) != _ENTROPY_BYTES:
        raise ValueError(f"entropy must be {_ENTROPY_BYTES} bytes, got {len(entropy)}")
    if not 0 <= at_ms < 1 << _TIME_BITS:
        raise ValueError(f"at_ms must fit {_TIME_BITS} bits, got {at_ms}")
    value = at_ms << 80 | int.from_bytes(entropy)
    return f"{prefix}_" + "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -5, -5))
