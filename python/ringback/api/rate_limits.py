"""How often one key may ask: a token bucket per key, in memory, bounded in number.

Several nodes each keep their own buckets; the limit is there to keep one customer from starving the others, not to
bill.
"""

import math
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct


class Allowance(Struct, frozen=True, kw_only=True):
    """What is left of a key's allowance. `retry_after_s` is 0 where the request may pass, else 1 or more."""

    limit: int
    remaining: int
    reset_s: int
    retry_after_s: int = 0

    def headers(self) -> dict[str, str]:
        """Return the header fields RateLimit-Limit, -Remaining, -Reset and, on refusal, Retry-After.

        Source: draft-ietf-httpapi-ratelimit-headers-07, the form most clients read; seconds, whole.
        """
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }
        return found | ({"Retry-After": str(self.retry_after_s)} if self.retry_after_s else {})


class _Bucket(Struct):
    """Tokens at the moment `at_s`."""

    tokens: float
    at_s: float


class RateLimits:
    """Token buckets by key id: `burst` at once, `per_s` for ever."""

    def __init__(self, *, per_s: float, burst: int, max_keys: int, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._max_keys = max_keys
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> Allowance:
        """Take one token of `key`'s bucket if there is one, and say what is left."""
        bucket = self._fill(key)
        if bucket.tokens < 1:
            wait_s = max(1, math.ceil((1 - bucket.tokens) / self._per_s))
            return self._allowance(bucket, retry_after_s=wait_s)
        bucket.tokens -= 1
        return self._allowance(bucket, retry_after_s=0)

    def _fill(self, key: str) -> _Bucket:
        now_s = self._clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(tokens=self._burst, at_s=now_s)
            # Forgetting a bucket refills it; the one used longest ago is full again or nearly so.
            if len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now_s - bucket.at_s) * self._per_s)
        bucket.at_s = now_s
        return bucket

    def _allowance(self, bucket: _Bucket, *, retry_after_s: int) -> Allowance:
        return Allowance(
            limit=self._burst,
            remaining=int(bucket.tokens),
            reset_s=math.ceil((self._burst - bucket.tokens) / self._per_s),
            retry_after_s=retry_after_s,
        )
