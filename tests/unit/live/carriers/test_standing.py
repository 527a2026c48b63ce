"""What the engine says of trunks and phones is kept until it says otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ringback import _engine as en
from ringback.live.carriers.standing import Standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def gateway(name: str, *, up: bool) -> en.TrunkState:
    return en.TrunkState(trunk=1, at_ns=0, gateway=name, up=up, code=200 if up else None)


def device(contact: str, **fields: Any) -> en.PhoneRegistered:
    known = {"phone": 7, "at_ns": 0, "contact": contact, "expires_s": 60, "source": "192.0.2.1:5060"}
    return en.PhoneRegistered(**(known | fields))


def test_a_gateway_is_down_only_when_the_engine_says_so() -> None:
    standing = Standing()
    standing.trunk_state(gateway("a:5060", up=True))
    standing.trunk_state(gateway("b:5060", up=False))

    assert standing.is_down(1, "b:5060")
    assert not standing.is_down(1, "a:5060")
    assert not standing.is_down(1, "never-watched:5060")
    assert not standing.is_down(2, "b:5060")
    standing.trunk_state(gateway("b:5060", up=True))
    assert not standing.is_down(1, "b:5060")


def test_a_trunk_keeps_registration_and_gateways_until_it_is_gone() -> None:
    standing = Standing()
    standing.trunk_state(gateway("a:5060", up=True))
    standing.registration(en.Registration(trunk=1, at_ns=0, state="registered", code=200, expires_s=300))

    assert standing.trunk(1).registration == "registered"
    assert [known.gateway for known in standing.trunk(1).gateways] == ["a:5060"]
    standing.forget_trunks({2})
    assert standing.trunk(1).registration is None


def test_devices_are_listed_until_they_expire_or_go() -> None:
    standing = Standing()
    standing.phone_registered(device("sip:a@1"), NOW)
    standing.phone_registered(device("sip:b@2", expires_s=120), NOW)
    standing.phone_registered(device("sip:a@1"), NOW)

    assert [contact.contact for contact in standing.phone(7, NOW)] == ["sip:a@1", "sip:b@2"]
    assert [contact.contact for contact in standing.phone(7, NOW + timedelta(seconds=60))] == ["sip:b@2"]
    standing.phone_gone(en.PhoneGone(phone=7, at_ns=0, contact="sip:b@2", why="removed"))
    standing.phone_gone(en.PhoneGone(phone=7, at_ns=0, contact="sip:a@1", why="expired"))
    assert (standing.phone(7, NOW), standing.phones()) == ((), 0)
