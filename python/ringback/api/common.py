"""What handlers share: their dependencies, ids, times in queries."""

from collections.abc import Callable
from datetime import datetime
from itertools import count

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from ringback.api.auth import Caller
from ringback.api.collect import Faults
from ringback.api.problems import ProblemError
from ringback.api.services import ApiServices
from ringback.model.ids import make_id
from ringback.store.errors import ConflictError, UnknownError

Services = NamedDependency[SkipValidation[ApiServices]]
WhoAsks = NamedDependency[SkipValidation[Caller]]

MAX_PAGE = 200


def make_ids(services: ApiServices, prefix: str) -> Callable[[], str]:
    """Return a maker of ids of this moment that sort in the order they are made."""
    at_ms = int(services.now().timestamp() * 1_000)
    # The top bit stays clear, so that counting up never runs over.
    first = int.from_bytes(services.entropy(10)) >> 1
    numbers = count(first)
    return lambda: make_id(prefix, at_ms=at_ms, entropy=next(numbers).to_bytes(10))


def new_id(services: ApiServices, prefix: str) -> str:
    """Make an id of this moment."""
    return make_id(prefix, at_ms=int(services.now().timestamp() * 1_000), entropy=services.entropy(10))


def aware(field: str, moment: datetime | None, faults: Faults) -> datetime | None:
    """Check that a time has a zone; a fault is noted if not."""
    if moment is not None and moment.tzinfo is None:
        faults.add(field, "needs a zone, as in 2026-03-01T09:00:00Z or 2026-03-01T10:00:00+01:00 (`+` is %2B in a URL)")
        return None
    return moment


def explain_store(error: ConflictError | UnknownError) -> ProblemError:
    """Turn a refusal of the store into a problem."""
    kind = "conflict" if isinstance(error, ConflictError) else "not-found"
    return ProblemError(kind, str(error))
