"""baresip: a telephone on libre's SIP and RTP. It says a file and keeps what it hears."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.integration.listening import Samples
from tests.interop.program import SIP_PORT, WAIT_S, Program, own_address
from tests.interop.sound import read_sound, song, write_sound
from tests.interop.trace import Message, read_libre

_CONTROL_PORT = 5555
_MODULES = Path("/usr/lib/baresip/modules")
_SONG_S = 30

Event = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Codec:
    """A codec as baresip names it, and the rate and channels of the sound it takes."""

    name: str
    module: str
    rate_hz: int = 8000
    channels: int = 1


PCMA = Codec(name="PCMA/8000/1", module="g711")
PCMU = Codec(name="PCMU/8000/1", module="g711")


@dataclass(kw_only=True)
class Baresip:
    """A running baresip with one account. It speaks RTP from its own address, ports 10000 to 10100."""

    address: str
    user: str
    codec: Codec
    said: Samples
    folder: Path
    program: Program
    events: list[Event] = field(default_factory=list)

    @classmethod
    async def start(
        cls,
        folder: Path,
        *,
        user: str,
        seed: int,
        codec: Codec = PCMA,
        account: str = "",
        modules: tuple[str, ...] = (),
    ) -> Self:
        """Start it.

        Args:
            folder: Where its configuration, logs and recordings go.
            user: The number or name that it is called by.
            seed: Of the song that it says.
            codec: The only one it offers.
            account: Further parameters of the account, `;name=value`.
            modules: Further modules.
        """
        folder.mkdir()
        address = own_address()
        said = song(seed, _SONG_S)
        write_sound(
            folder / "said.wav",
            song(seed, _SONG_S, rate_hz=codec.rate_hz),
            rate_hz=codec.rate_hz,
            channels=codec.channels,
        )
        (folder / "heard").mkdir()
        (folder / "config").write_text(_config(folder, address, codec, modules))
        (folder / "contacts").touch()
        (folder / "accounts").write_text(
            f"<sip:{user}@{address}>;regint=0;audio_codecs={codec.name};answermode=manual{account}\n"
        )
        program = await Program.start("baresip", "baresip", "-f", str(folder), "-s", folder=folder)
        phone = cls(address=address, user=user, codec=codec, said=said, folder=folder, program=program)
        try:
            await program.said("baresip is ready")
            await phone._connect()
        except BaseException:
            await program.stop()
            raise
        return phone

    async def _connect(self) -> None:
        self._changed = asyncio.Event()
        self._incoming, self._outgoing = await asyncio.open_connection(self.address, _CONTROL_PORT)
        self._answers: asyncio.Queue[Event] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        """Take netstrings of JSON apart: answers to commands, and events."""
        while True:
            try:
                size = int((await self._incoming.readuntil(b":"))[:-1])
                message = json.loads((await self._incoming.readexactly(size + 1))[:-1])
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
        self._outgoing.write(b"%d:%s," % (len(text), text))
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
        """Call somebody."""
        await self.do("dial", uri)

    async def answer(self) -> None:
        """Wait for a call and take it."""
        await self.saw("CALL_INCOMING")
        await self.do("accept")
        await self.saw("CALL_ESTABLISHED")

    def heard(self) -> Samples:
        """Return all it has heard so far, over all calls in order."""
        files = sorted((self.folder / "heard").glob("dump-*-dec.wav"))
        assert files, "baresip heard nothing"
        return read_sound(files[-1])

    async def hears(self, seconds: float) -> None:
        """Wait until it has heard so much more, sound or silence."""
        wanted = self._heard_bytes() + round(seconds * self.codec.rate_hz) * 2 * self.codec.channels
        async with asyncio.timeout(WAIT_S):
            while self._heard_bytes() < wanted:  # noqa: ASYNC110  (a file tells nobody that it grew)
                await asyncio.sleep(0.05)

    def _heard_bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.folder / "heard").glob("dump-*-dec.wav"))

    async def press(self, digits: str) -> None:
        """Press keys."""
        await self.do("sndcode", digits)

    def messages(self) -> list[Message]:
        """Return all SIP messages it sent and received so far."""
        return read_libre(self.program.lines)

    def sent(self, method: str) -> list[Message]:
        """Return the requests of this method that it sent."""
        return [message for message in self.messages() if message.text.method == method and self._is_mine(message)]

    def got(self, method: str) -> list[Message]:
        """Return the requests of this method that it received."""
        return [message for message in self.messages() if message.text.method == method and not self._is_mine(message)]

    def codes(self, method: str) -> list[int]:
        """Return the status codes of all responses to requests of this method, either way, in order."""
        return [message.text.code for message in self.messages() if message.text.code and message.cseq == method]

    def _is_mine(self, message: Message) -> bool:
        return message.source.startswith(f"{self.address}:")

    @property
    def gateway(self) -> str:
        """`host:port` for a trunk."""
        return f"{self.address}:{SIP_PORT}"

    async def stop(self) -> None:
        """End it."""
        await self.program.stop()
        await self._reader
        self._outgoing.close()


def _config(folder: Path, address: str, codec: Codec, modules: tuple[str, ...]) -> str:
    """Write the configuration: sound from a file, sound into files, control over TCP, nothing of the machine's."""
    more = "\n".join(f"module {name}.so" for name in modules)
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
{more}
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {address}:{_CONTROL_PORT}
"""
