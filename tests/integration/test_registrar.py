"""Two engines on loopback: one registers at the other, is called there and calls; gateways are watched."""

import hashlib
import os
import select
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ringback import _engine as en

REALM = "phones.example"
WITHIN_S = 10.0


def hashes(username: str, password: str) -> dict[str, str]:
    secret = f"{username}:{REALM}:{password}".encode()
    return {"ha1_md5": hashlib.md5(secret).hexdigest(), "ha1_sha256": hashlib.sha256(secret).hexdigest()}


def phone(phone_id: int, username: str, password: str = "secret", **more: Any) -> en.PhoneConfig:
    return en.PhoneConfig(id=phone_id, username=username, realm=REALM, **hashes(username, password), **more)


class Side:
    """One engine and what it said."""

    def __init__(self, first_port: int, **config: Any) -> None:
        self.engine = en.Engine(
            en.EngineConfig(
                listen="127.0.0.1:0", rtp_first_port=first_port, rtp_last_port=first_port + 99, t1_ms=50, **config
            )
        )
        self.engine.start()
        self.seen: list[Any] = []

    @property
    def address(self) -> str:
        return self.engine.local_address()

    def wait(self, kind: type, **fields: Any) -> Any:
        """Return the next event of a kind with these fields; what was before it is skipped."""
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            while self.seen:
                event = self.seen.pop(0)
                if type(event) is kind and all(getattr(event, name) == value for name, value in fields.items()):
                    return event
            select.select([self.engine.fileno()], [], [], 0.2)
            self.seen += self.engine.drain(256)
        raise AssertionError(f"no {kind.__name__} {fields} within {WITHIN_S} s")

    def wait_for(self, figure: str, value: int) -> None:
        """Wait until a figure, which is published after what it counts, has a value."""
        until = time.monotonic() + WITHIN_S
        while self.engine.stats()[figure] != value:
            assert time.monotonic() < until, f"{figure} is {self.engine.stats()[figure]}"
            select.select([self.engine.fileno()], [], [], 0.01)

    def register_at(self, other: "Side", user: str, password: str = "secret", **more: Any) -> None:
        """Register as a trunk of one's own. The realm is what the other's challenge says."""
        registration = en.RegistrationConfig(registrar=f"sip:{other.address}", user=user, **more)
        self.engine.set_trunks([en.TrunkConfig(id=1, username=user, password=password, registration=registration)])

    def dial(self, **fields: Any) -> int:
        mark = os.urandom(8).hex()
        return self.engine.dial(**{"trunk": 1, "from_": "sip:100@127.0.0.1", **fields}, call_id=mark, local_tag=mark)


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    pbx, desk = Side(40000), Side(40200)
    yield pbx, desk
    for side in (pbx, desk):
        side.engine.stop()
        assert side.engine.stats()["legs"] == 0


