"""What handlers share: their dependencies, ids, unknown query parameters, times in queries."""

from datetime import datetime
from functools import lru_cache

from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
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


def new_id(services: ApiServices, prefix: str) -> str:
    """Make an id of this moment."""
    return make_id(prefix, at_ms=int(services.now().timestamp() * 1_000), entropy=services.entropy(10))


async def refuse_unknown_query(
    connection: ASGIConnection[object, object, object, State], handler: BaseRouteHandler
) -> None:
    """Refuse query parameters that the handler does not know: a mistyped filter must not list everything."""
    known = _known_query(handler)
    faults = Faults()
    for name in connection.query_params:
        if name not in known:
            hint = f"known are {', '.join(sorted(known))}" if known else "this path takes none"
            faults.add(name[:100], f"is not a parameter of this path; {hint}")
    faults.raise_if_any()


@lru_cache(maxsize=256)
def _known_query(handler: BaseRouteHandler) -> frozenset[str]:
    if handler.opt.get("any_query"):
        return frozenset(handler.opt["any_query"])
    found = set()
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        if isinstance(parameter.kwarg_definition, QueryParameter):
            found.add(parameter.kwarg_definition.name or name)
    return frozenset(found)


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
