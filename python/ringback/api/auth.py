"""Who is asking, and whether they may: API keys, the account in the path, scopes, addresses, rate limits.

Runs as a guard, so before a body is read. The order of the refusals: no valid key (401), another account's SID (403),
an address that is not on the key's list (403), too many requests (429), a missing scope (403).
"""

import re
from functools import lru_cache
from ipaddress import ip_address, ip_network

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.types import Guard
from msgspec import Struct

from ringback.api.collect import Faults
from ringback.api.problems import ProblemError
from ringback.api.rate_limits import Allowance, RateLimits
from ringback.api.services import ApiServices
from ringback.model.access import ApiKey, Scope
from ringback.model.account import Account

Connection = ASGIConnection[object, object, object, State]
ApiRequest = Request[object, object, State]

_KEY_SHAPE = re.compile(r"[\x21-\x7e]{8,200}")


class Caller(Struct, frozen=True, kw_only=True):
    """Who is asking: the account, and the key used."""

    account: Account
    key: ApiKey

    def may(self, scope: Scope) -> bool:
        """Tell whether the key has the scope; none includes another."""
        return scope in self.key.scopes


def needs(scope: Scope) -> Guard:
    """Make a guard that lets only keys with this scope pass, for the account in the path."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        caller = await _authenticate(connection)
        allowance = _limits(connection).take(caller.key.id)
        connection.state.allowance = allowance
        if allowance.retry_after_s:
            raise ProblemError(
                "rate-limited",
                f"This key may send {allowance.limit} requests at once; wait {allowance.retry_after_s} s.",
                headers={"Retry-After": str(allowance.retry_after_s)},
            )
        if not caller.may(scope):
            has = ", ".join(sorted(caller.key.scopes)) or "none"
            raise ProblemError("scope-missing", f"This needs the scope `{scope}`; the key has: {has}.")
        connection.state.caller = caller
        _refuse_unknown_query(connection, handler)

    return guard


def _refuse_unknown_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse query parameters that the handler does not know: a mistyped filter must not list everything."""
    known = _known_query(handler)
    faults = Faults()
    for name, value in connection.query_params.multi_items():
        if "\0" in value:
            faults.add(name[:100], "must not hold a NUL character")
        if name not in known:
            hint = f"known are {', '.join(sorted(known))}" if known else "this path takes none"
            faults.add(name[:100], f"is not a parameter of this path; {hint}")
    faults.raise_if_any()


@lru_cache(maxsize=256)
def _known_query(handler: BaseRouteHandler) -> frozenset[str]:
    found = set()
    for name, parameter in handler.parsed_fn_signature.parameters.items():
        if isinstance(parameter.kwarg_definition, QueryParameter):
            found.add(parameter.kwarg_definition.name or name)
    return frozenset(found)


async def _authenticate(connection: Connection) -> Caller:
    services: ApiServices = connection.app.state.services
    if "\0" in connection.url.path:
        raise ProblemError("not-found", "There is nothing at a path with a NUL character.")
    key = await services.repositories.api_keys.find(_presented_key(connection))
    if key is None or key.revoked_at is not None:
        raise _unauthenticated("The API key is not known, or was revoked.")
    if key.account != connection.path_params.get("sid"):
        raise ProblemError("foreign-account", "The SID in the path is not the one this key belongs to.")
    _check_address(connection, key)
    account = services.account(key.account)
    if account is None:  # made a moment ago, by another process: the cache does not know it yet
        await services.directory_changed()
        account = services.account(key.account)
    if account is None:
        raise _unauthenticated("The key's account does not exist any more.")
    return Caller(account=account, key=key)


def _presented_key(connection: Connection) -> str:
    key = connection.headers.get("api-key", "")
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if not key and scheme.lower() == "bearer":
        key = token.strip()
    if not key:
        raise _unauthenticated("The request carries no API key.")
    if not _KEY_SHAPE.fullmatch(key):
        raise _unauthenticated("The API key is not known, or was revoked.")
    return key


def _unauthenticated(detail: str) -> ProblemError:
    return ProblemError("unauthenticated", detail, headers={"WWW-Authenticate": 'Bearer realm="ringback"'})


def _check_address(connection: Connection, key: ApiKey) -> None:
    if not key.networks:
        return
    client = connection.client.host if connection.client else ""
    try:
        address = ip_address(client)
    except ValueError:
        address = None
    if address is None or not any(address in ip_network(network, strict=False) for network in key.networks):
        raise ProblemError("address-not-allowed", f"The address {client or 'of the caller'} is not on this key's list.")


def _limits(connection: Connection) -> RateLimits:
    limits: RateLimits = connection.app.state.rate_limits
    return limits


def provide_caller(request: ApiRequest) -> Caller:
    """Give handlers the caller that the guard let in."""
    caller: Caller = request.state.caller
    return caller


def allowance_headers(state: dict[str, object]) -> dict[str, str]:
    """Return the RateLimit headers for a request's state, none where no key was seen."""
    allowance = state.get("allowance")
    return allowance.headers() if isinstance(allowance, Allowance) else {}
