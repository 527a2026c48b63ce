"""The parent's side of webhook delivery: feeds the child process, writes down what came of it, starts it again if it dies."""

from datetime import timedelta

from msgspec import Struct

from ringback.store.database import Database


class DeliverySettings(Struct, frozen=True, kw_only=True):
    """Limits of webhook delivery.

    Attributes:
        timeout_s: One try, from name resolution to the end of the answer.
        per_endpoint: Tries at once to one host and port.
        at_once: Tries at once altogether.
        answer_bytes: How much of an answer is read.
        give_up_after: A webhook is dead when this long undelivered.
        yield_after: A non-final event stops holding up later ones of its call after this long.
        allow_private: Deliver to private addresses for every account (development).
    """

    timeout_s: float = 10.0
    per_endpoint: int = 8
    at_once: int = 256
    answer_bytes: int = 4096
    give_up_after: timedelta = timedelta(hours=72)
    yield_after: timedelta = timedelta(seconds=60)
    allow_private: bool = False


class DeliveryHealth(Struct, frozen=True, kw_only=True):
    """How delivery does: for `/metrics` and `/readyz`."""

    is_running: bool
    restarts: int
    delivered: int
    failed_tries: int
    dead: int
    in_flight: int


class WebhookDelivery:
    """Delivers what the outbox holds, in a child process."""

    def __init__(self, database: Database, settings: DeliverySettings | None = None) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Start the child process and feed it; returns when it is up."""
        raise NotImplementedError

    async def stop(self, grace_s: float = 5.0) -> None:
        """Let running tries end (for `grace_s`), write their outcomes and end the child. Nothing is lost: rows stay."""
        raise NotImplementedError

    def nudge(self) -> None:
        """Look into the outbox now (after a replay, for instance); commits with events nudge by themselves."""
        raise NotImplementedError

    def health(self) -> DeliveryHealth:
        """Tell how delivery does; cheap."""
        raise NotImplementedError
