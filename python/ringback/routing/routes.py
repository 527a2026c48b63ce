"""Which trunks carry a call: the longest prefix wins, its trunks and their gateways are tried in turn."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from ringback.model.ids import AccountSid, TrunkId
from ringback.model.plan import LegPlan, TryPlan
from ringback.model.trunk import Route, Trunk
from ringback.routing.number_format import uri_of
from ringback.routing.numbers import is_test_number
from ringback.routing.outgoing import CallIdentity, Presented, present

MOST_TRIES = 10  # INVITEs for one leg
_NO_IDENTITY = CallIdentity()


def _is_never_down(_trunk: int, _gateway: str) -> bool:
    return False


class RouteTable:
    """All routes and trunks of the installation, made ready for lookups; replaced as a whole when something changes."""

    __slots__ = ("_by_prefix", "_is_down", "_longest", "_trunks")

    def __init__(
        self, routes: Iterable[Route], trunks: Iterable[Trunk], *, is_down: Callable[[int, str], bool] = _is_never_down
    ) -> None:
        self._is_down = is_down
        self._trunks: Mapping[TrunkId, Trunk] = {trunk.id: trunk for trunk in trunks}
        self._by_prefix: dict[str, list[Route]] = {}
        for route in sorted(routes, key=lambda item: item.order):
            self._by_prefix.setdefault(route.prefix, []).append(route)
        self._longest = max(map(len, self._by_prefix), default=0)

    def route_for(self, number: str, account: AccountSid) -> Route | None:
        """Return the route of a number (E.164), None when there is none with a trunk that may carry it.

        The longest prefix wins, then a route of the account before the operator's, then the lowest `order`.
        """
        for length in range(min(self._longest, len(number)), -1, -1):
            routes = self._by_prefix.get(number[:length], ())
            usable = [r for r in routes if r.account in (None, account) and self.trunks_of(r, number, account)]
            if usable:
                return min(usable, key=lambda r: (r.account is None, r.order))
        return None

    def trunks_of(self, route: Route, number: str, account: AccountSid) -> list[Trunk]:
        """Return the trunks of a route that may carry the number, first one first.

        A trunk is the operator's or the account's own. Test numbers go only through trunks kept for them, others never.
        """
        is_test = is_test_number(number)
        return [
            trunk
            for trunk in (self._trunks.get(item) for item in route.trunks)
            if trunk is not None
            and trunk.enabled
            and trunk.gateways
            and trunk.test_only is is_test
            and trunk.account in (None, account)
        ]

    def plan_leg(
        self,
        number: str,
        *,
        account: AccountSid,
        caller: str,
        ring_ms: int,
        ring_from_request: bool = False,
        call: CallIdentity = _NO_IDENTITY,
        has_slot: Callable[[Trunk], bool] = lambda _: True,
    ) -> LegPlan:
        """Plan how to reach a party.

        Args:
            number: E.164.
            account: Whose call it is.
            caller: The number to present, E.164.
            ring_ms: Ring time over all tries.
            ring_from_request: It was set in the request (it decides OBD_TIMEOUT or NOANSWER).
            call: What the call brings along for its INVITEs.
            has_slot: Says whether a trunk has a channel free; trunks without one stand in `blocked`.

        Returns:
            A plan without tries where no route leads there (`blocked` empty) or no slot is free (`blocked` says where).
        """
        route = self.route_for(number, account)
        trunks = self.trunks_of(route, number, account) if route else []
        free = [trunk for trunk in trunks if has_slot(trunk)]
        tries = (
            plan_tries(route, free, number, caller, account=account, call=call, is_down=self._is_down) if route else ()
        )
        blocked = tuple(trunk.id for trunk in trunks if trunk not in free)
        return LegPlan(party=number, tries=tries, ring_ms=ring_ms, ring_from_request=ring_from_request, blocked=blocked)


def plan_tries(
    route: Route,
    trunks: Iterable[Trunk],
    number: str,
    caller: str,
    *,
    account: AccountSid,
    call: CallIdentity = _NO_IDENTITY,
    is_down: Callable[[int, str], bool] = _is_never_down,
) -> tuple[TryPlan, ...]:
    """Return one try for each gateway of each trunk, in order, at most `MOST_TRIES`.

    Gateways that are down come last but are not left out: a wrong ping must not stop calls.
    """
    dialed = rewrite(route, number)
    pairs = [(trunk, gateway) for trunk in trunks for gateway in trunk.gateways]
    pairs.sort(key=lambda pair: is_down(pair[0].engine_id, pair[1]))  # stable: otherwise the order stays
    return tuple(
        _plan_try(trunk, gateway, dialed, present(trunk, caller=caller, called=number, host=host_of(gateway),
                                                  account=account, call=call))
        for trunk, gateway in islice(pairs, MOST_TRIES)
    )  # fmt: skip


def _plan_try(trunk: Trunk, gateway: str, dialed: str, presented: Presented) -> TryPlan:
    return TryPlan(
        trunk_id=trunk.id,
        engine_trunk=trunk.engine_id,
        gateway=gateway,
        to_uri=uri_of(dialed, host_of(gateway), trunk.identity.sends),
        from_uri=presented.from_uri,
        display_name=presented.display_name,
        headers=presented.headers,
        first_response_ms=trunk.first_response_ms,
        transport=trunk.transport,
        overrides=trunk.overrides,
    )


def rewrite(route: Route, number: str) -> str:
    """Return the number as this route's carriers want it.

    A route that neither strips nor prepends leaves it alone. Otherwise the `+` goes, then `strip` digits, and `prepend`
    comes in front (with a `+` of its own if it is to have one).
    """
    if not route.strip and not route.prepend:
        return number
    return route.prepend + number.removeprefix("+")[route.strip :]


def host_of(gateway: str) -> str:
    """Return the host of `host:port`; an IPv6 address keeps its brackets."""
    if gateway.startswith("["):
        return gateway[: gateway.index("]") + 1] if "]" in gateway else gateway
    return gateway.rpartition(":")[0] or gateway
