"""Conversion to 8 kHz mono WAV."""

import numpy as np
import pytest
import soundfile

from ringback.speech.audio import AudioRefused, convert


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.wav", {"rate": 44_100, "channels": 2}),
        ("a.wav", {"rate": 8_000}),
        ("a.wav", {"rate": 48_000, "subtype": "FLOAT"}),
        ("a.wav", {"rate": 192_000, "subtype": "PCM_24"}),
        ("a.flac", {"rate": 16_000}),
        ("a.ogg", {"rate": 22_050}),
        ("a.mp3", {"rate": 44_100}),
    ],
)
def test_every_format_becomes_telephone_audio_of_the_same_pitch(tone, tmp_path, name, settings):
    target = tmp_path / "out.wav"

    duration_ms = convert(tone(name, seconds=1.0, **settings), target)

    info = soundfile.info(target)
    assert (info.samplerate, info.channels, info.subtype, info.format) == (8000, 1, "PCM_16", "WAV")
    assert duration_ms == pytest.approx(1000, abs=80)  # MP3 pads
    samples, _ = soundfile.read(target)
    spectrum = np.abs(np.fft.rfft(samples[:8000]))
    assert np.argmax(spectrum) * 8000 / len(samples[:8000]) == pytest.approx(440, abs=3)
    assert np.abs(samples[1000:7000]).max() == pytest.approx(0.5, abs=0.05)


def test_what_a_telephone_cannot_carry_is_filtered_out_and_not_folded_back(tone, tmp_path):
    target = tmp_path / "out.wav"

    convert(tone(rate=48_000, hz=6_000.0), target)

    steady = soundfile.read(target)[0][400:-400]  # without the clicks of its abrupt beginning and end
    assert np.abs(steady).max() < 0.01


def test_full_scale_is_clipped_and_does_not_wrap(tmp_path):
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, np.full(8000, 1.5), 8000, subtype="FLOAT")

    convert(loud, tmp_path / "out.wav")

    assert soundfile.read(tmp_path / "out.wav", dtype="int16")[0].min() > 32_000


def test_samples_that_are_no_numbers_become_silence(tmp_path):
    strange = tmp_path / "nan.wav"
    soundfile.write(strange, np.full(800, np.nan), 8000, subtype="FLOAT")

    convert(strange, tmp_path / "out.wav")

    assert not soundfile.read(tmp_path / "out.wav")[0].any()


def test_longer_sounds_are_refused_without_being_read_whole(tone, tmp_path):
    with pytest.raises(AudioRefused, match="longer than 2 seconds"):
        convert(tone("long.flac", rate=8000, seconds=60), tmp_path / "out.wav", max_seconds=2)


def test_exactly_the_longest_is_taken(tone, tmp_path):
    assert convert(tone(rate=8000, seconds=2), tmp_path / "out.wav", max_seconds=2) == 2000


@pytest.mark.parametrize(
    "content", [b"", b"no sound", b"RIFF\x00\x00\x00\x00WAVE", b"\x00" * 5000, b"ID3" + b"\xff" * 200]
)
def test_what_is_no_sound_is_refused(tmp_path, content):
    path = tmp_path / "x.wav"
    path.write_bytes(content)

    with pytest.raises(AudioRefused):
        convert(path, tmp_path / "out.wav")


def test_a_sound_without_samples_is_refused(tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)

    with pytest.raises(AudioRefused, match="no sound in it"):
        convert(tmp_path / "empty.wav", tmp_path / "out.wav")


def test_other_formats_are_refused(tone, tmp_path):
    with pytest.raises(AudioRefused, match="AIFF is not supported"):
        convert(tone("a.aiff"), tmp_path / "out.wav")


def test_a_header_that_promises_too_much_gives_what_is_there(not_pcm, tmp_path):
    assert convert(not_pcm, tmp_path / "out.wav") == 100


def test_too_many_channels_are_refused(tmp_path):
    soundfile.write(tmp_path / "many.wav", np.zeros((80, 9)), 8000)

    with pytest.raises(AudioRefused, match="9 channels"):
        convert(tmp_path / "many.wav", tmp_path / "out.wav")
