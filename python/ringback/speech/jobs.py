"""What the server asks of a worker process, and what it hears back: one JSON line each."""

from msgspec import Struct

MAX_SECONDS = 600.0
"""Longest sound."""


class Speak(Struct, frozen=True, kw_only=True, tag_field="job", tag="speak"):
    """Speak a text into `target`."""

    espeak: str
    text: str
    language: str
    rate: int
    voice: str | None
    target: str


class Convert(Struct, frozen=True, kw_only=True, tag_field="job", tag="convert"):
    """Convert the audio file `source` into `target`."""

    source: str
    target: str
    max_seconds: float


Job = Speak | Convert


class Answer(Struct, frozen=True, kw_only=True):
    """What came of a job: `error` is empty if it went well, else for people."""

    error: str = ""
    duration_ms: int = 0
