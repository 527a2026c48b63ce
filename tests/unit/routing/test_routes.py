"""Routes: longest prefix, order, whose trunk, which number goes out."""

from typing import Any

import pytest

from ringback.model.ids import AccountSid, RouteId, TrunkId
from ringback.model.status import LegResult
from ringback.model.trunk import OutcomeOverride, Route, Trunk
from ringback.routing.routes import MOST_TRIES, RouteTable, host_of, rewrite

MINE, OTHER = AccountSid("AC1"), AccountSid("AC2")
GERMAN = "+4930123456"


def trunk(name: str, **fields: Any) -> Trunk:
    known = {"id": TrunkId(name), "engine_id": 1, "name": name, "gateways": (f"{name}.example:5060",)}
    return Trunk(**(known | fields))


def route(prefix: str, *trunks: str, **fields: Any) -> Route:
    name = RouteId(f"route_{prefix}_{'_'.join(trunks)}")
    return Route(**({"id": name, "prefix": prefix, "trunks": tuple(map(TrunkId, trunks))} | fields))


def trunks_for(table: RouteTable, number: str, account: AccountSid = MINE) -> list[str]:
    plan = table.plan_leg(number, account=account, caller="+49301", ring_ms=1000)
    return [try_.trunk_id for try_ in plan.tries]


def test_the_longest_prefix_wins() -> None:
    table = RouteTable(
        [route("+", "world"), route("+49", "germany"), route("+4930", "berlin"), route("+1", "america")],
        [trunk("world"), trunk("germany"), trunk("berlin"), trunk("america")],
    )

    assert trunks_for(table, GERMAN) == ["berlin"]
    assert trunks_for(table, "+4940123456") == ["germany"]
    assert trunks_for(table, "+33123456789") == ["world"]


def test_an_empty_prefix_is_for_every_number() -> None:
    table = RouteTable([route("", "any")], [trunk("any")])

    assert trunks_for(table, GERMAN) == ["any"]


def test_no_route() -> None:
    table = RouteTable([route("+1", "america")], [trunk("america")])
    plan = table.plan_leg(GERMAN, account=MINE, caller="+49301", ring_ms=1000)

    assert table.route_for(GERMAN, MINE) is None
    assert (plan.tries, plan.blocked) == ((), ())


def test_own_route_comes_before_the_operators_then_the_order() -> None:
    table = RouteTable(
        [
            route("+49", "late", order=2),
            route("+49", "early", order=1),
            route("+49", "own", order=9, account=MINE),
        ],
        [trunk("late"), trunk("early"), trunk("own", account=MINE)],
    )

    assert trunks_for(table, GERMAN, MINE) == ["own"]
    assert trunks_for(table, GERMAN, OTHER) == ["early"]


def test_trunk_of_another_account_carries_nothing() -> None:
    table = RouteTable([route("+", "theirs", "ours")], [trunk("theirs", account=OTHER), trunk("ours")])

    assert trunks_for(table, GERMAN) == ["ours"]


def test_route_whose_trunks_cannot_carry_it_gives_way_to_a_shorter_prefix() -> None:
    table = RouteTable(
        [route("+49", "off", "gone"), route("+", "world")], [trunk("off", enabled=False), trunk("world")]
    )

    assert trunks_for(table, GERMAN) == ["world"]


def test_test_numbers_go_through_test_trunks_only_and_others_never() -> None:
    table = RouteTable([route("+", "test", "real")], [trunk("test", test_only=True), trunk("real")])

    assert trunks_for(table, "+9992") == ["test"]
    assert trunks_for(table, GERMAN) == ["real"]


def test_trunks_and_their_gateways_in_order() -> None:
    first = trunk("a", engine_id=7, gateways=("a1:5060", "a2"), first_response_ms=900)
    override = OutcomeOverride(id="r", sip=480, result=LegResult.BUSY)
    table = RouteTable([route("+", "a", "b")], [first, trunk("b", overrides=(override,))])

    plan = table.plan_leg(GERMAN, account=MINE, caller="+49301", ring_ms=1000, ring_from_request=True)

    assert [(t.trunk_id, t.gateway) for t in plan.tries] == [("a", "a1:5060"), ("a", "a2"), ("b", "b.example:5060")]
    assert (plan.tries[0].to_uri, plan.tries[0].from_uri) == (f"sip:{GERMAN}@a1", "sip:+49301@a1")
    assert (plan.tries[0].engine_trunk, plan.tries[0].first_response_ms) == (7, 900)
    assert plan.tries[2].overrides == (override,)
    assert (plan.party, plan.ring_ms, plan.ring_from_request) == (GERMAN, 1000, True)


def test_trunk_without_a_slot_is_blocked() -> None:
    table = RouteTable([route("+", "full", "free")], [trunk("full"), trunk("free")])

    plan = table.plan_leg(GERMAN, account=MINE, caller="", ring_ms=1, has_slot=lambda item: item.id != "full")

    assert [t.trunk_id for t in plan.tries] == ["free"]
    assert plan.blocked == ("full",)


def test_tries_are_bounded() -> None:
    many = trunk("a", gateways=tuple(f"g{n}:5060" for n in range(50)))

    assert len(trunks_for(RouteTable([route("+", "a")], [many]), GERMAN)) == MOST_TRIES


@pytest.mark.parametrize(
    ("strip", "prepend", "dialed"),
    [(0, "", "+4930123456"), (2, "0", "030123456"), (0, "00", "004930123456"), (2, "+41", "+4130123456")],
)
def test_rewriting(strip: int, prepend: str, dialed: str) -> None:
    assert rewrite(route("+", "a", strip=strip, prepend=prepend), GERMAN) == dialed


@pytest.mark.parametrize(
    ("gateway", "host"),
    [
        ("sip.example:5060", "sip.example"),
        ("192.0.2.1:5080", "192.0.2.1"),
        ("sip.example", "sip.example"),
        ("[2001:db8::1]:5060", "[2001:db8::1]"),
        ("[2001:db8::1]", "[2001:db8::1]"),
        ("[broken", "[broken"),
    ],
)
def test_host_of_a_gateway(gateway: str, host: str) -> None:
    assert host_of(gateway) == host


def test_gateways_that_are_down_are_tried_last_and_never_left_out() -> None:
    trunks = [trunk("a", engine_id=1, gateways=("a1:5060", "a2:5060")), trunk("b", engine_id=2)]
    down = {(1, "a1:5060")}
    table = RouteTable([route("+", "a", "b")], trunks, is_down=lambda *gateway: gateway in down)

    plan = table.plan_leg(GERMAN, account=MINE, caller="+49301", ring_ms=1000)

    assert [try_.gateway for try_ in plan.tries] == ["a2:5060", "b.example:5060", "a1:5060"]
