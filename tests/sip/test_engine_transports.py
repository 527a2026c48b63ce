"""Calls between two real engines over TCP, TLS, WebSocket and IPv6, and what happens when connections end."""

import asyncio
import contextlib
import datetime as dt
import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.sip.sipp_process import start_sipp
from websockets.asyncio.client import connect

from ringback._engine import (
    AccessRule,
    AnswerConfirmed,
    Answered,
    Ended,
    Engine,
    EngineConfig,
    EngineError,
    Event,
    Incoming,
    InvalidArgument,
    Trace,
    Tried,
    TrunkConfig,
)

pytestmark = pytest.mark.calls

T = TypeVar("T")

PATIENCE_S = 10.0
FIRST_PORTS = 23000


class Side:
    """One engine, and a way to wait for its events."""

    def __init__(self, number: int, listen: str | list[str], *, transport: str = "auto", **more: Any) -> None:
        first = FIRST_PORTS + (os.getpid() % 100) * 40 + number * 20
        trunk = {name: more.pop(name) for name in ("mtu_to_tcp", "next_server_ms") if name in more}
        self.engine = Engine(
            EngineConfig(listen=listen, rtp_first_port=first, rtp_last_port=first + 19, t1_ms=50, trace=True, **more)
        )
        self.engine.set_trunks([TrunkConfig(id=1, transport=transport, **trunk)])
        self.engine.set_access([AccessRule(network=net, trunk=1) for net in ("127.0.0.0/8", "::1")])
        self.seen: list[Event] = []
        self.new: list[Event] = []
        self.calls = 0

    def dial(self, gateway: str, **more: Any) -> int:
        self.calls += 1
        return self.engine.dial(
            trunk=1,
            gateway=gateway,
            to="sip:4930123@example.test",
            from_="sip:4930999@example.test",
            call_id=f"transport-{os.getpid()}-{id(self)}-{self.calls}",
            local_tag=f"tag{self.calls}",
            **more,
        )

    def wait(self, kind: type[T], when: Callable[[T], bool] = lambda _: True) -> T:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            while events := self.engine.drain():
                self.seen += events
                self.new += events
            for position, event in enumerate(self.new):
                if isinstance(event, kind) and when(event):
                    del self.new[: position + 1]
                    return event
            left = deadline - time.monotonic()
            assert left > 0, f"no {kind.__name__}; saw {self.seen}"
            select.select([self.engine.fileno()], [], [], left)

    def wait_for(self, figure: str, value: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.engine.stats()[figure] < value:
            assert time.monotonic() < deadline, f"{figure} is {self.engine.stats()[figure]}"
            select.select([self.engine.fileno()], [], [], 0.01)
            self.seen += self.engine.drain()

    def address(self, transport: str) -> str:
        found = next(text for text in self.engine.local_addresses() if text.startswith(f"{transport}:"))
        return found.partition(":")[2]

    def sent(self) -> list[str]:
        return [event.message.decode() for event in self.seen if isinstance(event, Trace) and event.direction == "sent"]


@contextlib.contextmanager
def running(*sides: Side) -> Iterator[None]:
    """Start engines and stop them again; nothing may be left in them."""
    for side in sides:
        side.engine.start()
    try:
        yield
    finally:
        for side in sides:
            side.engine.stop(grace_ms=2000)
    for side in sides:
        stats = side.engine.stats()
        assert {name: stats[name] for name in ("legs", "dialogs", "faults")} == {"legs": 0, "dialogs": 0, "faults": 0}


def call(caller: Side, called: Side, gateway: str) -> None:
    """Dial, answer, hang up by the called side."""
    leg = caller.dial(gateway)
    other = called.wait(Incoming).leg
    called.engine.answer(other)
    caller.wait(Answered, lambda event: event.leg == leg)
    called.wait(AnswerConfirmed)
    called.engine.hangup(other)
    ended = caller.wait(Ended)
    assert (ended.cause, ended.side) == ("bye", "remote")
    called.wait(Ended)


class Authority:
    """Certificates that one made-up authority vouches for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Authority")])
        certificate = self._build(self.name, self.key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(certificate.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _build(self, subject: x509.Name, key: Any) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
        )

    def issue(self, file: str, host: str) -> tuple[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._build(x509.Name([]), key.public_key()).add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True
        )
        chain, private = self.folder / f"{file}.pem", self.folder / f"{file}.key"
        chain.write_bytes(builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(chain), str(private)


def test_a_call_goes_over_tcp_and_its_contacts_say_so() -> None:
    caller = Side(0, ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"], transport="tcp")
    called = Side(1, "tcp:127.0.0.1:0")

    with running(caller, called):
        call(caller, called, called.address("tcp"))
        figures = caller.engine.stats()

    assert (figures["connections_opened"], figures["connections_accepted"]) == (1, 0), "BYE came back over it too"
    invite = caller.sent()[0]
    assert "Via: SIP/2.0/TCP 127.0.0.1:" in invite
    assert ";transport=tcp>" in invite
    assert sum("INVITE sip:" in text for text in caller.sent()) == 1


def test_a_call_goes_over_ipv6_by_udp_and_by_tcp() -> None:
    listen = ["udp:127.0.0.1:0", "udp:[::1]:0", "tcp:[::1]:0"]
    for transport in ("udp", "tcp"):
        caller, called = Side(0, listen, transport=transport, media_host="::1"), Side(1, listen, media_host="::1")
        with running(caller, called):
            gateway = next(text for text in called.engine.local_addresses() if text.startswith(f"{transport}:[::1]"))
            call(caller, called, gateway.partition(":")[2])


def test_a_call_goes_over_tls_only_to_who_the_gateway_should_be(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("server", "localhost")
    called = Side(1, "tls:127.0.0.1:0", tls_certificates=[files], tls_client_ca=str(authority.ca))
    own = authority.issue("client", "client.test")
    caller = Side(0, "127.0.0.1:0", transport="tls", tls_ca=str(authority.ca), tls_client_certificate=own)

    with running(caller, called):
        port = called.address("tls").rpartition(":")[2]
        call(caller, called, f"localhost:{port}")
        caller.dial(f"127.0.0.1:{port}")
        refused = caller.wait(Ended)

        assert (refused.cause, refused.side) == ("transport", "network"), "the certificate is not for the address"
        assert "Via: SIP/2.0/TLS" in caller.sent()[0]


def test_tls_files_are_read_again_and_bad_ones_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    chain, key = authority.issue("server", "other.test")
    called = Side(1, "tls:127.0.0.1:0", tls_certificates=[(chain, key)])
    caller = Side(0, "127.0.0.1:0", transport="tls", tls_ca=str(authority.ca))

    with running(caller, called):
        gateway = f"localhost:{called.address('tls').rpartition(':')[2]}"
        caller.dial(gateway)
        assert caller.wait(Ended).cause == "transport"
        Path(chain).write_text("nothing")
        with pytest.raises(EngineError, match=r"server\.pem.*"):
            called.engine.reload_tls()
        authority.issue("server", "localhost")
        called.engine.reload_tls()
        call(caller, called, gateway)


def test_a_tls_listener_needs_a_certificate_and_a_wrong_transport_is_named() -> None:
    with pytest.raises(InvalidArgument, match="tls_certificates"):
        EngineConfig(listen="tls:127.0.0.1:0")
    with pytest.raises(InvalidArgument, match="udp, tcp, tls, ws and wss"):
        EngineConfig(listen=["sctp:127.0.0.1:5060"])
    with pytest.raises(InvalidArgument, match="auto, udp, tcp, tls"):
        TrunkConfig(id=1, transport="ws")


async def test_a_browser_calls_over_websocket_and_is_hung_up_over_it() -> None:
    called = Side(1, "ws:127.0.0.1:0")
    with running(called):
        async with connect(f"ws://{called.address('ws')}/", subprotocols=["sip"]) as browser:
            offer = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
            )
            head = (
                "{method} sip:123@example.test SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK{branch}\r\n"
                "Max-Forwards: 70\r\nFrom: <sip:b@example.test>;tag=b\r\nTo: <sip:123@example.test>{tag}\r\n"
                "Call-ID: ws-1\r\nCSeq: 1 {method}\r\nContact: <sip:b@x.invalid;transport=ws>\r\n"
            )
            invite = head.format(method="INVITE", branch=1, tag="")
            length = f"Content-Type: application/sdp\r\nContent-Length: {len(offer)}\r\n\r\n"
            await browser.send(invite + length + offer)
            incoming = await asyncio.to_thread(called.wait, Incoming)
            assert incoming.source.startswith("ws:127.0.0.1:")
            called.engine.answer(incoming.leg)
            ok = ""
            while not ok.startswith("SIP/2.0 200"):
                ok = str(await browser.recv())
            tag = ok.partition("To: <sip:123@example.test>")[2].partition("\r\n")[0]
            await browser.send(head.format(method="ACK", branch=2, tag=tag) + "Content-Length: 0\r\n\r\n")
            await asyncio.to_thread(called.wait, AnswerConfirmed)
            called.engine.hangup(incoming.leg)
            bye = str(await browser.recv())
            assert bye.startswith("BYE sip:b@x.invalid;transport=ws SIP/2.0\r\nVia: SIP/2.0/WS ")
            wanted = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")
            lines = [line for line in bye.split("\r\n") if line.startswith(wanted)]
            await browser.send("\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""]))
            assert (await asyncio.to_thread(called.wait, Ended)).cause == "bye"


class Relay:
    """Stands between two TCP ends and can cut them."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()


async def test_a_bye_after_the_connection_died_arrives_over_a_new_one() -> None:
    caller = Side(0, "tcp:127.0.0.1:0", transport="tcp")
    called = Side(1, "tcp:127.0.0.1:0")
    with running(caller, called):
        relay = Relay(called.address("tcp"))
        gateway = await relay.start()
        leg = caller.dial(gateway)
        other = (await asyncio.to_thread(called.wait, Incoming)).leg
        called.engine.answer(other)
        await asyncio.to_thread(caller.wait, Answered)
        await asyncio.to_thread(called.wait, AnswerConfirmed)

        relay.cut()
        await relay.stop()
        caller.engine.hangup(leg)

        assert (await asyncio.to_thread(called.wait, Ended)).cause == "bye"
        assert (await asyncio.to_thread(caller.wait, Ended)).cause == "bye"


async def test_sipp_is_called_over_tcp_and_hangs_up(tmp_path: Path) -> None:
    caller = Side(0, "tcp:127.0.0.1:0", transport="tcp")
    with running(caller):
        sipp = await start_sipp("callee_answers_and_hangs_up", tmp_path, tcp=True)
        caller.dial(f"127.0.0.1:{sipp.port}")
        await asyncio.to_thread(caller.wait, Answered)
        ended = await asyncio.to_thread(caller.wait, Ended)
        await sipp.finished()
        assert (ended.cause, ended.side) == ("bye", "remote")


async def test_sipp_calls_over_tcp_and_hangs_up(tmp_path: Path) -> None:
    called = Side(1, "tcp:127.0.0.1:0")
    with running(called):
        sipp = await start_sipp(
            "caller_talks_and_hangs_up", tmp_path, tcp=True, remote=called.address("tcp"), caller="+4930", talk_ms=100
        )
        called.engine.answer((await asyncio.to_thread(called.wait, Incoming)).leg)
        ended = await asyncio.to_thread(called.wait, Ended)
        await sipp.finished()
        assert (ended.cause, ended.side) == ("bye", "remote")


def test_a_leg_whose_far_end_is_gone_ends_all_the_same() -> None:
    caller, called = Side(0, "tcp:127.0.0.1:0", transport="tcp"), Side(1, "tcp:127.0.0.1:0")
    with running(caller):
        called.engine.start()
        leg = caller.dial(called.address("tcp"))
        other = called.wait(Incoming).leg
        called.engine.answer(other)
        caller.wait(Answered)
        called.wait(AnswerConfirmed)
        called.engine.stop(grace_ms=0)
        caller.engine.hangup(leg)
        caller.wait(Ended)


def test_a_long_invite_goes_by_tcp_and_by_udp_where_tcp_is_refused() -> None:
    long = [("X-Long", "x" * 900), ("X-More", "y" * 600)]
    caller = Side(0, ["127.0.0.1:0", "tcp:127.0.0.1:0"], mtu_to_tcp=True)
    called = Side(1, "udp:127.0.0.1:0")
    with running(caller, called):
        leg = caller.dial(called.address("udp"), headers=long)
        tried = caller.wait(Tried)
        assert (tried.target, tried.cause) == (f"tcp:{called.address('udp')}", "transport")
        called.engine.reject(called.wait(Incoming).leg, 486)
        assert caller.wait(Ended, lambda event: event.leg == leg).code == 486


def test_hostile_streams_leave_calls_on_udp_alone() -> None:
    listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
    caller, called = Side(0, "127.0.0.1:0"), Side(1, listen, max_connections=300, max_connections_per_source=300)
    with running(caller, called), contextlib.ExitStack() as stack:
        host, _, port = called.address("tcp").rpartition(":")
        for number in range(600):
            stream = stack.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
            with contextlib.suppress(OSError):
                stream.sendall((b"", b"INVITE sip:a SIP/2.0\r\nX: ", b"\x16\x03\x01garbage")[number % 3])
        called.wait_for("refused_connections", 1)
        for _ in range(20):
            call(caller, called, called.address("udp"))
        figures = called.engine.stats()

    assert figures["connections"] <= 300
    assert figures["closed_garbage"] >= 1
