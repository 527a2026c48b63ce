"""Audio files in and out, for the worker process: anything that libsndfile reads becomes 8 kHz mono PCM16 WAV.

Everything is read in blocks, so that a small file that unpacks into hours costs no memory.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]
import soxr  # type: ignore[import-untyped]

from ringback.speech.jobs import MAX_SECONDS

RATE_HZ = 8_000
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
_MIN_RATE_HZ, _MAX_RATE_HZ = 4_000, 192_000
_MAX_CHANNELS = 8
_BLOCK_FRAMES = 65_536


class AudioRefused(ValueError):  # noqa: N818 - named for what happened
    """The file cannot be used; the message is for people."""


def convert(source: Path, target: Path, *, max_seconds: float = MAX_SECONDS) -> int:
    """Convert an audio file to 8 kHz mono PCM16 WAV.

    Args:
        source: WAV, FLAC, OGG or MP3.
        target: Is overwritten.
        max_seconds: Longer files are refused.

    Returns:
        The length in milliseconds, at least 1.

    Raises:
        AudioRefused: it is no audio file of these formats, too long, empty, or damaged.
    """
    try:
        with soundfile.SoundFile(source) as opened:
            _check(opened)
            with soundfile.SoundFile(target, "w", RATE_HZ, 1, "PCM_16", format="WAV") as written:
                for block in _resampled(opened, max_seconds):
                    written.write(block)
                frames = int(written.frames)
    except soundfile.LibsndfileError as error:
        raise AudioRefused(
            f"it is not an audio file that can be read ({error.error_string.strip()}); use WAV, MP3, FLAC or OGG"
        ) from None
    if frames == 0:
        raise AudioRefused("it has no sound in it")
    return max(1, round(frames * 1000 / RATE_HZ))


def _check(opened: soundfile.SoundFile) -> None:
    if opened.format not in FORMATS:
        raise AudioRefused(f"the format {opened.format} is not supported; use WAV, MP3, FLAC or OGG")
    if not _MIN_RATE_HZ <= opened.samplerate <= _MAX_RATE_HZ:
        raise AudioRefused(f"the sample rate {opened.samplerate} Hz is outside {_MIN_RATE_HZ}-{_MAX_RATE_HZ}")
    if opened.channels > _MAX_CHANNELS:
        raise AudioRefused(f"it has {opened.channels} channels, at most {_MAX_CHANNELS}")


def _resampled(opened: soundfile.SoundFile, max_seconds: float) -> Iterator[np.ndarray]:
    """Yield int16 blocks at 8 kHz; channels are averaged. Source: libsoxr HQ preset."""
    resample = soxr.ResampleStream(opened.samplerate, RATE_HZ, 1, dtype="float32", quality="HQ")
    longest = max_seconds * opened.samplerate
    read = 0
    while True:
        block = opened.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
        read += len(block)
        if read > longest:
            raise AudioRefused(f"it is longer than {max_seconds:g} seconds")
        is_last = len(block) < _BLOCK_FRAMES
        mono = np.ascontiguousarray(np.nan_to_num(block.mean(axis=1)), dtype=np.float32)
        yield _to_int16(resample.resample_chunk(mono, last=is_last))
        if is_last:
            return


def _to_int16(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(samples * 32767.0), -32768, 32767).astype(np.int16)
