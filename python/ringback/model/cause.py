"""Why a leg ended as the network said, kept raw. Nothing here judges; `ringback.call.outcome` does."""

from msgspec import Struct


class Cause(Struct, frozen=True, kw_only=True):
    """The engine's `Ended`, without its leg. See `_engine.pyi` for the words of `cause` and `side`."""

    cause: str
    side: str
    code: int | None = None
    phrase: str | None = None
    reason: str | None = None
    q850: int | None = None
