"""Worker processes and audio files for the tests of speech."""

import asyncio
import os
import stat
import struct

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from ringback.speech.workers import Workers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers():
    """One real worker process for the tests of a file."""
    pool = Workers(count=1)
    yield pool
    await pool.close()


@pytest.fixture
def tone(tmp_path):
    """`tone(name, rate=..., channels=..., seconds=..., hz=...)` writes a sine wave and returns its path."""

    def write(name="tone.wav", *, rate=44_100, channels=1, seconds=0.5, hz=440.0, **more):
        wave = 0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)
        path = tmp_path / name
        soundfile.write(path, np.repeat(wave[:, None], channels, axis=1), rate, **more)
        return path

    return write


@pytest.fixture
def not_pcm(tmp_path):
    """A WAV file with a header that promises far more than there is."""
    path = tmp_path / "liar.wav"
    header = (
        b"RIFF" + struct.pack("<I", 0x7FFFFFF0) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    )
    path.write_bytes(header + b"data" + struct.pack("<I", 0x7FFFFF00) + b"\x01\x00" * 800)
    return path


class Program:
    """A stand-in for espeak-ng: a real program that tells when it runs and when it is gone."""

    def __init__(self, folder):
        self.fifo = folder / "fifo"
        os.mkfifo(self.fifo)
        self.path = folder / "voice"
        self._reader = None

    def write(self, script):
        self.path.write_text(f"#!/bin/sh\n{script}\n")
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        return str(self.path)

    def endless(self):
        return self.write(f"exec 3>{self.fifo}; echo running >&3; sleep 60")

    async def is_running(self):
        self._reader = await asyncio.to_thread(self.fifo.open, "rb", buffering=0)
        return await asyncio.to_thread(self._reader.read, 8) == b"running\n"

    async def is_gone(self):
        """Nobody holds the other end any more: it and its children are dead."""
        return await asyncio.to_thread(self._reader.read, 8) == b""

    def close(self):
        if self._reader is not None:
            self._reader.close()


@pytest.fixture
def program(tmp_path_factory):
    made = Program(tmp_path_factory.mktemp("program"))
    yield made
    made.close()
