"""The far end's voice: a sweep that cannot be mistaken for silence, noise or a tone, so that tests can look for it."""

import math
import struct
import wave
from pathlib import Path

RATE_HZ = 8000
_AMPLITUDE = 8000


def sweep(*, from_hz: float, to_hz: float, seconds: float) -> bytes:
    """Make a linear sweep: PCM16 little endian, mono, 8 kHz, round(8000 * seconds) samples."""
    slope = (to_hz - from_hz) / seconds
    times = (index / RATE_HZ for index in range(round(RATE_HZ * seconds)))
    samples = [round(_AMPLITUDE * math.sin(2 * math.pi * (from_hz * t + slope * t * t / 2))) for t in times]
    return struct.pack(f"<{len(samples)}h", *samples)


def write_voice(path: Path, *, upwards: bool = True) -> Path:
    """Write a two-second voice to a WAV file and return its path; the caller's goes up, the callee's down."""
    low, high = 400.0, 1600.0
    sound = sweep(from_hz=low if upwards else high, to_hz=high if upwards else low, seconds=2.0)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(sound)
    return path