def test_a_trunk_registers_at_a_registrar_and_is_taken_back_at_the_stop(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_phones([phone(7, "alice")])

    desk.register_at(pbx, "alice", expires_s=300)

    assert desk.wait(en.Registration).state == "registered"
    registered = pbx.wait(en.PhoneRegistered)
    assert (registered.phone, registered.expires_s, registered.source) == (7, 300, desk.address)
    pbx.wait_for("phone_contacts", 1)
    desk.engine.stop(grace_ms=2000)
    assert pbx.wait(en.PhoneGone).why == "removed"
    assert desk.wait(en.Registration).state == "unregistered"


def test_a_wrong_password_is_refused_and_counted(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_phones([phone(7, "alice")])

    desk.register_at(pbx, "alice", password="guess")

    event = desk.wait(en.Registration)
    assert (event.state, event.code) == ("refused", 403)
    pbx.wait_for("failed_authentications", 1)
    assert pbx.engine.stats()["phone_contacts"] == 0


def test_too_short_a_time_is_corrected_by_both_sides(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_phones([phone(7, "alice")], min_expires_s=120)

    desk.register_at(pbx, "alice", expires_s=60)

    assert desk.wait(en.Registration, state="registered").expires_s == 120


def test_a_registered_phone_is_called_by_its_number(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_phones([phone(7, "alice")])
    desk.register_at(pbx, "alice", from_anywhere=True)
    pbx.wait(en.PhoneRegistered)

    leg = pbx.dial(trunk=0, gateway="phone:7", to=f"sip:alice@{REALM}")
    incoming = desk.wait(en.Incoming)
    assert (incoming.trunk, incoming.phone) == (1, None)
    assert incoming.to_uri == f"sip:alice@{REALM}"
    desk.engine.answer(incoming.leg)

    assert pbx.wait(en.Answered).leg == leg
    pbx.engine.hangup(leg)
    assert pbx.wait(en.Ended).cause == "bye"
    desk.wait(en.Ended)


def test_a_phone_without_a_device_ends_as_temporarily_unavailable(sides: tuple[Side, Side]) -> None:
    pbx, _ = sides
    pbx.engine.set_phones([phone(7, "alice")])

    leg = pbx.dial(trunk=0, gateway="phone:7", to=f"sip:alice@{REALM}")

    ended = pbx.wait(en.Ended)
    assert (ended.leg, ended.cause, ended.code) == (leg, "response", 480)
    with pytest.raises(en.InvalidArgument, match="phone 8"):
        pbx.dial(trunk=0, gateway="phone:8", to=f"sip:bob@{REALM}")


def test_two_devices_ring_and_the_first_to_answer_has_the_call(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_phones([phone(7, "alice")])
    soft = Side(40400)
    try:
        for device in (desk, soft):
            device.register_at(pbx, "alice", from_anywhere=True)
            pbx.wait(en.PhoneRegistered)

        leg = pbx.dial(trunk=0, gateway="phone:7", to=f"sip:alice@{REALM}")
        ringing = {device: device.wait(en.Incoming).leg for device in (desk, soft)}
        for device, incoming in ringing.items():
            device.engine.ring(incoming)
        pbx.wait(en.Progress, code=180)
        soft.engine.answer(ringing[soft])

        assert pbx.wait(en.Answered).leg == leg
        assert (desk.wait(en.Ended).cause, desk.seen) == ("cancelled", [])
        pbx.engine.hangup(leg)
        soft.wait(en.Ended, cause="bye")
        assert pbx.wait(en.Ended).leg == leg
    finally:
        soft.engine.stop()


def test_a_registered_phone_calls_with_its_password(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_phones([phone(7, "alice")])
    desk.register_at(pbx, "alice")
    pbx.wait(en.PhoneRegistered)

    desk.dial(gateway=pbx.address, to=f"sip:+4930100@{REALM}", from_=f"sip:alice@{REALM}")

    incoming = pbx.wait(en.Incoming)
    assert (incoming.phone, incoming.trunk) == (7, 0)
    pbx.engine.reject(incoming.leg, 404)
    assert desk.wait(en.Ended).code == 404


def test_a_gateway_that_answers_is_up_and_one_that_does_not_is_down(sides: tuple[Side, Side]) -> None:
    pbx, desk = sides
    pbx.engine.set_access([en.AccessRule(network="127.0.0.1", trunk=1)])
    silent = "127.0.0.1:9"
    ping = en.PingConfig(gateways=[pbx.address, silent], interval_ms=100, timeout_ms=100)

    desk.engine.set_trunks([en.TrunkConfig(id=3, ping=ping)])

    up = desk.wait(en.TrunkState, gateway=pbx.address)
    assert (up.up, up.code, up.trunk) == (True, 200, 3)
    assert up.round_trip_ms is not None
    assert 0 < up.round_trip_ms < 1000
    desk.seen.clear()
    pbx.engine.stop()
    assert desk.wait(en.TrunkState, gateway=pbx.address).up is False
