"""What the parties say: sounds that are like nothing else, so that they can be found in what was heard."""

import logging
import wave
from pathlib import Path

import numpy as np
import soxr
from tests.integration.listening import RATE_HZ, Samples, longest_gap_s, sounding

_log = logging.getLogger(__name__)

ALIKE = 0.9
UNLIKE = 0.5
MOST_GAP_S = 0.1
_NOTE_S = 0.2
_PIECE = round(0.4 * RATE_HZ)
_PIECES = 10
_MARGIN = 16


def song(seed: int, seconds: float, *, rate_hz: int = RATE_HZ) -> Samples:
    """Make a sound that never repeats: gliding notes of 0.2 s between 400 and 3,000 Hz, at an even loudness."""
    random = np.random.default_rng(seed)
    count = round(seconds / _NOTE_S) + 1
    ends = random.uniform(400, 3000, count + 1)
    frequencies = np.interp(np.arange(round(seconds * rate_hz)) / rate_hz / _NOTE_S, np.arange(count + 1), ends)
    return 8000 * np.sin(2 * np.pi * np.cumsum(frequencies) / rate_hz)


def write_sound(path: Path, samples: Samples, *, rate_hz: int = RATE_HZ, channels: int = 1) -> Path:
    """Write a file of 16 bits; several channels all have the same."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.repeat(samples.astype("<i2"), channels).tobytes())
    return path


def read_sound(path: Path) -> Samples:
    """Read a file of 16 bits, its first channel, at 8 kHz. A header that was never completed is no obstacle."""
    data = path.read_bytes()
    if b"data" not in data[36:]:
        return np.zeros(0)  # just begun
    channels, rate_hz = int.from_bytes(data[22:24], "little"), int.from_bytes(data[24:28], "little")
    begin = data.index(b"data", 36) + 8
    body = data[begin : begin + (len(data) - begin) // (2 * channels) * 2 * channels]
    samples = np.frombuffer(body, dtype="<i2").reshape(-1, channels)[:, 0].astype(float)
    return samples if rate_hz == RATE_HZ else soxr.resample(samples, rate_hz, RATE_HZ)


def assert_heard(heard: Samples, said: Samples, *, other: Samples | None = None, seconds: float = 1.0) -> None:
    """Check that at least so many seconds of what was said were heard, without gaps, and nothing of `other`."""
    sounds = sounding(heard)
    assert len(sounds) >= seconds * RATE_HZ, f"only {len(sounds) / RATE_HZ:.2f} s sounded"
    found, gap = alike(sounds, said), longest_gap_s(sounds)
    _log.info("heard %.2f s, likeness %.3f, longest gap %.2f s", len(sounds) / RATE_HZ, found, gap)
    assert found > ALIKE, f"likeness {found:.3f}"
    assert gap <= MOST_GAP_S, f"a gap of {gap:.2f} s"
    if other is not None:
        assert alike(sounds, other) < UNLIKE


def alike(heard: Samples, said: Samples) -> float:
    """Return the median likeness of pieces of 0.4 s of `heard`, each at its best place in `said`.

    Short pieces and the median, because a packet that was late or came at another clock's pace shifts what follows.
    """
    last = len(heard) - _PIECE
    assert last >= 0, f"only {len(heard) / RATE_HZ:.2f} s were heard"
    starts = np.linspace(0, last, min(_PIECES, 1 + last // (_PIECE // 4))).astype(int)
    length = 1 << (len(said) + _PIECE).bit_length()
    spectrum = np.fft.rfft(said, length)
    energy = np.concatenate([[0.0], np.cumsum(said**2)])
    norms = np.sqrt(energy[_PIECE:] - energy[:-_PIECE])

    def likeness(piece: Samples) -> float:
        products = np.fft.irfft(spectrum * np.conj(np.fft.rfft(piece, length)), length)[: len(norms)]
        place = int(np.argmax(products / np.maximum(norms, _PIECE)))
        return _finely(piece, said[max(place - _MARGIN, 0) : place + _PIECE + _MARGIN])

    return float(np.median([likeness(heard[start : start + _PIECE]) for start in starts]))


def _finely(piece: Samples, around: Samples) -> float:
    """Return the likeness at the best place, looked for by quarters of a sample: wideband codecs shift by such."""
    fine, place = soxr.resample(piece, 1, 4), soxr.resample(around, 1, 4)
    fine = fine[4 * _MARGIN : -4 * _MARGIN]  # the filter rings at the ends
    products = np.correlate(place, fine, "valid")
    energy = np.concatenate([[0.0], np.cumsum(place**2)])
    norms = np.sqrt((energy[len(fine) :] - energy[: -len(fine)]) * np.sum(fine**2))
    return float(np.max(products / np.maximum(norms, 1.0)))
