"""baresip: a telephone on libre's SIP and RTP, ordered about over its TCP control port."""

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from tests.integration.listening import Samples
from tests.interop.peers.phone import Phone
from tests.interop.peers.program import SIP_PORT, WAIT_S, Program, own_address
from tests.interop.peers.trace import Message, read_libre
from tests.interop.sound import read_sound, write_sound

_CONTROL_PORT = 5555
_MODULES = Path("/usr/lib/baresip/modules")

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Codec:
    """Codecs of one module as baresip names them, and the rate and channels of the sound it takes."""

    name: str
    module: str
    rate_hz: int = 8000
    channels: int = 1


G711 = Codec(name="PCMA/8000/1,PCMU/8000/1", module="g711")
PCMA = Codec(name="PCMA/8000/1", module="g711")
PCMU = Codec(name="PCMU/8000/1", module="g711")
G722 = Codec(name="G722/16000/1", module="g722", rate_hz=16_000)
OPUS = Codec(name="opus/48000/2", module="opus", rate_hz=48_000, channels=2)


class Baresip(Phone):
    """A running baresip. It speaks RTP from its own address, ports 10000 to 10100."""

    refusal = (486, "BUSY")

    def __init__(self, folder: Path, address: str, user: str, seed: int) -> None:
        super().__init__(folder, address, user, seed)
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self._answers: asyncio.Queue[Event] = asyncio.Queue()
        self._reader: asyncio.Task[None]
        self._orders: asyncio.StreamWriter

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        user: str,
        seed: int,
        codec: Codec = G711,
        transport: str = "udp",
        account: str = "",
        settings: str = "",
        address: str | None = None,
    ) -> Self:
        """Start it.

        Args:
            folder: Where its configuration, logs and recordings go.
            user: The number or name that it is called by.
            seed: Of the song that it says.
            codec: What it offers.
            transport: What it sends requests over.
            account: Further parameters of the account, `;name=value`.
            settings: Further lines of its configuration.
            address: Its own, when it was chosen before.
        """
        folder.mkdir()
        phone = cls(folder, address or own_address(), user, seed)
        sound = phone.song(rate_hz=codec.rate_hz)
        write_sound(folder / "said.wav", sound, rate_hz=codec.rate_hz, channels=codec.channels)
        (folder / "heard").mkdir()
        (folder / "contacts").touch()
        (folder / "config").write_text(_config(folder, phone.address, codec) + settings)
        (folder / "accounts").write_text(
            f"<sip:{user}@{phone.address};transport={transport}>;regint=0;audio_codecs={codec.name};answermode=manual{account}\n"
        )
        phone.program = await Program.start("baresip", "baresip", "-f", str(folder), "-s", folder=folder)
        try:
            await phone.program.said("baresip is ready")
            incoming, phone._orders = await asyncio.open_connection(phone.address, _CONTROL_PORT)
        except BaseException:
            await phone.program.stop()
            raise
        phone._reader = asyncio.create_task(phone._read(incoming))
        return phone

    async def _read(self, incoming: asyncio.StreamReader) -> None:
        """Take netstrings of JSON apart: answers to commands, and events."""
        while True:
            try:
                size = int((await incoming.readuntil(b":"))[:-1])
                message = json.loads((await incoming.readexactly(size + 1))[:-1])
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if message.get("event"):
                self.events.append(message)
                self._changed.set()
                self._changed = asyncio.Event()
            else:
                self._answers.put_nowait(message)

    async def do(self, command: str, argument: str = "") -> str:
        """Give a command of its menu, and return what it says to it."""
        text = json.dumps({"command": command, "params": argument}).encode()
        self._orders.write(b"%d:%s," % (len(text), text))
        async with asyncio.timeout(WAIT_S):
            answer = await self._answers.get()
        assert answer["ok"], (command, answer)
        return str(answer.get("data", ""))

    async def saw(self, kind: str, *, count: int = 1) -> Event:
        """Wait for the event, or for its n-th occurrence."""
        try:
            async with asyncio.timeout(WAIT_S):
                while len(found := [event for event in self.events if event["type"] == kind]) < count:
                    await self._changed.wait()
        except TimeoutError:
            seen = [event["type"] for event in self.events]
            raise AssertionError(f"baresip saw no {kind}: {seen}\n" + "\n".join(self.program.lines[-60:])) from None
        return found[count - 1]

    async def dial(self, uri: str) -> None:
        await self.do("dial", uri)

    async def accept(self) -> None:
        await self.do("accept")

    async def hang_up(self) -> None:
        await self.do("hangup")

    async def hold(self) -> None:
        await self._renegotiate("hold")

    async def resume(self) -> None:
        await self._renegotiate("resume")

    async def _renegotiate(self, command: str) -> None:
        since = len(self.program.lines)
        await self.do(command)
        await self.program.said("^INVITE sip:", since=since)
        await self.program.said("^ACK sip:", since=since)

    async def press(self, digits: str) -> None:
        await self.do("sndcode", digits)

    async def rings(self) -> None:
        await self.saw("CALL_INCOMING")

    async def hears_ringing(self) -> None:
        await self.saw("CALL_RINGING")

    async def talks(self) -> None:
        await self.saw("CALL_ESTABLISHED")

    async def is_free(self) -> None:
        await self.saw("CALL_CLOSED")

    async def hears(self, seconds: float) -> None:
        """Wait until so much more has come in. Its recording ends with the first hold, so packets are counted."""
        wanted = await self._received() + round(seconds * 50)
        async with asyncio.timeout(WAIT_S):
            while await self._received() < wanted:  # noqa: ASYNC110  (it says so only when asked)
                await asyncio.sleep(0.1)

    async def _received(self) -> int:
        """Return how many packets of 20 ms its call has received."""
        found = re.search(r"rcvd=(\d+)", await self.do("audio_debug"))
        return int(found[1]) if found else 0

    def heard(self) -> Samples:
        files = sorted((self.folder / "heard").glob("dump-*-dec.wav"))
        return read_sound(files[-1]) if files else np.zeros(0)

    def messages(self) -> list[Message]:
        return read_libre(self.program.lines, address=self.address)

    async def stop(self) -> None:
        await self.program.stop()
        await self._reader
        self._orders.close()


def _config(folder: Path, address: str, codec: Codec) -> str:
    """Write the configuration: sound from a file, sound into files, control over TCP, nothing of the machine's."""
    return f"""
poll_method epoll
sip_listen {address}:{SIP_PORT}
net_interface {address}
rtp_ports 10000-10100
call_local_timeout 120
call_max_calls 4
audio_source aufile,{folder}/said.wav
audio_player aubridge,nobody
audio_alert aubridge,nobody
ausrc_srate {codec.rate_hz}
ausrc_channels {codec.channels}
jitter_buffer_delay 1-5
ringback_disabled yes
statmode_default off
snd_path {folder}/heard
module_path {_MODULES}
module {codec.module}.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {address}:{_CONTROL_PORT}
"""
