"""Audio compared with audio: what was heard is looked for in what was said, sample by sample."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 8000
FRAME = 160
"""20 ms, one RTP packet."""

Samples = npt.NDArray[np.float64]

_SILENT = 50.0
"""RMS below which a frame counts as silent; the simulator's voices have 5,600, A-law's idle noise 8."""


@dataclass(frozen=True)
class Ears:
    """A stereo recording of one party: what it heard, and what it said."""

    heard: Samples
    said: Samples


def listen(path: Path) -> Ears:
    """Read a stereo recording of 8 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE_HZ)
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return Ears(heard=both[:, 0].astype(float), said=both[:, 1].astype(float))


def read(path: Path) -> Samples:
    """Read a mono file of 8 kHz."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE_HZ)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float)


def write(path: Path, samples: Samples) -> None:
    """Write a mono file of 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


def likeness(heard: Samples, said: Samples) -> float:
    """Return the peak of the normalized cross-correlation: `heard` as one piece, at the best place within `said`."""
    size, count = len(heard), len(said) - len(heard) + 1
    if count < 1:
        said = np.concatenate([said, np.zeros(1 - count)])
        count = 1
    length = 1 << (len(said) + size - 1).bit_length()
    spectrum = np.fft.rfft(said, length) * np.conj(np.fft.rfft(heard, length))
    products = np.fft.irfft(spectrum, length)[:count]
    energy = np.concatenate([[0.0], np.cumsum(said**2)])
    norms = np.sqrt((energy[size : size + count] - energy[:count]) * np.sum(heard**2))
    return float(np.max(np.where(norms > size, products / np.maximum(norms, 1.0), 0.0)))


def best_second(heard: Samples, said: Samples, *, seconds: float = 1.0) -> float:
    """Return the likeness of that second of `heard` that is most like anything in `said`."""
    size = round(seconds * RATE_HZ)
    assert len(heard) >= size, f"only {len(heard) / RATE_HZ:.2f} s were heard"
    starts = range(0, len(heard) - size + 1, RATE_HZ // 10)
    return max(likeness(heard[start : start + size], said) for start in starts)


def loudness(samples: Samples) -> Samples:
    """Return the RMS of each 20 ms."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    return np.sqrt(np.mean(frames**2, axis=1))


def sounding(samples: Samples) -> Samples:
    """Return what lies between the first and the last frame that is not silent."""
    loud = np.flatnonzero(loudness(samples) > _SILENT)
    return samples[:0] if len(loud) == 0 else samples[loud[0] * FRAME : (loud[-1] + 1) * FRAME]


def longest_gap_s(samples: Samples) -> float:
    """Return the longest silence within what sounds."""
    longest = run = 0
    for level in loudness(sounding(samples)):
        run = run + 1 if level <= _SILENT else 0
        longest = max(longest, run)
    return longest * FRAME / RATE_HZ


def sweep(from_hz: float, to_hz: float, seconds: float) -> Samples:
    """Make a sound that is like no voice of the simulator."""
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return 8000 * np.sin(2 * np.pi * (from_hz * times + (to_hz - from_hz) / seconds * times**2 / 2))
