"""Limits of webhook delivery."""

from datetime import timedelta

from msgspec import Struct


class DeliverySettings(Struct, frozen=True, kw_only=True):
    """Limits of webhook delivery. Each bounds what one receiver or account can cost the others.

    Attributes:
        timeout_s: One try, from name resolution to the end of the answer.
        per_endpoint: Tries at once to one host and port.
        per_account: Tries at once of one account.
        at_once: Tries at once altogether.
        answer_bytes: How much of an answer is read.
        yield_after: A non-final event stops holding up later ones of its call after this long.
        allow_private: Deliver to private addresses for every account (development).
    """

    timeout_s: float = 10.0
    per_endpoint: int = 8
    per_account: int = 64
    at_once: int = 256
    answer_bytes: int = 4096
    yield_after: timedelta = timedelta(seconds=60)
    allow_private: bool = False
