"""An INVITE with a signed identity is larger than a packet: over TCP it arrives whole, however it is cut on the way."""

import asyncio

from ringback import _engine as en

TOKEN = "eyJhbGciOiJFUzI1NiJ9_" * 380 + "..c2ln;info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken"
CUT = 700


def invite(host: str, port: int) -> bytes:
    body = f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
    lines = [
        f"INVITE sip:+49301@{host}:{port} SIP/2.0",
        f"Via: SIP/2.0/TCP {host}:9;branch=z9hG4bKtcp;rport",
        "Max-Forwards: 70",
        f"From: <sip:+49302@{host}>;tag=t",
        f"To: <sip:+49301@{host}>",
        "Call-ID: identity-over-tcp",
        "CSeq: 1 INVITE",
        f"Contact: <sip:a@{host}:9;transport=tcp>",
        f"Identity: {TOKEN}",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def drained(engine: en.Engine, kind: type) -> object:
    """Return the first event of a kind."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(engine.fileno(), readable.set)
    try:
        async with asyncio.timeout(10):
            while True:
                for event in engine.drain(256):
                    if type(event) is kind:
                        return event
                readable.clear()
                await readable.wait()
    finally:
        loop.remove_reader(engine.fileno())


async def test_identity_of_8_kilobytes_comes_in_over_tcp_byte_for_byte() -> None:
    engine = en.Engine(en.EngineConfig(listen=["udp:127.0.0.1:0", "tcp:127.0.0.1:0"], t1_ms=60))
    engine.start()
    engine.set_access([en.AccessRule(network="127.0.0.1", trunk=1)])
    try:
        engine.ban("192.0.2.1", seconds=60)
        async with asyncio.timeout(10):
            while True:  # commands are carried out in order: with the ban the table of sources is in force too
                if engine.bans():
                    break
                await asyncio.sleep(0.01)
        (address,) = [text for text in engine.local_addresses() if text.startswith("tcp:")]
        _, host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        data = invite(host, int(port))
        assert len(data) > 8_192
        for start in range(0, len(data), CUT):
            writer.write(data[start : start + CUT])
            await writer.drain()
        incoming = await drained(engine, en.Incoming)
        assert isinstance(incoming, en.Incoming)
        assert [value for name, value in incoming.headers if name == "Identity"] == [TOKEN]
        engine.reject(incoming.leg, 480)
        async with asyncio.timeout(10):
            await reader.readuntil(b"SIP/2.0 480")
        writer.close()
        await writer.wait_closed()
    finally:
        engine.stop()
