"""Which sources count as a trunk's."""

from typing import Any

from ringback import _engine as en
from ringback.live.engine_tables import apply_trunks
from ringback.model.ids import TrunkId
from ringback.model.trunk import Trunk


class Tables:
    """Keeps what an engine would be told."""

    def __init__(self) -> None:
        self.trunks: list[Any] = []
        self.rules: list[Any] = []

    def set_trunks(self, trunks: list[Any]) -> None:
        self.trunks = trunks

    def set_access(self, rules: list[Any]) -> None:
        self.rules = rules


def _trunk(engine_id: int, **fields: Any) -> Trunk:
    return Trunk(id=TrunkId(f"t{engine_id}"), engine_id=engine_id, name="", **fields)


def _rule(network: str, port: int | None, trunk: int) -> str:
    return repr(en.AccessRule(network=network, port=port, trunk=trunk))


async def _rules(*trunks: Trunk) -> set[str]:
    tables = Tables()
    await apply_trunks(tables, trunks)
    return set(map(repr, tables.rules))


async def test_gateway_counts_from_every_port() -> None:
    assert await _rules(_trunk(1, gateways=("10.0.0.1:5060",))) == {
        _rule("10.0.0.1", 5060, 1),
        _rule("10.0.0.1", None, 1),
    }


async def test_trunks_that_share_an_address_are_told_apart_by_port() -> None:
    trunks = (_trunk(1, gateways=("127.0.0.1:5070",)), _trunk(2, gateways=("127.0.0.1:5071",)))

    assert await _rules(*trunks) == {_rule("127.0.0.1", 5070, 1), _rule("127.0.0.1", 5071, 2)}


async def test_networks_and_names_are_sources() -> None:
    rules = await _rules(_trunk(1, sources=("10.0.0.0/24", "localhost:5062", "::1")))

    assert {_rule("10.0.0.0/24", None, 1), _rule("127.0.0.1", 5062, 1), _rule("::1", None, 1)} <= rules


async def test_name_that_does_not_resolve_leaves_the_others() -> None:
    rules = await _rules(_trunk(1, sources=("no-such-host.invalid:5060",), gateways=("10.0.0.1:5060",)))

    assert rules == {_rule("10.0.0.1", 5060, 1), _rule("10.0.0.1", None, 1)}


async def test_disabled_trunk_is_not_told() -> None:
    tables = Tables()

    await apply_trunks(tables, [_trunk(1, gateways=("10.0.0.1:5060",), enabled=False)])

    assert (tables.trunks, tables.rules) == ([], [])


async def test_before_recovery_calls_go_out_but_not_in() -> None:
    tables = Tables()

    await apply_trunks(tables, [_trunk(1, gateways=("10.0.0.1:5060",))], may_call_in=False)

    assert (len(tables.trunks), tables.rules) == (1, [])
