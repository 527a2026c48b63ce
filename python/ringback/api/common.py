"""What handlers share: their dependencies, ids, times in queries."""

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Annotated

import msgspec
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

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


TimeText = Annotated[str | None, QueryParameter(max_length=40, format="date-time")]
"""A time in a query; it stays a text so that nothing but ISO 8601 passes for one (numbers would)."""


def read_time(field: str, text: str | None, faults: Faults) -> datetime | None:
    """Read a time with its zone; a fault is noted if it is none."""
    if text is None:
        return None
    try:
        # `+` not written as %2B comes in as a blank.
        moment = msgspec.convert(text.replace(" ", "+"), datetime)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        faults.add(field, "must be a time with a zone, as 2026-03-01T09:00:00Z")
        return None
    return moment


def explain_store(error: ConflictError | UnknownError) -> ProblemError:
    """Turn a refusal of the store into a problem."""
    kind = "conflict" if isinstance(error, ConflictError) else "not-found"
    return ProblemError(kind, str(error))
