"""What the telephones of others have in common, so that the same tests run with each."""

from abc import ABC, abstractmethod
from pathlib import Path

from tests.integration.listening import RATE_HZ, Samples
from tests.interop.peers.program import SIP_PORT, Program
from tests.interop.peers.trace import Message
from tests.interop.sound import song

_SONG_S = 30


class Phone(ABC):
    """A telephone with one account. It says a song and keeps what it hears."""

    refusal = (603, "REJECTED")
    """The status code it refuses a call with, and the final status that this means."""

    def __init__(self, folder: Path, address: str, user: str, seed: int) -> None:
        self.folder = folder
        self.address = address
        self.user = user
        self.seed = seed
        self.said: Samples = self.song()
        self.program: Program

    def song(self, *, rate_hz: int = RATE_HZ) -> Samples:
        """Return what it says."""
        return song(self.seed, _SONG_S, rate_hz=rate_hz)

    @property
    def gateway(self) -> str:
        """`host:port` for a trunk."""
        return f"{self.address}:{SIP_PORT}"

    # What somebody does with it.

    @abstractmethod
    async def dial(self, uri: str) -> None:
        """Call somebody."""

    @abstractmethod
    async def accept(self) -> None:
        """Take the call that rings."""

    @abstractmethod
    async def hang_up(self) -> None:
        """Refuse, withdraw or end the call."""

    @abstractmethod
    async def hold(self) -> None:
        """Put the call on hold."""

    @abstractmethod
    async def resume(self) -> None:
        """Take the call back."""

    @abstractmethod
    async def press(self, digits: str) -> None:
        """Press keys."""

    # What it shows.

    @abstractmethod
    async def rings(self) -> None:
        """Wait for a call."""

    @abstractmethod
    async def hears_ringing(self) -> None:
        """Wait until the called side rings."""

    @abstractmethod
    async def talks(self) -> None:
        """Wait until the call is answered."""

    @abstractmethod
    async def is_free(self) -> None:
        """Wait until the call is over."""

    @abstractmethod
    async def hears(self, seconds: float) -> None:
        """Wait until it has heard so much more, sound or silence."""

    @abstractmethod
    def heard(self) -> Samples:
        """Return all it has heard so far in its last call."""

    @abstractmethod
    def messages(self) -> list[Message]:
        """Return all SIP messages it sent and received so far."""

    @abstractmethod
    async def stop(self) -> None:
        """End it."""

    async def answer(self) -> None:
        """Wait for a call and take it."""
        await self.rings()
        await self.accept()
        await self.talks()

    def sent(self, method: str) -> list[Message]:
        """Return the requests of this method that it sent."""
        return [message for message in self.messages() if message.text.method == method and message.is_sent]

    def got(self, method: str) -> list[Message]:
        """Return the requests of this method that it received."""
        return [message for message in self.messages() if message.text.method == method and not message.is_sent]

    def answers(self, method: str) -> list[Message]:
        """Return all responses to requests of this method, either way, in order."""
        return [message for message in self.messages() if message.text.code and message.cseq == method]

    def codes(self, method: str) -> list[int | None]:
        """Return their status codes, without 100."""
        return [message.text.code for message in self.answers(method) if message.text.code != 100]
